//! Shells and terminals that are not as usual: ignored signals, few files and processes, a
//! terminal that can do nothing.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

use rustix::process::{Signal, getuid};
use trainmark_tests::{
    Invocation, Marker, RunFolder, bench, hostile, invoke_program, shell, skip, trainmark, wait_until,
};

/// A benchmark of the hostile plugin, started by a shell behind these words.
fn behind(words: &str, out: &Path) -> Invocation {
    let bench = "bench \"$1\" --workload softmax --dataset synthetic --quick --out \"$2\"";
    shell(&format!("{words} cargo run -- {bench}")).args([
        "sh".as_ref(),
        hostile().as_os_str(),
        out.as_os_str(),
    ])
}

fn in_first_epoch(out: &Path) -> bool {
    RunFolder::find(out).is_some_and(|run| run.count("begun") > 0)
}

#[test]
fn signals_that_are_ignored_stay_so() {
    let out = tempfile::tempdir().unwrap();
    let words = "exec env --ignore-signal=HUP --ignore-signal=INT";
    let running = behind(words, out.path()).hostile("slow").start();
    assert!(wait_until(Duration::from_secs(60), || in_first_epoch(out.path())), "nothing begins");
    for signal in [Signal::HUP, Signal::INT, Signal::HUP, Signal::INT] {
        running.signal(signal);
    }
    running.finish().expect(0);
    assert_eq!(RunFolder::only(out.path()).run("hostile")["outcome"], "ok");
}

#[test]
fn a_parent_that_ignores_its_childrens_ends_is_no_trouble() {
    let out = tempfile::tempdir().unwrap();
    behind("exec env --ignore-signal=CHLD", out.path()).run().expect(0);
    let out = tempfile::tempdir().unwrap();
    behind("exec env --ignore-signal=CHLD", out.path()).hostile("exit").run().expect(1);
    let reason = &RunFolder::only(out.path()).run("hostile")["reason"];
    assert!(reason.contains("exited with code 3"), "{reason}");
}

#[test]
fn few_open_files_are_enough() {
    let out = tempfile::tempdir().unwrap();
    behind("ulimit -n 128; exec", out.path()).run().expect(0);
}

#[test]
fn a_file_that_may_not_grow_is_an_error() {
    let out = tempfile::tempdir().unwrap();
    let finished = behind("ulimit -f 1; exec", out.path()).run().expect(2);
    assert!(finished.stderr.contains("; the limit on a file's size (`ulimit -f`)"), "{}", finished.stderr);
}

