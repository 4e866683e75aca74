//! Rounds as jobs of a cluster: real Slurm, with virtual nodes on this machine.

mod lost;
mod refused;
mod rounds;
mod sent;

use std::path::Path;
use std::time::Duration;

use trainmark_tests::{Cluster, Invocation, RunFolder, bench, hostile, wait_until};

/// Longest time that is waited for something to happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// A benchmark of softmax by two copies of a plugin, on a cluster.
fn on(cluster: &Cluster, out: &Path) -> Invocation {
    on_cluster(bench(out, [hostile()]), cluster)
}

fn on_cluster(invocation: Invocation, cluster: &Cluster) -> Invocation {
    let conf = cluster.configuration();
    invocation.args(["--executor", "slurm", "--threads", "1"]).env("SLURM_CONF", conf)
}

/// Continues a run.
fn resume(cluster: &Cluster, run: &RunFolder) -> Invocation {
    let invocation = trainmark_tests::invoke(["bench", "--resume"]).args([&run.path]);
    invocation.env("SLURM_CONF", cluster.configuration())
}

/// Waits until this is so of the run in a folder.
#[track_caller]
fn await_run(out: &Path, is_so: impl Fn(&RunFolder) -> bool) -> RunFolder {
    let is_there = wait_until(PATIENCE, || RunFolder::find(out).is_some_and(|run| is_so(&run)));
    assert!(is_there, "it does not come to that");
    RunFolder::only(out)
}

/// The nodes of a record's rounds, by seed, in the order of their lines.
fn nodes(run: &RunFolder) -> Vec<(u64, String)> {
    let rounds = run.events().into_iter().filter(|event| event["event"] == "round");
    rounds
        .map(|round| (round["seed"].as_u64().unwrap(), round["node"]["name"].as_str().unwrap().to_owned()))
        .collect()
}

/// Sees that every line of the rounds' records is in the benchmark's once.
#[track_caller]
fn assert_nothing_lost(run: &RunFolder) {
    let kinds = ["round", "begun", "epoch", "ended", "audited"];
    let is_told = |line: &&str| kinds.iter().any(|kind| line.starts_with(&format!("{{\"event\":\"{kind}\"")));
    let sorted = |mut lines: Vec<String>| {
        lines.sort_unstable();
        lines
    };
    let folders = std::fs::read_dir(run.path.join("rounds")).unwrap().map(|entry| entry.unwrap().path());
    let records = folders.map(|folder| folder.join("events.jsonl")).filter(|path| path.is_file());
    let written: Vec<String> = records
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.lines().filter(is_told).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let text = run.read("events.jsonl");
    let gathered: Vec<String> = text.lines().filter(is_told).map(str::to_owned).collect();
    assert_eq!(sorted(gathered), sorted(written));
}
