//! A benchmark that was killed goes on where it was, and repeats nothing.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use trainmark_tests::{Finished, RunFolder, bench, hostile, invoke, manifest, minimal_c, skip, wait_until};

fn resume(run: &RunFolder) -> Finished {
    invoke(["bench", "--resume"]).args([&run.path]).run()
}

/// Starts two cells × two seeds × two epochs and kills the harness when the
/// second run has begun. `None` without a C compiler.
fn killed(out: &Path) -> Option<RunFolder> {
    let backends = [&hostile(), minimal_c()?];
    let running = bench(out, backends).args(["--epochs", "2", "--seeds", "2"]).start();
    let patience = Duration::from_secs(60);
    let begun = || RunFolder::find(out).is_some_and(|run| run.count("begun") == 2 && run.count("ended") == 1);
    assert!(wait_until(patience, begun), "no second run begins");
    let all_run = || running.marker.processes().len() == 3;
    assert!(wait_until(patience, all_run), "harness, guard and worker run");
    running.signal(Signal::KILL);
    let marker = running.marker.clone();
    assert_eq!(running.finish().code, None);
    // The worker notices that the harness is gone.
    marker.assert_gone();
    Some(RunFolder::only(out))
}

#[test]
fn a_killed_benchmark_is_resumed_and_repeats_nothing() {
    let out = tempfile::tempdir().unwrap();
    let Some(run) = killed(out.path()) else { return };
    let before = run.events();
    let first = before.iter().find(|event| event["event"] == "ended").unwrap().clone();
    assert_eq!(before.last().unwrap()["event"], "begun", "it was killed in the second run");

    let finished = resume(&run).expect(0);
    run.assert_complete(4, 2);
    let after = run.events();
    assert_eq!(after[..before.len()], before, "what was recorded stays");
    assert_eq!(after[before.len()]["event"], "resumed");
    let again = after[before.len()..].iter().filter(|event| event["event"] == "begun");
    let again: Vec<_> = again.map(|event| (&event["cell"], &event["seed"])).collect();
    assert_eq!(again.len(), 3);
    assert!(!again.contains(&(&first["cell"], &first["seed"])), "a finished run began again");
    assert!(finished.stderr.contains("3 runs of 2 epochs"), "{}", finished.stderr);
    assert_eq!(after.last().unwrap()["outcome"], "complete");

    // Once more: there is nothing left to do.
    let files = ["epochs.csv", "runs.csv", "summary.csv"].map(|name| run.read(name));
    let finished = resume(&run).expect(0);
    run.assert_complete(4, 2);
    assert_eq!(["epochs.csv", "runs.csv", "summary.csv"].map(|name| run.read(name)), files);
    let last = run.events().split_off(after.len());
    let kinds: Vec<_> = last.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["resumed", "finished"]);
    assert!(!finished.stderr.contains("epoch 1/2"), "{}", finished.stderr);
}

#[test]
fn a_torn_last_line_costs_only_itself() {
    let out = tempfile::tempdir().unwrap();
    let Some(run) = killed(out.path()) else { return };
    let before = run.events();
    let mut record = OpenOptions::new().append(true).open(run.path.join("events.jsonl")).unwrap();
    record.write_all(br#"{"event":"epoch","cell":{"workl"#).unwrap();
    drop(record);
    resume(&run).expect(0);
    run.assert_complete(4, 2);
    assert_eq!(run.events()[..before.len()], before);
}

#[test]
fn another_data_set_is_refused() {
    let out = tempfile::tempdir().unwrap();
    bench(out.path(), [hostile()]).run().expect(0);
    let run = RunFolder::only(out.path());
    // As if the data set had been another one in those days.
    let path = run.path.join("events.jsonl");
    let text = run.read("events.jsonl");
    let start = text.find("\"fingerprint\":\"").unwrap() + "\"fingerprint\":\"".len();
    let other = format!("{}0123456789ab{}", &text[..start], &text[start + 12..]);
    fs::write(&path, &other).unwrap();
    assert_eq!(
        resume(&run).refusal(),
        "error: cannot resume: the run was begun on synthetic (0123456789ab…), now there is synthetic \
         (3a513b6ce007…); start a new run\n"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), other, "the record is as it was");
}

