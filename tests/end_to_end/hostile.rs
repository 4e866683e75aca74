//! A plugin that misbehaves: it becomes a row that says what it did, and
//! nothing else suffers.

use std::fs;

use trainmark_tests::{Finished, Row, RunFolder, bench, hostile, invoke, minimal_c, skip};

/// Bytes of a log's file, and the line that says what was left out.
const LOG_LIMIT: u64 = (1 << 20) + 100;

struct Case {
    /// For the hostile plugin.
    behaviour: &'static str,
    /// Further arguments of `bench`.
    arguments: &'static [&'static str],
    /// Column `outcome` of its row.
    outcome: &'static str,
    /// Part of column `reason`.
    reason: &'static str,
    /// Beginning of column `conformance`.
    conformance: &'static str,
    /// Epochs that ended before.
    epochs: usize,
}

/// Benchmarks the hostile plugin beside a good one; its row must be as expected
/// and the good one's as always.
fn run(case: &Case) {
    let Some(good) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    // Nothing is to be audited where nothing was trained, and the good one is elsewhere.
    let invocation = bench(out.path(), [&hostile(), good]).args(["--no-audit"]).args(case.arguments);
    let finished = invocation.hostile(case.behaviour).run().expect(1);
    let folder = RunFolder::only(out.path());
    let row = folder.run("hostile");
    assert_eq!(row["outcome"], case.outcome, "{row:?}");
    assert!(row["reason"].contains(case.reason), "{:?} lacks {:?}", row["reason"], case.reason);
    assert!(row["conformance"].starts_with(case.conformance), "{:?}", row["conformance"]);
    assert_eq!(row["epochs"], case.epochs.to_string());
    assert_epochs(&folder, "hostile", case.epochs);
    // The reason is told at the end as well.
    assert!(finished.stdout.contains(case.reason), "{}", finished.stdout);
    assert_good(&folder, case.arguments);
    assert_clean(&folder, &finished);
}

fn assert_epochs(folder: &RunFolder, backend: &str, count: usize) -> Vec<Row> {
    let rows = folder.rows("epochs.csv").into_iter().filter(|row| row["backend"] == backend);
    let rows: Vec<Row> = rows.collect();
    assert_eq!(rows.len(), count, "{}", folder.read("epochs.csv"));
    rows
}

fn assert_good(folder: &RunFolder, arguments: &[&str]) {
    let epochs = if arguments.contains(&"--epochs") { 2 } else { 1 };
    let row = folder.run("minimal-c");
    assert_eq!((&*row["outcome"], &*row["reason"]), ("ok", ""));
    assert_eq!(row["conformance"], "passed");
    for row in assert_epochs(folder, "minimal-c", epochs) {
        assert_eq!(row["status"], "ok");
        assert!(row["train_seconds"].parse::<f64>().unwrap() > 0.0);
    }
}

/// Nothing runs any more, nothing of the plugin's was printed, logs are bounded.
fn assert_clean(folder: &RunFolder, finished: &Finished) {
    finished.marker.assert_gone();
    for text in [&finished.stdout, &finished.stderr] {
        assert!(!text.contains("a lot to say") && !text.contains("{\"event\""), "{text}");
        assert!(!text.contains("panicked at"), "{text}");
        assert!(text.len() < 4000, "{text}");
    }
    for log in fs::read_dir(folder.path.join("logs")).unwrap() {
        let log = log.unwrap();
        assert!(log.metadata().unwrap().len() < LOG_LIMIT, "{:?}", log.path());
    }
}

macro_rules! cases {
    ($($name:ident: $behaviour:literal $arguments:expr => $outcome:literal, $reason:literal, $conformance:literal, $epochs:literal;)*) => {
        $(
            #[test]
            fn $name() {
                run(&Case {
                    behaviour: $behaviour,
                    arguments: &$arguments,
                    outcome: $outcome,
                    reason: $reason,
                    conformance: $conformance,
                    epochs: $epochs,
                });
            }
        )*
    };
}

