//! The jobs that were submitted, in a file, so that a later head knows those of an earlier one.

use std::fs::OpenOptions;
use std::io::Write;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use trainmark_reports::files;

use super::layout::Layout;
use super::script::Kind;
use super::slurm::JobId;

const FILE: &str = "jobs.jsonl";

/// An array that was submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Submitted {
    pub(super) job: JobId,
    pub(super) kind: Kind,
    /// Its tasks.
    pub(super) numbers: Vec<u64>,
}

/// All of them, in the order of submitting.
#[derive(Debug, Default)]
pub(super) struct Journal {
    submitted: Vec<Submitted>,
}

impl Journal {
    /// What earlier heads have written. A torn last line is left out: its job is found lost, and its
    /// rounds are submitted again; a round has one writer, whoever comes first.
    pub(super) fn read(layout: &Layout) -> Self {
        let text = files::read(&layout.of_slurm(FILE), files::TEXT_LIMIT).unwrap_or_default();
        let lines = text.split(|&byte| byte == b'\n');
        Self { submitted: lines.filter_map(|line| serde_json::from_slice(line).ok()).collect() }
    }

    /// Writes down an array that Slurm has taken.
    pub(super) fn add(&mut self, layout: &Layout, submitted: Submitted) -> anyhow::Result<()> {
        let path = layout.of_slurm(FILE);
        let mut line = serde_json::to_vec(&submitted).context("cannot encode a job")?;
        line.push(b'\n');
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(&line)).with_context(|| {
            format!("cannot write {}: job {} is submitted", path.display(), submitted.job)
        })?;
        self.submitted.push(submitted);
        Ok(())
    }

    /// The last array that has a task.
    pub(super) fn last_of(&self, kind: Kind, number: u64) -> Option<JobId> {
        let mut of_kind = self.submitted.iter().rev().filter(|one| one.kind == kind);
        of_kind.find(|one| one.numbers.contains(&number)).map(|one| one.job)
    }

    /// The numbers of a kind's tasks, each once.
    pub(super) fn numbers(&self, kind: Kind) -> Vec<u64> {
        let of_kind = self.submitted.iter().filter(|one| one.kind == kind);
        let mut numbers: Vec<u64> = of_kind.flat_map(|one| one.numbers.iter().copied()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// All arrays.
    pub(super) fn jobs(&self) -> Vec<JobId> {
        self.submitted.iter().map(|one| one.job).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_head_knows_the_jobs_of_an_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        layout.make().unwrap();
        let mut journal = Journal::read(&layout);
        let one = |job, kind, numbers: &[u64]| Submitted { job, kind, numbers: numbers.to_vec() };
        for submitted in
            [one(7, Kind::Round, &[1, 2, 3]), one(9, Kind::Round, &[2]), one(10, Kind::Audit, &[0])]
        {
            journal.add(&layout, submitted).unwrap();
        }
        let mut file = OpenOptions::new().append(true).open(layout.of_slurm(FILE)).unwrap();
        file.write_all(br#"{"job":11,"ki"#).unwrap();
        let read = Journal::read(&layout);
        let last = |number| read.last_of(Kind::Round, number);
        assert_eq!([last(1), last(2), last(4)], [Some(7), Some(9), None]);
        assert_eq!((read.jobs(), read.numbers(Kind::Audit)), (vec![7, 9, 10], vec![0]));
    }
}
