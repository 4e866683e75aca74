//! One backend with several versions of its framework.

use std::fs;
use std::path::Path;

use serde_json::Value;
use trainmark_tests::{Finished, Repository, RunFolder, c_library, manifest, minimal_c, repository_root};

const SOFTMAX: [&str; 4] = ["--workload", "softmax", "--dataset", "synthetic"];

/// One plugin whose script differs by version.
const TOML: &str = r#"name = "minimal-c"
summary = "made by a test"
[[version]]
name = "0.9.2"
[[version]]
name = "0.10.1"
[[version]]
name = "0.11.0"
folder = "."
[[version]]
name = "0.12.0-dev"
[[artifact]]
devices = ["cpu"]
build = ["sh", "build.sh"]
library = "{target}/made.so"
inputs = ["build.sh"]
"#;

fn copy(library: &Path) -> String {
    format!("cp '{}' \"$CARGO_TARGET_DIR\"/made.so", library.display())
}

/// The default, an older one that works, one that computes wrongly and one that does not build.
fn repository() -> Option<Repository> {
    let wrong = c_library("variant.c", &["-DTM_TEST_QUARTER"], "libquarter.so")?;
    let good = copy(minimal_c()?);
    let repository = Repository::new().backend("minimal-c", TOML);
    let folder = repository.path().join("backends/minimal-c");
    for (place, script) in [
        ("versions/0.9.2", copy(&wrong)),
        ("versions/0.10.1", good.clone()),
        (".", good),
        ("versions/0.12.0-dev", "echo 'error: no such function' >&2; exit 1".to_owned()),
    ] {
        fs::create_dir_all(folder.join(place)).unwrap();
        fs::write(folder.join(place).join("build.sh"), script).unwrap();
    }
    Some(repository)
}

fn run(repository: &Repository, arguments: &[&str]) -> Finished {
    repository.invoke(arguments.iter().copied()).run()
}

/// Backend and outcome of each row of `runs.csv`, each pair once.
fn outcomes(run: &RunFolder) -> Vec<[String; 2]> {
    let mut outcomes: Vec<_> = run
        .rows("runs.csv")
        .iter()
        .map(|row| ["backend", "outcome"].map(|column| row[column].clone()))
        .collect();
    outcomes.sort();
    outcomes.dedup();
    outcomes
}

#[test]
fn versions_are_cells_of_the_same_rounds_and_what_is_wrong_with_one_is_its_row() {
    let Some(repository) = repository() else { return };
    let selection = "minimal-c@0.9,0.10,0.11,0.12.0-dev";
    let finished = repository
        .invoke(["bench", selection, "--epochs", "1", "--seeds", "2"])
        .args(SOFTMAX)
        .run()
        .expect(1);
    let run = RunFolder::only(&repository.runs());
    let expected = [
        ["minimal-c@0.10.1", "ok"],
        ["minimal-c@0.11.0", "ok"],
        ["minimal-c@0.12.0-dev", "unavailable"],
        ["minimal-c@0.9.2", "not conformant"],
    ];
    assert_eq!(outcomes(&run), expected);
    let unbuilt = &run.run("minimal-c@0.12.0-dev")["reason"];
    assert!(unbuilt.starts_with("its build failed: error: no such function; see "), "{unbuilt}");
    let rows = run.rows("runs.csv");
    let wrong = rows.iter().find(|row| row["backend"] == "minimal-c@0.9.2").unwrap();
    assert!(wrong["reason"].contains("gradients"), "{}", wrong["reason"]);
    assert!(finished.stdout.contains("minimal-c@0.10.1/none"), "{finished:?}");

    let json = run_json(&repository);
    let compared: Vec<_> =
        json["comparisons"].as_array().unwrap().iter().map(|one| &one["comparison"]).collect();
    assert!(compared.iter().any(|one| one["seeds"] == 2), "paired by seed: {json:#}");

    // What had a result is kept under its name.
    let resumed = repository.invoke(["bench", "--resume"]).args([&run.path]).run();
    assert_eq!(outcomes(&run), expected, "{resumed:?}");
}

