//! What the gate has found on nodes. A round checks on its own node what it times there, unless the
//! same library has passed on a node of the same kind, in another round of this benchmark.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use trainmark_reports::files;
use trainmark_reports::record::{Cell, Conformance};

use super::layout::Layout;
use crate::bench::gate::{Early, Estimate, Log, Verdict};
use crate::bench::prepare::ReadyCell;

const FILE: &str = "gate.jsonl";

/// A cell that has passed.
#[derive(Debug, Serialize, Deserialize)]
struct Passed {
    cell: Cell,
    library_hash: String,
    /// Of the node.
    kind: String,
    conformance: Conformance,
    estimate: Estimate,
    /// The worker's log, relative to the run folder.
    log: String,
}

/// Writes down that a cell has passed on a node of a kind, in the folder of the round.
pub(super) fn note(
    round: &Path,
    kind: &str,
    one: &ReadyCell,
    verdict: &Verdict,
    log: String,
) -> anyhow::Result<()> {
    if !verdict.conformance.passed {
        return Ok(());
    }
    let passed = Passed {
        cell: one.cell.clone(),
        library_hash: one.library.hash.clone(),
        kind: kind.to_owned(),
        conformance: verdict.conformance.clone(),
        estimate: verdict.estimate,
        log,
    };
    let path = round.join(FILE);
    let mut line = serde_json::to_vec(&passed).context("cannot encode a verdict")?;
    line.push(b'\n');
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| file.write_all(&line))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// What is known of cells on nodes of a kind.
pub(super) fn known(layout: &Layout, kind: &str, cells: &[ReadyCell]) -> Vec<Early> {
    let mut known: Vec<Early> = Vec::new();
    let rounds = layout.rounds().read_dir().into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = rounds.map(|entry| entry.path().join(FILE)).collect();
    paths.sort();
    for passed in paths.iter().flat_map(|path| read(path)) {
        let is_same = |one: &&ReadyCell| one.cell == passed.cell && one.library.hash == passed.library_hash;
        let is_new = passed.kind == kind && known.iter().all(|early| early.cell != passed.cell);
        if is_new && cells.iter().find(is_same).is_some() {
            known.extend(passed.early(layout));
        }
    }
    known
}

/// The lines of a file that are whole.
fn read(path: &Path) -> Vec<Passed> {
    let bytes = files::read(path, files::RECORD_LIMIT).unwrap_or_default();
    bytes.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

impl Passed {
    fn early(self, layout: &Layout) -> Option<Early> {
        let verdict = Verdict { conformance: self.conformance, failure: None, estimate: self.estimate };
        let log = layout.folder().join(&self.log);
        // Without its log a check is made again: the record names that.
        log.is_file().then(|| Early::new(&self.cell, verdict, Log::At(log), true)).flatten()
    }
}
