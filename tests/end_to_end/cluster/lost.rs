//! Jobs that do not come to their end.

use rustix::process::Signal;
use trainmark_tests::{Cluster, RunFolder, bench, hostile, minimal_c, wait_until};

use super::{PATIENCE, assert_nothing_lost, await_run, nodes, on, on_cluster, resume};

/// A node loses its power in the midst of a round: Slurm has another one do it, which goes on where
/// that one was.
#[test]
fn a_round_of_a_node_that_goes_down_is_run_by_another() {
    let Some(cluster) = Cluster::start(4) else { return };
    let out = tempfile::tempdir().unwrap();
    let running = on(&cluster, out.path())
        .args(["--workload", "softmax", "--seeds", "2", "--epochs", "8"])
        .hostile("drowsy")
        .start();
    let run = await_run(out.path(), |run| run.count("epoch") >= 2);
    let (seed, node) = nodes(&run).remove(0);
    cluster.kill(&node);
    // Slurm would see it after twenty seconds, and wait for two minutes then.
    cluster.run("scontrol", &["update", &format!("nodename={node}"), "state=down", "reason=power"]);
    let waiting = || cluster.run("squeue", &["--noheader", "--states=PENDING", "--format=%A"]);
    assert!(wait_until(PATIENCE, || !waiting().trim().is_empty()), "{:?}", cluster.states());
    cluster.run("scontrol", &["update", &format!("jobid={}", waiting().trim()), "StartTime=now"]);
    let finished = running.finish().expect(0);
    let run = RunFolder::only(out.path());
    run.assert_complete(2, 8);
    assert_nothing_lost(&run);
    let of_seed: Vec<String> = nodes(&run).into_iter().filter(|one| one.0 == seed).map(|one| one.1).collect();
    assert_eq!(of_seed.len(), 2, "{}", finished.stderr);
    assert_ne!(of_seed[1], node, "a node that is down runs nothing");
}

/// Ctrl-C cancels what runs and what waits; resumed, the benchmark goes on.
#[test]
fn ctrl_c_cancels_the_jobs_and_the_run_goes_on_later() {
    let Some(cluster) = Cluster::start(2) else { return };
    let out = tempfile::tempdir().unwrap();
    let running = on(&cluster, out.path()).args(["--seeds", "3", "--epochs", "3"]).hostile("drowsy").start();
    await_run(out.path(), |run| run.count("epoch") >= 2);
    running.signal(Signal::INT);
    let finished = running.finish().expect(130);
    assert!(finished.stderr.contains("the jobs are cancelled"), "{}", finished.stderr);
    assert!(finished.stderr.contains("continue with `bench --resume"), "{}", finished.stderr);
    let run = RunFolder::only(out.path());
    assert_eq!(run.events().last().unwrap()["outcome"], "interrupted");
    assert!(cluster.states().iter().all(|state| state == "CANCELLED"), "{:?}", cluster.states());
    assert_nothing_lost(&run);
    resume(&cluster, &run).run().expect(0);
    run.assert_complete_at_last(3, 3);
    assert_nothing_lost(&run);
}

/// A job passes its time limit in its second run: another is submitted, which does not make the
/// first one again.
#[test]
fn a_job_past_its_time_limit_goes_on_in_another() {
    let Some(cluster) = Cluster::start(1) else { return };
    let Some(quick) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    // Its node is shared with nobody, and with this seed the quick one is the first.
    let invocation = on_cluster(bench(out.path(), [quick, &hostile()]), &cluster);
    let running = invocation.args(["--epochs", "60", "--sbatch=--time=10"]).hostile("drowsy").start();
    await_run(out.path(), |run| run.count("ended") == 1 && run.count("begun") == 2);
    let job = cluster.run("squeue", &["--noheader", "--format=%A"]);
    cluster.run("scontrol", &["update", &format!("jobid={}", job.trim()), "EndTime=now+1seconds"]);
    // Slurm looks at limits twice a minute.
    let run = await_run(out.path(), |run| run.count("begun") == 3);
    running.signal(Signal::INT);
    let finished = running.finish().expect(130);
    assert!(
        finished.stderr.contains("on node1 passed its time limit (--sbatch=--time=…); it is submitted again"),
        "{}",
        finished.stderr
    );
    let begun = run.events().into_iter().filter(|event| event["event"] == "begun");
    let backends: Vec<String> = begun.map(|event| event["cell"]["backend"].to_string()).collect();
    assert_eq!(backends[1], backends[2], "{backends:?}");
    assert_ne!(backends[0], backends[1], "the first run was made again");
    assert_nothing_lost(&run);
}

/// Somebody cancels a job by hand: the round's runs fail, and say why.
#[test]
fn a_job_that_somebody_cancels_is_a_row_with_the_reason() {
    let Some(cluster) = Cluster::start(1) else { return };
    let out = tempfile::tempdir().unwrap();
    let running = on(&cluster, out.path()).args(["--epochs", "40"]).hostile("drowsy").start();
    await_run(out.path(), |run| run.count("epoch") >= 1);
    cluster.run("scancel", &["--name=trainmark-round"]);
    let finished = running.finish().expect(1);
    assert!(finished.stderr.contains("on node1 was cancelled"), "{}", finished.stderr);
    let row = RunFolder::only(out.path()).run("hostile");
    assert_eq!(row["outcome"], "failed");
    assert!(row["reason"].ends_with(" on node1 was cancelled"), "{row:?}");
}

/// Somebody cancels a round that waits, which Slurm then leaves out of its array: no job is submitted for
/// it again, and the other one goes on.
#[test]
fn a_round_that_is_cancelled_while_it_waits_is_given_up() {
    let Some(cluster) = Cluster::start(1) else { return };
    let out = tempfile::tempdir().unwrap();
    let running = on(&cluster, out.path()).args(["--seeds", "2", "--no-audit", "--sbatch=--hold"]).start();
    let job = || cluster.run("squeue", &["--noheader", "--format=%F"]).trim().to_owned();
    assert!(wait_until(PATIENCE, || !job().is_empty()), "nothing was submitted");
    let array = job();
    cluster.run("scancel", &[&format!("{array}_2")]);
    cluster.run("scontrol", &["release", &array]);
    let finished = running.finish().expect(1);
    assert_eq!(finished.stderr.matches("submitted 1 round").count(), 0, "{}", finished.stderr);
    let failed: Vec<_> = RunFolder::only(out.path())
        .events()
        .into_iter()
        .filter(|event| event["outcome"] == "failed")
        .collect();
    let [row] = &failed[..] else { panic!("{failed:?}") };
    assert_eq!(row["seed"], 2);
    assert_eq!(row["reason"], format!("job {array}_2 was cancelled before it began"));
}

/// The head is killed: its jobs go on, and a later head gathers what they have done meanwhile.
#[test]
fn a_head_that_was_killed_is_followed_by_another() {
    let Some(cluster) = Cluster::start(2) else { return };
    let out = tempfile::tempdir().unwrap();
    let running = on(&cluster, out.path()).args(["--seeds", "2", "--epochs", "3"]).hostile("drowsy").start();
    await_run(out.path(), |run| run.count("epoch") >= 1);
    running.signal(Signal::KILL);
    assert_eq!(running.finish().code, None);
    let run = RunFolder::only(out.path());
    let finished = resume(&cluster, &run).run().expect(0);
    assert!(finished.stderr.contains("rounds of an earlier head go on"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("submitted 2 rounds"), "{}", finished.stderr);
    run.assert_complete(2, 3);
    assert_nothing_lost(&run);
}
