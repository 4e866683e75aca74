use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{dashboard, json, markdown};
use crate::example;
use crate::record::RunOutcome;
use crate::summary::{group, summarize};
use crate::words::Headline;

#[test]
fn the_example_in_markdown() {
    insta::assert_snapshot!(markdown::markdown(&example::record()));
}

#[test]
fn one_run_in_markdown() {
    insta::assert_snapshot!(markdown::markdown(&example::record_of_one_run()));
}

#[test]
fn no_run_in_markdown_says_so() {
    let mut record = example::record_of_one_run();
    record.runs[0].end.outcome = RunOutcome::Failed;
    let text = markdown::markdown(&record);
    assert!(
        text.contains("\nNo run trained all its epochs.\n") && text.contains("no reason recorded"),
        "{text}"
    );
}

/// Cells whose accuracies are of other seeds, and ratios that are no difference, are told as such.
#[test]
fn what_an_accuracy_is_of_and_what_is_no_difference_stands_at_the_number() {
    let of = |row: &str, text: &str| text.lines().find(|line| line.contains(row)).unwrap().to_owned();
    let mut record = example::record();
    let plain = markdown::markdown(&record);
    assert!(
        !plain.contains("n.s.") && !plain.contains("seed)") && !plain.contains("for time only"),
        "{plain}"
    );
    let of_one =
        |run: &crate::record::Run| run.cell.backend == "tch" && run.cell.workload == "lenet" && run.seed == 1;
    for run in record.runs.iter_mut().filter(|run| of_one(run)) {
        *run = example::for_time(run, 1);
    }
    record.runs.push(example::again(&record.runs[0], crate::record::Purpose::Repeat, 3.0));
    let text = markdown::markdown(&record);
    let row = of("| tch |", &text);
    assert!(row.contains("(2 seeds)"), "{row}");
    assert!(text.contains(" n.s. |") && text.contains(" n.s.: no difference shown"), "{text}");
    assert!(text.contains(" Accuracies are medians over as many seeds as stand beside them"), "{text}");
}

#[test]
fn every_row_of_a_table_has_the_fields_of_its_header() {
    let text = markdown::markdown(&example::record());
    let bars = |line: &str| line.replace("\\|", "").matches('|').count();
    for table in text.split("\n\n").filter(|part| part.starts_with('|')) {
        let counts: Vec<usize> = table.lines().map(bars).collect();
        assert!(counts.len() > 2 && counts.iter().all(|count| *count == counts[0]), "{table}");
    }
}

#[test]
fn text_stays_text() {
    assert_eq!(markdown::escape("<b>|`x`_[y](z)\n# 1"), r"\<b\>\|\`x\`\_\[y\](z) \# 1");
    let mut record = example::record_of_one_run();
    record.runs[0].end.outcome = RunOutcome::Failed;
    record.runs[0].end.reason = Some("``` <script>\n| ` |".to_owned());
    record.started.run_id = "<img src=x>".to_owned();
    let text = markdown::markdown(&record);
    assert!(text.contains("failed: ```` ``` <script> | ` | ````\n"), "{text}");
    assert!(text.starts_with("## trainmark: \\<img src=x\\>\n"), "{text}");
}

fn document(record: &crate::Record) -> Value {
    serde_json::from_str(&json::json(record).unwrap()).unwrap()
}

#[test]
fn a_graphics_processor_is_in_every_form() {
    let record = example::record_on_gpu();
    let text = markdown::markdown(&record);
    assert!(text.contains("| memory | device memory | runs |"), "{text}");
    assert!(text.contains("| 312 MiB | 600 MiB | 1 of 1 |"), "{text}");
    assert!(text.contains("; Example GPU, 16.0 GiB, compute capability 9.0, driver 580.95.05"), "{text}");
    let document = document(&record);
    let cell = &document["cells"][0];
    assert_eq!((&cell["peak_device_bytes"], &cell["energy_joules"]), (&(600 << 20).into(), &1234.5.into()));
    assert_eq!(document["environment"]["gpus"][0]["name"], "Example GPU");
}