#[test]
fn two_versions_are_held_against_each_other_as_two_builds_are() {
    let Some(repository) = repository() else { return };
    let words = ["bench", "minimal-c", "--base", "@0.9", "--head", "@0.10", "--epochs", "1", "--seeds", "2"];
    let finished = repository.invoke(words).args(SOFTMAX).args(["--fail-on", "slower:5%"]).run().expect(1);
    let expected = [["minimal-c@base", "not conformant"], ["minimal-c@head", "ok"]];
    assert_eq!(
        outcomes(&RunFolder::only(&repository.runs())),
        expected,
        "0.9 computes wrongly, 0.10 rightly"
    );
    assert!(
        finished.stderr.contains("@head/none@cpu: the base has no time (1 not conformant)"),
        "{finished:?}"
    );
    for (base, refusal) in [
        ("@", "no version stands behind the @: write one that `list` shows, such as @0.11"),
        ("@0.13", "minimal-c has no version 0.13 (there are: 0.9.2, 0.10.1, 0.11.0, 0.12.0-dev)"),
    ] {
        let refused = repository.invoke(["bench", "minimal-c", "--base", base]).args(SOFTMAX).run().expect(2);
        assert!(refused.stderr.contains(refusal), "{refused:?}");
    }
}

fn run_json(repository: &Repository) -> Value {
    let printed = run(repository, &["report", "--format", "json"]).expect(0).stdout;
    serde_json::from_str(&printed).unwrap()
}

#[test]
fn the_default_is_the_newest_release_and_keeps_the_backends_name() {
    let Some(repository) = repository() else { return };
    repository.invoke(["bench", "minimal-c", "--quick"]).args(SOFTMAX).run().expect(0);
    assert_eq!(outcomes(&RunFolder::only(&repository.runs())), [["minimal-c", "ok"]]);
    let listed = run(&repository, &["list"]).expect(0).stdout;
    for line in [
        "  version          0.12.0-dev not built yet; `bench` and `check` build it\n",
        "  version          0.11.0     the default\n",
        "  version          0.10.1     not built yet; `bench` and `check` build it\n",
    ] {
        assert!(listed.contains(line), "{line}{listed}");
    }
    let checked = repository.invoke(["check", "minimal-c@0.9/none@cpu"]).args(SOFTMAX).run().expect(1);
    assert!(checked.stdout.starts_with("softmax minimal-c@0.9.2/none@cpu\n"), "{checked:?}");
    for (command, selection) in
        [("check", "minimal-c@0.13"), ("bench", "minimal-c@0.13"), ("operations", "minimal-c@0.13")]
    {
        assert_eq!(
            run(&repository, &[command, selection]).refusal(),
            "error: minimal-c has no version 0.13 (there are: 0.9.2, 0.10.1, 0.11.0, 0.12.0-dev)\n"
        );
    }
}

/// Builds the plugin over an engine, a library whose name is the same in every version; `$1` is what
/// this one computes with.
const OVER_AN_ENGINE: &str = r#"cd "$CARGO_TARGET_DIR"
echo "float engine_divisor(void) { return $1; }" >engine.c
cc -shared -fPIC -Wl,-soname,libengine.so engine.c -o libengine.so
cc -std=c11 -O3 -shared -fPIC -DTM_TEST_ENGINE -I 'ROOT/harness/plugin/include' \
    'ROOT/tests/fixtures/minimal/variant.c' -o made.so -lm -L. -lengine -Wl,-rpath,"$PWD"
"#;

/// As two versions of tch have two libtorch: in one process the second would get that of the first.
#[test]
#[cfg(target_os = "linux")]
fn versions_with_engines_of_one_name_get_each_its_own() {
    if minimal_c().is_none() {
        return;
    }
    let toml = TOML
        .replace("made by a test\"", "made by a test\"\nengine = \"engine 11\"")
        .replace("name = \"0.9.2\"", "name = \"0.9.2\"\nengine = \"engine 9\"");
    let repository = Repository::new().backend("minimal-c", &toml);
    let folder = repository.path().join("backends/minimal-c");
    let script = OVER_AN_ENGINE.replace("ROOT", repository_root().to_str().unwrap());
    for (place, divisor) in [("versions/0.9.2", "4"), ("versions/0.10.1", "1"), (".", "1")] {
        fs::create_dir_all(folder.join(place)).unwrap();
        fs::write(folder.join(place).join("build.sh"), format!("set -e\nset {divisor}\n{script}")).unwrap();
    }
    let words = ["bench", "minimal-c@0.11,0.9,0.10", "--quick"];
    let finished = repository.invoke(words).args(SOFTMAX).run().expect(1);
    let run = RunFolder::only(&repository.runs());
    let expected =
        [["minimal-c@0.10.1", "ok"], ["minimal-c@0.11.0", "ok"], ["minimal-c@0.9.2", "not conformant"]];
    assert_eq!(outcomes(&run), expected, "{finished:?}");
    let begun = run.events().swap_remove(0);
    let engines = ["0.9.2", "0.10.1", "0.11.0"].map(|version| {
        begun["frameworks"][format!("minimal-c@{version}")]["engine"].as_str().unwrap().to_owned()
    });
    assert_eq!(engines, ["engine 9", "engine 11", "engine 11"]);
}

