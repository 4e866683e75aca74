//! The audit: what is timed is what was checked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use trainmark_tests::{Repository, RunFolder, asked_for, bench, handwritten, hostile, invoke, wait_until};

/// A cheat that the gate cannot see, and what the audit says of it.
struct Case {
    /// For the hostile plugin.
    behaviour: &'static str,
    /// Part of column `reason`.
    reason: &'static str,
}

fn run(case: &Case) {
    let out = tempfile::tempdir().unwrap();
    let finished = bench(out.path(), [hostile()]).hostile(case.behaviour).run().expect(1);
    let folder = RunFolder::only(out.path());
    let row = folder.run("hostile");
    assert_eq!((&*row["outcome"], &*row["epochs"]), ("not conformant", "1"), "{row:?}");
    assert!(row["reason"].contains(case.reason), "{:?} lacks {:?}", row["reason"], case.reason);
    assert!(row["conformance"].starts_with("failed: audit"), "the gate has seen nothing: {row:?}");
    assert!(finished.stdout.contains(case.reason), "{}", finished.stdout);
    let audited = folder.events().into_iter().find(|event| event["event"] == "audited");
    assert_eq!(audited.expect("there was an audit")["outcome"], "not_conformant");
}

macro_rules! cheats {
    ($($name:ident: $behaviour:literal => $reason:literal;)*) => {
        $(
            #[test]
            fn $name() {
                run(&Case { behaviour: $behaviour, reason: $reason });
            }
        )*
    };
}

cheats! {
    one_batch_is_left_out: "left-out-batch" => "audit: parameters";
    every_twentieth_batch_is_left_out: "left-out-batches" => "audit: parameters";
    batches_are_short: "short-batches" => "audit: parameters";
    a_batch_is_repeated: "repeated-batch" => "audit: parameters";
    test_samples_are_trained_on: "test-samples" => "audit: parameters";
    right_answers_are_inflated: "inflated-count" => "audit: correct";
    the_loss_is_of_another_epoch: "another-loss" => "audit: loss";
    many_samples_are_not_shuffled: "unshuffled" => "audit: parameters";
    gradients_are_cached: "cached-gradients" => "audit: parameters";
}

#[test]
fn an_honest_run_passes_and_its_record_says_so() {
    let out = tempfile::tempdir().unwrap();
    let finished = bench(out.path(), [hostile()]).args(["--epochs", "2", "--seeds", "2"]).run().expect(0);
    assert!(finished.stderr.contains(", 1 audit, about "), "{}", finished.stderr);
    assert!(finished.stderr.contains(" · audit of epoch "), "{}", finished.stderr);
    let folder = RunFolder::only(out.path());
    assert_eq!(folder.count("audited"), 1);
    assert!(folder.rows("runs.csv").iter().all(|row| row["conformance"] == "passed"));
    let report = folder.read("report.html");
    assert!(report.contains("audit: parameters") && !report.contains("was audited"), "the check is shown");
    assert!(!folder.path.join("audit").exists(), "nothing waits for an audit");
    folder.read("logs/softmax-hostile-none-cpu-audit.log");
}

#[test]
fn without_audits_the_report_warns() {
    let out = tempfile::tempdir().unwrap();
    let cheat = "left-out-batches";
    bench(out.path(), [hostile()]).args(["--no-audit"]).hostile(cheat).run().expect(0);
    let folder = RunFolder::only(out.path());
    assert_eq!((folder.run("hostile")["outcome"].as_str(), folder.count("audited")), ("ok", 0));
    assert!(folder.read("report.html").contains("no run was audited (--no-audit)"));
}

#[test]
fn a_plugin_that_breaks_down_in_its_audit_is_not_ranked() {
    let out = tempfile::tempdir().unwrap();
    // The gate and its estimate take no more than eighty steps.
    let finished = bench(out.path(), [hostile()]).hostile("abort@train_step:100").run().expect(1);
    let row = RunFolder::only(out.path()).run("hostile");
    assert_eq!((&*row["outcome"], &*row["epochs"]), ("failed", "1"));
    assert_eq!(row["reason"], "audit: the worker was killed by SIGABRT during train_step");
    assert!(finished.stdout.contains("audit: the worker was killed"), "{}", finished.stdout);
}

#[test]
fn an_interrupted_audit_is_made_on_resume() {
    let out = tempfile::tempdir().unwrap();
    // Each step of the audit takes 2 s.
    let running = bench(out.path(), [hostile()]).hostile("slow@train_step:100").start();
    let log = |run: RunFolder| run.path.join("logs/softmax-hostile-none-cpu-audit.log").exists();
    let is_under_way = || RunFolder::find(out.path()).is_some_and(log);
    assert!(wait_until(Duration::from_secs(60), is_under_way), "no audit begins");
    running.signal(Signal::INT);
    let finished = running.finish().expect(130);
    finished.marker.assert_gone();
    let run = RunFolder::only(out.path());
    assert_eq!((run.count("ended"), run.count("audited")), (1, 0));
    assert!(run.read("report.html").contains("no run was audited of softmax hostile"));
    invoke(["bench", "--resume"]).args([&run.path]).run().expect(0);
    assert_eq!((run.count("ended"), run.count("audited")), (1, 1));
    assert!(!run.read("report.html").contains("no run was audited"));
}

/// Audits of a plugin that does not cheat; `TRAINMARK_AUDITS` asks for more.
const AUDITS: usize = 4;
/// Benchmarks that share them, side by side.
const BENCHMARKS: usize = 4;

#[test]
fn an_honest_plugin_is_never_accused() {
    let audits = asked_for("TRAINMARK_AUDITS", AUDITS);
    let repository = Repository::new().library("handwritten", &handwritten());
    let (begun, accused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..BENCHMARKS {
            scope.spawn(|| {
                while begun.fetch_add(1, Ordering::Relaxed) < audits {
                    accused.fetch_add(usize::from(is_accused(&repository)), Ordering::Relaxed);
                }
            });
        }
    });
    let accused = accused.into_inner();
    println!("{accused} of {audits} honest audits accused");
    assert_eq!(accused, 0);
}

/// Whether a benchmark's audit says of the handwritten backend that it cheats. Which steps are held
/// against the reference differs.
fn is_accused(repository: &Repository) -> bool {
    let out = tempfile::tempdir().unwrap();
    let arguments = ["--workload", "softmax", "--dataset", "synthetic", "--quick"];
    let bench = repository.invoke(["bench", "handwritten", "--out"]).args([out.path()]).args(arguments);
    let finished = bench.run();
    let is_accused = finished.code == Some(1);
    assert!(is_accused || finished.code == Some(0), "{finished:?}");
    let events = RunFolder::only(out.path()).events();
    let audited = events.iter().find(|event| event["event"] == "audited");
    let audited = audited.unwrap_or_else(|| panic!("there was no audit: {finished:?}"));
    assert_eq!(audited["outcome"] != "ok", is_accused, "{finished:?}");
    if is_accused {
        println!("{audited}");
    }
    is_accused
}