#[test]
fn the_example_as_json() {
    let document = document(&example::record());
    assert_eq!((&document["schema"], &document["kind"]), (&1.into(), &"report".into()));
    // The rest is long, and stands in the record; these are what is computed.
    let computed = serde_json::json!({
        "cells": document["cells"].as_array().unwrap()[1..4],
        "comparisons": document["comparisons"].as_array().unwrap()[0],
        "failure": document["failures"][0],
    });
    insta::assert_snapshot!(serde_json::to_string_pretty(&computed).unwrap());
}

#[test]
fn everything_of_the_summary_is_in_the_json() {
    let record = example::record();
    let text = crate::csv::summary(&record).unwrap();
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<std::collections::HashMap<String, String>> =
        reader.deserialize().map(Result::unwrap).collect();
    let document = document(&record);
    let cells = document["cells"].as_array().unwrap();
    assert_eq!(rows.len(), cells.len());
    let number = |value: &Value| value.as_f64().map_or_else(String::new, |number| number.to_string());
    let parsed = |text: &str| text.parse::<f64>().map_or_else(|_| String::new(), |number| number.to_string());
    for (row, cell) in rows.iter().zip(cells) {
        for (column, value) in [
            ("threads", &cell["cell"]["threads"]),
            ("runs", &cell["runs"]),
            ("ok_runs", &cell["ok_runs"]),
            ("median_train_seconds", &cell["train_seconds"]["median"]),
            ("min_train_seconds", &cell["train_seconds"]["min"]),
            ("median_predict_seconds", &cell["median_predict_seconds"]),
            ("train_loss", &cell["train_loss"]),
            ("train_accuracy", &cell["train_accuracy"]),
            ("test_accuracy", &cell["test_accuracy"]),
            ("peak_rss_bytes", &cell["peak_rss_bytes"]),
            ("cold_start_seconds", &cell["cold_start_seconds"]),
            ("percent_of_peak", &cell["percent_of_peak"]),
            ("reached_train_accuracy_0.88", &cell["targets"][0]["reached"]),
            ("median_seconds_to_train_accuracy_0.88", &cell["targets"][0]["median_seconds"]),
        ] {
            assert_eq!(parsed(&row[column]), number(value), "{column} of {row:?}");
        }
        assert_eq!(row["status"], cell["status"]);
    }
}

#[test]
fn a_loss_that_is_no_number_is_null() {
    let mut record = example::record_of_one_run();
    for epoch in example::epochs_of(&mut record) {
        epoch.train_loss = Some(f64::NAN);
        epoch.train_seconds = f64::NAN;
    }
    let document = document(&record);
    let cell = &document["cells"][0];
    assert_eq!((&cell["train_loss"], &cell["train_seconds"]), (&Value::Null, &Value::Null));
    assert!(markdown::markdown(&record).contains("| – "), "{}", markdown::markdown(&record));
}

#[test]
fn every_form_begins_with_the_same_answer() {
    let of_before_roles = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/records/schema-1");
    let without_runs = crate::Record { runs: Vec::new(), ..example::record_of_one_run() };
    for record in [
        example::record(),
        example::record_on_gpu(),
        without_runs,
        crate::Record::read(&of_before_roles).unwrap(),
    ] {
        let headline = Headline::of(&record, &group(summarize(&record)));
        let sentence = &headline.sentences[0];
        let page = crate::html::render(&record, None).unwrap();
        assert!(
            page.contains(&format!("<p class=\"lead\">{}</p>", sentence.replace('\'', "&#x27;"))),
            "{sentence}"
        );
        let text = markdown::markdown(&record);
        assert!(text.contains(&format!("\n**{}**\n", markdown::escape(sentence))), "{sentence}");
        assert_eq!(document(&record)["headline"]["sentences"][0], *sentence);
    }
}

#[test]
fn markdown_mentions_nobody() {
    assert_eq!(super::markdown::escape("by @somebody, on tch@cpu"), "by @<!-- -->somebody, on tch@cpu");
}

