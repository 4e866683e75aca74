//! Submitted, and gathered later.

use trainmark_tests::{Cluster, RunFolder, invoke, wait_until};

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
