//! `report`

use std::path::PathBuf;

use trainmark_reports::Record;

use super::{bench, exit, table};

pub(super) fn run(run: Option<PathBuf>) -> anyhow::Result<i32> {
    let folder = bench::find_run(&run.unwrap_or_else(|| PathBuf::from("latest")))?;
    let record = Record::read(&folder)?;
    trainmark_reports::write_all(&folder, &record)?;
    crate::bench::list_beside(&folder);
    say!("{}", table::render(&record).trim_end());
    say!("\nreport  {}", folder.join("report.html").display());
    Ok(exit::OK)
}
