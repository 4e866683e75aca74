//! `cargo bench --bench backends`, and what reports make of it.

use std::fs;
use std::path::Path;

use serde_json::Value;
use trainmark_tests::{
    Finished, Invocation, Repository, RunFolder, handwritten, hostile, invoke_program, minimal_c,
    operations_bench,
};

use crate::browser::{assert_holds, assert_quiet, between, open};

/// The bench with a filter, in a repository.
fn operations(repository: &Repository, arguments: &[&str]) -> Invocation {
    let arguments = ["--bench"].iter().chain(arguments);
    invoke_program(operations_bench(), arguments).current_dir(repository.path()).env("TRAINMARK_THREADS", "1")
}

fn recorded(folder: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join("operations.json")).unwrap()).unwrap()
}

/// Backend, implementation, operation and outcome of every result.
fn results(record: &Value) -> Vec<[String; 4]> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of_cell = |cell: &Value| -> Vec<[String; 4]> {
        let results = cell["results"].as_array().unwrap().iter();
        let row = |result: &Value| {
            [&cell["backend"], &cell["implementation"], &result["operation"], &result["outcome"]].map(text)
        };
        results.map(row).collect()
    };
    record["cells"].as_array().unwrap().iter().flat_map(of_cell).collect()
}

fn is_built(repository: &Repository, backend: &str) -> bool {
    repository.path().join("target/backends").join(backend).join("made.so").is_file()
}

/// Measured, asked for again and added to; taken over by a run and shown.
#[test]
fn what_is_measured_is_shown_by_the_runs_of_its_libraries() {
    let Some(minimal_c) = minimal_c() else { return };
    let repository = Repository::new().library("handwritten", &handwritten()).library("minimal-c", minimal_c);
    let quick = |filter: &str| operations(&repository, &["--quick", filter]).run();
    quick("handwritten/(conv1|builtin/train_step)").expect(0);
    assert!(!is_built(&repository, "minimal-c"), "nobody asked for it");
    let Finished { stdout, .. } = quick("minimal-c/conv1").expect(1);
    assert_holds(&stdout, "minimal-c, conv1: unsupported: open: ");
    let rows = results(&recorded(&repository.runs()));
    let expected = [
        ["handwritten", "builtin", "train_step", "ok"],
        ["handwritten", "none", "conv1", "ok"],
        ["minimal-c", "none", "conv1", "unsupported"],
    ];
    assert_eq!(rows, expected);

    let arguments = ["bench", "handwritten", "minimal-c", "--workload", "softmax"];
    repository.invoke(arguments).args(["--dataset", "synthetic", "--quick"]).run().expect(0);
    let run = RunFolder::only(&repository.runs());
    assert_eq!(recorded(&run.path), recorded(&repository.runs()));
    let rows = run.rows("operations.csv");
    assert_eq!(rows.len(), 3);
    let number = |column: &str| rows[0][column].parse::<f64>().unwrap();
    assert_eq!(
        (&*rows[0]["operation"], &*rows[0]["status"], &*rows[0]["threads"]),
        ("train_step", "ok", "1")
    );
    assert!(0.0 < number("low_seconds") && number("low_seconds") <= number("median_seconds"));
    assert!(number("median_seconds") <= number("high_seconds") && number("samples") >= 6.0);
    assert_eq!(rows[0]["library_hash"], run.run("handwritten")["library_hash"]);

    let Some(page) = open(&run.path.join("report.html")) else { return };
    assert_quiet(&page);
    let dom = page.dom();
    let section = between(&dom, "<section id=\"operations\"", "</section>");
    assert_holds(between(section, "id=\"operations-network\"", "</table>"), "GFLOP/s");
    assert_holds(between(section, "id=\"operations-layers\"", "</table>"), "unsupported");
    assert_holds(section, "minimal-c, conv1: unsupported: open: ");
    assert_holds(between(&dom, "<p id=\"save\"", "</p>"), "operations.csv");
}

/// Every operation is tried, though each ends the process.
#[test]
fn a_crash_costs_one_operation() {
    let repository = Repository::new().library("hostile", &hostile());
    let finished = operations(&repository, &["--quick", "hostile/(conv1|pool1)"])
        .hostile("segfault@open")
        .run()
        .expect(1);
    let record = recorded(&repository.runs());
    for result in record["cells"][0]["results"].as_array().unwrap() {
        assert_eq!(result["outcome"], "failed");
        let reason = result["reason"].as_str().unwrap();
        assert!(reason.contains("was killed by SIGSEGV"), "{reason}");
    }
    assert_eq!(results(&record).len(), 2);
    finished.marker.assert_gone();
}

#[test]
fn names_are_listed_without_building_anything() {
    let repository = Repository::new().library("hostile", &hostile());
    let Finished { stdout, .. } = operations(&repository, &["--list", "hostile/.*norm1"]).run().expect(0);
    assert_eq!(stdout, "hostile/primitive/batch_norm1: benchmark\nhostile/builtin/batch_norm1: benchmark\n");
    assert!(!is_built(&repository, "hostile"));
}

#[test]
fn a_filter_that_nothing_matches_is_refused() {
    let repository = Repository::new().library("hostile", &hostile());
    let message = operations(&repository, &["hostile/conv7"]).run().expect(2).stderr;
    assert_holds(&message, "error: no operation of a backend has a name that the filter accepts");
    assert!(!repository.runs().join("operations.json").exists());
}
