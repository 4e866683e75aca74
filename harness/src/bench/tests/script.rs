//! A runner that does what a script says, and a benchmark with it.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use trainmark_reports::ceiling::Peak;
use trainmark_reports::record::{
    self, CheckRecord, DatasetInfo, Environment, Event, Framework, Outcome, Plan, Purpose, Run, SCHEMA,
    Started,
};
use trainmark_reports::{Record, RunStore};

use crate::bench::event::{Fan, Happening, Sink};
use crate::bench::page::Page;
use crate::bench::prepare::{Ready, ReadyCell, ReadyLibrary};
use crate::bench::run::Bench;
use crate::bench::runner::{JobReport, Runner, Surroundings};
use crate::bench::start::open_store;
use crate::bench::{BenchRequest, Finished, Place, Schedule, Selected};
use crate::executor::{Ending, Threads, Waiting};
use crate::failure::{Failure, FailureKind};
use crate::interrupt::Interrupt;
use crate::process::MemoryLimit;
use crate::worker::evidence::{Evidence, Tensors};
use crate::worker::protocol::{
    BackendInfo, DeviceInfo, Done, EpochMessage, ImplementationInfo, Job, Listener, Message, Task,
};
use crate::workload::{self, Workload};

/// What a job of a cell comes to.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// All is well.
    Well,
    /// A failure.
    Fails(FailureKind),
    /// The user interrupts meanwhile.
    Interrupts,
    /// The gate or an audit: a check fails. A run: it is done after one epoch.
    Odd,
    /// A failure before anything was started.
    Lost,
}

/// How a cell behaves.
#[derive(Debug, Clone)]
pub(super) struct Behaviour {
    /// Seconds of an epoch.
    pub(super) seconds: f64,
    /// Seconds of predicting after it.
    pub(super) predict: f64,
    /// Seconds of a job before its first epoch.
    pub(super) start: f64,
    /// Share by which times differ from one epoch to the next, and from run to run.
    pub(super) noise: f64,
    /// Seconds of an epoch by the gate's estimate.
    pub(super) estimate: f64,
    /// What the gate finds.
    pub(super) gate: Act,
    /// How long that takes.
    pub(super) gate_lasts: Duration,
    /// What audits come to.
    pub(super) audit: Act,
    /// The gate's losses: of a prediction and five steps.
    pub(super) losses: Vec<f64>,
    /// What runs come to, by seed; those that are not named go well.
    pub(super) runs: HashMap<u64, Act>,
}

/// A runner that is told beforehand.
pub(super) struct Script {
    pub(super) cells: HashMap<String, Behaviour>,
    /// What a library says of itself.
    pub(super) described: BackendInfo,
    /// The jobs that were asked for: `check a`, `train a 1`.
    jobs: Mutex<Vec<String>>,
    interrupt: Interrupt,
    began: Instant,
    elapsed: Mutex<f64>,
}

impl Script {
    /// The jobs that were asked for.
    fn noted(&self) -> MutexGuard<'_, Vec<String>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn elapsed(&self) -> f64 {
        *self.elapsed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self, seconds: f64) {
        *self.elapsed.lock().unwrap_or_else(PoisonError::into_inner) += seconds;
    }

    fn fail(kind: FailureKind) -> Ending {
        Ending::Failed(Failure::new(kind, "as the script says"))
    }

    fn end(&self, act: &Act, done: Done) -> Ending {
        match act {
            Act::Well | Act::Odd => Ending::Done(Box::new(done)),
            Act::Fails(kind) => Self::fail(*kind),
            Act::Lost => Self::fail(FailureKind::Failed),
            Act::Interrupts => {
                self.interrupt.ask();
                Self::fail(FailureKind::Interrupted)
            }
        }
    }
}

/// The name of a task's cell: [`cell`].
fn name(task: &Task) -> String {
    let mut name = task.library.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if task.workload.name != WORKLOAD {
        name = format!("{}:{name}", task.workload.name);
    }
    if *task.implementation != *IMPLEMENTATION {
        name = format!("{name}/{}", task.implementation);
    }
    if !task.device.is_cpu() {
        name = format!("{name}@{}", task.device);
    }
    name
}

impl Behaviour {
    /// What a time of this run and epoch is multiplied by: always the same.
    fn factor(&self, name: &str, seed: u64, epoch: u32) -> f64 {
        let mut hasher = DefaultHasher::new();
        (name, seed, epoch).hash(&mut hasher);
        let uniform = hasher.finish() as f64 / u64::MAX as f64;
        1.0 + self.noise * (2.0 * uniform - 1.0)
    }

    /// The last message of a job that estimates.
    fn estimated(&self) -> Done {
        Done {
            epoch_estimate_seconds: Some(self.estimate + self.predict),
            start_estimate_seconds: Some(self.start),
            ..Done::default()
        }
    }
}

