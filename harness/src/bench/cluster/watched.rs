//! What the head follows of a round, or of a part of the audits.

use std::path::Path;

use super::fence::Fence;
use super::follower::Follower;
use super::layout::Layout;
use super::lost::FRUITLESS_ALLOWED;
use super::script::Kind;
use super::slurm::JobId;

/// A round, or a part of the audits, by what its jobs have come to.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) follower: Follower,
    pub(super) is_over: bool,
    /// Looks since it was seen to be alive.
    pub(super) looks: u32,
    /// Jobs on end that brought no run to its end.
    fruitless: u32,
    /// Runs that had ended when the last job was submitted.
    before: usize,
    /// What jobs had printed then, in bytes.
    printed: Option<u64>,
}

impl Watched {
    /// Of the record in a folder, of which so many lines were passed on before.
    pub(super) fn new(folder: &Path, known: usize) -> Self {
        let follower = Follower::new(folder, known);
        Self { follower, is_over: false, looks: 0, fruitless: 0, before: 0, printed: None }
    }

    /// Another job was submitted, when those before it had printed so much.
    pub(super) fn submitted(&mut self, printed: Option<u64>) {
        (self.is_over, self.looks, self.follower.outcome) = (false, 0, None);
        (self.before, self.printed) = (self.follower.ended, printed);
    }

    /// Whether another job may be submitted: the last one has brought something to its end, or not many
    /// before it brought nothing.
    pub(super) fn may_go_on(&mut self) -> bool {
        self.fruitless = if self.follower.ended > self.before { 0 } else { self.fruitless + 1 };
        self.fruitless < FRUITLESS_ALLOWED
    }

    /// Whether its last job has left a trace: Slurm makes the file that it prints into, and it takes the
    /// round.
    pub(super) fn has_begun(&self, layout: &Layout, kind: Kind, number: u64, job: JobId) -> bool {
        let is_owner = Fence::is_of(&layout.record(kind, number), &format!("{job}_{number}"));
        is_owner || layout.printed(kind, number) != self.printed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_has_begun_that_has_printed_or_taken_its_round() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        layout.make().unwrap();
        let mut watched = Watched::new(&layout.round(2), 0);
        let begun = |watched: &Watched, job| watched.has_begun(&layout, Kind::Round, 2, job);
        assert!(!begun(&watched, 66));
        std::fs::write(layout.output(Kind::Round, 2), "").unwrap();
        assert!(begun(&watched, 66), "Slurm has made its file");
        watched.submitted(layout.printed(Kind::Round, 2));
        assert!(!begun(&watched, 67), "what is there is of the one before");
        Fence::take(&layout.round(2), "67_2.0 on node1, process 5").unwrap();
        assert!(begun(&watched, 67) && !begun(&watched, 68));
    }
}
