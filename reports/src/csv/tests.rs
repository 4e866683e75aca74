use proptest::prelude::*;

use super::*;
use crate::example;
use crate::record::{Event, Purpose, RunOutcome};
use crate::text::one_line;

/// Header and rows as another program reads them.
fn parse(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    (header, rows)
}

/// The values of one column.
fn column(text: &str, name: &str) -> Vec<String> {
    let (header, rows) = parse(text);
    let index = header.iter().position(|column| column == name).unwrap_or_else(|| panic!("no column {name}"));
    rows.into_iter().map(|row| row[index].clone()).collect()
}

#[test]
fn the_files_of_the_example() {
    for (name, text) in files(&example::record(), Some(&example::run_operations())).unwrap() {
        insta::assert_snapshot!(name.replace('.', "_"), text);
    }
}

#[test]
fn an_empty_number_has_its_reason_beside_it() {
    let record = example::record();
    let text = epochs(&record).unwrap();
    let (losses, statuses) = (column(&text, "train_loss"), column(&text, "status"));
    for (loss, status) in losses.iter().zip(&statuses) {
        assert_eq!(loss.is_empty(), status != "ok", "{loss} {status}");
    }
    let text = runs(&record).unwrap();
    let reached = column(&text, "epochs_to_train_accuracy_0.88");
    for (epochs, status) in reached.iter().zip(column(&text, "status_of_train_accuracy_0.88")) {
        assert_eq!(epochs.is_empty(), status != "reached", "{epochs} {status}");
    }
}

#[test]
fn what_a_run_took_of_its_graphics_processor_has_columns() {
    let text = runs(&example::record_on_gpu()).unwrap();
    let value = |name: &str| column(&text, name).swap_remove(0);
    let columns = ["peak_device_bytes", "device_memory_of", "energy_joules", "sm_clock_mhz"];
    assert_eq!(columns.map(value), ["629145600", "process", "1234.5", "345"]);
    assert_eq!(value("device_temperature_celsius"), "41");
    assert_eq!(value("throttle_reasons"), "software thermal slowdown");
    let text = summary(&example::record_on_gpu()).unwrap();
    assert_eq!(column(&text, "peak_device_bytes")[0], "629145600");
}

#[test]
fn without_a_peak_there_is_no_share_of_it() {
    let mut record = example::record();
    let filled = |record: &Record| {
        let percents = column(&summary(record).unwrap(), "percent_of_peak");
        percents.iter().filter(|percent| !percent.is_empty()).count()
    };
    assert_eq!(filled(&record), 5, "all but the cell that crashes");
    record.started.environment.peak = None;
    assert_eq!(filled(&record), 0);
}

#[test]
fn a_missing_metric_is_named_even_where_the_writer_says_ok() {
    let mut record = example::record();
    record.runs[0].epochs[0].train_loss = Some(f64::NAN);
    record.runs[0].epochs[0].test_accuracy = None;
    let statuses = column(&epochs(&record).unwrap(), "status");
    assert_eq!(statuses[0], "missing or not finite: train_loss test_accuracy");
}

#[test]
fn what_did_not_run_is_a_row() {
    let text = runs(&example::record()).unwrap();
    let outcomes = column(&text, "outcome");
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "failed").count(), 3);
    assert_eq!(outcomes.last().map(String::as_str), Some("unavailable"));
    assert_eq!(
        column(&text, "reason").last().map(String::as_str),
        Some("no CUDA driver: install one, or use --device cpu")
    );
}

#[test]
fn a_failed_check_is_named() {
    let mut record = example::record();
    let conformance = record.runs[0].end.conformance.as_mut().unwrap();
    conformance.passed = false;
    conformance.checks[0].passed = false;
    record.runs[0].end.outcome = RunOutcome::NotConformant;
    assert_eq!(column(&runs(&record).unwrap(), "conformance")[0], "failed: train_step batch 256: gradients");
}

