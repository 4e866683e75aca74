use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::example;
use crate::record::{Device, Event, Gpu, Outcome, Record};

/// When the example's records are looked at, in seconds since the Unix epoch: some days after they were made.
pub(crate) const NOW: f64 = 1_770_000_000.0;

/// A run that passes: the example without its crash, with numbers of an audit, in an order that time allows.
pub(crate) fn events() -> Vec<Event> {
    let mut started = example::started();
    started.plan.audit = Some(true);
    started.plan.cells.retain(|cell| cell.backend != "crashy");
    let cells = started.plan.cells.clone();
    let mut time = started.unix_time;
    let mut events = vec![Event::Started(started)];
    for seed in 1..=3 {
        events.push(Event::Round(crate::record::Round {
            seed,
            order: (0..cells.len()).collect(),
            left_out: Vec::new(),
            timing: Vec::new(),
            node: None,
        }));
        for cell in &cells {
            let mut run = example::run(cell, seed);
            if let Some(begun) = &mut run.begun {
                begun.unix_time = time;
            }
            time += 60.0;
            events.extend(example::lines(&run));
            if seed == 2 {
                events.push(Event::Audited(run.line(example::audit())));
            }
        }
    }
    events.push(Event::Finished { outcome: Outcome::Complete, seconds: 1200.0, peak: None });
    events
}

/// A run folder of these events with all its files.
pub(crate) fn folder(parent: &Path, events: &[Event]) -> PathBuf {
    let folder = example::write(parent, events);
    fs::create_dir_all(folder.join("logs")).unwrap();
    let record = Record::read(&folder).unwrap();
    for run in &record.runs {
        let text = "loading /home/ann/secret/libtch.so of ann\n";
        fs::write(folder.join(run.end.log.as_ref().unwrap()), text).unwrap();
    }
    fs::write(folder.join("request.json"), "{}").unwrap();
    crate::write_csv(&folder, &record).unwrap();
    folder
}

pub(crate) fn anonymizer() -> Anonymizer {
    Anonymizer::new(["/home/ann".to_owned()], [("ann".to_owned(), "[user]")])
}

fn failures(path: &Path) -> Vec<String> {
    let (findings, _) = checks(&Submission::open(path).unwrap(), NOW);
    let failed = findings.iter().filter(|finding| finding.is_failure());
    failed.map(|finding| format!("{}: {}", finding.check, finding.detail)).collect()
}

#[test]
fn a_pack_tells_of_nobody_and_passes() {
    let parent = tempfile::tempdir().unwrap();
    let mut events = events();
    let Event::Started(started) = &mut events[0] else { panic!("no `started`") };
    started.command = "cargo run -- bench /home/ann/my/libmine.so".to_owned();
    started.environment.gpus = vec![Gpu { uuid: Some("GPU-1234".to_owned()), ..example::gpu() }];
    let run = folder(parent.path(), &events);
    let before = failures(&run);
    assert_eq!(before.len(), 1, "{before:?}");
    assert!(before[0].starts_with("names: events.jsonl, line 1 names a private path: "), "{before:?}");

    let packed = pack(&run, parent.path(), &anonymizer()).unwrap();
    assert_eq!(packed.path, parent.path().join("20260131T130500-example.tar.gz"));
    assert_eq!(packed.contents.manifest.left_out[0], "the unique identifiers of 1 graphics processor");
    assert!(
        packed.contents.manifest.left_out.contains(&"request.json: not part of what is checked".to_owned())
    );
    let submission = Submission::open(&packed.path).unwrap();
    let (findings, record) = checks(&submission, NOW);
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ok), "{findings:#?}");
    assert_eq!(record.unwrap().started.command, "cargo run -- bench [path]/libmine.so");
    for name in submission.manifest().unwrap().unwrap().files.keys() {
        let text = fs::read_to_string(submission.folder().join(name)).unwrap();
        let tells = ["/home", "ann\n", "GPU-1234"].into_iter().find(|told| text.contains(told));
        assert_eq!(tells, None, "{name}");
    }
    let again = pack(&run, &parent.path().join("logs/.."), &anonymizer());
    assert!(again.is_err(), "a folder that is not there");
    let grid = findings_grid("example", &findings);
    insta::assert_snapshot!(grid.rows.iter().map(|row| format!("{}\n", row.join(" | "))).collect::<String>());
}