// In the gate, which makes every kind of call before anything is timed.
cases! {
    panics: "panic" [] =>
        "failed", "panic: train_epoch: the hostile plugin panics as asked", "failed: train_epoch", 0;
    panics_in_a_step: "panic@train_step" [] =>
        "failed", "panic: train_step: the hostile plugin panics as asked", "failed: train_step", 0;
    panics_when_opened: "panic@open" [] =>
        "failed", "panic: open: the hostile plugin panics as asked", "ended early, after 0 checks", 0;
    panics_when_given_parameters: "panic@set_parameters" [] =>
        "failed", "panic: set_parameters: the hostile plugin panics as asked", "failed: protocol", 0;
    aborts: "abort" [] =>
        "failed", "the worker was killed by SIGABRT during train_epoch", "ended early, after", 0;
    aborts_in_a_step: "abort@train_step" [] =>
        "failed", "the worker was killed by SIGABRT during train_step", "ended early, after", 0;
    crashes: "segfault" [] =>
        "failed", "the worker was killed by SIGSEGV during train_epoch", "ended early, after", 0;
    crashes_in_prediction: "segfault@predict" [] =>
        "failed", "the worker was killed by SIGSEGV during predict", "ended early, after", 0;
    crashes_when_asked_for_parameters: "segfault@get_parameters" [] =>
        "failed", "the worker was killed by SIGSEGV during get_parameters", "ended early, after", 0;
    exits: "exit" [] =>
        "failed", "the worker exited with code 3 without finishing during train_epoch", "ended early", 0;
    exits_when_opened: "exit@open" [] =>
        "failed", "the worker exited with code 3 without finishing during open", "ended early", 0;
    exits_when_closed: "exit@close" [] =>
        "failed", "the worker exited with code 3 without finishing during close", "ended early", 0;
    exits_as_if_done: "exit-zero" [] =>
        "failed", "the worker exited with code 0 without finishing during train_epoch", "ended early", 0;
    leaves_a_child: "fork@train_step" [] =>
        "failed", "the worker exited with code 0 without finishing during train_step", "ended early", 0;
    hangs: "hang" ["--timeout", "5s"] =>
        "timed out", "train_epoch took longer than 5 s and was stopped (--timeout)", "ended early", 0;
    hangs_when_closed: "hang@close" ["--timeout", "5s"] =>
        "timed out", "close took longer than 5 s and was stopped (--timeout)", "ended early", 0;
    spins_in_a_step: "spin@train_step" ["--timeout", "5s"] =>
        "timed out", "train_step took longer than 5 s and was stopped (--timeout)", "ended early", 0;
    takes_all_memory: "allocate" ["--memory-limit", "600MiB"] =>
        "out of memory",
        "used more than its 600.0 MiB of memory during train_epoch and was stopped (--memory-limit)",
        "ended early", 0;
    fails: "error" [] =>
        "failed", "train_epoch: the hostile plugin fails as asked: das Maß ist voll (π ≈ 3)",
        "failed: train_epoch", 0;
    fails_when_opened: "error@open" [] =>
        "failed", "open: the hostile plugin fails as asked: das Maß ist voll (π ≈ 3)",
        "ended early, after 0 checks", 0;
    reports_no_number: "nan" [] =>
        "not conformant", "train_step batch 256: loss (not finite: NaN, reference", "failed: train_step", 0;
    counts_wrong: "wrong-count" [] =>
        "not conformant", "train_step batch 256: correct (257, reference", "failed: train_step", 0;
    trains_too_fast: "wrong-gradient" [] =>
        "not conformant", "train_step batch 256: gradients 1.0e-1, limit 1.0e-3", "failed: train_step", 0;
    peeks_at_the_labels: "label-peek" [] =>
        "not conformant", "prediction: logits of test samples", "failed: prediction", 0;
    predicts_no_number: "nan-logits" [] =>
        "failed", "predict left logit 0 of sample 0 unwritten or not finite", "failed: prediction", 0;
    predicts_too_little: "short-logits" [] =>
        "failed", "predict left logit 0 of sample 255 unwritten or not finite", "failed: prediction", 0;
    predicts_too_much: "long-logits" [] =>
        "failed", "predict: wrote beyond the 2560 logits that it was given room for", "failed: prediction", 0;
}

