//! The whole way, from a request to a mapped data set.

use std::fs;

use super::fixtures::{self, Published};
use super::test_server::{Behaviour, TestServer};
use super::*;

struct Machine {
    published: Published,
    root: tempfile::TempDir,
    sources: Sources,
}

impl Machine {
    /// A machine with an empty cache and no network.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let sources = Sources {
            data_dir: None,
            cache: Some(root.path().join("cache")),
            shared: vec![(Origin::Package, root.path().join("share"))],
            addresses: vec![Address { label: "publisher".into(), base: fixtures::closed_address() }],
        };
        Self { published: fixtures::published(), root, sources }
    }

    fn obtain(&self, request: &DataRequest) -> Result<DecodedFiles, DataError> {
        obtain_in(&self.sources, &self.published.publication, request, &mut |_| {})
    }

    /// A folder that holds the published files.
    fn folder(&self) -> PathBuf {
        let dir = self.root.path().join("folder");
        self.published.write_to(&dir);
        dir
    }
}

fn request(dataset: DatasetChoice) -> DataRequest {
    DataRequest { dataset, ..DataRequest::default() }
}

fn assert_is_fixture(prepared: &DecodedFiles) {
    assert_eq!(prepared.name, "random");
    assert_eq!(prepared.notice, None);
    let mapped = prepared.map().unwrap();
    assert!(mapped.dataset().train.pixels == &fixtures::decoded()[0][16..]);
}

#[test]
fn the_files_of_a_named_folder_are_used() {
    let machine = Machine::new();
    let data_dir = Some(machine.folder());
    for dataset in [DatasetChoice::Auto, DatasetChoice::Published(&FASHION_MNIST)] {
        let request = DataRequest { dataset, data_dir: data_dir.clone(), offline: true };
        assert_is_fixture(&machine.obtain(&request).unwrap());
    }
}

#[test]
fn the_variable_names_a_folder_too() {
    let mut machine = Machine::new();
    machine.sources.data_dir = Some(machine.folder());
    assert_is_fixture(&machine.obtain(&request(DatasetChoice::Auto)).unwrap());
}

#[test]
fn a_named_folder_that_is_not_in_order_is_an_error() {
    let mut machine = Machine::new();
    // The cache is complete, and still does not step in.
    machine.published.write_to(&machine.root.path().join("cache/random"));
    assert_is_fixture(&machine.obtain(&request(DatasetChoice::Auto)).unwrap());
    let dir = machine.folder();
    fs::write(dir.join("t10k-images-idx3-ubyte.gz"), b"corrupt").unwrap();
    for dataset in [DatasetChoice::Auto, DatasetChoice::Published(&FASHION_MNIST)] {
        machine.sources.data_dir = None;
        let flag = DataRequest { dataset: dataset.clone(), data_dir: Some(dir.clone()), offline: false };
        assert!(matches!(machine.obtain(&flag), Err(DataError::Malformed { .. })));
        machine.sources.data_dir = Some(machine.root.path().join("nowhere"));
        let error = machine.obtain(&request(dataset)).unwrap_err();
        assert!(matches!(error, DataError::Missing { origin: "TRAINMARK_DATA", .. }), "{error}");
    }
}

#[test]
fn what_a_package_installed_is_found_by_itself() {
    let machine = Machine::new();
    let share = machine.root.path().join("share/random");
    machine.published.write_to(&share);
    let rewrapped = fixtures::gzip_loosely(&fixtures::decoded()[0]);
    fs::write(share.join("train-images-idx3-ubyte.gz"), rewrapped).unwrap();
    for offline in [true, false] {
        let request = DataRequest { dataset: DatasetChoice::Auto, data_dir: None, offline };
        assert_is_fixture(&machine.obtain(&request).unwrap());
    }
}

