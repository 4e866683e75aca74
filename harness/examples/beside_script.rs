//! An epoch of `pytorch/builtin` beside the same epoch in a plain script, which shows what the bridge to
//! Python costs:
//!
//! ```sh
//! cargo run --release -p trainmark --example beside_script -- [ROUNDS] [EPOCHS] [THREADS] [HEAP]
//! ```
//!
//! In each round a worker trains as in a benchmark, and before or after it the script, in a process with the
//! same variables and the same Python. The first epoch of each is left out. `pytorch` must have been built.
//!
//! Unless `HEAP` is `own`, both heaps keep what is freed. Left to itself, glibc gives the end of a heap back
//! whenever so much of it is free, and the next step faults its pages in anew: how often that happens hangs on
//! what lies there, by the order in which a process has allocated, and has nothing to do with the bridge.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "nobody but a developer runs it")]

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use trainmark::data::{self, DataRequest, DecodedFiles};
use trainmark::executor::{Ending, Executor, Limits, MemoryLimit, Program, Threads, Waiting};
use trainmark::interrupt::Interrupt;
use trainmark::registry::build::content_hash;
use trainmark::registry::repository_root;
use trainmark::worker;
use trainmark::worker::protocol::{Job, Message, Task};
use trainmark_reports::record::Device;
use trainmark_reports::statistics::compare;

/// What keeps glibc from giving memory back: blocks up to 32 MiB come from the heap, and a GiB may be free at
/// its end, as in `pytorch/tuned`.
const HEAP: [(&str, &str); 2] =
    [("MALLOC_MMAP_THRESHOLD_", "33554432"), ("MALLOC_TRIM_THRESHOLD_", "1073741824")];

/// The argument for heaps as glibc has them.
const OWN: &str = "own";

struct Lab {
    dataset: DecodedFiles,
    library: PathBuf,
    /// The Python of the library's environment.
    python: PathBuf,
    script: PathBuf,
    epochs: u32,
    threads: Threads<'static>,
}

impl Lab {
    fn new(epochs: u32, count: usize) -> Self {
        let root = repository_root();
        let built = root.join("target/backends/pytorch");
        let served =
            fs::read(built.join("python.json")).expect("pytorch is built: `cargo run -- check pytorch`");
        let served: serde_json::Value = serde_json::from_slice(&served).expect("the build wrote it");
        Self {
            dataset: data::obtain(&DataRequest::default(), &mut |_| ()).expect("there is a data set"),
            library: built.join(format!("libtrainmark_pytorch{}", std::env::consts::DLL_SUFFIX)),
            python: served["needs"][0].as_str().expect("its Python comes first").into(),
            script: root.join("backends/pytorch/beside/script.py"),
            epochs,
            threads: Threads { count, variables: &[], waiting: Waiting::Briefly },
        }
    }

