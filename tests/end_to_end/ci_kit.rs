//! What a job of continuous integration runs: two builds, and one comment.

use std::fs;
use std::path::Path;

use serde_json::Value;
use trainmark_tests::{Invocation, c_library, invoke_program, minimal_c, repository_root, trainmark};

/// The script, with what it writes in a folder.
fn compare(folder: &Path) -> Invocation {
    invoke_program(repository_root().join("ci/compare.sh"), [folder]).env("TRAINMARK_PROGRAM", trainmark())
}

#[test]
fn a_slower_head_fails_the_job_and_the_comment_says_so() {
    let Some(base) = minimal_c() else { return };
    let Some(slow) = c_library("variant.c", &["-DTM_TEST_SLOW"], "libslow.so") else { return };
    let folder = tempfile::tempdir().unwrap();
    let words =
        "--workload softmax --dataset synthetic --samples 2000 --optimiser 'sgd' --epochs 1 --no-audit";
    let finished = compare(folder.path())
        .env("TRAINMARK_ARGUMENTS", words)
        .env("GITLAB_TOKEN", "secret")
        .args(["--base".as_ref(), base.as_os_str(), "--head".as_ref(), slow.as_os_str()])
        .args(["--fail-on", "slower:5%", "--budget", "2m"])
        .run()
        .expect(1);
    let comment = fs::read_to_string(folder.path().join("comment.md")).unwrap();
    assert!(comment.starts_with("## trainmark: "), "{comment}");
    assert!(comment.contains("**The head of minimal-c is slower than its base: "), "{comment}");
    let failed = "\n    failed: softmax (2000 samples) minimal-c@head/none@cpu is slower than its base by more than 5%";
    assert!(comment.contains(failed), "{comment}");
    assert!(finished.stderr.contains("decided after "), "told while it runs: {finished:?}");
    assert!(!finished.stdout.contains("TRAINMARK_") && !comment.contains("TRAINMARK_"), "{comment}");

    let read = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(folder.path().join(name)).unwrap()).unwrap()
    };
    let bencher = read("bencher.json");
    let cells: Vec<&String> = bencher.as_object().unwrap().keys().collect();
    assert_eq!(
        cells,
        ["softmax (2000 samples) minimal-c@base/none@cpu", "softmax (2000 samples) minimal-c@head/none@cpu"]
    );
    assert!(!read("gh-benchmark.json").as_array().unwrap().is_empty());
}

#[test]
fn arguments_that_cannot_be_used_are_told_and_nothing_old_stands_for_them() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["comment.md", "bencher.json", "gh-benchmark.json"] {
        fs::write(folder.path().join(name), "of an earlier job").unwrap();
    }
    compare(folder.path()).args(["softmax", "--base", "no-such-revision"]).run().expect(2);
    let comment = fs::read_to_string(folder.path().join("comment.md")).unwrap();
    assert!(comment.starts_with("## trainmark\n\nNothing was timed.\n\n    error: "), "{comment}");
    assert!(comment.contains("no-such-revision"), "{comment}");
    assert!(!folder.path().join("bencher.json").exists());
    assert!(!folder.path().join("gh-benchmark.json").exists());

    let halved = compare(folder.path()).env("TRAINMARK_ARGUMENTS", "'candle").run().expect(2);
    assert!(halved.stderr.contains("TRAINMARK_ARGUMENTS has a quote without its other half"), "{halved:?}");
    assert!(!folder.path().join("comment.md").exists(), "the comment before it is gone");
    let helped = invoke_program(repository_root().join("ci/compare.sh"), ["--help"]).run().expect(0);
    assert!(helped.stdout.contains("ci/compare.sh FOLDER BENCH-ARGUMENTS"), "{helped:?}");
}

/// `ci/tests` holds it against forges that are pretended on this machine.
#[test]
fn the_comment_is_left_once_and_updated() {
    let tests = repository_root().join("ci/tests");
    let finished =
        invoke_program("python3", ["-m", "unittest", "discover", "-s"]).args([tests]).run().expect(0);
    assert!(finished.stderr.contains("OK") && finished.stderr.contains("Ran 9 tests"), "{finished:?}");
}
