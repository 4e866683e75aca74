//! What a change has cost: the head of a backend against its base.

use crate::number::{ratio, significant};
use crate::paired::{BuildPair, build_pairs};
use crate::record::Record;
use crate::statistics::Verdict;
use crate::summary::{CellSummary, Group};
use crate::words::bracket;

/// A sentence for each cell of a head; none of a record without two builds.
pub(super) fn told(record: &Record, groups: &[Group<'_>]) -> Vec<String> {
    build_pairs(record, groups).iter().map(sentence).collect()
}

fn sentence(pair: &BuildPair<'_>) -> String {
    let (name, what) = (name(pair.head), what(pair.head));
    let Some(seconds) = pair.seconds else { return not_compared(pair, name, &what) };
    let of_medians = || Some(pair.head.seconds()? / pair.base.seconds()?);
    let times = seconds.interval.map(|interval| interval.estimate).or_else(of_medians);
    let times = format!("{}{}", ratio(times.unwrap_or(f64::NAN)), bracket(seconds.interval, significant));
    match seconds.verdict {
        Verdict::Higher => format!("The head of {name} is slower than its base: {times} as long for {what}."),
        Verdict::Lower => format!("The head of {name} is faster than its base: {times} as long for {what}."),
        Verdict::NoDifferenceShown => {
            format!("Between head and base of {name} no difference is shown: {times} as long for {what}.")
        }
        Verdict::NeedsMoreSeeds => format!(
            "The head of {name} takes by medians {times} as long as its base for {what}; whether that is more than \
             chance needs more seeds."
        ),
    }
}

fn not_compared(pair: &BuildPair<'_>, name: &str, what: &str) -> String {
    let why = pair.why_not_compared();
    format!("Head and base of {name} are not compared for {what}: {why}; the reasons stand under failures.")
}

/// `candle`
fn name<'g>(head: &CellSummary<'g>) -> &'g str {
    head.cell.build().map_or(&*head.cell.backend, |(backend, _)| backend)
}

/// `lenet-bn (builtin) on cpu`
fn what(head: &CellSummary<'_>) -> String {
    let cell = head.cell;
    let implementation =
        if cell.implementation.is_none() { String::new() } else { format!(" ({})", cell.implementation) };
    format!("{}{}{implementation} on {}", cell.machine_prefix(), cell.workload, cell.device_words())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::FailOn;
    use crate::example;
    use crate::paired::BuildCheck;
    use crate::record::{Build, RunOutcome};
    use crate::summary::{group, summarize};

    /// The example, whose first two backends are builds of one: the head takes `factor` times as long.
    fn record(factor: f64) -> Record {
        let mut record = example::record();
        let base = record.started.plan.cells[0].clone();
        let mut head = base.clone();
        head.backend = Build::Head.of("mine");
        let mut of_head: Vec<_> = record.runs.iter().filter(|run| run.cell == base).cloned().collect();
        for run in &mut of_head {
            run.cell = head.clone();
            // Seeds differ a little.
            let factor = factor * (1.0 + 0.01 * (run.seed as f64 - 2.0));
            run.epochs.iter_mut().for_each(|epoch| epoch.train_seconds *= factor);
        }
        record.runs.extend(of_head);
        for run in record.runs.iter_mut().filter(|run| run.cell == base) {
            run.cell.backend = Build::Base.of("mine");
        }
        record.started.plan.cells[0].backend = Build::Base.of("mine");
        record.started.plan.cells.push(head);
        record
    }

    fn sentences(record: &Record) -> Vec<String> {
        told(record, &group(summarize(record)))
    }

    #[test]
    fn a_head_is_slower_faster_or_no_difference_is_shown() {
        for (factor, expected) in [
            (1.2, "The head of mine is slower than its base: 1.20× ["),
            (0.8, "The head of mine is faster than its base: 0.800× ["),
            (1.0, "Between head and base of mine no difference is shown: 1.000× ["),
        ] {
            let told = sentences(&record(factor));
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with(expected), "{told:?}");
            assert!(told[0].ends_with("] as long for lenet-bn (primitive) on cpu."), "{told:?}");
        }
        assert_eq!(sentences(&example::record()), Vec::<String>::new());
    }

    #[test]
    fn what_is_said_stands_in_front_of_the_answer() {
        let record = record(1.2);
        let headline = crate::words::Headline::of(&record, &group(summarize(&record)));
        assert!(headline.sentences[0].starts_with("The head of mine is slower"), "{:?}", headline.sentences);
        assert!(headline.note.starts_with("In brackets: 95% intervals"), "{}", headline.note);
    }

    fn check(record: &Record) -> (bool, String) {
        let check = BuildCheck::of(record, FailOn { slower_percent: 5.0 });
        (check.passed, check.lines.join("\n"))
    }

    /// The two are copies of one library in the example.
    fn with_libraries(mut record: Record) -> Record {
        for run in record.runs.iter_mut().filter(|run| run.cell.build().is_some()) {
            run.end.library_hash = Some(run.cell.backend.clone());
        }
        record
    }

    #[test]
    fn a_check_fails_where_a_head_is_slower_and_says_what_is_not_decided() {
        let (passed, told) = check(&with_libraries(record(1.2)));
        assert!(
            !passed && told.starts_with("failed: lenet-bn mine@head/primitive@cpu is slower than"),
            "{told}"
        );
        let (passed, told) = check(&with_libraries(record(0.8)));
        assert_eq!((passed, &*told), (true, "passed: no head of 1 is shown to be slower by more than 5%"));
        let (passed, told) = check(&with_libraries(record(1.04)));
        assert!(
            passed && told.contains("; not decided for 1: lenet-bn mine@head/primitive@cpu (up to "),
            "{told}"
        );
    }

    #[test]
    fn a_check_that_cannot_fail_is_none() {
        let mut same = with_libraries(record(1.0));
        for run in same.runs.iter_mut().filter(|run| run.cell.build().is_some()) {
            run.end.library_hash = Some("one".to_owned());
        }
        let (passed, told) = check(&same);
        assert!(!passed && told.contains("are the same library"), "{told}");
        let mut one_seed = with_libraries(record(1.2));
        one_seed.runs.retain(|run| run.seed == 1);
        let (passed, told) = check(&one_seed);
        assert!(!passed && told.contains("one seed of both is too few"), "{told}");
        assert!(told.ends_with("so that nothing was checked"), "{told}");
    }

    #[test]
    fn two_builds_of_one_framework_are_no_contest() {
        let mut only = record(1.2);
        only.runs.retain(|run| run.cell.build().is_some());
        only.started.plan.cells.retain(|cell| cell.build().is_some());
        let headline = crate::words::Headline::of(&only, &group(summarize(&only)));
        assert!(
            headline.sentences.iter().all(|told| !told.contains("fastest framework")),
            "{:?}",
            headline.sentences
        );
    }

    #[test]
    fn a_base_that_fails_and_one_seed_are_told() {
        let mut failed = record(1.2);
        for run in failed.runs.iter_mut().filter(|run| run.cell.backend == "mine@base") {
            run.end.outcome = RunOutcome::NotConformant;
        }
        let told = sentences(&failed);
        assert!(
            told[0].contains("are not compared for lenet-bn (primitive) on cpu: the base has no time ("),
            "{told:?}"
        );
        let mut one_seed = record(1.2);
        one_seed.runs.retain(|run| run.seed == 1);
        let told = sentences(&one_seed);
        assert!(
            told[0].starts_with("The head of mine takes by medians 1.19× as long as its base"),
            "{told:?}"
        );
    }
}
