use super::*;
use crate::example;
use crate::formats::{json, markdown};
use crate::record::RunOutcome;
use crate::summary::{group, summarize};

fn all_pictures(record: &Record) -> Vec<Picture> {
    super::all_pictures(record, &group(summarize(record)))
}

/// The title of every picture, with the names of its lines.
fn titles(record: &Record) -> Vec<String> {
    let groups = group(summarize(record));
    let titles = pictures(record, &groups).into_iter().flat_map(|(sweep, pictures)| {
        let told = |picture: Picture| {
            let lines: Vec<String> = picture.lines.into_iter().map(|line| line.label).collect();
            format!("{}: {}: {}", sweep.title(), picture.quantity.name(), lines.join(" | "))
        };
        pictures.into_iter().map(told).collect::<Vec<_>>()
    });
    titles.collect()
}

/// The words of a line.
fn told(record: &Record, quantity: &str, label: &str) -> Vec<String> {
    let picture =
        all_pictures(record).into_iter().find(|picture| picture.quantity.key() == quantity).unwrap();
    let line = picture.lines.into_iter().find(|line| line.label == label).unwrap();
    line.points.into_iter().map(|point| point.told).collect()
}

#[test]
fn every_axis_has_a_sweep_for_each_value_of_the_others() {
    insta::assert_snapshot!(titles(&example::record_of_a_sweep()).join("\n"));
}

#[test]
fn a_record_without_a_sweep_has_none() {
    assert_eq!(titles(&example::record()), [""; 0]);
    let document = json::json(&example::record()).unwrap();
    assert!(
        !document.contains("sweeps") && !markdown::markdown(&example::record()).contains("by learning rate")
    );
}

#[test]
fn a_run_that_does_not_get_there_is_no_number() {
    let record = example::record_of_a_sweep();
    let key = "epochs_to_train_accuracy_0.88";
    assert_eq!(told(&record, key, "lenet-bn"), ["not reached in 5 epochs", "3 (2 of 3)", "3"]);
    assert_eq!(told(&record, key, "lenet"), ["not reached in 5 epochs"; 3]);
    let picture = all_pictures(&record).remove(0);
    assert!(picture.lines[1].points.iter().all(|point| point.is_missed && point.value.is_none()));
}

#[test]
fn what_computed_another_function_is_told_and_not_drawn() {
    let mut record = example::record_of_a_sweep();
    record.runs[0].end.outcome = RunOutcome::NotConformant;
    let picture = all_pictures(&record).remove(0);
    let point = &picture.lines[0].points[0];
    assert_eq!((point.told.as_str(), point.is_missed, point.value), ("not ranked", false, None));
}

#[test]
fn backends_are_told_apart_and_one_backend_is_in_the_title() {
    let mut record = example::record_of_a_sweep();
    for place in [4, 5] {
        let cell = Cell { backend: "candle".to_owned(), ..record.started.plan.cells[place].clone() };
        for run in record.runs.clone().iter().filter(|run| run.cell == record.started.plan.cells[place]) {
            record.runs.push(crate::record::Run { cell: cell.clone(), ..run.clone() });
        }
    }
    let titles = titles(&record);
    let two = "batch size on cpu, learning rate 1: training seconds per epoch: \
               tch builtin, lenet-bn | candle builtin, lenet-bn | tch, lenet";
    assert!(titles.iter().any(|title| title == two), "{titles:#?}");
}

#[test]
fn more_threads_are_held_against_the_fewest_by_seed() {
    let mut record = example::record_of_a_sweep();
    let cell = record.started.plan.cells[0].clone();
    record.started.plan.cells.truncate(1);
    record.runs.retain(|run| run.cell == cell);
    let four = Cell { threads: 8, ..cell };
    for run in record.runs.clone() {
        let mut faster = crate::record::Run { cell: four.clone(), ..run };
        faster.epochs.iter_mut().for_each(|epoch| epoch.train_seconds /= 3.0);
        record.runs.push(faster);
    }
    assert_eq!(told(&record, "speed_up", "builtin"), ["1.00×", "3.00×"]);
    let devices: Vec<String> = group(summarize(&record)).into_iter().map(|group| group.device).collect();
    assert_eq!(devices, ["cpu, 2 threads", "cpu, 8 threads"], "they are not held against each other");
    let pictures = all_pictures(&record);
    assert_eq!(pictures.len(), 2, "training learns the same on any number of threads");
}

#[test]
fn a_sweep_in_markdown_and_json() {
    let record = example::record_of_a_sweep();
    let text = markdown::markdown(&record);
    let from = text.find("### Epochs to").unwrap();
    insta::assert_snapshot!("sweep-markdown", text[from..].split("\nMedians over").next().unwrap());
    let document: serde_json::Value = serde_json::from_str(&json::json(&record).unwrap()).unwrap();
    let first = &document["sweeps"][0];
    insta::assert_snapshot!("sweep-json", serde_json::to_string_pretty(first).unwrap());
}
