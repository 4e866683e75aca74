use super::*;
use crate::example;

/// The example as a run folder, after a change of its first line.
fn source(parent: &Path, machine: &str, change: impl FnOnce(&mut Started)) -> Source {
    let mut events = example::events();
    let Event::Started(started) = &mut events[0] else { panic!("no `started`") };
    started.run_id = machine.to_owned();
    change(started);
    let folder = example::write(parent, &events);
    std::fs::write(folder.join("logs/lenet-bn-tch-1.log"), machine).unwrap();
    Source::read(Some(machine.to_owned()), folder).unwrap()
}

fn naming() -> Naming {
    Naming {
        run_id: "both".to_owned(),
        command: "cargo run -- merge both laptop=laptop server=server".to_owned(),
        unix_time: 2e9,
    }
}

fn of_two(parent: &Path) -> [Source; 2] {
    let server = |started: &mut Started| {
        started.environment.cpu = "Another CPU".to_owned();
        started.environment.peak = None;
    };
    [source(parent, "laptop", |_| {}), source(parent, "server", server)]
}

#[test]
fn machines_stay_apart() {
    let parent = tempfile::tempdir().unwrap();
    let sources = of_two(parent.path());
    let folder = merge(&sources, naming()).unwrap().write(parent.path()).unwrap();
    let record = Record::read(&folder).unwrap();
    assert_eq!(record.runs.len(), 2 * sources[0].record.runs.len());
    assert_eq!(record.runs[18].epochs, sources[0].record.runs[0].epochs);
    assert_eq!(record.outcome, Some(Outcome::Complete));
    assert_eq!(record.seconds, 1200.0);
    let groups = crate::summary::group(crate::summarize(&record));
    let names: Vec<_> = groups.iter().map(|group| format!("{} {}", group.workload, group.device)).collect();
    assert_eq!(
        names,
        ["lenet-bn cpu of laptop", "lenet cpu of laptop", "lenet-bn cpu of server", "lenet cpu of server"]
    );
    let alone = crate::summarize(&sources[0].record);
    let merged = crate::summarize(&record);
    assert_eq!(merged[0].train_seconds, alone[0].train_seconds);
    let peaks: Vec<_> =
        [0, alone.len()].iter().map(|&index| merged[index].percent_of_peak.is_some()).collect();
    assert_eq!(peaks, [true, false], "each machine has its own peak, or none");
}

#[test]
fn every_file_can_be_made_of_it() {
    let parent = tempfile::tempdir().unwrap();
    let folder = merge(&of_two(parent.path()), naming()).unwrap().write(parent.path()).unwrap();
    let record = Record::read(&folder).unwrap();
    crate::write_all(&folder, &record).unwrap();
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    for shown in ["lenet-bn on cpu of server", "laptop, laptop: Processor", "Another CPU"] {
        assert!(page.contains(shown), "{shown}");
    }
    let summary = std::fs::read_to_string(folder.join("summary.csv")).unwrap();
    assert_eq!(summary.lines().filter(|line| line.ends_with(",laptop")).count(), 6);
    assert_eq!(summary.lines().filter(|line| line.ends_with(",server")).count(), 6);
    let environments: Vec<crate::record::MergedRun> =
        serde_json::from_slice(&std::fs::read(folder.join("env.json")).unwrap()).unwrap();
    assert_eq!(environments[1].environment.cpu, "Another CPU");
    assert!(!parent.path().join("latest").exists() || crate::latest(parent.path()).unwrap() != folder);
}

#[test]
fn logs_come_along_and_no_other_file_does() {
    let parent = tempfile::tempdir().unwrap();
    std::fs::write(parent.path().join("secret"), "not a log").unwrap();
    let [mut laptop, server] = of_two(parent.path());
    for event in &mut laptop.events {
        match event {
            Event::Ended(run) if run.cell.backend == "handwritten" => {
                run.what.end.log = Some("logs/../../secret".to_owned());
            }
            _ => {}
        }
    }
    let folder = merge(&[laptop, server], naming()).unwrap().write(parent.path()).unwrap();
    let record = Record::read(&folder).unwrap();
    let logs: Vec<String> = record.runs.iter().filter_map(|run| run.end.log.clone()).collect();
    // Two cells of tch, lenet-bn, write to one log in the example.
    assert_eq!(
        logs,
        [
            "logs/1/lenet-bn-tch-1.log",
            "logs/1/lenet-bn-tch-1.log",
            "logs/2/lenet-bn-tch-1.log",
            "logs/2/lenet-bn-tch-1.log"
        ]
    );
    assert_eq!(std::fs::read_to_string(folder.join(&logs[3])).unwrap(), "server");
}