impl Script {
    fn check(&self, task: &Task, heard: Listener<'_>) -> anyhow::Result<Ending> {
        let name = name(task);
        self.noted().push(format!("check {name}"));
        let behaviour = &self.cells[&name];
        std::thread::sleep(behaviour.gate_lasts);
        let is_fine = !matches!(behaviour.gate, Act::Odd);
        heard(&Message::Checked(check(is_fine)))?;
        let done = Done { losses: behaviour.losses.clone(), ..Done::default() };
        Ok(self.end(&behaviour.gate, done))
    }

    fn estimate(&self, task: &Task) -> Ending {
        let name = name(task);
        self.noted().push(format!("estimate {name}"));
        Ending::Done(Box::new(self.cells[&name].estimated()))
    }

    fn train(&self, task: &Task, heard: Listener<'_>) -> anyhow::Result<Ending> {
        let name = name(task);
        self.noted().push(format!("train {name} {}", task.seed));
        let behaviour = &self.cells[&name];
        let act = behaviour.runs.get(&task.seed).unwrap_or(&Act::Well);
        let epochs = match act {
            Act::Well => task.epochs,
            Act::Odd => 1,
            _ => 0,
        };
        self.pass(behaviour.start);
        let of_run = behaviour.factor(&name, task.seed, 0);
        for number in 1..=epochs {
            let seconds = behaviour.seconds * of_run * behaviour.factor(&name, task.seed, number);
            self.pass(seconds + behaviour.predict);
            heard(&Message::Epoch(epoch(number, seconds, behaviour.predict)))?;
        }
        let evidence = Evidence {
            epoch: 2,
            train_loss: 0.5,
            correct: task.seed,
            start: Tensors::default(),
            end: Tensors::default(),
        };
        Ok(self.end(act, Done { evidence: Some(Box::new(evidence)), ..Done::default() }))
    }

    fn audit(&self, task: &Task, evidence: &Evidence, heard: Listener<'_>) -> anyhow::Result<Ending> {
        let name = name(task);
        self.noted().push(format!("audit {name} {}", task.seed));
        assert_eq!(evidence.correct, task.seed, "the evidence is of this run");
        let behaviour = &self.cells[&name];
        self.pass(behaviour.start + 1.25 * behaviour.seconds);
        heard(&Message::Checked(check(!matches!(behaviour.audit, Act::Odd))))?;
        Ok(self.end(&behaviour.audit, Done::default()))
    }
}

impl Runner for Script {
    fn run(
        &self,
        job: &Job,
        _threads: Threads<'_>,
        log: &Path,
        heard: Listener<'_>,
    ) -> anyhow::Result<JobReport> {
        let ending = match job {
            Job::Check { task, .. } => self.check(task, heard)?,
            Job::Estimate(task) => self.estimate(task),
            Job::Train(task) => self.train(task, heard)?,
            Job::Audit { task, evidence } => self.audit(task, evidence, heard)?,
            Job::Describe { .. } => {
                heard(&Message::Loaded {
                    seconds: 0.1,
                    backend: self.described.clone(),
                    library_hash: "described".to_owned(),
                    process: 1,
                })?;
                Ending::Done(Box::default())
            }
            Job::Foresee { .. } | Job::Operations { .. } | Job::Measure { .. } => {
                Self::fail(FailureKind::Unsupported)
            }
        };
        let task = job.task();
        let is_lost = task.is_some_and(|task| {
            let behaviour = &self.cells[&name(task)];
            matches!(behaviour.runs.get(&task.seed), Some(Act::Lost)) && matches!(job, Job::Train(_))
        });
        if !is_lost && let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder)?;
            std::fs::write(log, "as the script says\n")?;
        }
        Ok(JobReport { ending, gpu: None })
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings { unix_time: self.elapsed(), ..Surroundings::default() }
    }

    fn peak(&self, _threads: usize) -> Option<Peak> {
        None
    }

    fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    fn clock(&self) -> Instant {
        self.began + Duration::from_secs_f64(self.elapsed())
    }
}

fn check(passed: bool) -> CheckRecord {
    CheckRecord {
        name: "gradients".to_owned(),
        kind: None,
        passed,
        measured: Some(0.5),
        limit: Some(0.1),
        detail: String::new(),
    }
}

fn epoch(epoch: u32, train_seconds: f64, predict_seconds: f64) -> EpochMessage {
    EpochMessage {
        epoch,
        train_seconds,
        unfinished_seconds: 0.0,
        train_cpu_seconds: train_seconds,
        predict_seconds,
        train_loss: Some(0.5),
        train_accuracy: 0.8,
        test_accuracy: 0.8,
        rss_bytes: None,
    }
}

