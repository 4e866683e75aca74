//! What `--workload` names: built-in workloads by name, others by the path of their file.

use std::path::{Path, PathBuf};

use trainmark_reports::files;

use super::{Mistake, UnknownWorkload, Workload, file, find};

/// No network that anybody trains here takes as many bytes to describe.
const MOST_BYTES: u64 = 256 << 10;

/// A workload is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkloadError {
    /// A name is empty, as behind a comma too many.
    #[error("an empty word names no workload; `inspect` lists those that are built in")]
    Empty,
    /// No built-in workload has the name.
    #[error(transparent)]
    Unknown(#[from] UnknownWorkload),
    /// The file cannot be read.
    #[error("cannot read the workload {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is no workload's.
    #[error("{}, {mistake} (docs/workloads.md has every key)", path.display())]
    Mistake {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        mistake: Mistake,
    },
    /// Two files have one name.
    #[error(
        "{one} and {other} both are the workload `{name}`, and define it differently: give one another name"
    )]
    Twice {
        /// The name.
        name: String,
        /// Where the first comes from.
        one: String,
        /// Where the second comes from.
        other: String,
    },
}

/// Whether a word names a file: it has a separator, or ends as such files do.
pub fn is_path(text: &str) -> bool {
    text.contains('/') || text.ends_with(".toml")
}

/// The workload that a name or path stands for.
///
/// # Errors
/// Where there is none, or its file is wrong.
pub fn open(text: &str) -> Result<Workload, WorkloadError> {
    if text.is_empty() {
        return Err(WorkloadError::Empty);
    }
    if !is_path(text) {
        return Ok(find(text)?);
    }
    let path = || PathBuf::from(text);
    let unreadable = |error| WorkloadError::Unreadable { path: path(), error };
    let bytes = files::read(Path::new(text), MOST_BYTES).map_err(unreadable)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let place = error.valid_up_to();
        let line = file::line_of(&bytes, place);
        let what = format!("byte {place} of the file is no UTF-8: a workload is text");
        WorkloadError::Mistake { path: path(), mistake: Mistake { line, what } }
    })?;
    let workload = file::parse(text).map_err(|mistake| WorkloadError::Mistake { path: path(), mistake })?;
    // A folder of data is named as seen from the file.
    let (path, dataset) = (path(), workload.dataset.clone());
    let dataset = path.parent().map_or(dataset.clone(), |folder| dataset.relative_to(folder));
    Ok(Workload { dataset, ..workload })
}

/// The workloads that are named, each once.
///
/// # Errors
/// As [`open`], and where two of them have one name and are not alike.
pub fn choose(names: &[String]) -> Result<Vec<Workload>, WorkloadError> {
    let mut chosen: Vec<(&str, Workload)> = Vec::new();
    for text in names {
        let workload = open(text)?;
        if chosen.iter().any(|(_, known)| *known == workload) {
            continue;
        }
        // What differs from a built-in workload of its name is called what it is, beside that one, too.
        let is_confused =
            |known: &Workload| known.name == workload.name && known.is_built_in() == workload.is_built_in();
        if let Some((from, _)) = chosen.iter().find(|(_, known)| is_confused(known)) {
            let (one, other) = ((*from).to_owned(), text.clone());
            return Err(WorkloadError::Twice { name: workload.name, one, other });
        }
        chosen.push((text.as_str(), workload));
    }
    Ok(chosen.into_iter().map(|(_, workload)| workload).collect())
}
