use proptest::prelude::*;

use super::*;
use crate::example;
use crate::record::{Audit, Begun, Cell, OfRun, Outcome, Purpose, Run, RunOutcome};

fn sample(cell: &Cell, seed: u64) -> Run {
    Run::new(cell.clone(), seed, Purpose::Sample)
}

fn begun(cell: &Cell, seed: u64) -> Event {
    Event::Begun(sample(cell, seed).line(Begun { load_average: Some(0.5), unix_time: 1.0, epochs: None }))
}

fn epoch(cell: &Cell, seed: u64, number: u32, train_seconds: f64) -> Event {
    Event::Epoch(sample(cell, seed).line(example::epoch(number, train_seconds, 0.5)))
}

fn ended(cell: &Cell, seed: u64, outcome: RunOutcome) -> Event {
    let mut run = sample(cell, seed);
    run.end.outcome = outcome;
    run.ended(&[])
}

/// Writes the example's head and these events, and reads them back.
fn recorded(events: &[Event]) -> Record {
    let parent = tempfile::tempdir().unwrap();
    let mut all = vec![Event::Started(example::started())];
    all.extend_from_slice(events);
    Record::read(&example::write(parent.path(), &all)).unwrap()
}

/// The training seconds of every epoch.
fn seconds(record: &Record) -> Vec<f64> {
    record.runs.iter().flat_map(|run| &run.epochs).map(|epoch| epoch.train_seconds).collect()
}

fn a_cell() -> Cell {
    example::cell("lenet-bn", "tch", "builtin")
}

#[test]
fn a_new_run_has_its_folder_and_is_the_latest() {
    let parent = tempfile::tempdir().unwrap();
    let mut started = example::started();
    for id in ["a", "b"] {
        started.run_id = id.to_owned();
        let store = RunStore::create(parent.path(), id, &started, &[]).unwrap();
        assert!(store.logs().is_dir());
        let environment = std::fs::read(store.folder().join("env.json")).unwrap();
        assert_eq!(
            serde_json::from_slice::<crate::record::Environment>(&environment).unwrap(),
            started.environment
        );
        assert_eq!(latest(parent.path()).unwrap(), parent.path().join(id));
    }
    let names = list(parent.path()).unwrap();
    assert_eq!(names, [parent.path().join("a"), parent.path().join("b")]);
    std::fs::remove_file(parent.path().join("latest")).unwrap();
    assert_eq!(latest(parent.path()).unwrap(), parent.path().join("b"));
}

#[test]
fn a_folder_in_use_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(parent.path().join("a")).unwrap();
    std::fs::write(parent.path().join("a/notes.txt"), "mine").unwrap();
    let error = RunStore::create(parent.path(), "a", &example::started(), &[]).unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }), "{error}");
    for id in ["", "../a", "a/b", ".a", "latest"] {
        let error = RunStore::create(parent.path(), id, &example::started(), &[]).unwrap_err();
        assert!(matches!(error, StoreError::Name { .. }), "{error}");
    }
}

#[test]
fn there_is_one_writer() {
    let parent = tempfile::tempdir().unwrap();
    let store = RunStore::create(parent.path(), "a", &example::started(), &[]).unwrap();
    let folder = store.folder().to_path_buf();
    let error = RunStore::reopen(&folder).unwrap_err();
    assert!(error.to_string().starts_with("another trainmark is writing to"), "{error}");
    Record::read(&folder).expect("a growing record can be read");
    drop(store);
    RunStore::reopen(&folder).unwrap();
}

#[test]
fn what_is_missing_is_named() {
    let parent = tempfile::tempdir().unwrap();
    assert!(matches!(latest(parent.path()), Err(StoreError::NoRuns { .. })));
    assert!(matches!(latest(&parent.path().join("none")), Err(StoreError::NoRuns { .. })));
    assert!(matches!(RunStore::reopen(parent.path()), Err(StoreError::NotARun { .. })));
    assert!(matches!(Record::read(parent.path()), Err(StoreError::NotARun { .. })));
}

