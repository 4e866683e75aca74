//! The data set is the one of its name.

use trainmark_reports::Record;
use trainmark_reports::submission::Finding;

use crate::data;

const DATA_SET: &str = "data set";

/// The fingerprint is that of the data set of this name, where it is known.
pub(super) fn known(record: &Record) -> Finding {
    let found = &record.started.plan.dataset;
    match data::known_fingerprint(&found.name) {
        None => Finding::not_judged(DATA_SET, format!("{}: no fingerprint is known of it", found.name)),
        Some(known) if known == found.fingerprint => {
            Finding::ok(DATA_SET, format!("{}, {known:.12}…", found.name))
        }
        Some(known) => Finding::failed(
            DATA_SET,
            format!("{} has the fingerprint {known:.12}…, not {:.12}…", found.name, found.fingerprint),
        ),
    }
}
