//! `history`, on runs whose numbers are known.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trainmark_tests::{Finished, RunFolder, c_library, invoke, minimal_c};

use crate::known_runs::{is, original};

/// What a night's run is of.
struct Night<'n> {
    events: &'n [Value],
    day: usize,
    /// Times as long as the control.
    times: f64,
    library: &'n str,
}

impl Night<'_> {
    /// Writes its run folder: the events' cell, and beside it the same once more as a control.
    fn write(&self, parent: &Path) {
        let mut text = String::new();
        for event in self.events {
            let mut event = event.clone();
            if is(&event, "started") {
                event["run_id"] = format!("night-{:02}", self.day).into();
                event["unix_time"] = (1.8e9 + 86_400.0 * self.day as f64).into();
                let mut control = event["plan"]["cells"][0].clone();
                control["backend"] = "control".into();
                event["plan"]["cells"].as_array_mut().unwrap().push(control);
                event["roles"] = json!({ "control": "ceiling" });
                event["notes"] = json!([]);
            }
            if event["cell"].is_object() {
                let mut control = event.clone();
                control["cell"]["backend"] = "control".into();
                control["library_hash"] = "cd".repeat(32).into();
                self.time(&mut control, 1.0);
                text += &format!("{control}\n");
                event["library_hash"] = self.library.into();
                self.time(&mut event, self.times);
            }
            text += &format!("{event}\n");
        }
        let folder = parent.join(format!("2027/night-{:02}", self.day));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("events.jsonl"), text).unwrap();
    }

    /// Nights and seeds differ by some thousandths.
    fn time(&self, event: &mut Value, factor: f64) {
        if is(event, "epoch") {
            let seed = event["seed"].as_u64().unwrap() as usize;
            let noise = ((self.day * 37 + seed * 17) % 11) as f64 / 2000.0;
            event["train_seconds"] = (2.0 * factor * (1.0 + if factor == 1.0 { 0.0 } else { noise })).into();
        }
    }
}

/// So many nights, slower from the twelfth on.
pub(super) fn nightly(parent: &Path, nights: usize) {
    for day in 0..nights {
        let (times, library) = if day < 12 { (1.5, "ab") } else { (1.8, "ef") };
        Night { events: original(), day, times, library: &library.repeat(32) }.write(parent);
    }
}

fn history(parent: &Path, arguments: &[&str]) -> Finished {
    invoke(["history"]).args([parent]).args(arguments).run()
}

#[test]
fn a_slower_library_is_told_in_every_form_and_fails_the_check() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path();
    nightly(folder, 20);
    let old = folder.join("2019/night-old");
    fs::create_dir_all(&old).unwrap();
    fs::write(old.join("events.jsonl"), "{\"event\":\"started\",\"schema\":9}\n").unwrap();
    let text = history(folder, &[]).expect(0);
    assert_eq!(text.stderr, "");
    let told = text.stdout.lines().next().unwrap();
    assert_eq!(told, "1 step in 1 series of 20 runs.");
    let step = text.stdout.lines().nth(1).unwrap();
    assert!(step.starts_with("softmax hostile/none@cpu is slower since 2027-01-27 "), "{step}");
    assert!(
        step.contains("(night-12): 1.20") && step.contains("library abababababab… → efefefefefef…"),
        "{step}"
    );
    let unread = "not read: 2019/night-old: 2019/night-old/events.jsonl has record schema 9, this trainmark reads schema 1";
    assert!(text.stdout.contains(unread), "{}", text.stdout);

    // A forged night of the same name and beginning, and a pack beside them.
    let night = folder.join("2027/night-19/events.jsonl");
    let forged = folder.join("2026/night-19");
    fs::create_dir_all(&forged).unwrap();
    let text = fs::read_to_string(&night).unwrap();
    fs::write(forged.join("events.jsonl"), text.replacen("\"command\":\"", "\"command\":\"another ", 1))
        .unwrap();
    fs::write(folder.join("night-20.tar.gz"), "not looked at").unwrap();
    let disputed = history(folder, &[]).expect(0).stdout;
    assert!(disputed.starts_with("1 step in 1 series of 19 runs."), "{disputed}");
    let told = "not counted: 2026/night-19, 2027/night-19: there are different records of the name night-19";
    assert!(disputed.contains(told), "{disputed}");
    assert!(disputed.contains("not read: 1 pack, the first night-20.tar.gz: "), "{disputed}");
    fs::write(forged.join("events.jsonl"), text).unwrap();
    fs::remove_file(folder.join("night-20.tar.gz")).unwrap();
    let copied = history(folder, &[]).expect(0).stdout;
    assert!(copied.contains("2027/night-19 is a copy of 2026/night-19"), "{copied}");
    fs::remove_dir_all(folder.join("2026")).unwrap();

    let failed = history(folder, &["--fail-on", "slower:5%", "--format", "json"]).expect(1);
    let document: Value = serde_json::from_str(&failed.stdout).unwrap();
    assert_eq!((&document["kind"], &document["check"]["passed"]), (&"history".into(), &false.into()));
    assert_eq!(document["series"][0]["steps"][0]["at"], 12);
    assert_eq!(document["unreadable"][0]["path"], "2019/night-old");
    assert!(failed.stderr.ends_with("failed: 1 of 1 series\n"), "{}", failed.stderr);
    history(folder, &["--fail-on", "slower:50%"]).expect(0);
    history(folder, &["--fail-on", "slower:5%", "--since", "2027-01-30"]).expect(0);
    let late = history(folder, &["--fail-on", "slower:5%", "--since", "2027-02-20"]).refusal();
    assert!(late.contains("no run is as late as --since 2027-02-20"), "{late}");
    assert!(late.contains("night-19, began on 2027-02-03"), "{late}");
    let markdown = history(folder, &["--format", "markdown"]).expect(0).stdout;
    assert!(
        markdown.starts_with("## trainmark: history\n\n**1 step in 1 series of 20 runs.**\n"),
        "{markdown}"
    );
    let page = history(folder, &["--format", "html"]).expect(0).stdout;
    assert!(page.starts_with("<!doctype html>") && page.contains(">slower</text>"), "{page}");
    let mut names: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert_eq!(names, [folder.join("2019"), folder.join("2027")], "nothing is written there");
}

