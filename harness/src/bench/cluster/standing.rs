//! Where a benchmark on a cluster is, as far as that can be known.

use std::path::Path;

use super::layout::Layout;
use super::script::Kind;
use crate::{shell, units};

/// Where a benchmark on a cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Rounds in all.
    pub rounds: usize,
    /// Those that have ended.
    pub ended: usize,
    /// Jobs of rounds and audits that wait or run, or, where Slurm says nothing of them, whose records
    /// grow.
    pub alive: usize,
    /// Who knows of the jobs.
    pub jobs: Jobs,
    /// Whether nothing is left to be run or gathered.
    pub is_over: bool,
}

/// Who knows of a benchmark's jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    /// Slurm has told which of them wait or run.
    Told,
    /// Slurm cannot be asked here.
    Unasked,
    /// trainmark has submitted none: whoever has done so by hand knows.
    ByHand,
}

impl Standing {
    /// Whether jobs wait or run, or may do so unseen.
    pub fn may_go_on(&self) -> bool {
        !self.is_over && (self.alive > 0 || self.jobs != Jobs::Told)
    }

    /// Where it is, and what is to be done about that: a line. Of a benchmark in this folder that is
    /// not over.
    pub fn words(&self, folder: &Path) -> String {
        let rounds = format!("{} of {} ended", self.ended, units::count(self.rounds, "round"));
        let resume = format!("`bench --resume {}`", shell::quoted_path(folder));
        let lacks_audits = self.ended == self.rounds;
        let missing = if lacks_audits { "the audits, which are missing" } else { "what is missing" };
        let jobs = units::count(self.alive, "job");
        match self.jobs {
            Jobs::Told if self.alive > 0 => {
                format!("{rounds}; {jobs} waiting or running: collect again later")
            }
            _ if self.alive > 0 => {
                format!("{rounds}; {jobs} running, as the records grow: collect again later")
            }
            Jobs::Told => format!("{rounds}, and no job waits or runs: {resume} runs {missing}"),
            Jobs::ByHand if lacks_audits => {
                let script = shell::quoted_path(&Layout::new(folder).script(Kind::Audit));
                format!(
                    "{rounds}; only the audits are missing: submit them with `sbatch {script}`, unless squeue shows \
                     their job, and collect again"
                )
            }
            Jobs::ByHand => format!(
                "{rounds}; trainmark has submitted no job, and does not know whether any that was submitted by hand \
                 waits or runs: look with squeue, and collect again; only if none does, {resume} runs {missing}"
            ),
            Jobs::Unasked => format!(
                "{rounds}; Slurm cannot be asked here whether jobs wait or run: look with squeue on a machine of the \
                 cluster, and collect again; only if none does, {resume} there runs {missing}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ended: usize, alive: usize, jobs: Jobs) -> (String, bool) {
        let standing = Standing { rounds: 2, ended, alive, jobs, is_over: false };
        (standing.words(Path::new("/runs/one")), standing.may_go_on())
    }

    #[test]
    fn nothing_is_said_of_jobs_that_is_not_known() {
        assert_eq!(
            told(1, 0, Jobs::Told),
            (
                "1 of 2 rounds ended, and no job waits or runs: `bench --resume /runs/one` runs what is missing"
                    .to_owned(),
                false
            )
        );
        for (jobs, why) in [
            (Jobs::Unasked, "Slurm cannot be asked here whether jobs wait or run"),
            (Jobs::ByHand, "trainmark has submitted no job, and does not know"),
        ] {
            let (text, may_go_on) = told(1, 0, jobs);
            assert!(may_go_on && text.starts_with(&format!("1 of 2 rounds ended; {why}")), "{text}");
            assert!(
                text.contains("squeue") && text.contains("only if none does, `bench --resume "),
                "{text}"
            );
            let (text, may_go_on) = told(1, 1, jobs);
            assert_eq!(text, "1 of 2 rounds ended; 1 job running, as the records grow: collect again later");
            assert!(may_go_on);
        }
        let (text, _) = told(0, 3, Jobs::Told);
        assert_eq!(text, "0 of 2 rounds ended; 3 jobs waiting or running: collect again later");
    }

    #[test]
    fn audits_that_alone_are_missing_are_named() {
        let (text, _) = told(2, 0, Jobs::Told);
        assert!(text.ends_with("runs the audits, which are missing"), "{text}");
        let (text, _) = told(2, 0, Jobs::ByHand);
        assert!(
            text.contains("only the audits are missing: submit them with `sbatch /runs/one/slurm/audit.sh`"),
            "{text}"
        );
    }
}