#[test]
fn a_record_without_runs_gives_headers_and_cells() {
    let parent = tempfile::tempdir().unwrap();
    let folder = example::write(parent.path(), &[Event::Started(example::started())]);
    let record = Record::read(&folder).unwrap();
    assert_eq!(parse(&epochs(&record).unwrap()).1.len(), 0);
    assert!(column(&summary(&record).unwrap(), "status").iter().all(|status| status == "not run"));
}

/// The example, of whose first run there is one more.
fn record_with_a_repeat() -> Record {
    let mut record = example::record();
    let again = example::again(&record.runs[0], Purpose::Repeat, 1.0);
    record.runs.push(again);
    record
}

#[test]
fn what_was_made_once_more_has_a_file_of_its_own() {
    let (without, with) = (example::record(), record_with_a_repeat());
    let [before, after] = [&without, &with].map(|record| files(record, None).unwrap());
    assert_eq!(after.len(), before.len() + 1);
    for (name, text) in after {
        match before.iter().find(|(known, _)| *known == name) {
            Some((_, before)) => assert_eq!(*before, text, "{name} holds samples only"),
            None => insta::assert_snapshot!(name.replace('.', "_"), text),
        }
    }
}

#[test]
fn every_column_is_documented() {
    let documentation = include_str!("../../../docs/records.md");
    for (file, text) in files(&record_with_a_repeat(), Some(&example::run_operations())).unwrap() {
        for column in parse(&text).0 {
            let column =
                column.replace("train_accuracy_0.88", "<target>").replace("test_accuracy_0.8", "<target>");
            assert!(documentation.contains(&format!("`{column}`")), "{file}: {column}");
        }
    }
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\"',;\\r\\n\\t=@+ a-z-]{0,12}", Just(example::HOSTILE.to_owned())]
}

proptest! {
    #[test]
    fn hostile_text_comes_back_as_it_was_or_made_harmless(backend in hostile(), reason in hostile(), log in hostile()) {
        let mut record = example::record_of_one_run();
        record.runs[0].cell.backend.clone_from(&backend);
        record.runs[0].end.reason = Some(reason.clone());
        record.runs[0].end.log = Some(log.clone());
        let text = runs(&record).unwrap();
        let of = |text: String| harmless(text.into()).told();
        prop_assert_eq!(&column(&text, "backend")[0], &of(backend));
        prop_assert_eq!(&column(&text, "log")[0], &of(log));
        let shown = &column(&text, "reason")[0];
        prop_assert_eq!(shown, &of(one_line(&reason)));
        prop_assert!(!shown.contains(['\n', '\r']));
    }

    #[test]
    fn numbers_come_back_as_they_were(seconds in 0.0..1e6, loss in any::<f64>()) {
        let mut record = example::record_of_one_run();
        record.runs[0].epochs[0].train_seconds = seconds;
        record.runs[0].epochs[0].train_loss = Some(loss);
        let text = epochs(&record).unwrap();
        prop_assert_eq!(column(&text, "train_seconds")[0].parse::<f64>().unwrap(), seconds);
        let shown = column(&text, "train_loss")[0].parse::<f64>().ok();
        prop_assert_eq!(shown, Some(loss).filter(|loss| loss.is_finite()));
    }
}

#[test]
fn words_that_are_formulas_or_missing_values_are_made_harmless_and_numbers_stay() {
    let shown = |value: Value<'static>| serde_json::to_value(harmless(value)).unwrap();
    for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "null", "NaN", "NA"] {
        assert_eq!(shown(text.to_owned().into()), format!("'{text}"));
    }
    for text in ["none", "cuda:0", "nano", "a=b", "–"] {
        assert_eq!(shown(text.to_owned().into()), text);
    }
    assert_eq!(shown(Value::Number(-1.5, |_| String::new(), String::new())), -1.5);
    let mut record = example::record();
    record.runs.truncate(1);
    record.runs[0].cell.machine = Some("=HYPERLINK(\"x\")".to_owned());
    assert!(runs(&record).unwrap().contains("\"'=HYPERLINK(\"\"x\"\")\""), "{}", runs(&record).unwrap());
}
