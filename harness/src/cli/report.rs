//! `report`

use std::path::Path;

use trainmark_reports::formats::{FORMATS, Output};
use trainmark_reports::{Record, html};

use super::arguments::ReportArguments;
use super::{bench, exit, table};

pub(super) fn run(arguments: &ReportArguments) -> anyhow::Result<i32> {
    let mut documents = Vec::new();
    let mut files = Vec::new();
    for format in FORMATS.iter().filter(|format| arguments.format.iter().any(|name| name == format.name)) {
        match format.output {
            Output::Document(render) => documents.push((format.name, render)),
            Output::Files { write, first } => files.push((first, write)),
        }
    }
    if let [(one, _), (other, _), ..] = documents[..] {
        anyhow::bail!("{one} and {other} both go to standard output: name one of them in --format");
    }
    let folder = bench::find_run(arguments.run.as_deref().unwrap_or(Path::new("latest")))?;
    let record = Record::read(&folder)?;
    for ((file, _), write) in &files {
        write(&folder, &record)?;
        if *file == html::FILE {
            crate::bench::list_beside(&folder);
        }
    }
    let document = match (documents.first(), files.first()) {
        (Some((_, render)), _) => render(&record)?,
        (None, Some(((file, name), _))) => {
            format!("{}\n{name}  {}", table::render(&record), folder.join(file).display())
        }
        (None, None) => table::render(&record),
    };
    say!("{}", document.trim_end());
    Ok(exit::OK)
}
