//! `report`

use std::path::{Path, PathBuf};

use trainmark_reports::{Record, formats};

use super::arguments::{ReportArguments, ReportFormat};
use super::{bench, exit, table};

pub(super) fn run(arguments: &ReportArguments) -> anyhow::Result<i32> {
    let wants = |format| arguments.format.contains(&format);
    let (markdown, json) = (wants(ReportFormat::Markdown), wants(ReportFormat::Json));
    if markdown && json {
        anyhow::bail!("markdown and json both go to standard output: name one of them in --format");
    }
    let folder = bench::find_run(arguments.run.as_deref().unwrap_or(Path::new("latest")))?;
    let record = Record::read(&folder)?;
    if wants(ReportFormat::Csv) {
        trainmark_reports::write_csv(&folder, &record)?;
    }
    if wants(ReportFormat::Html) {
        trainmark_reports::write_html(&folder, &record)?;
        crate::bench::list_beside(&folder);
    }
    let document = if markdown {
        formats::markdown::markdown(&record)
    } else if json {
        formats::json::json(&record)?
    } else {
        table::render(&record) + &written(&folder, arguments).unwrap_or_default()
    };
    say!("{}", document.trim_end());
    Ok(exit::OK)
}

/// Where a reader should look.
fn written(folder: &Path, arguments: &ReportArguments) -> Option<String> {
    let named = |name: &str, path: PathBuf| Some(format!("\n{name}  {}", path.display()));
    if arguments.format.contains(&ReportFormat::Html) {
        named("report", folder.join("report.html"))
    } else {
        named("csv", folder.join("summary.csv"))
    }
}