/// Keeps what only a screen needs, and counts the rest.
#[derive(Default)]
pub(super) struct Screen {
    /// Notes, verdicts and plans, a line each.
    pub(super) lines: Vec<String>,
    /// Lines of the record that it has heard.
    pub(super) recorded: usize,
}

impl Sink for Screen {
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()> {
        self.lines.extend(match happening {
            Happening::Note(text) => Some(text.to_owned()),
            Happening::Verdict(cell, verdict) => Some(format!("{}: {verdict:?}", cell.backend)),
            Happening::Planned { runs, seconds, .. } => Some(format!("{runs} runs in {seconds} s")),
            Happening::Replanned { runs, seconds } => Some(format!("{runs} more in {seconds} s")),
            Happening::SoFar(record) => Some(format!("{} runs so far", record.runs.len())),
            Happening::Unavailable(row) => Some(format!("{row}: {}", row.reason)),
            _ => None,
        });
        self.recorded += usize::from(matches!(happening, Happening::Recorded(_)));
        Ok(())
    }
}

/// A benchmark of scripted cells, in a folder of its own.
pub(super) struct Scripted {
    pub(super) script: Script,
    pub(super) request: BenchRequest,
    pub(super) ready: Ready,
    pub(super) screen: Screen,
    /// Whether the page is written while it runs.
    pub(super) has_page: bool,
    place: tempfile::TempDir,
}

impl Scripted {
    /// Cells by name and seconds of an epoch, each trained for two epochs with three seeds.
    pub(super) fn new(cells: &[(&str, f64)]) -> Self {
        let behaviours = cells.iter().map(|&(name, seconds)| {
            let (gate, losses) = (Act::Well, vec![0.5; 6]);
            let (audit, runs, estimate) = (Act::Well, HashMap::new(), seconds);
            let (predict, start, noise, gate_lasts) = (0.0, 0.0, 0.0, Duration::ZERO);
            let behaviour =
                Behaviour { seconds, predict, start, noise, estimate, gate, gate_lasts, audit, losses, runs };
            (name.to_owned(), behaviour)
        });
        let script = Script {
            cells: behaviours.collect(),
            described: info("a"),
            jobs: Mutex::default(),
            interrupt: Interrupt::default(),
            began: Instant::now(),
            elapsed: Mutex::default(),
        };
        let schedule = Schedule {
            until_decided: false,
            only: None,
            epochs: 2,
            seeds: 3,
            repeats: false,
            audit: Some(false),
            budget: None,
            timeout: Duration::from_secs(1),
            memory_limit: MemoryLimit::NONE,
        };
        let (selected, command) = (Selected::default(), String::new());
        let request = BenchRequest { selected, schedule, slurm: None, command };
        let ready = Ready {
            dataset: dataset(),
            workloads: ["lenet-bn", "lenet"].map(named).into(),
            cells: cells.iter().map(|(name, _)| cell(name)).collect(),
            unavailable: Vec::new(),
            is_built: false,
            early: Vec::new(),
        };
        let place = tempfile::tempdir().expect("a temporary folder");
        Self { script, request, ready, screen: Screen::default(), has_page: false, place }
    }

    /// How a cell behaves.
    pub(super) fn behaviour(&mut self, name: &str) -> &mut Behaviour {
        self.script.cells.get_mut(name).expect("there is such a cell")
    }

    /// Seconds of all processes.
    pub(super) fn elapsed(&self) -> f64 {
        self.script.elapsed()
    }

    /// Lets a run of a cell come to something else than well.
    pub(super) fn act(&mut self, name: &str, seed: u64, act: Act) {
        self.behaviour(name).runs.insert(seed, act);
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.place.path().join("run")
    }

    /// Begins the benchmark, or continues it if it was begun.
    pub(super) fn run(&mut self) -> Finished {
        self.try_run().expect("it is no error")
    }

    pub(super) fn try_run(&mut self) -> anyhow::Result<Finished> {
        self.script.noted().clear();
        self.script.interrupt = Interrupt::default();
        let folder = self.folder();
        let (mut store, earlier) = if folder.exists() {
            open_store(&self.request, &Place::Resume(folder.clone()), &self.ready, &self.script)?
        } else {
            (RunStore::create(self.place.path(), "run", &self.started(), &[])?, None)
        };
        let mut page;
        let screen: &mut dyn Sink = if self.has_page {
            page = Page::new(&folder, &mut self.screen);
            page.open()?;
            &mut page
        } else {
            &mut self.screen
        };
        let mut bench = Bench {
            ready: &self.ready,
            schedule: &self.request.schedule,
            runner: &self.script,
            sink: &mut Fan(vec![&mut store, screen]),
            folder: folder.clone(),
            job: None,
        };
        let outcome = bench.run_cells(earlier.as_ref())?;
        bench.record(&Event::Finished { outcome, seconds: self.script.elapsed(), peak: None })?;
        Ok(Finished { record: Record::read(&folder)?, folder, outcome })
    }

