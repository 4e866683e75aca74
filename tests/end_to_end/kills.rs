//! A benchmark that is killed again and again, at moments that nobody chose.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use trainmark_tests::{Invocation, RunFolder, asked_for, bench, hostile, invoke, minimal_c};

/// Kills to be survived; `TRAINMARK_KILLS` asks for more.
const KILLS: usize = 4;
/// Benchmarks that share them, side by side: half of the time they wait.
const BENCHMARKS: usize = 2;
/// A benchmark of these runs lasts longer than this without a kill.
const LONGEST_LIFE: Duration = Duration::from_millis(1500);
const RUNS: usize = 6;
const EPOCHS: usize = 2;

/// How long the benchmark lives before the kill of this number: spread over its life so that any
/// few of them are far apart (the golden ratio's multiples).
fn life(kill: usize) -> Duration {
    LONGEST_LIFE.mul_f64((kill as f64 * 0.618_033_988_749_895).fract())
}

/// Starts it, or goes on with what is there.
fn invocation(out: &Path) -> Option<Invocation> {
    match RunFolder::find(out) {
        Some(run) => Some(invoke(["bench", "--resume"]).args([&run.path])),
        None => Some(bench(out, [&hostile(), minimal_c()?]).args(["--epochs", "2", "--seeds", "3"])),
    }
}

/// The lines that are whole.
fn events(out: &Path) -> Vec<Value> {
    let Some(run) = RunFolder::find(out) else { return Vec::new() };
    let Ok(text) = std::fs::read_to_string(run.path.join("events.jsonl")) else { return Vec::new() };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Kills it at these moments of its lives, one after the other, then lets it end.
fn survive(out: &Path, lives: impl Iterator<Item = Duration>) -> Option<()> {
    let mut before = Vec::new();
    for life in lives {
        let running = invocation(out)?.start();
        std::thread::sleep(life);
        running.signal(Signal::KILL);
        let marker = running.marker.clone();
        let finished = running.finish();
        assert!(matches!(finished.code, None | Some(0)), "it did not go on: {finished:?}");
        marker.assert_gone();
        let now = events(out);
        assert_eq!(now.get(..before.len()), Some(&before[..]), "what was recorded is gone");
        before = now;
    }
    invocation(out)?.run().expect(0);
    assert_eq!(events(out)[..before.len()], before, "what was recorded is gone");
    Some(())
}

#[test]
fn no_row_is_lost_and_none_stands_twice() {
    let kills = asked_for("TRAINMARK_KILLS", KILLS);
    std::thread::scope(|scope| {
        for benchmark in 0..BENCHMARKS {
            scope.spawn(move || {
                let out = tempfile::tempdir().unwrap();
                let lives = (benchmark..kills).step_by(BENCHMARKS).map(life);
                if survive(out.path(), lives).is_some() {
                    RunFolder::only(out.path()).assert_complete(RUNS, EPOCHS);
                }
            });
        }
    });
}