/// What Bencher's published schema allows in place of a metric.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BencherMetric {
    value: f64,
    lower_value: Option<f64>,
    upper_value: Option<f64>,
}

type BencherDocument = BTreeMap<String, BTreeMap<String, BencherMetric>>;

/// The example that stands beside that schema.
const BENCHER_EXAMPLE: &str = r#"{
    "benchmark_name": {
        "latency": { "value": 88.0, "lower_value": 87.42, "upper_value": 88.88 },
        "throughput": { "value": 5.55, "lower_value": 3.14, "upper_value": 6.30 }
    },
    "/bin/sh -c ./my_build_script.sh": { "build-time": { "value": 87.0 } },
    "my_binary": { "file-size": { "value": 42.0 } }
}"#;

/// What github-action-benchmark reads of each entry, as its README has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionEntry {
    name: String,
    unit: String,
    value: f64,
    range: Option<String>,
    extra: Option<String>,
}

/// The example, whose `handwritten` is the ceiling.
fn with_ceiling() -> crate::Record {
    let mut record = example::record();
    record.started.roles.insert("handwritten".to_owned(), crate::record::Role::Ceiling);
    record
}

#[test]
fn a_dashboard_reads_each_cell() {
    let text = dashboard::bencher(&with_ceiling()).unwrap();
    let [read, example]: [BencherDocument; 2] =
        [&text, BENCHER_EXAMPLE].map(|text| serde_json::from_str(text).unwrap());
    assert_eq!(example.len(), 3);
    let timed = summarize(&example::record()).iter().filter(|cell| cell.seconds().is_some()).count();
    assert_eq!(read.len(), timed, "each cell is a benchmark of its own");
    for metric in read.values().flat_map(BTreeMap::values) {
        let (low, high) = (metric.lower_value, metric.upper_value);
        assert!(low.is_none_or(|low| low <= metric.value) && high.is_none_or(|high| metric.value <= high));
        assert_eq!(low.is_some(), high.is_some());
    }
    assert!(read.keys().any(|name| name.contains(" handwritten/")));
    let first: Vec<_> = read.iter().take(2).map(|(name, _)| name.clone()).collect();
    let document: Value = serde_json::from_str(&text).unwrap();
    insta::assert_snapshot!(
        serde_json::to_string_pretty(
            &first.iter().map(|name| (name, &document[name])).collect::<BTreeMap<_, _>>()
        )
        .unwrap()
    );
}

#[test]
fn an_action_reads_what_less_is_better_of() {
    let text = dashboard::github_action(&with_ceiling()).unwrap();
    let entries: Vec<ActionEntry> = serde_json::from_str(&text).unwrap();
    let mut names: Vec<&str> = entries.iter().map(|entry| &*entry.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), entries.len(), "a name is a series");
    assert!(!text.contains("accuracy"), "{text}");
    let shown: Vec<String> = entries
        .iter()
        .take(8)
        .map(|ActionEntry { name, unit, value, range, extra }| {
            format!(
                "{name} | {value} {unit} | {} | {}",
                range.as_deref().unwrap_or("–"),
                extra.as_deref().unwrap()
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_dashboard_gets_no_number_that_does_not_count() {
    let mut record = with_ceiling();
    let cell = record.started.plan.cells[0].clone();
    let failed = record.runs.iter_mut().filter(|run| run.cell == cell);
    failed.for_each(|run| run.end.outcome = RunOutcome::Failed);
    let read: BencherDocument = serde_json::from_str(&dashboard::bencher(&record).unwrap()).unwrap();
    let all: BencherDocument = serde_json::from_str(&dashboard::bencher(&with_ceiling()).unwrap()).unwrap();
    assert_eq!(read.len() + 1, all.len());
    assert!(!read.contains_key(&cell.to_string()) && all.contains_key(&cell.to_string()), "{cell}");
    record.runs.clear();
    for document in [dashboard::bencher, dashboard::github_action] {
        let refused = document(&record).unwrap_err().to_string();
        assert!(
            refused.starts_with("no number for a dashboard in ") && refused.contains("No run trained"),
            "{refused}"
        );
    }
}
