//! A benchmark: prepare the backends, pass every cell through the gate, then
//! train every cell once per round, some of them twice, and report.

mod budget;
mod contender;
pub mod gate;
mod history;
pub(crate) mod lost;
pub mod prepare;
pub mod progress;
mod repeats;
mod request;
mod rounds;
mod run;
mod start;
mod wishes;

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use trainmark_reports::Record;
use trainmark_reports::record::{Event, Outcome, Unavailable};

use crate::executor::Executor;
use crate::registry::Registry;

use progress::Progress;
pub use request::BenchRequest;
use run::Bench;
pub(crate) use start::check_writable;

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

/// Runs a benchmark from request to report.
///
/// # Errors
/// Where the request cannot be met at all, or the records cannot be written. A
/// failing backend is a row instead.
pub fn run(
    request: &BenchRequest,
    place: &Place,
    registry: &mut Registry,
    executor: &Executor,
    progress: &mut dyn Progress,
) -> anyhow::Result<Finished> {
    let start = Instant::now();
    request.check()?;
    let workloads = request.workloads()?;
    prepare::check_names(request, registry)?;
    if let Place::Within(parent) = place {
        check_writable(parent)?;
    }
    let dataset = request.obtain_dataset()?;
    if let Some(notice) = &dataset.notice {
        progress.note(notice);
    }
    executor.interrupt.listen()?;
    let prepared = prepare::prepare(request, &workloads, registry, executor, progress);
    if prepared.is_err() || executor.interrupt.is_set() {
        progress.finished();
    }
    let prepared = prepared?;
    executor.interrupt.check()?;
    let (mut store, earlier) = start::open_store(request, place, &workloads, &dataset, &prepared)?;
    let outcome = {
        let mut bench =
            Bench { dataset: &dataset, executor, epochs: request.epochs, store: &mut store, progress };
        rounds::run_cells(&mut bench, request, &workloads, &prepared.cells, earlier.as_ref())?
    };
    progress.finished();
    store.append(&Event::Finished { outcome, seconds: start.elapsed().as_secs_f64() })?;
    let folder = store.folder().to_owned();
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

/// Seconds since the Unix epoch.
pub(crate) fn unix_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// Text of an unavailable row's subject: `candle` or `candle@cuda:0`.
pub fn unavailable_name(row: &Unavailable) -> String {
    row.to_string()
}
