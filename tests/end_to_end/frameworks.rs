//! The backends on frameworks, as they are built from this repository: each
//! computes what the reference computes.
//!
//! Building them takes minutes and downloads, so these tests build nothing: they
//! take what `check` or `bench` has built, and say so where there is nothing.

use std::ffi::OsString;

use trainmark_tests::{invoke, invoke_program, skip};

/// What `list` says of a backend, without its first line; `None`, said aloud, where
/// its library is not there.
fn built(name: &str) -> Option<String> {
    let listed = invoke(["list"]).run().expect(0).stdout;
    let mut lines = listed.lines().skip_while(|line| line.split("  ").next() != Some(name));
    lines.next().unwrap_or_else(|| panic!("no backend {name}:\n{listed}"));
    let lines: Vec<&str> = lines.take_while(|line| line.starts_with("  ")).collect();
    if lines.iter().any(|line| line.starts_with("  framework ")) {
        return Some(lines.join("\n"));
    }
    let state = lines.join("; ");
    skip(name, &format!("{}; `cargo run -- check {name} --workload softmax` builds it", state.trim()));
    None
}

/// The real data set where there is one: its flat backgrounds tie in max pooling.
fn data() -> Vec<OsString> {
    match std::env::var_os("TRAINMARK_DATA") {
        Some(folder) => vec!["--dataset".into(), "fashion-mnist".into(), "--data-dir".into(), folder],
        None => {
            skip("fashion-mnist", "TRAINMARK_DATA is not set; checking on the procedural data set instead");
            vec!["--dataset".into(), "synthetic".into()]
        }
    }
}

/// Checks both implementations on `lenet-bn`, and `lenet` and `softmax`.
fn computes_the_same(name: &str) {
    if built(name).is_none() {
        return;
    }
    let arguments = ["check", name, "--workload", "lenet-bn,lenet,softmax"];
    let checked = invoke(arguments).args(data()).run().expect(0);
    let cells: Vec<&str> = checked.stdout.lines().filter(|line| !line.starts_with(' ')).collect();
    let expected = [
        format!("lenet-bn {name}/primitive@cpu"),
        format!("lenet-bn {name}/builtin@cpu"),
        format!("lenet {name}/none@cpu"),
        format!("softmax {name}/none@cpu"),
    ];
    assert_eq!(cells, expected);
    assert_eq!(checked.stdout.matches("\n  passed all ").count(), 4, "{}", checked.stdout);
}

/// Frameworks are in workspaces of their own: whoever only runs the tests does not build them.
#[test]
fn the_workspace_and_its_tests_need_no_framework() {
    let tree = ["tree", "--workspace", "--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}"];
    let listed = invoke_program("cargo", tree).args(["--locked", "--offline"]).run().expect(0).stdout;
    let packages: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
    for package in ["trainmark-handwritten", "trainmark-tests", "trainmark-fuzz"] {
        assert!(packages.contains(&package), "{package} is in the workspace: {listed}");
    }
    for framework in ["burn", "candle-core", "candle-nn", "dfdx", "cudarc", "tch", "torch-sys"] {
        assert!(!packages.contains(&framework), "{framework} is built with the workspace: {listed}");
    }
}

#[test]
fn burn_computes_the_same_function() {
    computes_the_same("burn");
}

#[test]
fn candle_computes_the_same_function() {
    computes_the_same("candle");
}

#[test]
fn dfdx_computes_the_same_function() {
    computes_the_same("dfdx");
}

#[test]
fn tch_computes_the_same_function() {
    computes_the_same("tch");
}

/// One thread is no other function.
#[test]
fn one_thread_is_enough() {
    for name in ["burn", "candle", "dfdx", "tch"] {
        if built(name).is_some() {
            let arguments = ["check", name, "--workload", "softmax", "--threads", "1"];
            invoke(arguments).args(["--dataset", "synthetic"]).run().expect(0);
        }
    }
}

/// Readers of the numbers are told which framework's defects are worked around.
#[test]
fn defects_that_are_worked_around_are_named() {
    for (name, version) in [("candle", "candle-core 0.11"), ("dfdx", "dfdx 0.13")] {
        if let Some(listed) = built(name) {
            let notes: Vec<_> = listed.lines().filter(|line| line.starts_with("  note ")).collect();
            assert!(notes.iter().any(|note| note.contains(version) && note.contains("max")), "{listed}");
        }
    }
}