#[test]
fn a_data_set_that_has_come_since_is_refused() {
    let Some(data) = std::env::var_os("TRAINMARK_DATA") else {
        skip("data", "TRAINMARK_DATA does not name the folder of Fashion-MNIST");
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let arguments = ["--workload", "softmax", "--offline", "--quick", "--out"];
    let finished = invoke(["bench"]).args([hostile()]).args(arguments).args([out.path()]).run().expect(0);
    let notice = "using the procedural data set `synthetic`, because fashion-mnist is not on this machine";
    assert!(finished.stderr.contains(notice), "{}", finished.stderr);
    let run = RunFolder::only(out.path());
    let again = invoke(["bench", "--resume"]).args([&run.path]).env("TRAINMARK_DATA", data).run();
    let message = again.refusal();
    assert!(
        message.contains("the run was begun on synthetic (3a513b6ce007…), now there is fashion-mnist ("),
        "{message}"
    );
}

#[test]
fn a_folder_has_one_writer() {
    let out = tempfile::tempdir().unwrap();
    // Stays in the gate for ever.
    let first = bench(out.path(), [hostile()]).hostile("hang@train_step").start();
    let marker = first.marker.clone();
    assert!(wait_until(Duration::from_secs(60), || RunFolder::find(out.path()).is_some_and(|run| run
        .path
        .join("request.json")
        .is_file()
        && run.count("started") == 1)));
    let run = RunFolder::only(out.path());
    let message = resume(&run).refusal();
    assert_eq!(
        message,
        format!(
            "error: another trainmark is writing to {}: wait until it ends, or choose another folder with \
             `--out DIR`\n",
            run.path.display()
        )
    );
    assert_eq!(run.events().len(), 1, "the second one wrote nothing");
    first.signal(Signal::TERM);
    first.finish().expect(130);
    marker.assert_gone();
}

#[test]
fn what_is_no_run_cannot_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().display();
    let message = invoke(["bench", "--resume"]).args([folder.path()]).run().refusal();
    assert_eq!(
        message,
        format!(
            "error: cannot resume: {shown} is no run folder with a request.json: No such file or directory \
             (os error 2)\n"
        )
    );
    let message = invoke(["bench", "--resume", "no-such-run"]).run().refusal();
    assert!(message.starts_with("error: no run no-such-run: neither a folder nor a name in "), "{message}");
    // A resumed run keeps its own settings.
    let message = invoke(["bench", "--resume", "latest", "--epochs", "9"]).run().refusal();
    assert!(message.contains("'--resume <RUN>' cannot be used with"), "{message}");
}

/// Starts one backend's two seeds and kills the harness in the second.
fn killed_in_second_seed(out: &Path, library: &Path) -> RunFolder {
    let running = bench(out, [library]).args(["--epochs", "2", "--seeds", "2"]).start();
    let begun = || RunFolder::find(out).is_some_and(|run| run.count("begun") == 2 && run.count("ended") == 1);
    assert!(wait_until(Duration::from_secs(60), begun), "no second run begins");
    running.signal(Signal::KILL);
    running.finish();
    RunFolder::only(out)
}

#[test]
fn a_run_that_ended_well_survives_a_gate_that_fails_later() {
    let out = tempfile::tempdir().unwrap();
    let run = killed_in_second_seed(out.path(), &hostile());
    invoke(["bench", "--resume"]).args([&run.path]).hostile("wrong-gradient").run().expect(1);
    let rows = run.rows("runs.csv");
    let outcomes: Vec<_> = rows.iter().map(|row| (&*row["seed"], &*row["outcome"])).collect();
    assert_eq!(outcomes, [("1", "ok"), ("2", "not conformant")]);
    let epochs = run.rows("epochs.csv");
    assert_eq!(epochs.iter().filter(|row| row["seed"] == "1").count(), 2);
}

#[test]
fn a_library_that_has_changed_is_refused() {
    let out = tempfile::tempdir().unwrap();
    let library = out.path().join("libhostile.so");
    fs::copy(hostile(), &library).unwrap();
    let run = killed_in_second_seed(&out.path().join("runs"), &library);
    OpenOptions::new().append(true).open(&library).unwrap().write_all(b"\0").unwrap();
    let message = resume(&run).refusal();
    let named = format!("if you trust it: `bench --resume {} {}`", run.path.display(), library.display());
    assert!(
        message.contains("which must be named again") && message.trim_end().ends_with(&named),
        "{message}"
    );
    let finished = invoke(["bench", "--resume"]).args([&run.path, &library]).run().expect(2);
    assert!(finished.stderr.contains("has changed since its first runs"), "{}", finished.stderr);
    assert_eq!(run.count("resumed"), 0);
}

