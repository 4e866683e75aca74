//! `check --operations`: random layers and small models.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use trainmark_tests::{Finished, Invocation, hostile, invoke, minimal_c, wait_until};

use crate::browser::assert_holds;

/// So many that some are [flatten, linear], which is all that these libraries can do.
const MANY: &str = "400";

/// The check of a library with one thread.
fn check(library: &Path, arguments: &[&str]) -> Invocation {
    let library = library.to_str().unwrap();
    invoke(["check", library, "--operations", "--threads", "1"]).args(arguments)
}

/// What it says of the cell of models without batch norm.
fn found(finished: &Finished) -> Value {
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    report["cells"].as_array().unwrap().iter().find(|cell| cell["implementation"] == "none").unwrap().clone()
}

fn declined(cell: &Value) -> u64 {
    cell["declined"].as_array().unwrap().iter().map(|one| one["count"].as_u64().unwrap()).sum()
}

#[test]
fn what_a_backend_declines_is_counted_and_the_rest_agrees() {
    let Some(library) = minimal_c() else { return };
    let finished = check(library, &["--cases", MANY, "--json"]).run().expect(0);
    let cell = found(&finished);
    let declined = declined(&cell);
    assert!(declined > 0 && cell["agreed"].as_u64().unwrap() > 0, "{cell}");
    assert_eq!(cell["agreed"].as_u64().unwrap() + declined, cell["cases"].as_u64().unwrap());
    assert!(cell["largest_share"].as_f64().unwrap() <= 1.0, "{cell}");
    let text = check(library, &["--cases", MANY]).run().expect(0).stdout;
    assert_holds(&text, "minimal-c/none@cpu: ");
    assert_holds(&text, "\n  declined ");
}

#[test]
fn what_is_wrong_is_made_small_and_found_again_by_its_number() {
    let Finished { stdout, .. } =
        check(&hostile(), &["--cases", MANY]).hostile("wrong-gradient").run().expect(1);
    let failed =
        stdout.lines().find(|line| line.starts_with("  FAILED ")).unwrap_or_else(|| panic!("{stdout}"));
    assert_holds(failed, ": gradient of linear: 1.weight[");
    assert_holds(&stdout, "\n      summary = \"1 sample of random bytes\"\n");
    let (_, number) = stdout.split_once("--case ").unwrap();
    let number = number.split_whitespace().next().unwrap();
    let arguments = ["--case", number, "--json"];
    let cell = found(&check(&hostile(), &arguments).hostile("wrong-gradient").run().expect(1));
    assert_eq!((&cell["cases"], &cell["failed"][0]["number"].to_string()), (&1.into(), &number.to_owned()));
    check(&hostile(), &arguments).run().expect(0);
    // Another seed draws other cases.
    let of_seed =
        |seed| found(&check(&hostile(), &["--cases", MANY, "--seed", seed, "--json"]).run().expect(0));
    assert_ne!(of_seed("1")["declined"], of_seed("2")["declined"]);
}