/// However few they are: an error, or all goes well.
#[test]
fn few_processes_are_an_error() {
    if !getuid().is_root() {
        return skip("root", "only root can become a user of whom nothing else runs");
    }
    let told = std::thread::scope(|scope| {
        let tries = [1, 4, 7].into_iter().map(|count| {
            scope.spawn(move || {
                let (out, user) = (tempfile::tempdir().unwrap(), 54_321 + count);
                chown(out.path(), Some(user), Some(user)).unwrap();
                fs::set_permissions(out.path(), fs::Permissions::from_mode(0o755)).unwrap();
                let words = format!(
                    "exec setpriv --reuid={user} --regid={user} --clear-groups prlimit --nproc={count}"
                );
                let home = out.path().to_owned();
                let finished = behind(&words, out.path()).env("HOME", home).run();
                assert!(matches!(finished.code, Some(0..=2)), "{count}: {finished:?}");
                assert!(!finished.stderr.contains("panicked"), "{count}: {}", finished.stderr);
                (finished.code, finished.stderr)
            })
        });
        tries.collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(told.iter().any(|(code, _)| *code != Some(0)), "{told:?}");
    assert!(told[0].1.contains("; the limit on processes (`ulimit -u`) is reached"), "{told:?}");
}

/// The states of the processes that a marker finds.
fn states(marker: &Marker) -> Vec<char> {
    let state = |number: u32| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        stat.rsplit_once(')')?.1.trim_start().chars().next()
    };
    marker.processes().into_iter().filter_map(|(number, _)| state(number)).collect()
}

#[test]
fn ctrl_z_stops_the_worker_too() {
    let out = tempfile::tempdir().unwrap();
    let running = bench(out.path(), [hostile()]).hostile("slow").start();
    let marker = running.marker.clone();
    let is_worker = |(_, command): &(u32, String)| command.contains("guarded-worker");
    let is_at_work = || in_first_epoch(out.path()) && marker.processes().iter().any(is_worker);
    assert!(wait_until(Duration::from_secs(60), is_at_work), "nothing begins");
    running.signal(Signal::TSTP);
    let are_stopped = || {
        let states = states(&marker);
        // The guard only waits.
        states.len() >= 3 && states.iter().filter(|&&state| state != 'T').count() == 1
    };
    assert!(wait_until(Duration::from_secs(5), are_stopped), "{:?}", marker.processes());
    running.signal(Signal::CONT);
    running.finish().expect(0);
    assert_eq!(RunFolder::only(out.path()).run("hostile")["outcome"], "ok");
}

/// The kernel lets what is stopped go on with a SIGHUP when nobody is left who could.
#[test]
fn what_ctrl_z_has_stopped_ends_with_a_harness_that_is_killed() {
    let out = tempfile::tempdir().unwrap();
    let running = bench(out.path(), [hostile()]).args(["--epochs", "500"]).hostile("detach").start();
    let marker = running.marker.clone();
    let is_timed = || RunFolder::find(out.path()).is_some_and(|run| run.count("epoch") > 0);
    assert!(wait_until(Duration::from_secs(60), is_timed), "no epoch ends");
    running.signal(Signal::TSTP);
    let is_stopped = || states(&marker).iter().filter(|&&state| state == 'T').count() >= 3;
    assert!(wait_until(Duration::from_secs(5), is_stopped), "{:?}", marker.processes());
    running.signal(Signal::KILL);
    running.finish().marker.assert_gone();
}

/// Nor does it tell its width.
#[test]
fn a_terminal_that_can_do_nothing_gets_plain_lines() {
    for term in [None, Some("dumb")] {
        let out = tempfile::tempdir().unwrap();
        let [binary, plugin, folder] =
            [trainmark(), hostile(), out.path().to_owned()].map(|path| format!("'{}'", path.display()));
        let line =
            format!("{binary} bench {plugin} --workload softmax --dataset synthetic --quick --out {folder}");
        let mut terminal = invoke_program("script", ["--quiet", "--return", "--command", &line, "/dev/null"]);
        if let Some(term) = term {
            terminal = terminal.env("TERM", term);
        }
        let shown = terminal.run().expect(0).stdout;
        assert!(shown.contains("computes the same function"), "{shown}");
        assert!(shown.contains("[1/1] softmax hostile"), "{shown}");
        assert!(shown.lines().any(|line| line.trim_start().starts_with("hostile/none@cpu ")), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
    }
}

/// A run's table as a terminal shows it that is set up by these words.
fn reported(run: &Path, words: &str) -> Vec<String> {
    let line = format!("{words} '{}' report '{}'", trainmark().display(), run.display());
    let terminal = invoke_program("script", ["--quiet", "--return", "--command", &line, "/dev/null"]);
    let shown = terminal.run().expect(0).stdout;
    let lines = shown.lines().map(|line| line.trim_end().to_owned());
    let table = lines.skip_while(|line| !line.starts_with("softmax on synthetic")).skip(1);
    table.take_while(|line| !line.is_empty()).collect()
}

#[test]
fn a_terminal_of_any_width_shows_whole_words() {
    let out = tempfile::tempdir().unwrap();
    bench(out.path(), [hostile()]).run().expect(0);
    let run = RunFolder::only(out.path()).path;
    // A terminal that tells no width, with and without one in the environment.
    let whole = reported(&run, "stty cols 0;");
    assert!(whole[0].trim_start().starts_with("cell ") && whole[0].ends_with(" runs"), "{whole:?}");
    assert!(
        whole[2].trim_start().starts_with("hostile/none@cpu ") && whole[2].ends_with(" 1 of 1"),
        "{whole:?}"
    );
    assert_eq!(reported(&run, "stty cols 300;"), whole);
    let list = reported(&run, "stty cols 40;");
    assert_eq!(list[0], "hostile/none@cpu", "{list:?}");
    assert!(list.iter().any(|line| line.starts_with("  s/epoch ")), "{list:?}");
    assert!(list.iter().any(|line| line.starts_with("  runs ") && line.ends_with(" 1 of 1")), "{list:?}");
    assert!(list.iter().all(|line| line.chars().count() <= 40), "{list:?}");
    assert_eq!(reported(&run, "stty cols 0; COLUMNS=40"), list);
}