// In the second timed epoch: the gate makes one call of `train_epoch`.
cases! {
    panics_in_time: "panic@train_epoch:2" ["--epochs", "2"] =>
        "failed", "panic: train_epoch: the hostile plugin panics as asked", "passed", 1;
    aborts_in_time: "abort@train_epoch:2" ["--epochs", "2"] =>
        "failed", "the worker was killed by SIGABRT during train_epoch", "passed", 1;
    crashes_in_time: "segfault@train_epoch:2" ["--epochs", "2"] =>
        "failed", "the worker was killed by SIGSEGV during train_epoch", "passed", 1;
    exits_in_time: "exit@train_epoch:2" ["--epochs", "2"] =>
        "failed", "the worker exited with code 3 without finishing during train_epoch", "passed", 1;
    exits_as_if_done_in_time: "exit-zero@train_epoch:2" ["--epochs", "2"] =>
        "failed", "the worker exited with code 0 without finishing during train_epoch", "passed", 1;
    leaves_a_child_in_time: "fork@train_epoch:2" ["--epochs", "2"] =>
        "failed", "the worker exited with code 0 without finishing during train_epoch", "passed", 1;
    hangs_in_time: "hang@train_epoch:2" ["--epochs", "2", "--timeout", "5s"] =>
        "timed out", "train_epoch took longer than 5 s and was stopped (--timeout)", "passed", 1;
    takes_all_memory_in_time: "allocate@train_epoch:2" ["--epochs", "2", "--memory-limit", "600MiB"] =>
        "out of memory", "600.0 MiB of memory during train_epoch", "passed", 1;
    lets_a_child_take_all_memory: "allocate-elsewhere@train_epoch:2" ["--epochs", "2", "--memory-limit", "600MiB"] =>
        "out of memory", "600.0 MiB of memory during train_epoch", "passed", 1;
    forges_an_epoch: "forge@train_epoch:2" ["--epochs", "2"] =>
        "failed",
        "the worker's message \"epoch\" during train_epoch cannot be true: epoch 4294967295 where 2 comes next",
        "passed", 1;
    says_that_it_has_returned_and_stops: "false-return@train_epoch:2" ["--epochs", "2", "--timeout", "5s"] =>
        "timed out", "after train_epoch the worker stood still, stopped by a signal, for 5 s (--timeout)",
        "passed", 1;
    fails_in_time: "error@train_epoch:2" ["--epochs", "2"] =>
        "failed", "train_epoch: the hostile plugin fails as asked: das Maß ist voll (π ≈ 3)", "passed", 1;
    reports_no_number_in_time: "nan@train_epoch:2" ["--epochs", "2"] =>
        "failed", "train_epoch: the loss of epoch 2 is not finite", "passed", 2;
    counts_wrong_in_time: "wrong-count@train_epoch:2" ["--epochs", "2"] =>
        "failed", "train_epoch says that 60235 of 60000 samples were right", "passed", 1;
}

/// What a plugin does in `describe` makes it unavailable: then nobody knows its name.
#[test]
fn what_cannot_be_described_is_unavailable() {
    let Some(good) = minimal_c() else { return };
    for (behaviour, arguments, reason) in [
        ("panic@describe", &[] as &[&str], "panic: describe: the hostile plugin panics as asked"),
        ("segfault@describe", &[], "the worker was killed by SIGSEGV during describe"),
        ("exit@describe", &[], "the worker exited with code 3 without finishing during describe"),
        ("error@describe", &[], "describe: the hostile plugin fails as asked: das Maß ist voll (π ≈ 3)"),
        ("fork@describe", &[], "the worker exited with code 0 without finishing during describe"),
        ("hang@describe", &["--timeout", "5s"], "describe took longer than 5 s and was stopped (--timeout)"),
        ("tango", &[], "describe: TRAINMARK_HOSTILE asks for the unknown behaviour \"tango\""),
    ] {
        let out = tempfile::tempdir().unwrap();
        let library = hostile();
        let invocation = bench(out.path(), [&library, good]).args(["--no-audit"]).args(arguments);
        let run = invocation.hostile(behaviour).run().expect(0);
        let folder = RunFolder::only(out.path());
        let row = folder.run(&library.to_string_lossy());
        assert_eq!(row["outcome"], "unavailable");
        assert!(row["reason"].contains(reason), "{behaviour}: {:?}", row["reason"]);
        assert_good(&folder, arguments);
        assert_clean(&folder, &run);
        assert!(run.stderr.contains(": unavailable: ") && run.stdout.contains(": unavailable: "), "{run:?}");
    }
}

