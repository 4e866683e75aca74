//! What of a submitted record can be held against more than itself: the definitions of the workloads and
//! their tolerances, the data sets that are known, and the bands of the learning curve.

mod audits;
mod curves;
mod data_set;
mod known;
mod workloads;

use trainmark_reports::Record;
use trainmark_reports::submission::{self, Finding, Submission};

use crate::bench::unix_time;

/// Every check of a submission, those of [`submission::checks`] first.
pub fn verify(submission: &Submission) -> Vec<Finding> {
    let (mut findings, record) = submission::checks(submission, unix_time());
    findings.extend(record.iter().flat_map(of_record));
    findings
}

fn of_record(record: &Record) -> [Finding; 4] {
    [workloads::defined(record), workloads::checked(record), data_set::known(record), curves::within(record)]
}