#[test]
fn what_was_changed_by_hand_is_found() {
    let mut told = Vec::new();
    let mut changed = |name: &str, change: &dyn Fn(&mut Vec<Event>)| {
        let parent = tempfile::tempdir().unwrap();
        let mut events = events();
        change(&mut events);
        let failures = failures(&folder(parent.path(), &events));
        let failures: Vec<&String> =
            failures.iter().filter(|line| !line.starts_with("names: logs")).collect();
        let failures = failures.iter().map(|line| format!("\n    {line}")).collect::<String>();
        told.push(format!("{name}{failures}"));
    };
    fn ended(event: &mut Event) -> Option<&mut crate::record::RunEnd> {
        if let Event::Ended(line) = event { Some(&mut line.what.end) } else { None }
    }
    fn epochs(events: &mut [Event]) -> impl Iterator<Item = &mut crate::record::Epoch> {
        events
            .iter_mut()
            .filter_map(|event| if let Event::Epoch(line) = event { Some(&mut line.what) } else { None })
    }
    changed("nothing", &|_| {});
    changed("one epoch is faster", &|events| epochs(events).nth(1).unwrap().train_seconds *= 0.5);
    changed("one epoch is slower", &|events| epochs(events).nth(1).unwrap().train_seconds *= 1.5);
    changed("every epoch is faster", &|events| epochs(events).for_each(|epoch| epoch.train_seconds *= 0.25));
    changed("one accuracy is rounder", &|events| {
        epochs(events).next().unwrap().test_accuracy = Some(0.80005)
    });
    changed("one epoch is gone", &|events| {
        let place = events.iter().position(|event| matches!(event, Event::Epoch(_))).unwrap();
        events.remove(place);
    });
    changed("a seed is gone", &|events| {
        let of = |event: &Event, seed: u64| match event {
            Event::Round(line) => line.seed == seed,
            Event::Begun(line) => line.seed == seed,
            Event::Epoch(line) => line.seed == seed,
            Event::Ended(line) => line.seed == seed,
            Event::Audited(line) => line.seed == seed,
            _ => false,
        };
        events.retain(|event| !of(event, 3));
    });
    changed("a slow run is gone", &|events| {
        let cell = example::cell("lenet-bn", "tch", "builtin");
        events.retain(|event| match event {
            Event::Begun(line) => line.seed != 1 || line.cell != cell,
            Event::Epoch(line) => line.seed != 1 || line.cell != cell,
            Event::Ended(line) => line.seed != 1 || line.cell != cell,
            _ => true,
        });
    });
    changed("a failed check passes", &|events| {
        let end = events.iter_mut().find_map(ended).unwrap();
        end.conformance.as_mut().unwrap().checks[0].measured = Some(0.5);
    });
    changed("the checks are gone", &|events| events.iter_mut().find_map(ended).unwrap().conformance = None);
    changed("the audits are gone", &|events| events.retain(|event| !matches!(event, Event::Audited(_))));
    changed("another library", &|events| {
        events.iter_mut().find_map(ended).unwrap().library_hash = Some("ef".repeat(32));
    });
    changed("chosen seeds", &|events| {
        let Event::Started(started) = &mut events[0] else { panic!("no `started`") };
        started.plan.seeds = vec![1, 2, 3, 7];
    });
    changed("it took less in all", &|events| {
        if let Some(Event::Finished { seconds, .. }) = events.last_mut() {
            *seconds = 60.0;
        }
    });
    changed("not finished", &|events| drop(events.pop()));
    fn begun(events: &mut [Event]) -> impl Iterator<Item = &mut crate::record::OfRun<crate::record::Begun>> {
        events.iter_mut().filter_map(|event| if let Event::Begun(line) = event { Some(line) } else { None })
    }
    changed("runs did not begin", &|events| events.retain(|event| !matches!(event, Event::Begun(_))));
    changed("rounds are gone", &|events| events.retain(|event| !matches!(event, Event::Round(_))));
    changed("a round of another seed", &|events| {
        let rounds = events
            .iter_mut()
            .filter_map(|event| if let Event::Round(round) = event { Some(round) } else { None });
        rounds.for_each(|round| round.seed = 7);
    });
    changed("a run began with fewer epochs", &|events| begun(events).next().unwrap().what.epochs = Some(4));
    changed("more epochs were planned", &|events| {
        let Event::Started(started) = &mut events[0] else { panic!("no `started`") };
        started.plan.epochs = 10;
    });
    changed("every epoch is the first", &|events| epochs(events).for_each(|epoch| epoch.number = 1));
    changed("losses are lower", &|events| epochs(events).for_each(|epoch| epoch.train_loss = Some(1e-9)));
    changed("an audit of no epoch", &|events| {
        for event in events {
            if let Event::Audited(line) = event {
                line.what.epoch = 99;
            }
        }
    });
    changed("all of it ran on a graphics processor", &|events| {
        for event in events {
            match event {
                Event::Started(started) => {
                    started.plan.cells.iter_mut().for_each(|cell| cell.device = Device::cuda(0));
                    started.environment.no_gpu = Some("no NVIDIA driver".to_owned());
                }
                Event::Begun(line) => line.cell.device = Device::cuda(0),
                Event::Epoch(line) => line.cell.device = Device::cuda(0),
                Event::Ended(line) => line.cell.device = Device::cuda(0),
                Event::Audited(line) => line.cell.device = Device::cuda(0),
                _ => {}
            }
        }
    });
    changed("the peak is a tenth", &|events| {
        let Event::Started(started) = &mut events[0] else { panic!("no `started`") };
        started.environment.peak.as_mut().unwrap().operations_per_second /= 10.0;
    });
    changed("it began in 2121", &|events| {
        let Event::Started(started) = &mut events[0] else { panic!("no `started`") };
        started.unix_time = 4.78e9;
        begun(events).for_each(|line| line.what.unix_time += 4.78e9 - example::started().unix_time);
    });
    changed("it was continued before 1970", &|events| {
        events.insert(1, Event::Resumed { unix_time: -1.0 });
    });
    changed("a library was loaded in less than no time", &|events| {
        events.iter_mut().find_map(ended).unwrap().load_seconds = Some(-60.0);
    });
    changed("made once more of a seed that was not run", &|events| {
        let cell = example::cell("lenet-bn", "tch", "builtin");
        let again = example::again(&example::run(&cell, 9), crate::record::Purpose::Repeat, 1.0);
        let last = events.len() - 1;
        events.splice(last..last, example::lines(&again));
    });
    insta::assert_snapshot!(told.join("\n"));
}

