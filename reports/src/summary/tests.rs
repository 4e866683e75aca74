use super::*;
use crate::example;
use crate::record::RunOutcome;

#[test]
fn medians_leave_out_the_first_epoch_and_failed_runs() {
    let record = example::record();
    let summaries = summarize(&record);
    let first = &summaries[0];
    assert_eq!((first.runs.len(), first.ranked.len()), (3, 3));
    let seconds = first.train_seconds.unwrap();
    assert_eq!((seconds.epochs, seconds.basis), (12, Basis::AfterFirst));
    assert!(seconds.max < 9.0, "the first epoch takes 9 s: {seconds:?}");
    let failed = summaries.iter().find(|summary| summary.cell.backend == "crashy").unwrap();
    assert_eq!((failed.ranked.len(), failed.train_seconds), (0, None));
}

#[test]
fn a_median_time_is_so_much_of_the_peak() {
    let record = example::record();
    let percents: Vec<_> = summarize(&record).iter().map(|summary| summary.percent_of_peak).collect();
    // 2 × 845,000 × 60,000 operations in 8.25 s, of 96 GFLOP/s.
    assert!((percents[0].unwrap() - 12.803).abs() < 1e-3, "{percents:?}");
    assert_eq!(percents[3], None, "no run of this cell ended");
}

#[test]
fn a_failed_run_counts_as_tried() {
    let record = example::record();
    let summaries = summarize(&record);
    let failed = summaries.iter().find(|summary| summary.cell.backend == "crashy").unwrap();
    assert_eq!((failed.targets[0].reached, failed.targets[0].tried), (0, 3));
}

#[test]
fn no_run_counts_of_a_cell_that_once_computed_another_function() {
    let mut record = example::record();
    let cell = record.started.plan.cells[1].clone();
    record.runs.iter_mut().find(|run| run.cell == cell).unwrap().end.outcome = RunOutcome::NotConformant;
    let summary = record.cell(&cell);
    assert_eq!((summary.runs.len(), summary.ranked.len(), summary.train_seconds), (3, 0, None));
    let target = summary.targets[0];
    assert_eq!((target.reached, target.tried, target.finished, target.seconds), (0, 0, 0, None));
    assert_eq!(target.expected_seconds, None);
    for text in [crate::formats::markdown::markdown(&record), crate::csv::summary::text(&record).unwrap()] {
        assert!(text.contains("not ranked") && !text.contains("2 of 2"), "{text}");
    }
    assert!(!crate::html::render(&record, None).unwrap().contains("2 of 2"));
    assert_eq!(why_nothing([summary].iter()), Some("No ranked run trained all its epochs"));
}