#[test]
fn what_was_appended_is_read_back() {
    let events = example::events();
    let parent = tempfile::tempdir().unwrap();
    let folder = example::write(parent.path(), &events);
    let record = Record::read(&folder).unwrap();
    assert_eq!(record.outcome, Some(Outcome::Complete));
    let read: Vec<Event> = record.runs.iter().flat_map(example::lines).collect();
    let of_runs = |event: &&Event| matches!(event, Event::Begun(_) | Event::Epoch(_) | Event::Ended(_));
    assert_eq!(read, events.iter().filter(of_runs).cloned().collect::<Vec<_>>());
    assert_eq!(record.runs.len(), 18);
}

#[test]
fn a_diverged_batch_norm_can_be_read_back() {
    let mut run = example::run(&a_cell(), 1);
    run.end.first_batch_norm.as_mut().unwrap().gamma[0] = f32::NAN;
    let record = recorded(&[run.ended(&[])]);
    assert!(record.runs[0].end.first_batch_norm.as_ref().unwrap().gamma[0].is_nan());
}

#[test]
fn an_event_that_could_not_be_read_back_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let mut store = RunStore::create(parent.path(), "a", &example::started(), &[]).unwrap();
    let error = store.append(&epoch(&a_cell(), 1, 1, f64::INFINITY)).unwrap_err();
    assert!(matches!(error, StoreError::Event { .. }), "{error}");
    store.append(&epoch(&a_cell(), 1, 1, 1.0)).unwrap();
    assert_eq!(seconds(&Record::read(store.folder()).unwrap()), [1.0]);
}

#[test]
fn a_torn_tail_costs_only_the_torn_line() {
    let parent = tempfile::tempdir().unwrap();
    let cell = a_cell();
    let events = [
        Event::Started(example::started()),
        begun(&cell, 1),
        epoch(&cell, 1, 1, 2.0),
        epoch(&cell, 1, 2, 2.0),
    ];
    let folder = example::write(parent.path(), &events);
    let path = folder.join(EVENTS_FILE);
    let whole = std::fs::read(&path).unwrap();
    for length in 0..=whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let lines = whole[..length].iter().filter(|&&byte| byte == b'\n').count();
        if lines == 0 {
            assert!(matches!(RunStore::reopen(&folder), Err(StoreError::Empty { .. })), "{length}");
            continue;
        }
        let (mut store, record) = RunStore::reopen(&folder).unwrap();
        assert_eq!(seconds(&record).len(), lines.saturating_sub(2), "cut at {length}");
        store.append(&Event::Resumed { unix_time: 5.0 }).unwrap();
        drop(store);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), lines + 1, "cut at {length}");
        assert_eq!(Record::read(&folder).unwrap().resumed, [5.0]);
    }
}

#[test]
fn rubbish_at_the_end_is_cut_off_and_elsewhere_named() {
    let parent = tempfile::tempdir().unwrap();
    let folder = example::write(parent.path(), &[Event::Started(example::started())]);
    let path = folder.join(EVENTS_FILE);
    let first = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{first}{{\"event\":\"epo\0\0\n")).unwrap();
    drop(RunStore::reopen(&folder).unwrap());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), first);
    std::fs::write(&path, format!("{first}rubbish\n{{\"event\":\"resumed\",\"unix_time\":1.0}}\n")).unwrap();
    let error = RunStore::reopen(&folder).unwrap_err().to_string();
    assert!(error.contains("events.jsonl, line 2: "), "{error}");
}

