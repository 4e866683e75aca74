//! `operations`, and what reports make of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use trainmark_tests::{
    Finished, Invocation, Repository, RunFolder, handwritten, hostile, minimal_c, shell, wait_until,
};

use crate::browser::{assert_holds, assert_quiet, between, open};

/// The command in a repository, with a short measurement.
fn operations(repository: &Repository, arguments: &[&str]) -> Invocation {
    repository.invoke(["operations"]).args(arguments).args(["--quick", "--threads", "1"])
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
    operations(&repository, &["handwritten", "--filter", "conv1"]).run().expect(0);
    let Finished { stdout, stderr, .. } =
        operations(&repository, &["handwritten/builtin", "--filter", "train_step"]).run().expect(0);
    assert_holds(&stdout, "ms per batch of 256");
    assert_holds(&stderr, "handwritten builtin, train_step: ");
    assert!(!is_built(&repository, "minimal-c"), "nobody asked for it");
    let Finished { stdout, .. } =
        operations(&repository, &["minimal-c", "--filter", "conv1"]).run().expect(1);
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

/// An author's own network, beside what was measured before.
#[test]
fn the_layers_of_a_workloads_file_are_timed() {
    let repository = Repository::new().library("handwritten", &handwritten());
    let file = repository.path().join("mine.toml");
    let text = "name = \"mine\"\ninput = \"2×9×7\"\nlayers = [\"conv2d 3 channels, 3×3\", \"batch_norm\", \
                \"flatten\", \"linear 5\"]\nlearning_rate = 1\nbatch_size = 16\ntargets.test_accuracy = 0.5\n";
    fs::write(&file, text).unwrap();
    let workload = file.to_str().unwrap();
    let list = operations(&repository, &["--workload", workload, "--list"]).run().expect(0).stdout;
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(
        names,
        ["mine/train_step", "mine/predict", "mine/conv2d1", "mine/batch_norm1", "mine/linear1"]
    );
    operations(&repository, &["handwritten", "--filter", "conv1"]).run().expect(0);
    let arguments = ["handwritten/primitive", "handwritten/none", "--workload", workload];
    operations(&repository, &arguments).run().expect(0);
    let rows = results(&recorded(&repository.runs()));
    let ok =
        |implementation: &str, name: &str| ["handwritten", implementation, name, "ok"].map(str::to_owned);
    let expected = [
        ok("none", "conv1"),
        ok("none", "mine/conv2d1"),
        ok("none", "mine/linear1"),
        ok("primitive", "mine/train_step"),
        ok("primitive", "mine/predict"),
        ok("primitive", "mine/batch_norm1"),
    ];
    assert_eq!(rows, expected, "what was there is kept");
    for (wrong, told) in
        [("lenet-bm", "did you mean `lenet-bn`"), ("./none.toml", "cannot read the workload")]
    {
        assert_holds(&operations(&repository, &["--workload", wrong]).run().refusal(), told);
    }
}

/// Reasons of the results that did not end well, each of which failed so.
fn reasons(record: &Value, backend: &str, outcome: &str) -> Vec<String> {
    let cells = record["cells"].as_array().unwrap().iter().filter(|cell| cell["backend"] == backend);
    let results = cells.flat_map(|cell| cell["results"].as_array().unwrap());
    let reason = |result: &Value| {
        assert_eq!(result["outcome"], outcome, "{result}");
        result["reason"].as_str().unwrap().to_owned()
    };
    results.map(reason).collect()
}

/// Every operation is tried, though each ends its worker, and every other backend.
#[test]
fn a_crash_costs_one_operation() {
    let repository = Repository::new().library("handwritten", &handwritten()).library("hostile", &hostile());
    let finished =
        operations(&repository, &["--filter", "conv1,sigmoid"]).hostile("segfault@open").run().expect(1);
    let record = recorded(&repository.runs());
    let reasons = reasons(&record, "hostile", "failed");
    assert_eq!(reasons, ["the worker was killed by SIGSEGV during open"; 2]);
    let rows = results(&record);
    assert!(rows.iter().filter(|row| row[0] == "handwritten").all(|row| row[3] == "ok"), "{rows:?}");
    assert_eq!(rows.len(), 4);
    assert_holds(&finished.stdout, "hostile, sigmoid1: failed: the worker was killed by SIGSEGV during open");
    finished.marker.assert_gone();
}

/// The limits are those of any job.
#[test]
fn a_worker_that_hangs_or_swells_is_stopped() {
    let repository = Repository::new().library("hostile", &hostile());
    let failing = |behaviour: &str, limit: [&str; 2]| {
        let arguments = ["hostile", "--filter", "conv1", limit[0], limit[1]];
        operations(&repository, &arguments).hostile(behaviour).run().expect(1).marker.assert_gone();
        recorded(&repository.runs())
    };
    let record = failing("hang@open", ["--timeout", "1s"]);
    let expected = "open took longer than 1 s and was stopped (--timeout)";
    assert_eq!(reasons(&record, "hostile", "timed_out"), [expected]);
    let record = failing("allocate@open", ["--memory-limit", "512MiB"]);
    let reason = reasons(&record, "hostile", "out_of_memory").remove(0);
    assert!(reason.ends_with("during open and was stopped (--memory-limit)"), "{reason}");
}

#[test]
fn ctrl_c_keeps_what_was_measured() {
    let repository = Repository::new().library("handwritten", &handwritten()).library("hostile", &hostile());
    // Into a file, to see how far it is.
    let told = repository.path().join("told");
    let line = format!("exec cargo run -- operations --quick --filter conv1 2>'{}'", told.display());
    let running = shell(&line).current_dir(repository.path()).hostile("hang@open").start();
    let has_measured = || fs::read_to_string(&told).is_ok_and(|text| text.contains("handwritten, conv1: "));
    assert!(wait_until(Duration::from_secs(60), has_measured), "nothing is measured");
    running.signal(Signal::INT);
    let finished = running.finish().expect(130);
    finished.marker.assert_gone();
    assert_holds(&fs::read_to_string(&told).unwrap(), "interrupted: what was measured is kept");
    assert_eq!(results(&recorded(&repository.runs())), [["handwritten", "none", "conv1", "ok"]]);
}

#[test]
fn a_backend_that_cannot_be_built_is_a_line() {
    let broken = trainmark_tests::manifest("broken", "false", "sh");
    let repository = Repository::new().library("handwritten", &handwritten()).backend("broken", &broken);
    let Finished { stdout, stderr, .. } = operations(&repository, &["--filter", "conv1"]).run().expect(0);
    assert_eq!(stderr.matches("broken: unavailable: ").count(), 1, "{stderr}");
    assert!(!stdout.contains("broken"), "{stdout}");
    assert_eq!(results(&recorded(&repository.runs())), [["handwritten", "none", "conv1", "ok"]]);
    let Finished { stdout, stderr, .. } =
        operations(&repository, &["broken", "--filter", "conv1"]).run().expect(1);
    assert_eq!(stderr.matches("broken: unavailable: ").count(), 1, "{stderr}");
    assert_eq!(stdout, "", "there is no table of nothing");
}

#[test]
fn names_are_listed_without_building_anything() {
    let repository = Repository::new().library("hostile", &hostile());
    let Finished { stdout, .. } =
        operations(&repository, &["--list", "--filter", "norm1,pool2"]).run().expect(0);
    let names: Vec<_> = stdout.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["batch_norm1", "pool2"]);
    assert!(!is_built(&repository, "hostile"));
}