#[test]
fn a_link_among_the_logs_is_not_followed() {
    for link in ["logs/lenet-bn-tch-1.log", "logs"] {
        let parent = tempfile::tempdir().unwrap();
        let sources = of_two(parent.path());
        let private = parent.path().join("private");
        std::fs::rename(sources[1].folder.join("logs"), &private).unwrap();
        std::fs::create_dir(sources[1].folder.join("logs")).unwrap();
        let link = sources[1].folder.join(link);
        if link.is_dir() {
            std::fs::remove_dir(&link).unwrap();
            std::os::unix::fs::symlink(&private, link).unwrap();
        } else {
            std::os::unix::fs::symlink(private.join("lenet-bn-tch-1.log"), link).unwrap();
        }
        let folder = merge(&sources, naming()).unwrap().write(parent.path()).unwrap();
        assert!(folder.join("logs/1").is_dir());
        assert!(!folder.join("logs/2").exists(), "a file from outside came along");
    }
}

#[test]
fn the_order_of_rounds_is_that_of_the_merged_plan() {
    let parent = tempfile::tempdir().unwrap();
    let sources = of_two(parent.path());
    let merged = merge(&sources, naming()).unwrap();
    let rounds: Vec<_> = merged
        .events
        .iter()
        .filter_map(|event| if let Event::Round(r) = event { Some(r) } else { None })
        .collect();
    assert_eq!(rounds.len(), 6);
    for (round, machine) in [(rounds[0], "laptop"), (rounds[3], "server")] {
        let cells = round.order.iter().map(|&index| &merged.started.plan.cells[index]);
        assert!(cells.clone().all(|cell| cell.machine.as_deref() == Some(machine)));
        assert_eq!(cells.count(), 6);
    }
}

#[test]
fn a_merged_run_can_be_merged_again() {
    let parent = tempfile::tempdir().unwrap();
    let folder = merge(&of_two(parent.path()), naming()).unwrap().write(parent.path()).unwrap();
    let both = Source::read(None, folder.clone()).unwrap();
    let third = source(parent.path(), "third", |started| started.environment.logical_cpus = 64);
    let naming = Naming { run_id: "all".to_owned(), ..naming() };
    let all = merge(&[both, third.clone()], naming.clone()).unwrap();
    let machines: Vec<_> = all.started.merged.iter().map(|run| run.machine.as_str()).collect();
    assert_eq!(machines, ["laptop", "server", "third"]);
    assert_eq!(all.started.plan.cells.len(), 18);
    let named = Source::read(Some("x".to_owned()), folder).unwrap();
    let error = merge(&[named, third], naming).unwrap_err().to_string();
    assert!(error.ends_with("has names for its machines: give it without `x=`"), "{error}");
}

#[test]
fn machines_without_a_name_are_called_by_their_processors() {
    let parent = tempfile::tempdir().unwrap();
    let mut sources = of_two(parent.path());
    for source in &mut sources {
        source.machine = None;
    }
    let merged = merge(&sources, naming()).unwrap();
    let machines: Vec<_> = merged.started.merged.iter().map(|run| run.machine.as_str()).collect();
    assert_eq!(machines, ["Example CPU at 3 GHz × 2", "Another CPU × 2"]);
}