#[test]
fn single_operations_have_the_versions_names() {
    let Some(repository) = repository() else { return };
    let words = ["operations", "minimal-c@0.10,0.11", "--quick", "--filter", "linear"];
    let measured = run(&repository, &words);
    let text = fs::read_to_string(repository.runs().join("operations.json")).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    let mut names: Vec<_> =
        record["cells"].as_array().unwrap().iter().map(|cell| cell["backend"].as_str()).collect();
    names.dedup();
    assert_eq!(names, [Some("minimal-c@0.10.1"), Some("minimal-c@0.11.0")], "{measured:?}");
}

/// A backend that cargo builds with a framework, and the framework's working copy, which computes wrongly.
fn with_working_copy() -> Option<Repository> {
    let wrong = c_library("variant.c", &["-DTM_TEST_QUARTER"], "libquarter.so")?;
    let script = format!(
        "cargo build --release --locked --offline --lib && if grep -q 0.12.0 Cargo.lock; then {}; else {}; fi",
        copy(&wrong),
        copy(minimal_c()?)
    );
    let toml = manifest("minimal-c", &script, "cargo").replace(r#""backend.toml""#, r#""Cargo.toml", "src""#);
    let repository = Repository::new().backend("minimal-c", &toml);
    let package = |name: &str, version: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2024\"\n")
    };
    let dependent = package("mine", "0.1.0")
        + "[workspace]\n[lib]\ncrate-type = [\"cdylib\"]\n[dependencies]\nframework = { path = \"../../published\" }\n";
    let lock = "version = 4\n[[package]]\nname = \"framework\"\nversion = \"0.11.1\"\n\
                [[package]]\nname = \"mine\"\nversion = \"0.1.0\"\ndependencies = [\"framework\"]\n";
    for (file, text) in [
        ("published/Cargo.toml", &*package("framework", "0.11.1")),
        ("published/src/lib.rs", ""),
        ("copy/Cargo.toml", &package("framework", "0.12.0")),
        ("copy/src/lib.rs", "//! New."),
        ("backends/minimal-c/Cargo.toml", &dependent),
        ("backends/minimal-c/Cargo.lock", lock),
        ("backends/minimal-c/src/lib.rs", "pub use framework;"),
    ] {
        let path = repository.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Some(repository)
}

/// The commands of docs/writing-a-backend.md, for another framework.
fn commands_of_the_page() -> Vec<String> {
    let page = fs::read_to_string(repository_root().join("docs/writing-a-backend.md")).unwrap();
    let (_, section) = page.split_once("## A working copy beside the last release").unwrap();
    let block = section.split("```").nth(1).unwrap().trim_start_matches("sh\n");
    let line = |line: &str| {
        line.trim_start_matches("cargo run -- ").replace("../candle", "copy").replace("candle", "minimal-c")
    };
    block.lines().map(line).collect()
}

#[test]
fn a_working_copy_is_held_against_the_last_release_in_three_commands() {
    let Some(repository) = with_working_copy() else { return };
    let lines = commands_of_the_page();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for (line, code) in lines.iter().zip([0, 1, 1]) {
        let invocation = repository.invoke(line.split(' '));
        let words: &[&str] = match code {
            0 => &[],
            _ => &SOFTMAX,
        };
        let quick: &[&str] = if line.starts_with("bench") { &["--quick"] } else { &[] };
        let finished = invocation.args(words).args(quick).run().expect(code);
        assert!(finished.stdout.contains("minimal-c@0.12.0-dev"), "{finished:?}");
    }
    assert_eq!(
        outcomes(&RunFolder::only(&repository.runs())),
        [["minimal-c@0.11.1", "ok"], ["minimal-c@0.12.0-dev", "not conformant"]]
    );
    for (words, expected) in [
        (["0.12.0-dev", "copy"], "error: minimal-c has a version 0.12.0-dev already; choose another name\n"),
        (["0.13.0", "copy"], "error: 0.13.0 reads as a release, which `bench` would take unasked: "),
        (["0.13.0-dev", "absent"], "error: no folder absent: "),
        (["0.13.0-dev", "backends"], "error: "),
    ] {
        let [name, path] = words;
        let told = run(&repository, &["new-version", "minimal-c", name, "--path", path]).refusal();
        assert!(told.starts_with(expected) && !told.contains("panicked"), "{told}");
    }
    assert!(!repository.path().join("backends/minimal-c/versions/0.13.0-dev").exists());
}