#[test]
fn numbers_that_no_epoch_can_have_are_refused() {
    let parent = tempfile::tempdir().unwrap();
    let events = [Event::Started(example::started()), begun(&a_cell(), 1), epoch(&a_cell(), 1, 1, 2.0)];
    let folder = example::write(parent.path(), &events);
    let path = folder.join(EVENTS_FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = |field: &str, value: serde_json::Value| {
        let (head, line) = text.trim_end().rsplit_once('\n').unwrap();
        let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
        *event.get_mut(field).expect("a field to change") = value;
        std::fs::write(&path, format!("{head}\n{event}\n")).unwrap();
        Record::read(&folder)
    };
    for (field, value, cause) in [
        ("train_seconds", -1.0, "an epoch's train_seconds cannot be -1;"),
        ("train_seconds", 0.0, "an epoch's train_seconds cannot be 0;"),
        ("predict_seconds", -0.25, "an epoch's predict_seconds cannot be -0.25;"),
        ("train_accuracy", 1.5, "an epoch's train_accuracy cannot be 1.5: it is a fraction of 1;"),
        ("test_accuracy", -0.1, "an epoch's test_accuracy cannot be -0.1: it is a fraction of 1;"),
    ] {
        let error = changed(field, value.into()).unwrap_err().to_string();
        assert!(error.contains(&format!("events.jsonl, line 3: {cause}")), "{error}");
        assert!(RunStore::reopen(&folder).is_err() && Record::read_with_events(&folder).is_err(), "{field}");
    }
    for (field, value) in [
        ("train_loss", serde_json::Value::Null),
        ("train_accuracy", serde_json::Value::Null),
        ("train_accuracy", 1.0.into()),
        ("test_accuracy", 0.0.into()),
        ("predict_seconds", 0.0.into()),
    ] {
        assert_eq!(seconds(&changed(field, value).unwrap()).len(), 1, "{field}");
    }
}

#[test]
fn a_record_from_before_the_peak_is_read() {
    let parent = tempfile::tempdir().unwrap();
    let folder = example::write(parent.path(), &[Event::Started(example::started())]);
    let path = folder.join(EVENTS_FILE);
    let mut head: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    head["environment"].as_object_mut().unwrap().remove("peak").expect("a field to leave out");
    std::fs::write(&path, format!("{head}\n")).unwrap();
    assert_eq!(Record::read(&folder).unwrap().started.environment.peak, None);
}

#[test]
fn another_schema_names_both_and_the_remedy() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a");
    std::fs::create_dir(&folder).unwrap();
    let head = r#"{"event":"started","schema":7,"environment":{"trainmark":"9.0.0"},"new":true}"#;
    std::fs::write(folder.join(EVENTS_FILE), format!("{head}\n")).unwrap();
    let error = Record::read(&folder).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "has record schema 7, this trainmark reads schema 1: use trainmark 9.0.0, which wrote it, or run the \
             benchmark again"
        ),
        "{error}"
    );
}

#[test]
fn a_repeated_run_supersedes_the_interrupted_one() {
    let cell = a_cell();
    let record = recorded(&[
        begun(&cell, 1),
        epoch(&cell, 1, 1, 10.0),
        epoch(&cell, 1, 2, 10.0),
        Event::Resumed { unix_time: 2.0 },
        begun(&cell, 1),
        epoch(&cell, 1, 1, 20.0),
        ended(&cell, 1, RunOutcome::Ok),
    ]);
    assert_eq!(seconds(&record), [20.0]);
    assert_eq!(record.runs.len(), 1);
    assert!(record.runs[0].begun.is_some() && record.runs[0].has_result());
}

#[test]
fn a_repetition_without_begun_is_a_repetition() {
    let cell = a_cell();
    let record =
        recorded(&[epoch(&cell, 1, 1, 10.0), epoch(&cell, 1, 1, 20.0), ended(&cell, 1, RunOutcome::Ok)]);
    assert_eq!(seconds(&record), [20.0]);
}

#[test]
fn a_killed_repetition_does_not_hide_the_failure() {
    let cell = a_cell();
    let record = recorded(&[
        begun(&cell, 1),
        epoch(&cell, 1, 1, 10.0),
        ended(&cell, 1, RunOutcome::Failed),
        begun(&cell, 1),
        epoch(&cell, 1, 1, 20.0),
    ]);
    assert_eq!(record.runs[0].end.outcome, RunOutcome::Failed);
    assert_eq!(seconds(&record), [10.0]);
}