/// 100 MB on each of stdout and stderr: read, cut short, and not shown.
#[test]
fn a_flood_goes_into_a_bounded_log() {
    let Some(good) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let finished = bench(out.path(), [&hostile(), good]).hostile("flood").run().expect(0);
    let folder = RunFolder::only(out.path());
    let row = folder.run("hostile");
    assert_eq!((&*row["outcome"], &*row["epochs"]), ("ok", "1"));
    assert_good(&folder, &[]);
    assert_clean(&folder, &finished);
    for log in ["check", "1"] {
        let text = folder.read(&format!("logs/softmax-hostile-none-cpu-{log}.log"));
        assert!(text.starts_with("the hostile plugin has a lot to say"));
        assert!(text.contains(" bytes left out]\n"), "its end is kept, too");
    }
}

#[test]
fn a_reason_that_cells_share_is_said_once() {
    let check = invoke(["check"]).args([hostile()]).args(["--workload", "softmax,lenet"]);
    let finished = check.args(["--dataset", "synthetic"]).hostile("panic@open").run().expect(1);
    let count = |words: &str| finished.stdout.matches(words).count();
    assert_eq!(count("\n  failed: panic: open: the hostile plugin panics as asked\n"), 1, "{finished:?}");
    let first =
        ["softmax", "lenet"].map(|name| count(&format!("\n  failed, as {name} hostile/none@cpu above\n")));
    assert_eq!(first.iter().sum::<usize>(), 1, "{finished:?}");
}

#[test]
fn what_fails_several_checks_alike_is_said_once() {
    let check = invoke(["check"]).args([hostile()]).args(["--workload", "softmax"]);
    let finished = check.args(["--dataset", "synthetic"]).hostile("error@train_step").run().expect(1);
    let failed: Vec<&str> =
        finished.stdout.lines().filter(|line| line.starts_with("  FAIL train_step batch")).collect();
    assert!(failed.len() > 1 && !failed[0].ends_with("(as above)"), "{finished:?}");
    assert!(failed[1..].iter().all(|line| line.ends_with("(as above)")), "{finished:?}");
}

