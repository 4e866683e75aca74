//! Processes that a plugin starts: found, counted and ended with their worker.

use std::time::Duration;

use rustix::process::Signal;
use trainmark_tests::{RunFolder, bench, hostile, wait_until};

/// The processes that belong to nobody any more.
fn sleepers(processes: &[(u32, String)]) -> usize {
    processes.iter().filter(|(_, command)| command.starts_with("sleep 1000")).count()
}

#[test]
fn what_a_worker_has_left_elsewhere_ends_with_it() {
    let out = tempfile::tempdir().unwrap();
    let running = bench(out.path(), [hostile()]).hostile("detach").start();
    let marker = running.marker.clone();
    assert!(wait_until(Duration::from_secs(60), || sleepers(&marker.processes()) > 0), "none is left behind");
    running.finish().expect(0).marker.assert_gone();
}

/// Nobody can tell a harness that is killed to tidy up.
#[test]
fn what_a_worker_has_left_elsewhere_ends_with_a_harness_that_is_killed() {
    let out = tempfile::tempdir().unwrap();
    let running = bench(out.path(), [hostile()]).args(["--epochs", "500"]).hostile("detach").start();
    let marker = running.marker.clone();
    let is_timed = || RunFolder::find(out.path()).is_some_and(|run| run.count("epoch") > 0);
    assert!(wait_until(Duration::from_secs(60), is_timed), "no epoch ends");
    assert!(sleepers(&marker.processes()) > 0, "{:?}", marker.processes());
    running.signal(Signal::KILL);
    let finished = running.finish();
    assert_eq!(finished.code, None);
    finished.marker.assert_gone();
}
