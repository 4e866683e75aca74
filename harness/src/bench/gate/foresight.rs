//! What the reference comes to in the gate of a workload, computed once for all of its cells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tempfile::NamedTempFile;

use crate::bench::runner::Runner;
use crate::conformance::Foreseen;
use crate::executor::{Ending, Threads};
use crate::worker::protocol::{Job, Task};

/// What was foreseen of workloads; nothing of one that could not be.
#[derive(Default)]
pub(super) struct Foresight(Mutex<HashMap<String, Slot>>);

/// Whoever asks first computes it; others wait.
type Slot = Arc<OnceLock<Option<Box<Foreseen>>>>;

impl Foresight {
    /// A check of a task's cell, with what is foreseen of it.
    pub(super) fn check(&self, task: Task, runner: &dyn Runner) -> Job {
        let slot = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(task.workload.name.clone()).or_default())
        };
        let foreseen = slot.get_or_init(|| foresee(&task, runner)).clone();
        Job::Check { task, foreseen }
    }
}

/// `None` where it cannot be computed: the check then tells why.
fn foresee(task: &Task, runner: &dyn Runner) -> Option<Box<Foreseen>> {
    let Task { workload, dataset, seed, .. } = task.clone();
    let log = NamedTempFile::new().ok()?;
    let job = Job::Foresee { workload, dataset, seed };
    let report = runner.run(&job, Threads::ONE, log.path(), &mut |_| Ok(())).ok()?;
    match report.ending {
        Ending::Done(done) => done.foreseen,
        Ending::Failed(_) => None,
    }
}