/// A pack by somebody who makes it by hand: with further files, each with its hash, and this manifest or none.
fn repacked(parent: &Path, of: &Contents, manifest: Option<&Manifest>, more: &[(&str, &str)]) -> PathBuf {
    let mut files = of.files.clone();
    files.extend(more.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())));
    let manifest = manifest.map(|manifest| {
        let hashes = files.iter().map(|(name, bytes)| (name.clone(), manifest::sha256(bytes)));
        serde_json::to_vec(&Manifest { files: hashes.collect(), ..manifest.clone() }).unwrap()
    });
    files.extend(manifest.map(|manifest| (Manifest::FILE.to_owned(), manifest)));
    let files = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let path = parent.join("by-hand.tar.gz");
    fs::write(&path, archive::write("run", files).unwrap()).unwrap();
    path
}

#[test]
fn files_that_were_changed_are_named() {
    let parent = tempfile::tempdir().unwrap();
    let run = folder(parent.path(), &events());
    let change = |name: &str, from: &str, to: &str| {
        let text = fs::read_to_string(run.join(name)).unwrap();
        assert!(text.contains(from));
        fs::write(run.join(name), text.replacen(from, to, 1)).unwrap();
        let failed = failures(&run);
        fs::write(run.join(name), text).unwrap();
        failed.into_iter().filter(|line| !line.starts_with("names")).collect::<Vec<_>>().join("\n")
    };
    let summary = change("summary.csv", "2.25", "1.25");
    assert!(
        summary.contains("summary.csv, row ") && summary.contains(", the record gives `2.25`"),
        "{summary}"
    );
    let machine = change("env.json", "Example CPU", "Another CPU");
    assert_eq!(machine, "tables: env.json tells of another machine than the record");
    let line = change("events.jsonl", "\"event\":\"round\"", "\"event\":\"sound\"");
    assert!(line.starts_with("record: events.jsonl, line 2: "), "{line}");

    let packed = pack(&run, parent.path(), &anonymizer()).unwrap();
    let submission = Submission::open(&packed.path).unwrap();
    fs::write(submission.folder().join("more"), "").unwrap();
    fs::write(submission.folder().join("summary.csv"), "").unwrap();
    let again = Submission::open(submission.folder()).unwrap();
    let finding = &checks(&again, NOW).0[0];
    assert_eq!(finding.detail, "summary.csv was changed after it was packed; and 1 more");
    let mut manifest = packed.contents.manifest.clone();
    for (change, expected) in [
        (("run_id", "another"), "record: manifest.json names another run"),
        (("schema", "2"), "files: manifest.json has schema 2, this trainmark reads 1"),
    ] {
        match change {
            ("run_id", name) => manifest.run_id = name.to_owned(),
            _ => manifest.schema = 2,
        }
        let changed = repacked(parent.path(), &packed.contents, Some(&manifest), &[]);
        assert!(failures(&changed).contains(&expected.to_owned()), "{:?}", failures(&changed));
    }
    let bare = repacked(parent.path(), &packed.contents, None, &[]);
    assert_eq!(failures(&bare), ["files: a pack without manifest.json: make it anew"]);
    let more = [("run.sh", "rm"), ("operations.csv", "a\n")];
    let more = repacked(parent.path(), &packed.contents, Some(&packed.contents.manifest), &more);
    let told = [
        "files: run.sh is no file that is ever packed".to_owned(),
        "tables: operations.csv is there, and the record gives none".to_owned(),
    ];
    assert_eq!(failures(&more), told);
    fs::write(submission.folder().join(Manifest::FILE), "{").unwrap();
    let again = Submission::open(submission.folder()).unwrap();
    assert!(checks(&again, NOW).0[0].detail.starts_with("manifest.json: "));
}

