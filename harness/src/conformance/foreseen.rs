//! What the gate of a workload asks for whichever backend it is of: the reference chooses batches
//! and takes steps for minutes of a slow machine, and comes to the same every time.

use serde::{Deserialize, Serialize};
use trainmark_plugin::{Dataset, Error, RunningVariance};

use super::Subject;
use super::step::Steps;
use super::trajectory::Course;
use crate::workload::Workload;

/// The steps of the gate and what the reference makes of them, as far as no backend has a part in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Foreseen {
    pub(super) steps: Steps,
    pub(super) course: Course,
}

impl Foreseen {
    /// Those of a workload on a data set; the seed chooses initial values and samples.
    ///
    /// # Errors
    /// Where the reference cannot compute the workload.
    pub fn of(workload: &Workload, dataset: Dataset<'_>, seed: u64) -> Result<Self, Error> {
        // Nothing of it depends on the others: training normalises by the batch.
        let subject = Subject {
            workload: workload.clone(),
            dataset,
            implementation: String::new(),
            running_variance: RunningVariance::UnbiasedFromOne,
            device: String::new(),
            threads: 1,
            seed,
        };
        Ok(Self { steps: Steps::choose(&subject)?, course: Course::new(&subject)? })
    }
}
