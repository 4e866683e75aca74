//! The short table at the end of `bench` and `report`.

use trainmark_reports::formats::Grid;
use trainmark_reports::record::{Run, Unavailable};
use trainmark_reports::summary::group;
use trainmark_reports::text::one_line;
use trainmark_reports::warnings::{Warning, warnings, warnings_so_far};
use trainmark_reports::words::marks_in_words;
use trainmark_reports::{Record, summarize};

use super::headline;
use crate::grid;

/// What makes the numbers doubtful, then the answer in short, then the tables.
pub(super) fn render(record: &Record) -> String {
    rendered(record, warnings(record), &results(record))
}

/// The same of a benchmark whose runs go on elsewhere: that these have no end yet is no news.
pub(super) fn render_so_far(record: &Record) -> String {
    rendered(record, warnings_so_far(record), &results_with(record, record.failures_so_far()))
}

fn rendered(record: &Record, warnings: Vec<Warning>, results: &str) -> String {
    let warned = warnings
        .iter()
        .map(|warning| format!("\nwarning: {}", one_line(&warning.to_string())))
        .collect::<String>();
    let end = if warnings.is_empty() { "" } else { "\n" };
    warned + end + &headline::text(record) + results
}

/// The cells, fastest first among those that may be compared, then what did not run and why.
pub(super) fn results(record: &Record) -> String {
    results_with(record, record.failures())
}

/// The same, of the runs without numbers with these.
fn results_with<'r>(record: &'r Record, without: impl Iterator<Item = &'r Run>) -> String {
    let ranked = summarize(record).into_iter().filter(|cell| !cell.ranked.is_empty());
    let groups = group(ranked.collect());
    let mut text = String::new();
    for one in &groups {
        let is_alone = groups.iter().filter(|other| other.workload == one.workload).count() == 1;
        let place = if is_alone { String::new() } else { format!(", {}", one.device) };
        let title = format!("{} on {}{place}", one.workload, record.started.plan.dataset.name);
        let ranking = Grid::ranking(record, one, title, |cell| {
            format!("{}/{}@{}", cell.backend, cell.implementation, cell.place())
        });
        text += &format!("\n{}\n{}\n", ranking.title, grid::drawn(&ranking, &[]));
    }
    let marks = marks_in_words(&text);
    if !marks.is_empty() {
        text += &format!("{marks}\n");
    }
    for line in failures(record, without) {
        text += &format!("{line}\n");
    }
    if text.is_empty() { "no run has ended\n".to_owned() } else { text }
}

/// One line per run or backend that gave no numbers; repeated reasons once.
fn failures<'r>(record: &'r Record, without: impl Iterator<Item = &'r Run>) -> Vec<String> {
    let unavailable = record.started.unavailable.iter();
    let unavailable = unavailable.map(|row| format!("{row}: {}: {}", Unavailable::OUTCOME, row.reason));
    without.map(failure_line).chain(unavailable).map(|line| one_line(&line)).collect()
}

fn failure_line(run: &Run) -> String {
    let how = run.end.outcome.with_reason(run.end.reason.as_deref());
    let log = run.end.log.as_deref().map(|log| format!(" (log: {log})")).unwrap_or_default();
    format!("{} seed {}: {how}{log}", run.cell, run.seed)
}