/// What looks like an event is the plugin's output all the same.
#[test]
fn false_events_are_not_believed() {
    let Some(good) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let finished = bench(out.path(), [&hostile(), good]).hostile("fake-events").run().expect(0);
    let folder = RunFolder::only(out.path());
    assert_eq!(folder.run("hostile")["outcome"], "ok");
    let epochs = assert_epochs(&folder, "hostile", 1);
    assert!(epochs[0]["train_seconds"].parse::<f64>().unwrap() > 0.0);
    assert!(epochs[0]["train_loss"].parse::<f64>().unwrap() > 0.1);
    assert_good(&folder, &[]);
    assert_clean(&folder, &finished);
    assert!(folder.read("logs/softmax-hostile-none-cpu-1.log").contains(r#"{"event":"done"}"#));
}

/// The harness's clock counts, whatever a plugin does in its call.
#[test]
fn a_slow_call_is_timed_in_full() {
    let out = tempfile::tempdir().unwrap();
    bench(out.path(), [hostile()]).hostile("slow").run().expect(0);
    let epochs = assert_epochs(&RunFolder::only(out.path()), "hostile", 1);
    let seconds = epochs[0]["train_seconds"].parse::<f64>().unwrap();
    assert!(seconds >= 2.0, "{seconds}");
    assert!(epochs[0]["predict_seconds"].parse::<f64>().unwrap() < 2.0);
}

/// Work that goes on after the call is in no time, so the report must say so.
#[test]
fn work_that_is_left_for_the_next_call_is_told() {
    let Some(good) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let arguments = ["--epochs", "4"];
    bench(out.path(), [&hostile(), good]).args(arguments).hostile("lazy@train_epoch").run().expect(0);
    let folder = RunFolder::only(out.path());
    for row in assert_epochs(&folder, "hostile", 4) {
        let left = row["unfinished_seconds"].parse::<f64>().unwrap();
        assert!((0.2..1.0).contains(&left), "{row:?}");
    }
    let report = folder.read("report.html");
    let warned: Vec<&str> =
        report.split("<li>").filter(|item| item.contains("of its work was left")).collect();
    assert_eq!(warned.len(), 1, "only of the hostile one: {warned:?}");
    assert!(warned[0].starts_with("softmax hostile") && warned[0].contains("its times are too short"));
}

/// A backend that takes more processors than it was told to is no match for the others.
#[test]
fn more_threads_than_allowed_are_told() {
    more_than_allowed_is_told("greedy@train_epoch");
}

/// Nor may its children.
#[test]
fn processors_that_children_take_are_told() {
    more_than_allowed_is_told("greedy-children@train_epoch");
}

fn more_than_allowed_is_told(behaviour: &str) {
    if std::thread::available_parallelism().is_ok_and(|processors| processors.get() == 1) {
        return skip("processors", "there is but one");
    }
    let Some(good) = minimal_c() else { return };
    // More than one is busy only while another is free, which other tests may leave none.
    let told = (0..20).find_map(|_| {
        let out = tempfile::tempdir().unwrap();
        let arguments = ["--epochs", "3", "--threads", "1"];
        bench(out.path(), [&hostile(), good]).args(arguments).hostile(behaviour).run().expect(0);
        let report = RunFolder::only(out.path()).read("report.html");
        let items = report.split("<li>").filter(|item| item.contains("processors busy in training"));
        let warned: Vec<String> = items.map(str::to_owned).collect();
        (!warned.is_empty()).then_some(warned)
    });
    let warned = told.expect("twenty runs, and never a second processor");
    assert_eq!(warned.len(), 1, "only of the hostile one: {warned:?}");
    assert!(warned[0].starts_with("softmax hostile") && warned[0].contains("it was told to use 1"));
}

/// A model that a plugin cannot do is no failure where others ran.
#[test]
fn a_model_that_is_declined_is_a_row() {
    let out = tempfile::tempdir().unwrap();
    let arguments = ["--workload", "lenet"];
    let finished = bench(out.path(), [hostile()]).args(arguments).run().expect(0);
    let rows = RunFolder::only(out.path()).rows("runs.csv");
    let found: Vec<(&str, &str)> = rows.iter().map(|row| (&*row["workload"], &*row["outcome"])).collect();
    assert_eq!(found, [("lenet", "unsupported"), ("softmax", "ok")]);
    assert!(rows[0]["reason"].contains("model lenet is not flatten, linear but conv2d"), "{:?}", rows[0]);
    assert!(finished.stdout.contains("unsupported"), "{}", finished.stdout);
}

/// The gate asks for fewer predictions than this timed run has epochs.
#[test]
fn cheating_only_while_timed_is_noticed() {
    let out = tempfile::tempdir().unwrap();
    let cheat = "label-peek@predict:12";
    bench(out.path(), [hostile()]).args(["--epochs", "14"]).hostile(cheat).run().expect(1);
    let row = RunFolder::only(out.path()).run("hostile");
    assert_eq!((&*row["outcome"], &*row["epochs"]), ("not conformant", "14"));
    assert!(row["reason"].contains("timed run: last prediction"), "{}", row["reason"]);
}

/// No sample of a timed prediction and no prediction is safe from being looked at.
#[test]
fn predictions_are_held_against_the_reference_at_places_that_nobody_knows() {
    for (cheat, which) in
        [("label-peek-behind", "last prediction"), ("label-peek-before", "earlier prediction")]
    {
        let out = tempfile::tempdir().unwrap();
        bench(out.path(), [hostile()]).args(["--epochs", "2"]).hostile(cheat).run().expect(1);
        let row = RunFolder::only(out.path()).run("hostile");
        assert_eq!((&*row["outcome"], &*row["epochs"]), ("not conformant", "2"), "{cheat}");
        assert!(row["reason"].contains(&format!("timed run: {which}")), "{cheat}: {}", row["reason"]);
    }
}