#[test]
fn a_run_without_an_end_is_interrupted() {
    let cell = a_cell();
    let record = recorded(&[begun(&cell, 3), epoch(&cell, 3, 1, 10.0)]);
    assert_eq!((record.runs[0].end.outcome, record.runs[0].epochs.len()), (RunOutcome::Interrupted, 1));
    assert_eq!(record.outcome, None);
}

#[test]
fn only_results_are_done() {
    use RunOutcome::*;
    let cell = a_cell();
    for (outcome, done) in [
        (Ok, true),
        (Unsupported, true),
        (NotConformant, true),
        (Failed, false),
        (TimedOut, false),
        (OutOfMemory, false),
        (Interrupted, false),
    ] {
        let record = recorded(&[begun(&cell, 1), ended(&cell, 1, outcome)]);
        assert_eq!(record.has_result(&cell, 1, Purpose::Sample), done, "{outcome:?}");
        assert!(!record.has_result(&cell, 2, Purpose::Sample));
    }
}

/// A device that is always full stands for a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_whole_lines_and_says_what_to_do() {
    let parent = tempfile::tempdir().unwrap();
    let mut store = RunStore::create(parent.path(), "a", &example::started(), &[]).unwrap();
    store.events = fs::OpenOptions::new().append(true).open("/dev/full").unwrap();
    let error = store.append(&begun(&a_cell(), 1)).unwrap_err().to_string();
    assert!(error.starts_with("no space left on device to write"), "{error}");
    assert!(error.ends_with("then continue with `--resume`"), "{error}");
    drop(store);
    RunStore::reopen(&parent.path().join("a")).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_torn_tail_is_cut_off(tail in prop::collection::vec(any::<u8>().prop_filter("a line break ends a line", |byte| *byte != b'\n'), 0..80), ended in any::<bool>()) {
        let parent = tempfile::tempdir().unwrap();
        let folder = example::write(parent.path(), &[Event::Started(example::started()), epoch(&a_cell(), 1, 1, 2.0)]);
        let path = folder.join(EVENTS_FILE);
        let whole = std::fs::read(&path).unwrap();
        let mut torn = [whole.as_slice(), tail.as_slice()].concat();
        if ended && serde_json::from_slice::<Event>(&tail).is_err() {
            torn.push(b'\n');
        }
        std::fs::write(&path, torn).unwrap();
        let (store, record) = RunStore::reopen(&folder).unwrap();
        drop(store);
        prop_assert_eq!(seconds(&record).len(), 1);
        prop_assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn a_run_made_once_more_is_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let started = example::started();
    let cell = started.plan.cells[0].clone();
    let mut store = RunStore::create(folder.path(), "a", &started, &[]).unwrap();
    for (purpose, outcome) in [
        (Purpose::Sample, RunOutcome::Ok),
        (Purpose::Repeat, RunOutcome::Ok),
        (Purpose::Drift, RunOutcome::Failed),
    ] {
        let mut run = Run { purpose, ..example::run(&cell, 1) };
        run.end.outcome = outcome;
        example::lines(&run).iter().for_each(|line| store.append(line).unwrap());
    }
    let record = Record::read(store.folder()).unwrap();
    assert_eq!((record.runs.len(), record.samples().count()), (3, 1));
    let repeats: Vec<_> = record.repeats().map(|run| (run.purpose, run.epochs.len())).collect();
    assert_eq!(repeats, [(Purpose::Repeat, 5), (Purpose::Drift, 5)]);
    let has_result = |seed, purpose| record.has_result(&cell, seed, purpose);
    assert!(has_result(1, Purpose::Sample) && has_result(1, Purpose::Repeat), "both ended well");
    assert!(!has_result(1, Purpose::Drift), "it failed");
    assert!(!has_result(2, Purpose::Repeat), "another seed");
}