/// What could not be kept is not measured, and what another program wrote is not overwritten.
#[test]
fn a_file_that_is_not_ours_is_left_as_it_is() {
    let repository = Repository::new().library("hostile", &hostile());
    let path = repository.path().join("kept/operations.json");
    let refused =
        || operations(&repository, &["hostile", "--filter", "conv1", "--out", "kept"]).run().refusal();
    fs::create_dir_all(&path).unwrap();
    assert_holds(&refused(), "kept/operations.json: it is a folder, not a file");
    fs::remove_dir(&path).unwrap();
    for (text, why) in [
        ("{\"schema\": 1, \"cells\": [", "it is damaged: EOF"),
        ("{}", "it names no schema"),
        ("{\"schema\": 9}", "it has schema 9"),
        ("", "it is damaged: EOF"),
    ] {
        fs::write(&path, text).unwrap();
        let message = refused();
        assert_holds(&message, why);
        assert_holds(&message, "; move it away and measure again with `trainmark operations`\n");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert!(!is_built(&repository, "hostile"));
}

#[test]
fn what_there_is_not_is_refused() {
    let repository = Repository::new().library("hostile", &hostile());
    let refused = |arguments: &[&str]| operations(&repository, arguments).run().refusal();
    let message = refused(&["--filter", "conv7"]);
    assert_holds(&message, "error: no operation has `conv7` in its name; there are: train_step, predict, ");
    assert_holds(&refused(&["hostil"]), "did you mean hostile");
    assert_holds(&refused(&["hostil", "--list"]), "did you mean hostile");
    for filter in ["", ",,", "sigmoid1,"] {
        assert_holds(&refused(&["--filter", filter]), "'--filter <TEXT>'");
    }
    assert_holds(&refused(&["--device", "cpu,"]), "'--device <DEVICE>'");
    let without = "error: nothing to run: hostile/builtin leaves out conv1, computed without batch norm: name hostile, \
                   or hostile/none\n";
    assert_eq!(refused(&["hostile/builtin", "--filter", "conv1"]), without);
    assert_holds(&refused(&["--threads", "0"]), "--threads");
    assert!(!is_built(&repository, "hostile"));
    assert_holds(&refused(&["--device", "cuda:9", "hostile"]), "cuda:9");
    assert!(!repository.runs().join("operations.json").exists());
}