#[test]
fn nothing_of_this_machine_is_read_for_a_foreign_record() {
    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join("secret"), "key of /home/ann/private").unwrap();
    let run = folder(parent.path(), &events());
    let lines = fs::read_to_string(run.join("events.jsonl")).unwrap();
    let log = format!("\"log\":{}", serde_json::json!(Record::read(&run).unwrap().runs[0].end.log));
    let absolute = parent.path().join("secret").display().to_string();
    for name in [absolute.as_str(), "../secret", "logs/../../secret", "/proc/self/environ", "summary.csv"] {
        let named = format!("\"log\":{}", serde_json::json!(name));
        fs::write(run.join("events.jsonl"), lines.replace(&log, &named)).unwrap();
        crate::write_csv(&run, &Record::read(&run).unwrap()).unwrap();
        let failed = failures(&run).join("\n");
        assert!(
            failed.contains("record: lenet-bn handwritten/primitive@cpu seed 1: its log is none of"),
            "{failed}"
        );
        assert!(!failed.contains("/private") && !failed.contains(name), "{failed}");
    }
    fs::write(run.join("events.jsonl"), lines).unwrap();
    crate::write_csv(&run, &Record::read(&run).unwrap()).unwrap();
    std::os::unix::fs::symlink("../secret", run.join("note")).unwrap();
    let failed = failures(&run);
    assert_eq!(failed[0], "files: note is a link, which is not followed");
    fs::remove_file(run.join("summary.csv")).unwrap();
    fs::rename(run.join("note"), run.join("summary.csv")).unwrap();
    let failed = failures(&run).join("\n");
    assert!(
        failed.contains("tables: summary.csv: it leads out of its folder, which is not followed"),
        "{failed}"
    );
    assert!(!failed.contains("key of"), "{failed}");
}

