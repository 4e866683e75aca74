//! What of a submitted record can be held against more than itself: how commands are written, the roles of
//! backends, the definitions of the workloads and their tolerances, the data sets that are known, and the bands
//! of the learning curve.

mod audits;
mod command;
mod curves;
mod data_set;
mod known;
mod roles;
mod workloads;

use trainmark_reports::Record;
use trainmark_reports::submission::{self, Finding, Submission};

use crate::bench::unix_time;
use crate::registry::{Registry, repository_root};

/// What submissions are held against, beside themselves.
#[derive(Debug)]
pub struct Verifier {
    /// The backends of this version of trainmark, or why they are not known.
    backends: Result<Registry, String>,
}

impl Verifier {
    /// With what this trainmark knows.
    pub fn here() -> Self {
        let backends = Registry::discover(&repository_root(), &[]);
        Self { backends: backends.map_err(|error| format!("{error:#}")) }
    }

    /// Every check of a submission, those of [`submission::checks`] first.
    pub fn verify(&self, submission: &Submission) -> Vec<Finding> {
        let (mut findings, record) = submission::checks(submission, unix_time());
        findings.extend(record.iter().flat_map(|record| self.of_record(record)));
        findings
    }

    fn of_record(&self, record: &Record) -> [Finding; 6] {
        [
            command::single(record),
            roles::declared(record, &self.backends),
            workloads::defined(record),
            workloads::checked(record),
            data_set::known(record),
            curves::within(record),
        ]
    }
}
