//! A benchmark: prepare the backends, pass every cell through the gate, then
//! train every cell once per round, some of them twice, and report.

mod audit;
mod budget;
pub mod cluster;
mod contender;
pub mod event;
pub mod gate;
mod history;
pub mod on_cluster;
mod page;
pub mod prepare;
mod price;
pub mod progress;
mod repeats;
mod request;
mod rounds;
mod run;
pub mod runner;
mod start;
#[cfg(test)]
mod tests;
mod threads;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use trainmark_reports::Record;
use trainmark_reports::record::{Event, Outcome, Run, RunOutcome};

use event::Fan;
use page::Page;
use prepare::{Preparer, Ready};
pub use prepare::{Side, Sides, Unchanged};
pub use request::{BenchRequest, Schedule, Selected};
use run::Bench;
pub(crate) use start::check_writable;
pub use start::of_machine as doubts_of_machine;
pub use threads::ThreadCounts;

use crate::executor::Waiting;

/// Where a benchmark's run folder lies, new or resumed.
#[derive(Debug, Clone)]
pub enum Place {
    /// A new folder within this one.
    Within(PathBuf),
    /// This folder, continued.
    Resume(PathBuf),
}

/// What a benchmark has come to.
#[derive(Debug)]
pub struct Finished {
    /// The run folder.
    pub folder: PathBuf,
    /// Everything recorded.
    pub record: Record,
    /// How it ended.
    pub outcome: Outcome,
}

impl Finished {
    /// Whether no run failed, and some ended well. What a backend declines is no failure.
    pub fn went_well(&self) -> bool {
        use RunOutcome::{Failed, NotConformant, OutOfMemory, TimedOut};
        let mut outcomes = self.record.runs.iter().map(|run| run.end.outcome);
        let any_failed =
            outcomes.any(|outcome| matches!(outcome, Failed | TimedOut | OutOfMemory | NotConformant));
        !any_failed && self.record.samples().any(Run::is_ok)
    }
}

/// Runs a benchmark from request to report, with what `preparer` finds of it.
///
/// # Errors
/// Where the request cannot be met at all, or the records cannot be written. A
/// failing backend is a row instead.
pub fn run(request: &BenchRequest, place: &Place, mut preparer: Preparer<'_>) -> anyhow::Result<Finished> {
    if let Some(options) = &request.slurm {
        return on_cluster::run(request, options, place, preparer);
    }
    let start = preparer.runner.clock();
    let mut ready = prepare(request, place, &mut preparer)?;
    let (mut store, earlier) = start::open_store(request, place, &ready, preparer.runner)?;
    let folder = store.folder().to_owned();
    ready.wait(Waiting::recorded(Record::read(&folder)?.started.environment.settings.as_ref()));
    let Preparer { runner, sink, .. } = preparer;
    let mut page = Page::new(&folder, sink);
    page.open()?;
    let mut bench = Bench {
        ready: &ready,
        schedule: &request.schedule,
        runner,
        sink: &mut Fan(vec![&mut store, &mut page]),
        folder: folder.clone(),
        job: None,
    };
    let outcome = match bench.run_cells(earlier.as_ref()) {
        Ok(outcome) => outcome,
        Err(error) => {
            // The page does not go on saying that the benchmark runs.
            let _ = Record::read(&folder).and_then(|record| trainmark_reports::write_all(&folder, &record));
            return Err(error);
        }
    };
    let seconds = (runner.clock() - start).as_secs_f64();
    // Whoever interrupts wants no more of it.
    let is_probed = outcome != Outcome::Interrupted && ready.computes_on_processor();
    let last_peak = is_probed.then(|| runner.peak(request.selected.threads.most())).flatten();
    bench.record(&Event::Finished { outcome, seconds, peak: last_peak })?;
    finish(folder, outcome)
}

/// Prepares what a request selects, or what of it is continued.
fn prepare(request: &BenchRequest, place: &Place, preparer: &mut Preparer<'_>) -> anyhow::Result<Ready> {
    match place {
        Place::Within(parent) => {
            check_writable(parent)?;
            // Nodes check what they time.
            if request.slurm.is_some() { preparer.prepare() } else { preparer.prepare_and_check() }
        }
        // Before anything is built or loaded that the folder names.
        Place::Resume(folder) => {
            let record = Record::read(folder)?;
            request.check_record(&record)?;
            let begun_with = record.started.plan.cells.iter().map(|cell| cell.backend.clone()).collect();
            preparer.prepare_again(begun_with, |dataset| start::check_same_data(&record, request, dataset))
        }
    }
}

/// Writes all that is made of a record which is whole.
fn finish(folder: PathBuf, outcome: Outcome) -> anyhow::Result<Finished> {
    let record = Record::read(&folder)?;
    trainmark_reports::write_all(&folder, &record)?;
    list_beside(&folder);
    Ok(Finished { folder, record, outcome })
}

/// Lists a run with those beside it in `index.html`. Where that cannot be done it is said, and
/// the run is none the worse.
pub fn list_beside(folder: &Path) {
    let Some(parent) = folder.canonicalize().ok().and_then(|folder| folder.parent().map(Path::to_owned))
    else {
        return;
    };
    if let Err(error) = trainmark_reports::index::write(&parent) {
        tell!("note: the list of runs was not written: {error}");
    }
}

/// Seconds since the Unix epoch, which never go back: from the first call on the time that has passed
/// counts, and not the clock, which somebody may set. While the machine sleeps they stand still, as its
/// load average does.
pub(crate) fn unix_time() -> f64 {
    static FIRST: OnceLock<(f64, Instant)> = OnceLock::new();
    let (time, at) = FIRST.get_or_init(|| (clock_time(), Instant::now()));
    time + at.elapsed().as_secs_f64()
}

/// The same by the clock, as it is set now.
fn clock_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