#[test]
fn what_is_no_submission_says_so() {
    let parent = tempfile::tempdir().unwrap();
    let open = |name: &str| Submission::open(&parent.path().join(name)).unwrap_err().to_string();
    assert!(open("nowhere").ends_with("/nowhere is neither a run folder nor a pack"));
    fs::write(parent.path().join("text"), "text").unwrap();
    let text = open("text");
    assert!(
        text.contains("/text is no pack: ") && text.ends_with("; make one with `trainmark pack RUN`"),
        "{text}"
    );
    let mut merged = events();
    let Event::Started(started) = &mut merged[0] else { panic!("no `started`") };
    started.merged = vec![crate::record::MergedRun {
        machine: "laptop".to_owned(),
        run_id: "a".to_owned(),
        unix_time: 0.0,
        command: String::new(),
        seeds: vec![1],
        environment: started.environment.clone(),
    }];
    let run = folder(parent.path(), &merged);
    let error = pack(&run, parent.path(), &anonymizer()).unwrap_err().to_string();
    assert!(error.contains("is a merged run"), "{error}");
    assert_eq!(failures(&run)[0], format!("record: {error}"));
}

#[test]
fn what_cannot_be_packed_is_not_verified_either() {
    let parent = tempfile::tempdir().unwrap();
    let long = "a".repeat(300);
    for name in ["../../evil", "", ".hidden", "latest", "a b", "a\u{1b}[2J", &long] {
        let mut events = events();
        let run = folder(parent.path(), &events);
        let Event::Started(started) = &mut events[0] else { panic!("no `started`") };
        started.run_id = name.to_owned();
        let lines = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n");
        fs::write(run.join("events.jsonl"), lines.collect::<String>()).unwrap();
        let error = pack(&run, parent.path(), &anonymizer()).unwrap_err().to_string();
        let told = failures(&run).into_iter().find(|line| line.starts_with("record: ")).unwrap();
        assert!(
            told.contains(" cannot name a run folder: ") && error.contains(" cannot name a run folder: ")
        );
        assert!(!told.contains('\u{1b}'), "{told:?}");
        fs::remove_dir_all(&run).unwrap();
    }
}

#[test]
fn the_nodes_of_a_cluster_are_known_by_numbers() {
    let parent = tempfile::tempdir().unwrap();
    let mut events = events();
    for event in &mut events {
        let Event::Round(round) = event else { continue };
        round.node = Some(Box::new(crate::record::Node {
            name: ["gpu17", "gpu18"][round.seed as usize % 2].to_owned(),
            job: format!("4711_{}", round.seed),
            clock_ahead_seconds: None,
            environment: example::started().environment,
            c_library: None,
            warnings: vec!["other programs load gpu17".to_owned()],
        }));
    }
    let run = folder(parent.path(), &events);
    let packed = pack(&run, parent.path(), &anonymizer()).unwrap();
    let submission = Submission::open(&packed.path).unwrap();
    assert_eq!(failures(submission.folder()), Vec::<String>::new());
    let lines = fs::read_to_string(submission.folder().join("events.jsonl")).unwrap();
    assert!(!lines.contains("gpu17") && !lines.contains("4711"));
    assert!(lines.contains("\"node-1\"") && lines.contains("other programs load [node]"));
    let record = Record::read(submission.folder()).unwrap();
    assert_eq!(record.runs[0].node.as_deref(), Some("node-1"));
}
