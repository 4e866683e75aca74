//! The whole way, from a request to a mapped data set.

use std::fs;

use md5::{Digest, Md5};

use super::fixtures::{self, Published};
use super::published::{all as publications, find};
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
        obtain_in(&self.sources, self.published.publication, request, &mut |_| {})
    }

    /// Its published data set, by name.
    fn named(&self) -> DatasetChoice {
        DatasetChoice::Published(self.published.publication)
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
    for dataset in [DatasetChoice::Auto, machine.named()] {
        let request =
            DataRequest { dataset, data_dir: data_dir.clone(), offline: true, resize: None, shape: None };
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
    for dataset in [DatasetChoice::Auto, machine.named()] {
        machine.sources.data_dir = None;
        let flag = DataRequest {
            dataset: dataset.clone(),
            data_dir: Some(dir.clone()),
            offline: false,
            shape: None,
            resize: None,
        };
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
        let request =
            DataRequest { dataset: DatasetChoice::Auto, data_dir: None, offline, resize: None, shape: None };
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
    let publication = machine.published.publication;
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
    assert_is_fixture(&machine.obtain(&request(machine.named())).unwrap());
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
    let error = machine.obtain(&request(machine.named())).unwrap_err();
    assert!(matches!(error, DataError::Absent(Absence::Download { .. })), "{error}");
}

#[test]
fn offline_asks_no_server() {
    let mut machine = Machine::new();
    let server = TestServer::start(machine.published.named_files(), Behaviour::default());
    machine.sources.addresses[0].base = server.base();
    let offline = |dataset| DataRequest { dataset, data_dir: None, offline: true, resize: None, shape: None };
    let message = machine.obtain(&offline(machine.named())).unwrap_err().to_string();
    let cache = machine.root.path().join("cache/random");
    assert_eq!(
        message,
        format!(
            "random is not on this machine ({} (cache): none of the four files) and --offline forbids \
             downloading it; give its files with --data-dir DIR, or use --dataset synthetic",
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
    let error = machine.obtain(&request(machine.named())).unwrap_err();
    assert!(matches!(error, DataError::Absent(Absence::NoCache)), "{error}");
    machine.sources.data_dir = Some(machine.folder());
    assert_is_fixture(&machine.obtain(&request(machine.named())).unwrap());
}

#[test]
fn synthetic_reads_no_folder() {
    let machine = Machine::new();
    let data_dir = Some(machine.folder());
    let both = DataRequest {
        dataset: DatasetChoice::Synthetic,
        data_dir,
        offline: false,
        resize: None,
        shape: None,
    };
    assert!(matches!(machine.obtain(&both), Err(DataError::Contradiction(_))));
}

#[test]
fn fetch_completes_the_folder_that_is_named() {
    let mut machine = Machine::new();
    let server = TestServer::start(machine.published.named_files(), Behaviour::default());
    machine.sources.addresses[0].base = server.base();
    let dir = machine.root.path().join("named");
    let fetched = fetch_in(&machine.sources, machine.published.publication, Some(&dir), &mut |_| {}).unwrap();
    assert_eq!(fetched, dir);
    let data_dir = Some(dir);
    let request =
        DataRequest { dataset: machine.named(), data_dir, offline: true, resize: None, shape: None };
    assert_is_fixture(&machine.obtain(&request).unwrap());
}

/// Whether a test that needs the real files must run.
fn is_required(what: &str) -> bool {
    let required = std::env::var("TRAINMARK_REQUIRE").unwrap_or_default();
    required.split([',', ' ']).any(|word| word == "all" || word == what)
}

/// A publication of one archive, as the real ones are.
fn archived(like: &str, archive: Vec<u8>) -> (&'static Publication, Vec<u8>) {
    let real = find(like).unwrap();
    let md5 = u128::from_be_bytes(Md5::digest(&archive).into());
    let file = PublishedFile { md5, bytes: archive.len() as u64, ..real.files[0] };
    (Box::leak(Box::new(Publication { files: vec![file].leak(), ..real.clone() })), archive)
}

fn small_emnist() -> (&'static Publication, Vec<u8>) {
    let members = fixtures::decoded().map(|bytes| fixtures::gzip(&bytes));
    let names = ["train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"];
    let names = names.map(|name| format!("gzip/emnist-balanced-{name}-ubyte.gz"));
    archived("emnist-balanced", fixtures::zip(&names.into_iter().zip(members).collect::<Vec<_>>()))
}

fn small_cifar() -> (&'static Publication, Vec<u8>) {
    let record = |label: u8| [vec![label], vec![label; 3 * 32 * 32]].concat();
    let members = [("data_batch_1.bin", [0, 1, 2].map(record).concat()), ("test_batch.bin", record(9))];
    archived("cifar10", fixtures::gzip(&fixtures::tar(&members)))
}

/// From a server into a folder of folders, and from there for good.
#[test]
fn archives_are_downloaded_checked_and_unpacked_into_one_folder_each() {
    for ((publication, archive), shape) in [(small_emnist(), [1, 28, 28]), (small_cifar(), [3, 32, 32])] {
        let mut machine = Machine::new();
        let name = publication.files[0].name;
        let parent = machine.folder();
        machine.sources.data_dir = Some(parent.clone());
        let cut = Behaviour { cuts: vec![100], ..Behaviour::default() };
        let server = TestServer::start(vec![(name, archive)], cut);
        machine.sources.addresses[0].base = server.base();
        let wanted = request(DatasetChoice::Published(publication));
        let missing = machine.obtain(&wanted).unwrap_err().to_string();
        let fetch = format!("run `trainmark data fetch {}`", publication.name);
        assert!(missing.contains(&format!("lacks {name}; {fetch}")), "{missing}");
        let folder = fetch_in(&machine.sources, publication, None, &mut |_| {}).unwrap();
        assert_eq!(folder, parent.join(publication.folder));
        assert_eq!(server.requests().len(), 2, "it went on where it was cut");
        let made = machine.obtain(&wanted).unwrap();
        assert_eq!((&*made.name, made.shape(), made.classes), (publication.name, shape, publication.classes));
        assert!(made.map().is_ok());
        // The other one is found in the same folder.
        assert_is_fixture(&machine.obtain(&request(DatasetChoice::Auto)).unwrap());
        // What is not the published archive is not unpacked.
        let path = folder.join(name);
        let mut altered = fs::read(&path).unwrap();
        *altered.last_mut().unwrap() ^= 1;
        fs::write(&path, altered).unwrap();
        let told = machine.obtain(&wanted).unwrap_err().to_string();
        let expected = format!("{name}: expected {name} as it is published, md5 ");
        assert!(
            told.contains(&expected)
                && told.ends_with(&format!("`trainmark data fetch {}`", publication.name))
        );
    }
}

#[test]
fn every_published_data_set_has_a_name_a_sum_and_an_address() {
    let mut names: Vec<&str> = publications().iter().map(|known| known.name).collect();
    assert!(names.iter().all(|name| find(name).is_some_and(|known| !known.addresses.is_empty())));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), publications().len());
    let keys: std::collections::HashSet<String> = publications().iter().map(|known| known.key()).collect();
    assert_eq!(keys.len(), names.len(), "each has a decoded folder of its own");
    let is_whole =
        |known: &&Publication| known.files.len() == if known.packing == Packing::Files { 4 } else { 1 };
    assert!(
        publications()
            .iter()
            .all(|known| is_whole(known) && known.files.iter().all(|file| file.md5 > 1 << 100))
    );
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
    let request = DataRequest { dataset, data_dir: Some(data_dir), offline: true, resize: None, shape: None };
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