#[test]
fn what_is_doubtful_of_a_run_is_told_of_its_machine() {
    let parent = tempfile::tempdir().unwrap();
    let [laptop, mut server] = of_two(parent.path());
    server.record.outcome = None;
    server.record.runs.pop();
    let merged = merge(&[laptop, server], naming()).unwrap();
    assert!(!merged.events.iter().any(|event| matches!(event, Event::Finished { .. })));
    insta::assert_snapshot!(merged.started.warnings.join("\n"), @"
    laptop: other programs load this machine: load average 3.1 on 2 processors
    server: other programs load this machine: load average 3.1 on 2 processors
    server: 17 of 18 planned runs ended: trainmark was killed, or still runs; `--resume` continues it
    ");
}

/// The refusal of two runs, without the temporary folder.
fn refusal(machines: [&str; 2], change: impl FnOnce(&mut Started)) -> String {
    let parents = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut sources = [source(parents[0].path(), "a", |_| {}), source(parents[1].path(), "b", change)];
    for (source, machine) in sources.iter_mut().zip(machines) {
        source.machine = Some(machine.to_owned());
    }
    let error = merge(&sources, naming()).unwrap_err().to_string();
    let cut =
        |text: String, parent: &tempfile::TempDir| text.replace(&format!("{}/", parent.path().display()), "");
    parents.iter().fold(error, cut)
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let two = ["laptop", "server"];
    let refusals = [
        refusal(two, |started| started.plan.dataset.fingerprint = "cd".repeat(32)),
        refusal(two, |started| started.plan.workloads[0].learning_rate = 0.5),
        refusal(two, |started| started.plan.workloads[1].layers[0] = "linear 784→10".to_owned()),
        refusal(two, |started| started.plan.workloads[1].targets.clear()),
        refusal(two, |started| started.plan.epochs = 6),
        refusal(["laptop", "laptop"], |started| started.environment.cpu = "Another CPU".to_owned()),
        refusal(["laptop", "laptop"], |_| {}),
        refusal(["laptop", "\n"], |_| {}),
        refusal(two, |started| started.run_id = "a".to_owned()),
    ];
    insta::assert_snapshot!(refusals.join("\n"));
    let parent = tempfile::tempdir().unwrap();
    assert_eq!(merge(&of_two(parent.path())[..1], naming()), Err(MergeError::One));
}

#[test]
fn runs_of_one_name_on_two_machines_are_two() {
    let parents = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let second = |change: fn(&mut Started)| {
        let mut other = source(parents[1].path(), "a", change);
        other.machine = Some("server".to_owned());
        std::fs::remove_dir_all(&other.folder).unwrap();
        merge(&[source(parents[0].path(), "a", |_| {}), other], naming())
    };
    let twice = second(|_| {});
    std::fs::remove_dir_all(parents[0].path().join("a")).unwrap();
    assert!(matches!(twice, Err(MergeError::SameRun { .. })), "{twice:?}");
    let merged = second(|started| started.environment.cpu = "Another CPU".to_owned()).unwrap();
    let runs: Vec<_> = merged.started.merged.iter().map(|run| (&*run.machine, &*run.run_id)).collect();
    assert_eq!(runs, [("a", "a"), ("server", "a")]);
    std::fs::remove_dir_all(parents[0].path().join("a")).unwrap();
    assert!(second(|started| started.unix_time += 1.0).is_ok());
}

#[test]
fn other_cells_of_the_same_machine_stand_beside() {
    let parent = tempfile::tempdir().unwrap();
    let [laptop, mut other] = of_two(parent.path());
    other.machine = Some("laptop".to_owned());
    other.record.started.environment = laptop.record.started.environment.clone();
    let rename = |cell: &mut Cell| cell.backend = format!("other {}", cell.backend);
    other.record.started.plan.cells.iter_mut().for_each(rename);
    other.record.runs.iter_mut().for_each(|run| rename(&mut run.cell));
    for event in &mut other.events {
        match event {
            Event::Begun(begun) => rename(&mut begun.cell),
            Event::Epoch(epoch) => rename(&mut epoch.cell),
            Event::Ended(run) => rename(&mut run.cell),
            _ => {}
        }
    }
    let merged = merge(&[laptop, other], naming()).unwrap();
    assert_eq!(merged.started.plan.cells.len(), 12);
    let told = merged.started.warnings.last().unwrap();
    assert_eq!(told, "laptop: its cells are of 2 benchmarks, between which the machine may have changed");
    let folder = merged.write(parent.path()).unwrap();
    let record = Record::read(&folder).unwrap();
    assert_eq!(record.runs.iter().filter(|run| run.is_ok()).count(), 30);
}