/// A run folder may come from anywhere, and with it libraries and build commands.
#[test]
fn what_is_not_of_the_repository_must_be_named_again() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("runs");
    let library = place.path().join("libhostile.so");
    fs::copy(hostile(), &library).unwrap();
    let run = killed_in_second_seed(&out, &library);
    let message = resume(&run).refusal();
    let (shown, folder) = (library.display(), run.path.display());
    let expected = format!(
        "error: cannot resume: {folder} runs code from outside this repository, which must be named again; if you \
         trust it: `bench --resume {folder} {shown}`\n"
    );
    assert_eq!(message, expected);
    let resume_naming = |named: &[&str]| invoke(["bench", "--resume"]).args([&run.path]).args(named).run();
    let library = library.to_str().unwrap();
    let message = resume_naming(&[library, "handwritten"]).refusal();
    assert!(message.contains("a resumed run keeps its backends: "), "{message}");
    assert_eq!(run.count("resumed"), 0);
    resume_naming(&[library]).expect(0);

    // As another's folder might ask for it.
    let trap = place.path().join("trap");
    fs::create_dir(&trap).unwrap();
    let sprung = place.path().join("sprung");
    let build = format!("touch {}", sprung.display());
    fs::write(trap.join("backend.toml"), manifest("trap", &build, "sh")).unwrap();
    let mut request: serde_json::Value = serde_json::from_str(&run.read("request.json")).unwrap();
    request["selections"] = serde_json::json!(["trap"]);
    request["backend_paths"] = serde_json::json!([trap]);
    fs::write(run.path.join("request.json"), request.to_string()).unwrap();
    let message = resume(&run).refusal();
    assert!(message.ends_with(&format!("--backend-path {}`\n", trap.display())), "{message}");
    request["epochs"] = 7.into();
    fs::write(run.path.join("request.json"), request.to_string()).unwrap();
    let message = resume_naming(&["--backend-path", trap.to_str().unwrap()]).refusal();
    assert!(message.contains("request.json and events.jsonl tell of different epochs or seeds"), "{message}");
    assert!(!sprung.exists(), "something of it was built");
}

#[test]
fn a_data_set_that_is_not_found_any_more_is_asked_for() {
    let Some(data) = std::env::var_os("TRAINMARK_DATA") else {
        skip("data", "TRAINMARK_DATA does not name the folder of Fashion-MNIST");
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let arguments = ["--workload", "softmax", "--quick", "--out"];
    let begun = invoke(["bench"]).args([hostile()]).args(arguments).args([out.path()]).hostile("error");
    begun.env("TRAINMARK_DATA", &data).run().expect(1);
    let message = invoke(["bench", "--resume"]).args([RunFolder::only(out.path()).path]).run().refusal();
    let asked = format!(
        "error: cannot resume: the run was begun on fashion-mnist with TRAINMARK_DATA={}, which is not set now; set \
         it, and resume again\n",
        data.display()
    );
    assert!(message.ends_with(&asked), "{message}");
}

/// Earlier versions wrote the default limit in bytes; now it is a share of the machine's memory.
#[test]
fn a_request_is_resumed_with_its_limit_of_memory_in_either_form() {
    let out = tempfile::tempdir().unwrap();
    bench(out.path(), [hostile()]).hostile("error").run().expect(1);
    let run = RunFolder::only(out.path());
    resume_with(&run, "error", "the hostile plugin fails as asked");
    let mut request: serde_json::Value = serde_json::from_str(&run.read("request.json")).unwrap();
    assert_eq!(request["memory_limit"], serde_json::json!({ "share_of_machine": 0.75 }));
    request["memory_limit"] = (600_u64 << 20).into();
    fs::write(run.path.join("request.json"), request.to_string()).unwrap();
    resume_with(
        &run,
        "allocate",
        "used more than its 600.0 MiB of memory during train_epoch and was stopped",
    );
}

/// Resumes a run whose plugin misbehaves again, for this reason.
fn resume_with(run: &RunFolder, behaviour: &str, reason: &str) {
    invoke(["bench", "--resume"]).args([&run.path]).hostile(behaviour).run().expect(1);
    let told = run.run("hostile")["reason"].clone();
    assert!(told.contains(reason), "{told}");
}
