//! Jobs that ended before their work: why, whether they are submitted again, and what the record says
//! where they are not.

use std::path::Path;

use trainmark_reports::files;
use trainmark_reports::record::{Event, Outcome, Plan, Purpose, Record, Run, RunOutcome, Started};
use trainmark_reports::text::one_line;

use super::layout::Layout;
use super::round;
use super::script::UNSEEN;
use super::slurm::Task;

/// Jobs of a round that may end on end without having brought a run to its end.
pub(super) const FRUITLESS_ALLOWED: u32 = 2;

/// Exit codes of a shell that cannot start a program.
const CANNOT_START: [i32; 2] = [126, 127];
/// That of a program that refuses.
const REFUSED: i32 = 2;

/// Why a job has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    /// One line.
    pub(super) reason: String,
    /// Whether another try may go better.
    pub(super) may_go_better: bool,
}

/// What Slurm says of a task that is not alive.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate<'t> {
    /// It has ended.
    Ended(&'t Task),
    /// It is gone from an array that is still known, and has never begun: Slurm leaves out at once what
    /// was cancelled while it waited.
    NeverBegun,
    /// Nothing is known of it any more.
    Forgotten,
}

impl Loss {
    /// What became of a task, which has said this at last.
    pub(super) fn of(name: &str, fate: Fate<'_>, last_words: &str, folder: &Path) -> Self {
        let task = match fate {
            Fate::Ended(task) => task,
            Fate::NeverBegun => {
                return Self {
                    reason: format!("{name} was cancelled before it began"),
                    may_go_better: false,
                };
            }
            Fate::Forgotten => {
                return Self {
                    reason: format!("Slurm knows nothing of {name} any more"),
                    may_go_better: true,
                };
            }
        };
        let on = if task.node.is_empty() { String::new() } else { format!(" on {}", task.node) };
        let said = if last_words.is_empty() { String::new() } else { format!(": {last_words}") };
        let folder = folder.display();
        let (what, may_go_better) = match (&*task.state, task.code) {
            ("NODE_FAIL" | "BOOT_FAIL", _) => ("was lost: the node failed".to_owned(), true),
            ("PREEMPTED", _) => ("was preempted".to_owned(), true),
            ("TIMEOUT", _) => ("passed its time limit (--sbatch=--time=…)".to_owned(), true),
            ("OUT_OF_MEMORY", _) => {
                ("was killed by Slurm: its memory ran out (--sbatch=--mem=…)".to_owned(), true)
            }
            ("DEADLINE", _) => ("passed its deadline".to_owned(), false),
            ("CANCELLED", _) => ("was cancelled".to_owned(), false),
            (_, UNSEEN) => {
                (format!("does not see {folder}: name a folder that all nodes see with --out DIR"), false)
            }
            (_, code) if CANNOT_START.contains(&code) => (
                format!("could not start trainmark{said}; {folder} must lie where programs may be run"),
                false,
            ),
            (_, 132) => (format!("met an illegal instruction{said}"), false),
            // It has said why; a version of the C library that is missing is said in this way, too.
            (_, REFUSED | 1) if !said.is_empty() => (format!("failed{said}"), false),
            // What it prints goes into the run folder.
            ("FAILED", _) if task.reason.contains("Launch") || (task.code == 1 && task.signal == 0) => {
                let what = format!(
                    "could not begin, and has written nothing: does the node see {folder}? (--out DIR), and is there room?"
                );
                (what, false)
            }
            (_, 137) => (format!("was killed{said}"), true),
            (state, code) => {
                let signal =
                    if task.signal > 0 { format!(", signal {}", task.signal) } else { String::new() };
                (format!("ended with {}, exit code {code}{signal}{said}", state.to_lowercase()), true)
            }
        };
        Self { reason: format!("{name}{on} {what}"), may_go_better }
    }
}