#[test]
fn what_is_no_history_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path();
    let told = |arguments: &[&str]| {
        history(folder, arguments).refusal().replace(&folder.display().to_string(), "[folder]")
    };
    assert_eq!(told(&[]), "error: no run folder in [folder]: `bench --out` makes them there\n");
    fs::create_dir(folder.join("old")).unwrap();
    fs::write(folder.join("old/events.jsonl"), "{\"event\":\"started\",\"schema\":9}\n").unwrap();
    let unread = told(&[]);
    assert!(
        unread.starts_with(
            "error: no run in [folder] can be read; of old: old/events.jsonl has record schema 9"
        ),
        "{unread}"
    );
    let broken =
        history(&folder.join("old"), &[]).refusal().replace(&folder.display().to_string(), "[folder]");
    assert!(
        broken.starts_with("error: cannot read the run [folder]/old: events.jsonl has record schema 9"),
        "{broken}"
    );
    fs::remove_dir_all(folder.join("old")).unwrap();
    fs::write(folder.join("night.tar.gz"), "not looked at").unwrap();
    let packs =
        "error: no run folder in [folder], only packs: unpack them there, as by `tar -xzf night.tar.gz`\n";
    assert_eq!(told(&[]), packs);
    assert!(history(&folder.join("none"), &[]).refusal().contains("cannot read "));
    assert!(told(&["--since", "2027-01-01"]).contains("--fail-on"));
    assert!(
        told(&["--fail-on", "slower:5%", "--since", "soon"])
            .contains("`soon` is no day; write for example 2026-01-31")
    );
}

/// A run of a library: its events, and the library's hash.
fn measured(library: &Path) -> (Vec<Value>, String) {
    let out = tempfile::tempdir().unwrap();
    invoke(["bench"])
        .args([library])
        .args(["--workload", "softmax", "--dataset", "synthetic", "--samples", "2000", "--threads", "1"])
        .args(["--epochs", "1", "--seeds", "2", "--no-audit", "--out"])
        .args([out.path()])
        .run()
        .expect(0);
    let run = RunFolder::only(out.path());
    let events = run.events();
    let ended = events.iter().find(|event| is(event, "ended")).unwrap();
    let hash = ended["library_hash"].as_str().unwrap().to_owned();
    (events, hash)
}

#[test]
fn both_libraries_of_a_step_are_timed_in_the_same_rounds() {
    let Some(base) = minimal_c() else { return };
    let Some(slow) = c_library("variant.c", &["-DTM_TEST_SLOW"], "libslow.so") else { return };
    let [(events, before), (_, after)] = [base, &slow].map(measured);
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path();
    for day in 0..14 {
        let (times, library) = if day < 8 { (1.5, &before) } else { (2.5, &after) };
        Night { events: &events, day, times, library }.write(folder);
    }
    let untold = history(folder, &["--confirm"]).expect(0);
    let missing = "not confirmed: softmax (2000 samples) minimal-c/none@cpu: no library ";
    assert!(untold.stderr.contains(missing), "{}", untold.stderr);
    let confirm = |name: &str| {
        invoke(["history"])
            .args([folder])
            .args(["--confirm", "--fail-on", "slower:5%", "--library"])
            .args([base])
            .args(["--library"])
            .args([&slow])
            .run()
            .expect(1)
            .stderr
            .contains(name)
    };
    assert!(confirm("confirm: cargo run -- bench --base "));
    let told = history(folder, &[]).expect(0).stdout;
    assert!(told.contains(" Both libraries in the same rounds show it: "), "{told}");
    assert!(told.contains("shown: "), "{told}");
    assert!(confirm("confirm: no step lies between two libraries"), "it is not run again");
}
