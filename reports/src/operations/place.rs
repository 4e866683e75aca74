//! Where the file lies, and what of it belongs to a run.

use std::fs;
use std::path::{Path, PathBuf};

use super::{FILE, OperationCell, Operations, SCHEMA};
use crate::files;
use crate::record::Record;
use crate::store::{StoreError, replace_file};

/// What a run's report shows of operations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunOperations {
    /// The operations, with the cells whose libraries are the run's.
    pub operations: Option<Operations>,
    /// Why cells, or the whole file, are left out.
    pub left_out: Vec<String>,
}

/// Reads the file in a folder; `None` where there is none.
///
/// # Errors
/// Where it is damaged, of another schema, or unreadable.
pub fn read(folder: &Path) -> Result<Option<Operations>, StoreError> {
    let path = folder.join(FILE);
    read_bytes(&path)?.map(|bytes| parse(&path, &bytes)).transpose()
}

fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match files::read(path, files::RECORD_LIMIT) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(StoreError::io("read", path, cause)),
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Operations, StoreError> {
    parsed(bytes).map_err(|cause| StoreError::Operations { path: path.to_path_buf(), cause })
}

fn parsed(bytes: &[u8]) -> Result<Operations, String> {
    let damaged = "it is damaged";
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|cause| format!("{damaged}: {cause}"))?;
    // Another schema may not even parse, so its number is looked at first.
    match value.get("schema").and_then(serde_json::Value::as_u64) {
        Some(schema) if schema == u64::from(SCHEMA) => {
            serde_json::from_value(value).map_err(|cause| format!("{damaged}: {cause}"))
        }
        Some(other) => Err(format!("it has schema {other}, this trainmark reads schema {SCHEMA}")),
        None => Err("it names no schema".to_owned()),
    }
}

/// Writes the file into a folder, which is made if need be.
///
/// # Errors
/// Where the file system refuses.
pub fn write(folder: &Path, operations: &Operations) -> Result<PathBuf, StoreError> {
    let path = folder.join(FILE);
    let text = serde_json::to_vec_pretty(operations)
        .map_err(|cause| StoreError::Operations { path: path.clone(), cause: cause.to_string() })?;
    fs::create_dir_all(folder).map_err(|cause| StoreError::io("create", folder, cause))?;
    replace_file(&path, &text)?;
    Ok(path)
}

/// What of the run folder's file, or of the one beside the folder, belongs to the
/// run. The latter is copied into the folder if it has anything on the run's
/// backends: rendered again, the report shall be the same. A record of several runs
/// shows none.
///
/// # Errors
/// Where the copy cannot be written. A file that cannot be used is a line of
/// [`RunOperations::left_out`].
pub fn of_run(folder: &Path, record: &Record) -> Result<Option<RunOperations>, StoreError> {
    // The file is of one machine.
    if !record.started.merged.is_empty() {
        return Ok(None);
    }
    let unusable =
        |error: StoreError| Ok(Some(RunOperations { operations: None, left_out: vec![error.to_string()] }));
    match read(folder) {
        Ok(Some(own)) => return Ok(own.of_run(record)),
        Ok(None) => {}
        Err(error) => return unusable(error),
    }
    // Such as `.` or a link, whose parent is another folder's.
    let real = folder.canonicalize().map_err(|cause| StoreError::io("find", folder, cause))?;
    let Some(parent) = real.parent() else { return Ok(None) };
    let path = parent.join(FILE);
    let beside =
        read_bytes(&path).and_then(|bytes| bytes.map(|bytes| Ok((parse(&path, &bytes)?, bytes))).transpose());
    match beside {
        Ok(None) => Ok(None),
        Ok(Some((operations, bytes))) => {
            let of_run = operations.of_run(record);
            if of_run.is_some() {
                // To the byte: decimal numbers may change when they are written again.
                replace_file(&folder.join(FILE), &bytes)?;
            }
            Ok(of_run)
        }
        Err(error) => unusable(error),
    }
}

impl Operations {
    /// `None` where it concerns no backend of the run.
    fn of_run(mut self, record: &Record) -> Option<RunOperations> {
        let cells = std::mem::take(&mut self.cells);
        let mut left_out: Vec<String> = Vec::new();
        for cell in cells {
            let mut runs = record
                .samples()
                .filter(|run| run.cell.backend == cell.backend && run.cell.device == cell.device)
                .peekable();
            if runs.peek().is_none() {
                continue;
            }
            let hashes: Vec<&String> = runs.filter_map(|run| run.end.library_hash.as_ref()).collect();
            if hashes.contains(&&cell.library_hash) {
                self.cells.push(cell);
            } else {
                left_out.push(why_left_out(&cell, hashes.first().copied()));
            }
        }
        if self.cells.is_empty() && left_out.is_empty() {
            return None;
        }
        let operations = (!self.cells.is_empty()).then_some(self);
        Some(RunOperations { operations, left_out })
    }
}

fn why_left_out(cell: &OperationCell, of_run: Option<&String>) -> String {
    let label = cell.label();
    match of_run {
        Some(hash) => format!(
            "{label}: measured with another library (SHA-256 {:.12}…) than this run's ({hash:.12}…)",
            cell.library_hash
        ),
        None => format!("{label}: this run does not tell its library"),
    }
}