/// A kill in the middle leaves no run folder that lacks something.
#[test]
fn a_run_folder_appears_with_all_that_it_begins_with() {
    let parent = tempfile::tempdir().unwrap();
    let files = [("request.json", b"{}".to_vec())];
    let store = RunStore::create(parent.path(), "a", &example::started(), &files).unwrap();
    for name in ["request.json", "events.jsonl", "env.json", ".lock", "logs"] {
        assert!(store.folder().join(name).exists(), "{name}");
    }
    // Another writer of the same name leaves nothing, the folder's or its own.
    assert!(matches!(
        RunStore::create(parent.path(), "a", &example::started(), &files),
        Err(StoreError::Exists { .. })
    ));
    let mut names: Vec<_> =
        entries(parent.path()).unwrap().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["a", "latest"]);
}

#[test]
fn a_record_that_is_no_file_is_refused_at_once() {
    let parent = tempfile::tempdir().unwrap();
    let events = parent.path().join(EVENTS_FILE);
    let refusal = || Record::read(parent.path()).unwrap_err().to_string();
    std::os::unix::fs::symlink("/dev/zero", &events).unwrap();
    assert!(refusal().contains("it is a pipe, a socket or a device, not a file"), "{}", refusal());
    fs::remove_file(&events).unwrap();
    File::create(&events).unwrap().set_len(1 << 40).unwrap();
    assert!(refusal().contains("it holds 1099511627776 bytes"), "{}", refusal());
}

#[test]
fn links_in_a_foreign_folder_lead_nothing_outside() {
    let parent = tempfile::tempdir().unwrap();
    let outside = parent.path().join("outside");
    fs::write(&outside, "private").unwrap();
    let folder = parent.path().join("a");
    drop(RunStore::create(parent.path(), "a", &example::started(), &[]).unwrap());
    for name in [EVENTS_FILE, LOCK_FILE] {
        let path = folder.join(name);
        let kept = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&outside, &path).unwrap();
        assert!(RunStore::reopen(&folder).is_err(), "{name}");
        fs::remove_file(&path).unwrap();
        fs::write(&path, kept).unwrap();
    }
    std::os::unix::fs::symlink(&outside, folder.join("summary.csv")).unwrap();
    crate::write_all(&folder, &Record::read(&folder).unwrap()).unwrap();
    assert_eq!(fs::read(&outside).unwrap(), b"private");
}

#[test]
fn an_audit_belongs_to_the_run_that_ended_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let started = example::started();
    let cell = started.plan.cells[0].clone();
    let mut store = RunStore::create(folder.path(), "a", &started, &[]).unwrap();
    let mut append = |event: &Event| store.append(event).unwrap();
    let runs = [1, 2].map(|seed| example::run(&cell, seed));
    runs.iter().flat_map(example::lines).for_each(|line| append(&line));
    append(&Event::Audited(runs[0].line(example::audit())));
    let failed = Audit {
        outcome: RunOutcome::NotConformant,
        reason: Some("another epoch".to_owned()),
        ..example::audit()
    };
    append(&Event::Audited(runs[1].line(failed)));
    // Of a run that the record does not hold.
    append(&Event::Audited(OfRun { seed: 9, ..runs[1].line(example::audit()) }));
    let record = Record::read(&folder.path().join("a")).unwrap();
    let told: Vec<_> = record.runs.iter().map(|run| (run.end.outcome, run.end.reason.as_deref())).collect();
    assert_eq!(told, [(RunOutcome::Ok, None), (RunOutcome::NotConformant, Some("another epoch"))]);
    let checks = record.runs[0].end.conformance.as_ref().map(|conformance| &conformance.checks).unwrap();
    assert_eq!(checks.last(), example::audit().checks.last());
    assert!(!record.is_ranked(&cell), "one run makes the others doubtful");
}