/// What is printed of a failure is a file that repeats it.
#[test]
fn what_is_wrong_is_repeated_by_the_file_that_is_printed() {
    let stdout = check(&hostile(), &["--cases", MANY]).hostile("wrong-gradient").run().expect(1).stdout;
    let (_, failed) = stdout.split_once("  FAILED ").unwrap();
    let (what, rest) = failed.split_once('\n').unwrap();
    let (file, _) = rest.split_once("    again: ").unwrap();
    assert!(file.lines().count() < 16, "{file}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("that.toml");
    std::fs::write(&path, file).unwrap();
    let library = hostile();
    let again = |behaviour: Option<&str>| {
        let arguments =
            ["check", library.to_str().unwrap(), "--threads", "1", "--workload", path.to_str().unwrap()];
        let run = invoke(arguments);
        match behaviour {
            Some(behaviour) => run.hostile(behaviour).run(),
            None => run.run(),
        }
    };
    let finished = again(Some("wrong-gradient")).expect(1);
    // The same value is off by the same; before it stands how many cases are.
    let (_, detail) = what.split_once(": ").unwrap();
    assert_holds(&finished.stdout, &format!("FAILED 1: {detail}\n"));
    assert_holds(&again(None).expect(0).stdout, ": 1 of 1 cases agree");
    let refused =
        invoke(["bench", library.to_str().unwrap(), "--workload", path.to_str().unwrap()]).run().refusal();
    assert_holds(&refused, "is a case of `check --operations`");
    let large = file.replace("batch_size = 1\n", "batch_size = 100000\n");
    std::fs::write(&path, large).unwrap();
    let refused =
        invoke(["check", library.to_str().unwrap(), "--workload", path.to_str().unwrap()]).run().refusal();
    assert_holds(&refused, "too large for a case");
}

/// A crash, a hang and an error of one case are failures of that case.
#[test]
fn what_ends_a_worker_is_a_failure_of_its_case_and_the_rest_goes_on() {
    let tried = |behaviour: &str, more: &[&str]| {
        let arguments: Vec<&str> = ["--cases", MANY, "--json"].iter().chain(more).copied().collect();
        let finished = check(&hostile(), &arguments).hostile(behaviour).run().expect(1);
        finished.marker.assert_gone();
        found(&finished)
    };
    let sum = |cell: &Value| {
        let failed: usize = cell["failed"]
            .as_array()
            .unwrap()
            .iter()
            .map(|like| like["numbers"].as_array().unwrap().len())
            .sum();
        cell["agreed"].as_u64().unwrap() + declined(cell) + failed as u64
    };
    let crashed = tried("segfault@predict:2", &[]);
    assert_eq!(sum(&crashed), crashed["cases"].as_u64().unwrap(), "{crashed}");
    let first = &crashed["failed"][0];
    assert_eq!(
        (&first["what"], &first["detail"]),
        (&"crash".into(), &"the worker was killed by SIGSEGV during predict".into())
    );
    let hung = tried("hang@train_step:3", &["--timeout", "1s"]);
    assert_eq!(sum(&hung), hung["cases"].as_u64().unwrap(), "{hung}");
    assert_eq!(hung["failed"][0]["what"], "time limit");
    let failing = tried("error@train_step", &[]);
    assert_holds(failing["failed"][0]["detail"].as_str().unwrap(), "the hostile plugin fails as asked");
}

#[test]
fn arguments_that_mean_nothing_are_refused() {
    let library = hostile();
    let refused = |arguments: &[&str]| check(&library, arguments).run().refusal();
    for arguments in [
        ["--cases", "0"],
        ["--cases", "x"],
        ["--case", "x"],
        ["--workload", "softmax"],
        ["--dataset", "synthetic"],
    ] {
        assert_holds(&refused(&arguments), arguments[0]);
    }
    assert_holds(&refused(&["--case", "1", "--cases", "2"]), "cannot be used with");
    for drawn in [["--cases", "2"], ["--seed", "2"], ["--case", "2"]] {
        for named in [&["--workload", "softmax"][..], &[]] {
            let without =
                invoke(["check", library.to_str().unwrap()]).args(drawn).args(named.iter().copied());
            let refused = without.run().refusal();
            assert!(refused.contains(drawn[0]) && refused.contains("--operations"), "{refused}");
        }
    }
}

const CASE: &str = r#"name = "case"
input = "1×2×2"
layers = ["flatten", "linear 2"]
batch_size = 1

[case]
seed = 7
samples = "random"
values = "ordinary"
"#;

/// Whoever changes a case sees it pass, and believes that the fault is mended.
#[test]
fn a_case_is_tried_as_its_file_has_it() {
    let library = hostile();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("that.toml");
    std::fs::write(&path, CASE).unwrap();
    let path = path.to_str().unwrap();
    let check = |arguments: &[&str]| {
        invoke(["check", library.to_str().unwrap(), "--workload"]).args(arguments.iter().copied())
    };
    for (option, value) in
        [("--learning-rate", "0.1"), ("--batch-size", "2,4"), ("--samples", "9"), ("--optimiser", "adam")]
    {
        let refused = check(&[path, option, value]).run().refusal();
        assert_holds(&refused, &format!("error: {option} would make another case of {path}, "));
    }
    assert_holds(
        &check(&[path, "--dataset", "synthetic"]).run().refusal(),
        "--dataset has no part in case: ",
    );
    // Nothing but JSON on the standard output, or none of it.
    let with = format!("softmax,{path}");
    for named in ["softmax", &with] {
        assert_holds(&check(&[named, "--json"]).run().refusal(), "and softmax is a workload: ");
    }
    assert_holds(
        &invoke(["check", library.to_str().unwrap(), "--json"]).run().refusal(),
        "lenet-bn is a workload",
    );
    let found = check(&[path, "--json"]).run().expect(0).stdout;
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["cells"][0]["agreed"], 1);
}

#[test]
fn ctrl_c_ends_it() {
    let running = check(&hostile(), &[]).hostile("hang@train_step").start();
    // This one, a worker and its guard.
    let is_at_work = || running.marker.processes().len() > 2;
    assert!(wait_until(Duration::from_secs(60), is_at_work), "no worker is started");
    std::thread::sleep(Duration::from_secs(1));
    running.signal(Signal::INT);
    running.finish().expect(130).marker.assert_gone();
}