/// The last line that a job has printed.
pub(super) fn last_words(output: &Path) -> String {
    let bytes = files::read(output, files::RECORD_LIMIT).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(4096)..]).into_owned();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    // What Slurm adds says when, and not why.
    let last = lines.rfind(|line| !line.starts_with("slurmstepd: "));
    one_line(last.unwrap_or_default().trim_start_matches("error: "))
}

/// Writes into a round's record that its runs without an end failed, and why.
///
/// # Errors
/// Where that cannot be written, as another process may still hold the record.
pub(super) fn give_up(
    layout: &Layout,
    plan: &Plan,
    started: &Started,
    seed: u64,
    reason: &str,
) -> anyhow::Result<()> {
    let mut of_round = started.clone();
    of_round.plan.seeds = vec![seed];
    let (mut store, earlier) = round::open(layout, &seed.to_string(), of_round)?;
    let has_ended = |record: &Record, cell| {
        let mut samples = record.samples_of(cell);
        samples.any(|run| run.seed == seed && !run.end.outcome.is_not_made())
    };
    for cell in &plan.cells {
        if earlier.as_ref().is_some_and(|record| has_ended(record, cell)) {
            continue;
        }
        let mut run = Run::new(cell.clone(), seed, Purpose::Sample);
        (run.end.outcome, run.end.reason) = (RunOutcome::Failed, Some(reason.to_owned()));
        let targets = plan.workload(&cell.workload).map_or(&[][..], |workload| &workload.targets);
        store.append(&run.ended(targets))?;
    }
    store.append(&Event::Finished { outcome: Outcome::Complete, seconds: 0.0, peak: None })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(state: &str, code: i32, signal: i32, last_words: &str) -> (String, bool) {
        let (reason, node) = ("None".to_owned(), "node2".to_owned());
        let task = Task { state: state.to_owned(), code, signal, reason, node };
        let loss = Loss::of("job 12_3", Fate::Ended(&task), last_words, Path::new("/runs/one"));
        (loss.reason, loss.may_go_better)
    }

    #[test]
    fn every_loss_has_a_line() {
        let of = |text: &str, better| (text.to_owned(), better);
        assert_eq!(told("NODE_FAIL", 0, 0, ""), of("job 12_3 on node2 was lost: the node failed", true));
        assert_eq!(
            told("TIMEOUT", 0, 15, ""),
            of("job 12_3 on node2 passed its time limit (--sbatch=--time=…)", true)
        );
        assert_eq!(told("CANCELLED", 0, 15, ""), of("job 12_3 on node2 was cancelled", false));
        assert_eq!(
            told("FAILED", UNSEEN, 0, "x"),
            of(
                "job 12_3 on node2 does not see /runs/one: name a folder that all nodes see with --out DIR",
                false
            )
        );
        let glibc = "trainmark: /lib/libc.so.6: version `GLIBC_2.38' not found (required by trainmark)";
        assert_eq!(told("FAILED", 1, 0, glibc), of(&format!("job 12_3 on node2 failed: {glibc}"), false));
        let illegal =
            "trainmark met an illegal instruction: it was built for another processor than that of n";
        assert_eq!(
            told("FAILED", 132, 0, illegal),
            of(&format!("job 12_3 on node2 met an illegal instruction: {illegal}"), false)
        );
        assert!(told("FAILED", 1, 0, "").0.contains("does the node see /runs/one?"));
        assert_eq!(
            told("COMPLETED", 0, 0, ""),
            of("job 12_3 on node2 ended with completed, exit code 0", true)
        );
        let of = |fate| Loss::of("job 12_3", fate, "", Path::new("/"));
        assert_eq!(of(Fate::Forgotten).reason, "Slurm knows nothing of job 12_3 any more");
        assert_eq!(of(Fate::NeverBegun).reason, "job 12_3 was cancelled before it began");
        assert!(of(Fate::Forgotten).may_go_better && !of(Fate::NeverBegun).may_go_better);
    }
}
