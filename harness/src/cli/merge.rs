//! `merge`

use std::path::{Path, PathBuf};

use anyhow::Context;
use trainmark_reports::Record;
use trainmark_reports::merge::{Naming, Source, merge};

use super::arguments::MergeArguments;
use super::{bench, exit, table};

pub(super) fn run(arguments: &MergeArguments) -> anyhow::Result<i32> {
    let dir = std::path::absolute(&arguments.dir)
        .with_context(|| format!("cannot use the path {}", arguments.dir.display()))?;
    let place = dir.parent().zip(dir.file_name().and_then(|name| name.to_str()));
    let (parent, name) =
        place.with_context(|| format!("cannot make a run folder at {}: name a new folder", dir.display()))?;
    let sources: Vec<Source> = arguments.runs.iter().map(|run| source(run)).collect::<Result<_, _>>()?;
    let naming = Naming {
        run_id: name.to_owned(),
        command: bench::command_line(),
        unix_time: crate::bench::unix_time(),
    };
    let folder = merge(&sources, naming).context("cannot merge")?.write(parent)?;
    let record = Record::read(&folder)?;
    trainmark_reports::write_all(&folder, &record)?;
    crate::bench::list_beside(&folder);
    say!("{}", table::render(&record).trim_end());
    say!("\nreport  {}", folder.join("report.html").display());
    Ok(exit::OK)
}

/// `laptop=RUN`, or `RUN`, which may have a `=` in its own name.
fn source(text: &str) -> anyhow::Result<Source> {
    let (machine, run) = match text.split_once('=') {
        Some((label, run)) if bench::find_run(Path::new(text)).is_err() => (Some(label.to_owned()), run),
        _ => (None, text),
    };
    let folder: PathBuf = bench::find_run(Path::new(run))?;
    Ok(Source::read(machine, folder)?)
}
