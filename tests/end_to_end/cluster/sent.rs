//! Submitted, and gathered later.

use std::process::Command;

use trainmark_tests::{Cluster, Invocation, RunFolder, bench, hostile, invoke, wait_until};

use super::{PATIENCE, assert_nothing_lost, on};

#[test]
fn what_was_submitted_is_gathered_later() {
    let Some(cluster) = Cluster::start(2) else { return };
    let out = tempfile::tempdir().unwrap();
    let sent =
        on(&cluster, out.path()).args(["--seeds", "2", "--submit-only"]).hostile("drowsy").run().expect(0);
    let run = RunFolder::only(out.path());
    let line = format!("`collect {}` whenever you like", run.path.display());
    assert!(sent.stdout.contains(&line), "{}", sent.stdout);
    assert!(sent.stderr.contains("the audits in 1 part"), "{}", sent.stderr);
    let collect = || invoke(["collect"]).args([&run.path]).env("SLURM_CONF", cluster.configuration()).run();
    let early = collect().expect(0);
    assert!(early.stdout.contains("collect again later"), "{}", early.stdout);
    assert!(!early.stdout.contains("was killed"), "{}", early.stdout);
    let is_idle = || cluster.states().iter().all(|state| state == "COMPLETED");
    assert!(wait_until(PATIENCE, is_idle), "{:?}", cluster.states());
    collect().expect(0);
    run.assert_complete(2, 1);
    assert_nothing_lost(&run);
    let events = run.events();
    assert_eq!(events.iter().filter(|event| event["event"] == "audited").count(), 1);
    assert_eq!(events.last().unwrap()["outcome"], "complete");
    // Once more changes nothing.
    collect().expect(0);
    assert_eq!(run.events(), events);
}

/// Where there is no Slurm the scripts are submitted by hand, and nothing is known of their jobs but
/// what these write.
#[test]
fn what_was_submitted_by_hand_is_gathered_too() {
    let (out, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let without_slurm = |invocation: Invocation| invocation.env("PATH", empty.path()).run().expect(0).stdout;
    let arguments = ["--executor", "slurm", "--threads", "1", "--seeds", "2", "--submit-only"];
    let sent = without_slurm(bench(out.path(), [hostile()]).args(arguments));
    let run = RunFolder::only(out.path());
    for told in ["with `sbatch ", "slurm/round.sh`", "--dependency=afterany:JOB ", "slurm/audit.sh`"] {
        assert!(sent.contains(told), "{sent}");
    }
    let collected = || without_slurm(invoke(["collect"]).args([&run.path]));
    let told = collected();
    assert!(
        told.contains("0 of 2 rounds ended; trainmark has submitted no job, and does not know"),
        "{told}"
    );
    assert!(!told.contains("was killed"), "{told}");
    let by_hand = |script: &str, task: &str| {
        let script = run.path.join("slurm").join(script);
        let output = Command::new("sh").arg(script).env("SLURM_ARRAY_TASK_ID", task).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    by_hand("round.sh", "1");
    by_hand("round.sh", "2");
    let told = collected();
    assert!(
        told.contains("2 of 2 rounds ended; only the audits are missing: submit them with `sbatch "),
        "{told}"
    );
    by_hand("audit.sh", "0");
    collected();
    run.assert_complete(2, 1);
    assert_nothing_lost(&run);
}
