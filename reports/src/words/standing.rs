//! How far a benchmark is that has not come to its end, and how it goes on.

use serde::Serialize;

use crate::number::{count, utc, whole_seconds};
use crate::record::{Outcome, Record};

/// What the harness knows of a benchmark that runs, and its record does not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// When this was so, in seconds since the Unix epoch.
    pub unix_time: f64,
    /// Runs that have ended.
    pub done: usize,
    /// What is still to come; `None` until it is planned, after the checks.
    pub rest: Option<Rest>,
}

/// What is still to come of a benchmark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rest {
    /// Runs.
    pub runs: usize,
    /// Audits after them.
    pub audits: usize,
    /// Seconds that all of it will take.
    pub seconds: f64,
}

/// How far a benchmark is, as its reader is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// In two or three words.
    pub title: String,
    /// In a sentence or two.
    pub text: String,
    /// Runs that have ended and runs in all, while it runs.
    pub runs: Option<(usize, usize)>,
    /// The command line that continues it, where it does not run any more.
    pub command: Option<String>,
}

impl Standing {
    /// Of a benchmark, with what is known of it if it runs; `None` where it has come to its end.
    pub fn of(record: &Record, progress: Option<&Progress>) -> Option<Self> {
        match (progress, record.outcome) {
            (Some(progress), _) => Some(Self::running(progress)),
            (None, Some(Outcome::Complete | Outcome::Decided | Outcome::Budget)) => None,
            _ if !record.started.merged.is_empty() => None,
            (None, outcome) => Some(Self::stopped(record, outcome)),
        }
    }

    fn running(progress: &Progress) -> Self {
        let Progress { unix_time, done, rest } = *progress;
        let title = "Unfinished: the benchmark runs".to_owned();
        let Some(rest) = rest else {
            let text = format!(
                "The backends are being checked against the reference ({}); what passes is timed after that.",
                utc(unix_time)
            );
            return Self { title, text, runs: None, command: None };
        };
        let audits = match rest.audits {
            0 => String::new(),
            audits => format!(" and {}", count(audits, "audit")),
        };
        let text = format!(
            "{done} of {} have ended ({}). Still to come: {}{audits}, about {}. What stands below is of those \
             that have ended, and may still change.",
            count(done + rest.runs, "run"),
            utc(unix_time),
            count(rest.runs, "run"),
            whole_seconds(rest.seconds)
        );
        Self { title, text, runs: Some((done, done + rest.runs)), command: None }
    }

    fn stopped(record: &Record, outcome: Option<Outcome>) -> Self {
        let of_plan = format!("{} of {}", record.ended_runs(), count(record.planned_runs(), "planned run"));
        let (title, how) = match outcome {
            Some(_) => ("Interrupted", format!("{of_plan} had ended when it was interrupted.")),
            None => (
                "Unfinished",
                format!("{of_plan} have ended, and either it still runs or it was ended from outside."),
            ),
        };
        Self {
            title: title.to_owned(),
            text: format!(
                "{how} What was recorded is kept. This goes on with the rest (a run that lies elsewhere than \
                 in reports/runs is named by its folder):"
            ),
            runs: None,
            command: Some(format!("cargo run -- bench --resume {}", record.started.run_id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::record::RunOutcome;

    fn text(record: &Record, progress: Option<&Progress>) -> Option<String> {
        let Standing { title, text, command, .. } = Standing::of(record, progress)?;
        Some(format!("{title}. {text} {}", command.unwrap_or_default()))
    }

    #[test]
    fn a_benchmark_that_runs_says_what_is_still_to_come() {
        let record = Record { outcome: None, ..example::record_of_one_run() };
        let told = |done, rest| text(&record, Some(&Progress { unix_time: 0.0, done, rest })).unwrap();
        assert_eq!(
            told(0, None),
            "Unfinished: the benchmark runs. The backends are being checked against the reference (1970-01-01 \
             00:00 UTC); what passes is timed after that. "
        );
        let rest = |audits| Some(Rest { runs: 11, audits, seconds: 379.2 });
        assert_eq!(
            told(3, rest(2)),
            "Unfinished: the benchmark runs. 3 of 14 runs have ended (1970-01-01 00:00 UTC). Still to come: 11 \
             runs and 2 audits, about 6 min 20 s. What stands below is of those that have ended, and may still \
             change. "
        );
        assert!(told(3, rest(0)).contains("Still to come: 11 runs, about"));
    }

    #[test]
    fn a_run_that_the_budget_left_out_has_not_ended() {
        let mut record = Record { outcome: Some(Outcome::Interrupted), ..example::record_of_one_run() };
        record.runs[0].end.outcome = RunOutcome::LeftOut;
        let told = text(&record, None).unwrap();
        assert!(told.starts_with("Interrupted. 0 of 18 planned runs had ended "), "{told}");
    }

    #[test]
    fn a_benchmark_that_was_stopped_says_how_it_goes_on() {
        let mut record = example::record_of_one_run();
        assert_eq!(text(&record, None), None, "its time was over");
        record.outcome = Some(Outcome::Interrupted);
        let told = text(&record, None).unwrap();
        assert!(
            told.starts_with("Interrupted. 1 of 18 planned runs had ended when it was interrupted. "),
            "{told}"
        );
        assert!(told.ends_with(": cargo run -- bench --resume 20260131T130500-example"), "{told}");
        record.outcome = None;
        let told = text(&record, None).unwrap();
        assert!(
            told.starts_with("Unfinished. 1 of 18 planned runs have ended, and either it still "),
            "{told}"
        );
    }
}
