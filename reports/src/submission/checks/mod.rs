//! What of a submission does not agree with itself. Each check is a file; [`checks`] makes them all.
//!
//! A number that somebody has changed by hand stands in several places: in the CSV files, in what the ends
//! of runs say of their epochs, in processor seconds, in the times between the beginnings of runs. Whoever
//! invents a whole record that agrees with itself is not found.

mod audit;
mod derived;
mod devices;
mod files;
mod gate;
mod names;
mod plan;
mod runs;
mod tables;
mod time;

use super::{Finding, Submission};
use crate::record::{Event, Record};

/// A record with all that it was made of.
pub(super) struct Subject<'s> {
    submission: &'s Submission,
    record: &'s Record,
    events: &'s [Event],
    /// Now, by this machine's clock, in seconds since the Unix epoch.
    unix_time: f64,
}

/// Every check that needs nothing but the submission and what time it is, `unix_time` in seconds since the Unix
/// epoch; the record that was read, if it could be.
pub fn checks(submission: &Submission, unix_time: f64) -> (Vec<Finding>, Option<Record>) {
    let mut findings = vec![files::unchanged(submission)];
    let (record, events) = match Record::read_with_events(submission.folder()) {
        Ok(read) => read,
        Err(error) => {
            let place = format!("{}/", submission.folder().display());
            findings.push(Finding::failed("record", error.to_string().replace(&place, "")));
            return (findings, None);
        }
    };
    let subject = Subject { submission, record: &record, events: &events, unix_time };
    findings.extend([
        files::whole(&subject),
        derived::agree(&subject),
        derived::counts(&subject),
        tables::agree(&subject),
        plan::complete(&subject),
        runs::whole(&subject),
        devices::known(&subject),
        gate::consistent(&subject),
        gate::libraries(&subject),
        audit::made(&subject),
        time::plausible(&subject),
        names::none(&subject),
    ]);
    (findings, Some(record))
}
