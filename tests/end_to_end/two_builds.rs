//! Two builds of one backend in the same rounds.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use trainmark_tests::{Repository, RunFolder, c_library, hostile, invoke, minimal_c};

const SOFTMAX: [&str; 6] = ["--workload", "softmax", "--dataset", "synthetic", "--samples", "2000"];

#[test]
fn a_library_may_be_held_against_itself_but_not_checked() {
    let Some(library) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let copy = out.path().join("libcopy.so");
    fs::copy(library, &copy).unwrap();
    let bench = |repository: Option<&Repository>, words: &[&OsStr]| {
        let bench = repository.map_or_else(|| invoke(["bench"]), |repository| repository.invoke(["bench"]));
        let bench = bench.args(words).args(SOFTMAX).args(["--epochs", "1", "--seeds", "2", "--no-audit"]);
        bench.args(["--out".as_ref(), out.path()]).run()
    };
    let [base, head, check] = ["--base", "--head", "--fail-on=slower:500%"].map(OsStr::new);
    let library = library.as_os_str();
    for other in [library, copy.as_os_str()] {
        let refused = bench(None, &[base, library, head, other, check]).expect(2);
        assert!(refused.stderr.contains("error: base and head are the same library, "), "{refused:?}");
        assert_eq!(refused.stderr.lines().count(), 1, "nothing is done before: {refused:?}");
    }
    // One that is built may be the one that is named, too.
    let repository = Repository::new().library("minimal-c", library.as_ref());
    let refused = bench(Some(&repository), &[base, library, check]).expect(2);
    assert!(refused.stderr.contains("error: base and head are the same library, "), "{refused:?}");
    assert!(!out.path().join("latest").exists(), "no run is begun");

    let finished = bench(None, &[base, library, head, library]).expect(0);
    let run = RunFolder::only(out.path());
    let backends: BTreeSet<String> = run.rows("runs.csv").iter().map(|row| row["backend"].clone()).collect();
    assert_eq!(backends.into_iter().collect::<Vec<_>>(), ["minimal-c@base", "minimal-c@head"]);
    assert!(finished.stdout.contains("of minimal-c"), "{finished:?}");
}

#[test]
fn rounds_end_once_a_slow_head_is_shown_and_the_check_fails() {
    let Some(base) = minimal_c() else { return };
    let Some(slow) = c_library("variant.c", &["-DTM_TEST_SLOW"], "libslow.so") else { return };
    let out = tempfile::tempdir().unwrap();
    let finished = invoke(["bench", "--base"])
        .args([base])
        .args(["--head"])
        .args([&slow])
        .args(SOFTMAX)
        .args(["--epochs", "1", "--no-audit", "--fail-on", "slower:5%"])
        .args(["--out".as_ref(), out.path()])
        .run()
        .expect(1);
    assert!(finished.stderr.contains("decided after "), "{finished:?}");
    assert!(finished.stdout.contains("The head of minimal-c is slower than its base: "), "{finished:?}");
    assert!(!finished.stdout.contains("planned runs ended"), "{finished:?}");
    assert!(
        finished.stderr.contains(
            "failed: softmax (2000 samples) minimal-c@head/none@cpu is slower than its base by more than 5%"
        ),
        "{finished:?}"
    );
    let run = RunFolder::only(out.path());
    let rounds = run.count("round");
    assert!((3..30).contains(&rounds), "{rounds} rounds");
    let json = invoke(["report", "--format", "json"]).args([&run.path]).run().expect(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["builds"][0]["comparison"]["verdict"], "higher", "{:#}", json["builds"]);
    // Nothing is left to do: it is decided.
    invoke(["bench", "--resume"]).args([&run.path]).run().expect(0);
    assert_eq!(run.count("round"), rounds);
}

fn git(repository: &Repository, arguments: &[&str]) {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
    let done =
        Command::new("git").arg("-C").arg(repository.path()).args(identity).args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_revision_is_built_beside_the_sources_as_they_are() {
    let Some(good) = minimal_c() else { return };
    let Some(wrong) = c_library("variant.c", &["-DTM_TEST_QUARTER"], "libquarter.so") else { return };
    let repository = Repository::new().library("minimal-c", good);
    git(&repository, &["init", "-q"]);
    git(&repository, &["add", "backends"]);
    git(&repository, &["commit", "-q", "-m", "one"]);
    git(&repository, &["tag", "v1"]);
    let changed = Repository::new().library("minimal-c", &wrong);
    let source = "backends/minimal-c/backend.toml";
    fs::copy(changed.path().join(source), repository.path().join(source)).unwrap();

    let bench = |arguments: &[&str]| {
        repository
            .invoke(["bench"])
            .args(arguments)
            .args(SOFTMAX)
            .args(["--epochs", "1", "--seeds", "2"])
            .run()
    };
    bench(&["minimal-c", "--base", "v1"]).expect(1);
    let run = RunFolder::only(&repository.runs());
    let of_base = run.rows("runs.csv").into_iter().filter(|row| row["backend"] == "minimal-c@base");
    assert_eq!(of_base.map(|row| row["outcome"].clone()).collect::<Vec<_>>(), ["ok", "ok"]);
    let head = run.run("minimal-c@head");
    assert_eq!(head["outcome"], "not conformant", "the sources as they are compute wrongly");
    assert!(head["reason"].contains("gradients"), "{}", head["reason"]);

    let same = bench(&["minimal-c", "--base", "v1", "--head", "HEAD", "--fail-on", "slower:5%"]).expect(0);
    let told = "passed: the head of minimal-c is its base, byte for byte: there is nothing to compare\n";
    assert!(same.stderr.ends_with(told), "{same:?}");
    RunFolder::only(&repository.runs());

    let unknown = bench(&["minimal-c", "--base", "v2"]).expect(2);
    assert!(unknown.stderr.contains("v2 is neither a library nor a revision of "), "{unknown:?}");
    let elsewhere = tempfile::tempdir().unwrap();
    let outside =
        invoke(["bench", "minimal-c", "--base", "v1"]).current_dir(elsewhere.path()).run().expect(2);
    assert!(outside.stderr.contains("here is no repository with revisions"), "{outside:?}");
    let nameless = bench(&["--base", "v1"]).expect(2);
    assert!(
        nameless.stderr.contains("name the backend that --base and --head are builds of"),
        "{nameless:?}"
    );
}

#[test]
fn two_libraries_of_two_backends_are_refused() {
    let Some(one) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let finished = invoke(["bench", "--base"])
        .args([one])
        .args(["--head"])
        .args([hostile()])
        .args(SOFTMAX)
        .args(["--out".as_ref(), out.path()])
        .run()
        .expect(2);
    assert!(finished.stderr.contains("name two of one backend"), "{finished:?}");
    let text = out.path().join("text.so");
    fs::write(&text, "no library").unwrap();
    let unread = invoke(["bench", "--base"]).args([&text]).args(["--head"]).args([one]).args(SOFTMAX);
    let unread = unread.args(["--quick", "--no-audit", "--out"]).args([out.path()]).run().expect(1);
    assert!(unread.stderr.contains("failed: no head was compared with its base"), "{unread:?}");
    let missing = invoke(["bench", "--base", "./none.so", "--head", "./none.so"]).run().expect(2);
    assert!(missing.stderr.contains("no library ./none.so"), "{missing:?}");
}