    fn started(&self) -> Started {
        let (schedule, dataset) = (&self.request.schedule, &self.ready.dataset);
        Started {
            schema: SCHEMA,
            run_id: "run".to_owned(),
            unix_time: 0.0,
            command: String::new(),
            plan: Plan {
                workloads: Vec::new(),
                dataset: DatasetInfo {
                    name: dataset.name.clone(),
                    train_samples: dataset.train_samples,
                    test_samples: dataset.test_samples,
                    fingerprint: dataset.fingerprint.clone(),
                },
                cells: self.ready.cells.iter().map(|one| one.cell.clone()).collect(),
                seeds: schedule.seeds(),
                epochs: schedule.epochs,
                budget_seconds: None,
                timeout_seconds: 1.0,
                audit: schedule.audit,
            },
            environment: Environment::default(),
            warnings: Vec::new(),
            unavailable: Vec::new(),
            notes: Vec::new(),
            roles: BTreeMap::new(),
            frameworks: BTreeMap::new(),
            merged: Vec::new(),
        }
    }

    /// The jobs that the last process asked for, of one kind: `train`.
    pub(super) fn jobs(&self, kind: &str) -> Vec<String> {
        let jobs = self.script.noted();
        let of_kind = jobs.iter().filter_map(|job| job.strip_prefix(kind)?.strip_prefix(' '));
        of_kind.map(str::to_owned).collect()
    }

    /// The jobs of all kinds.
    pub(super) fn all_jobs(&self) -> Vec<String> {
        self.script.noted().clone()
    }

    /// Those of one kind, by name.
    pub(super) fn sorted_jobs(&self, kind: &str) -> Vec<String> {
        let mut jobs = self.jobs(kind);
        jobs.sort_unstable();
        jobs
    }
}

/// The runs of a record, told by backend, seed, purpose and outcome.
pub(super) fn told(finished: &Finished) -> Vec<String> {
    let mut told: Vec<String> = finished
        .record
        .runs
        .iter()
        .map(|Run { cell, seed, purpose, end, .. }| {
            let why = if *purpose == Purpose::Sample { "" } else { purpose.name() };
            format!("{} {seed} {why} {}", cell.backend, end.outcome.name()).replace("  ", " ")
        })
        .collect();
    told.sort_unstable();
    told
}

/// How a benchmark ended.
pub(super) fn outcome(finished: &Finished) -> (Outcome, bool) {
    (finished.outcome, finished.went_well())
}

const WORKLOAD: &str = "lenet-bn";
const IMPLEMENTATION: &str = "primitive";

/// A cell by its name: `a`, `a@cuda:0`, `a/builtin`, `lenet:a/none`.
pub(super) fn cell(name: &str) -> ReadyCell {
    let (workload, name) =
        name.split_once(':').filter(|(head, _)| !head.contains('@')).unwrap_or((WORKLOAD, name));
    let (name, device) = name.split_once('@').unwrap_or((name, "cpu"));
    let (backend, implementation) = name.split_once('/').unwrap_or((name, IMPLEMENTATION));
    let cell = record::Cell {
        workload: workload.to_owned(),
        backend: backend.to_owned(),
        implementation: implementation.into(),
        device: device.into(),
        threads: 1,
        tells_threads: false,
        machine: None,
    };
    let library = ReadyLibrary {
        path: format!("/nowhere/{backend}.so").into(),
        hash: format!("hash of {backend}"),
        info: info(backend),
        thread_variables: Vec::new(),
        role: None,
        framework: Framework::default(),
    };
    ReadyCell { workload: named(workload), cell, library, waiting: Waiting::default() }
}

fn info(backend: &str) -> BackendInfo {
    BackendInfo {
        name: backend.to_owned(),
        version: "1".to_owned(),
        framework: "script".to_owned(),
        implementations: vec![ImplementationInfo { name: "primitive".to_owned(), summary: String::new() }],
        devices: vec![DeviceInfo {
            id: "cpu".to_owned(),
            unavailable: None,
            adapter: None,
            is_software: false,
        }],
        notes: Vec::new(),
    }
}

fn dataset() -> crate::data::DecodedFiles {
    let nowhere = "/nowhere/file";
    let dataset = serde_json::json!({
        "name": "scripted", "train_images": nowhere, "train_labels": nowhere, "test_images": nowhere,
        "test_labels": nowhere, "fingerprint": "f", "height": 28, "width": 28, "train_samples": 10,
        "test_samples": 10, "notice": null,
    });
    serde_json::from_value(dataset).expect("it has all fields")
}

fn named(workload: &str) -> Arc<Workload> {
    Arc::new(workload::find(workload).expect("there is one"))
}