#[test]
fn fetch_replaces_nothing_in_a_folder_that_is_named() {
    let mut machine = Machine::new();
    let server = TestServer::start(machine.published.named_files(), Behaviour::default());
    machine.sources.addresses[0].base = server.base();
    let dir = machine.folder();
    let file = dir.join("t10k-labels-idx1-ubyte.gz");
    fs::write(&file, "mine").unwrap();
    let publication = &machine.published.publication;
    let error = fetch_in(&machine.sources, publication, Some(&dir), &mut |_| {}).unwrap_err().to_string();
    assert!(error.ends_with("name a folder without it: nothing is overwritten"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert!(server.requests().is_empty());
}

#[test]
fn what_is_nowhere_is_downloaded_once() {
    let mut machine = Machine::new();
    let server = TestServer::start(machine.published.named_files(), Behaviour::default());
    machine.sources.addresses[0].base = server.base();
    assert_is_fixture(&machine.obtain(&request(DatasetChoice::Published(&FASHION_MNIST))).unwrap());
    assert_is_fixture(&machine.obtain(&request(DatasetChoice::Auto)).unwrap());
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_corrupt_cache_is_repaired() {
    let mut machine = Machine::new();
    let cache = machine.root.path().join("cache/random");
    machine.published.write_to(&cache);
    fs::write(cache.join("t10k-labels-idx1-ubyte.gz"), b"corrupt").unwrap();
    let server = TestServer::start(machine.published.named_files(), Behaviour::default());
    machine.sources.addresses[0].base = server.base();
    assert_is_fixture(&machine.obtain(&request(DatasetChoice::Auto)).unwrap());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn without_files_and_network_auto_makes_the_synthetic_set_and_says_so() {
    let machine = Machine::new();
    let prepared = machine.obtain(&request(DatasetChoice::Auto)).unwrap();
    assert_eq!(prepared.name, "synthetic");
    assert_eq!(
        prepared.notice.as_deref().unwrap(),
        "using the procedural data set `synthetic`, because cannot download train-images-idx3-ubyte.gz: \
         connection refused (publisher); its numbers are not comparable with those of random"
    );
    let error = machine.obtain(&request(DatasetChoice::Published(&FASHION_MNIST))).unwrap_err();
    assert!(matches!(error, DataError::Absent(Absence::Download { .. })), "{error}");
}

#[test]
fn offline_asks_no_server() {
    let mut machine = Machine::new();
    let server = TestServer::start(machine.published.named_files(), Behaviour::default());
    machine.sources.addresses[0].base = server.base();
    let offline = |dataset| DataRequest { dataset, data_dir: None, offline: true };
    let message = machine.obtain(&offline(DatasetChoice::Published(&FASHION_MNIST))).unwrap_err().to_string();
    let cache = machine.root.path().join("cache/random");
    assert_eq!(
        message,
        format!(
            "random is not on this machine ({} (cache): none of the four files) and --offline forbids \
             downloading it; give the four files with --data-dir DIR, or use --dataset synthetic",
            cache.display()
        )
    );
    assert_eq!(machine.obtain(&offline(DatasetChoice::Auto)).unwrap().name, "synthetic");
    assert!(server.requests().is_empty());
}

#[test]
fn without_a_cache_folder_named_files_still_serve() {
    let mut machine = Machine::new();
    machine.sources.cache = None;
    let error = machine.obtain(&request(DatasetChoice::Published(&FASHION_MNIST))).unwrap_err();
    assert!(matches!(error, DataError::Absent(Absence::NoCache)), "{error}");
    machine.sources.data_dir = Some(machine.folder());
    assert_is_fixture(&machine.obtain(&request(DatasetChoice::Published(&FASHION_MNIST))).unwrap());
}

#[test]
fn synthetic_reads_no_folder() {
    let machine = Machine::new();
    let data_dir = Some(machine.folder());
    let both = DataRequest { dataset: DatasetChoice::Synthetic, data_dir, offline: false };
    assert!(matches!(machine.obtain(&both), Err(DataError::Contradiction(_))));
}

#[test]
fn fetch_completes_the_folder_that_is_named() {
    let mut machine = Machine::new();
    let server = TestServer::start(machine.published.named_files(), Behaviour::default());
    machine.sources.addresses[0].base = server.base();
    let dir = machine.root.path().join("named");
    let fetched =
        fetch_in(&machine.sources, &machine.published.publication, Some(&dir), &mut |_| {}).unwrap();
    assert_eq!(fetched, dir);
    let data_dir = Some(dir);
    let request = DataRequest { dataset: DatasetChoice::Published(&FASHION_MNIST), data_dir, offline: true };
    assert_is_fixture(&machine.obtain(&request).unwrap());
}

/// Whether a test that needs the real files must run.
fn is_required(what: &str) -> bool {
    let required = std::env::var("TRAINMARK_REQUIRE").unwrap_or_default();
    required.split([',', ' ']).any(|word| word == "all" || word == what)
}

#[test]
fn fashion_mnist_itself_is_what_it_should_be() {
    let sources = Sources::from_process();
    let Some(data_dir) = sources.data_dir else {
        assert!(!is_required("data"), "TRAINMARK_REQUIRE asks for the data set: set TRAINMARK_DATA to it");
        eprintln!("skipped: set TRAINMARK_DATA to a folder that holds Fashion-MNIST");
        return;
    };
    let cache = tempfile::tempdir().unwrap();
    let sources = Sources { cache: Some(cache.path().to_owned()), ..Sources::default() };
    let dataset = DatasetChoice::Published(&FASHION_MNIST);
    let request = DataRequest { dataset, data_dir: Some(data_dir), offline: true };
    let obtain = || obtain_in(&sources, &FASHION_MNIST, &request, &mut |_| {}).unwrap();
    let started = std::time::Instant::now();
    let prepared = obtain();
    let decoded = started.elapsed();
    assert_eq!(obtain().fingerprint, prepared.fingerprint);
    eprintln!("decoded in {decoded:?}, found again in {:?}", started.elapsed() - decoded);

    let started = std::time::Instant::now();
    let mapped = prepared.map().unwrap();
    eprintln!("mapped in {:?}", started.elapsed());
    let dataset = mapped.dataset();
    assert_eq!((dataset.train.count(), dataset.test.count()), (60_000, 10_000));
    // The mean of the training pixels is known from the literature: 0.2860.
    let sum: u64 = dataset.train.pixels.iter().map(|&pixel| u64::from(pixel)).sum();
    let mean = sum as f64 / 255.0 / dataset.train.pixels.len() as f64;
    assert!((mean - 0.2860).abs() < 5e-5, "{mean}");
    for class in 0..10 {
        assert_eq!(dataset.train.labels.iter().filter(|&&label| label == class).count(), 6000);
        assert_eq!(dataset.test.labels.iter().filter(|&&label| label == class).count(), 1000);
    }
    assert_eq!(dataset.train.labels[..10], [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
}