    /// Seconds of each epoch in a worker.
    fn in_a_worker(&self) -> Vec<f64> {
        let mut library = File::open(&self.library).expect("pytorch is built");
        let job = Job::Train(Task {
            library: self.library.clone(),
            library_hash: content_hash(&mut library).expect("it can be read"),
            workload: trainmark::workload::lenet_bn(),
            dataset: self.dataset.clone(),
            implementation: "builtin".into(),
            device: Device::cpu(),
            threads: self.threads.count,
            seed: 1,
            epochs: self.epochs,
        });
        let executor = Executor {
            program: Program::own().expect("the system tells it"),
            limits: Limits::new(Duration::from_secs(3600), MemoryLimit::NONE),
            interrupt: Interrupt::default(),
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut seconds = Vec::new();
        let mut heard = |message: &Message| {
            if let Message::Epoch(epoch) = message {
                seconds.push(epoch.train_seconds);
            }
            Ok(())
        };
        let ending = executor.run(&job, self.threads, &folder.path().join("log"), &mut heard);
        match ending.expect("a worker starts") {
            Ending::Done(_) => seconds,
            Ending::Failed(failure) => panic!("{failure:?}"),
        }
    }

    /// The same in the script.
    fn in_the_script(&self) -> Vec<f64> {
        let mut command = Command::new(&self.python);
        let DecodedFiles { train_images, train_labels, test_images, .. } = &self.dataset;
        command.arg(&self.script).args([train_images, train_labels, test_images]);
        command.args([self.epochs.to_string(), self.threads.count.to_string()]);
        self.threads.set(&mut command);
        let output = command.output().expect("the environment's Python runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let seconds = told.lines().map(|line| line.split(' ').next().and_then(|word| word.parse().ok()));
        seconds.map(|seconds| seconds.expect("each line begins with seconds")).collect()
    }
}

/// The least and the median of some seconds.
fn summary(seconds: &[f64]) -> [f64; 2] {
    let mut seconds = seconds.to_vec();
    seconds.sort_by(f64::total_cmp);
    [seconds[0], seconds[seconds.len() / 2]]
}

/// Starts this program again where glibc has not been told of the heap, which it asks for only at its start.
fn keep_heaps_alike(arguments: &[String]) {
    if HEAP.iter().all(|(name, _)| std::env::var_os(name).is_some()) {
        return;
    }
    let again = std::env::current_exe().expect("the system tells it");
    let status = Command::new(again).args(arguments).envs(HEAP).status().expect("it has started once");
    std::process::exit(status.code().unwrap_or(1));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let first = arguments.first().map(String::as_str);
    if [Some(worker::COMMAND), Some(worker::guard::GUARDED)].contains(&first) {
        std::process::exit(trainmark::cli::main());
    }
    let number = |place: usize, usual: u32| {
        arguments
            .get(place)
            .map_or(usual, |word| word.parse().expect("a number of rounds, epochs and threads"))
    };
    if arguments.get(3).is_some_and(|word| word == OWN) {
        println!("each heap is left to glibc: by how often it gives memory back, the two differ as well");
    } else {
        keep_heaps_alike(&arguments);
        println!("both heaps keep what is freed ({})", HEAP.map(|(name, _)| name).join(" and "));
    }
    let lab = Lab::new(number(1, 4).max(2), number(2, 2) as usize);
    let rounds = number(0, 5).max(1);
    let (mut all, mut pairs) = ([Vec::new(), Vec::new()], Vec::new());
    for round in 1..=rounds {
        // What slows the machine for a while hits each as often as the other.
        let (worker, script) = if round % 2 == 1 {
            let worker = lab.in_a_worker();
            (worker, lab.in_the_script())
        } else {
            let script = lab.in_the_script();
            (lab.in_a_worker(), script)
        };
        let [worker, script] = [worker, script].map(|seconds| seconds[1..].to_vec());
        let [of_worker, of_script] = [&worker, &script].map(|seconds| summary(seconds)[0]);
        println!("round {round}: least {of_worker:.3} s in a worker, {of_script:.3} s in the script");
        pairs.push((of_worker, of_script));
        all[0].extend(worker);
        all[1].extend(script);
    }
    let [worker, script] = all.map(|seconds| summary(&seconds));
    for (what, worker, script) in [("least", worker[0], script[0]), ("median", worker[1], script[1])] {
        let percent = percent(worker / script);
        println!("{what}: {worker:.3} s in a worker, {script:.3} s in the script, {percent:+.1}%");
    }
    // One round has no interval.
    if let Some(ratio) = compare(&pairs).interval {
        let [estimate, low, high] = [ratio.estimate, ratio.low, ratio.high].map(percent);
        println!("the rounds' least, paired: {estimate:+.1}%, 95% interval {low:+.1}% to {high:+.1}%");
    }
}

/// `+1.9`, of a ratio.
fn percent(ratio: f64) -> f64 {
    100.0 * (ratio - 1.0)
}
