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
    for text in [crate::formats::markdown::markdown(&record), crate::csv::summary(&record).unwrap()] {
        assert!(text.contains("not ranked") && !text.contains("2 of 2"), "{text}");
    }
    assert!(!crate::html::render(&record, None).unwrap().contains("2 of 2"));
    assert_eq!(why_nothing([summary].iter()), Some("No ranked run trained all its epochs"));
}

#[test]
fn a_run_for_time_only_counts_for_times_and_for_nothing_else() {
    let mut record = example::record();
    let cell = record.started.plan.cells[0].clone();
    let of_cell: Vec<_> = record.samples_of(&cell).cloned().collect();
    let (accuracy, target) = (record.cell(&cell).train_accuracy, record.cell(&cell).targets[0]);
    let mut timed = example::for_time(&of_cell[2], 4);
    timed.epochs.iter_mut().for_each(|epoch| epoch.train_accuracy = Some(0.99));
    record.runs.push(timed);
    let summary = record.cell(&cell);
    assert_eq!((summary.seconds_by_seed().len(), summary.final_accuracy_by_seed().len()), (4, 3));
    assert_eq!((summary.ranked.len(), summary.timing_runs(), summary.train_accuracy), (4, 1, accuracy));
    assert_eq!(summary.train_seconds.unwrap().epochs, 13);
    let after = summary.targets[0];
    assert_eq!((after.reached, after.tried, after.seconds), (target.reached, target.tried, target.seconds));
    assert_eq!(summary.status(), "4 ok, 1 of them for time only");
    assert!(crate::csv::runs(&record).unwrap().contains(",timed only,"));
}

#[test]
fn a_run_to_the_end_stands_for_that_for_time_only_of_its_seed() {
    let mut record = example::record_of_one_run();
    let mut timed = example::for_time(&record.runs[0], record.runs[0].seed);
    timed.epochs[1].train_seconds = 100.0;
    record.runs.insert(0, timed);
    let cell = record.started.plan.cells[0].clone();
    let summary = record.cell(&cell);
    assert_eq!((summary.runs.len(), summary.ranked.len()), (2, 1));
    assert!(summary.train_seconds.unwrap().max < 100.0 && summary.ranked[0].is_whole());
}

#[test]
fn a_cell_that_was_only_timed_says_so() {
    let mut record = example::record_of_one_run();
    record.runs[0] = example::for_time(&record.runs[0], 1);
    let cell = record.started.plan.cells[0].clone();
    let summary = record.cell(&cell);
    assert_eq!((summary.train_accuracy, summary.targets[0].told()), (None, "timed only".to_owned()));
    assert!(summary.train_seconds.is_some() && summary.final_accuracy_by_seed().is_empty());
    let told: Vec<String> = crate::warnings::warnings(&record).iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|warning| warning.contains("no room to train to the end: lenet-bn")), "{told:?}");
    let text = crate::formats::markdown::markdown(&record);
    assert!(text.contains("timed only"), "{text}");
    assert!(crate::html::render(&record, None).unwrap().contains("for time only: two epochs"));
}

#[test]
fn what_the_budget_left_out_is_a_row_with_its_reason() {
    let mut record = example::record_of_one_run();
    let run = &mut record.runs[0];
    run.epochs.clear();
    (run.begun, run.end.outcome) = (None, RunOutcome::LeftOut);
    run.end.reason = Some("the time budget had no room".to_owned());
    let cell = record.started.plan.cells[0].clone();
    assert_eq!(
        (record.cell(&cell).status(), record.cell(&cell).tried().count()),
        ("1 left out".to_owned(), 0)
    );
    let text = crate::csv::runs(&record).unwrap();
    assert!(text.contains(",left out,the time budget had no room,"), "{text}");
}
