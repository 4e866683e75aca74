//! What a job of a cluster runs: a round, or a part of the audits. People do not type it.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Context;
use trainmark_reports::record::Outcome;

use super::exit;
use crate::bench::cluster::{self, AUDIT_COMMAND};

pub(super) fn run(command: &OsStr) -> anyhow::Result<i32> {
    let mut arguments = std::env::args_os().skip(2);
    let folder = arguments.next().context("the run folder is missing")?;
    let number = arguments.next().and_then(|text| text.to_str()?.parse().ok());
    let number: u64 = number.context("the number of the job is missing")?;
    let folder = Path::new(&folder);
    let outcome = match command == AUDIT_COMMAND {
        true => cluster::audit(folder, number)?,
        false => cluster::run(folder, number)?,
    };
    Ok(if outcome == Outcome::Interrupted { exit::INTERRUPTED } else { exit::OK })
}
