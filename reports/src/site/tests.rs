use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::record::{Event, Role, Started};
use crate::submission::tests::{NOW, anonymizer, events, folder};

fn making<'m>(anonymizer: &'m Anonymizer) -> Making<'m> {
    const DEFECTS: &str =
        "# Defects\n\n## Wrong results\n\n| framework | what |\n|---|---|\n| tch | <b>ties</b> |\n";
    let verify = &|submission: &Submission| crate::submission::checks(submission, NOW).0;
    Making { verify, anonymizer, defects: DEFECTS, unix_time: NOW }
}

/// A run in which the ceiling is known as one, after a change.
fn run(parent: &Path, name: &str, change: impl Fn(&mut Started), factor: f64, tch: &str) -> PathBuf {
    let mut events = events();
    let begun = crate::example::started().unix_time;
    let mut later = 0.0;
    for event in &mut events {
        match event {
            Event::Started(started) => {
                started.run_id = name.to_owned();
                started.roles.insert("handwritten".to_owned(), Role::Ceiling);
                started.environment.logical_cpus = 8;
                change(started);
                later = started.unix_time - begun;
            }
            Event::Begun(line) => line.what.unix_time += later,
            // Not exactly alike, lest there be no noise at all.
            Event::Epoch(line) if line.cell.backend == "tch" => {
                line.what.train_seconds *= factor * (1.0 + 0.01 * line.seed as f64);
                line.what.train_cpu_seconds = None;
            }
            Event::Ended(line) if line.cell.backend == "tch" => {
                line.what.end.framework = Some(tch.to_owned());
            }
            _ => {}
        }
    }
    // What the ends say of the epochs that were changed.
    let made = events.clone();
    for event in &mut events {
        let Event::Ended(line) = event else { continue };
        let mut run = crate::record::Run::new(line.cell.clone(), line.seed, line.purpose);
        run.end = line.what.end.clone();
        run.begun = Some(crate::record::Begun { load_average: Some(0.75), unix_time: 0.0, epochs: None });
        run.epochs.extend(made.iter().filter_map(|event| match event {
            Event::Epoch(epoch) if epoch.cell == line.cell && epoch.seed == line.seed => {
                Some(epoch.what.clone())
            }
            _ => None,
        }));
        let targets: Vec<_> = line.what.targets.iter().map(|told| told.target).collect();
        *event = run.ended(&targets);
    }
    folder(parent, &events)
}

fn laptop(_: &mut Started) {}

fn server(started: &mut Started) {
    started.environment.cpu = "Server CPU".to_owned();
    started.unix_time += 86_400.0;
}

fn text(out: &Path, name: &str) -> String {
    fs::read_to_string(out.join(name)).unwrap()
}

fn record_hash(run: &Path) -> String {
    Submission::open(run).unwrap().record_hash().unwrap()
}

fn maintainers(dir: &Path, runs: &[(&str, &str)]) {
    let lines = runs.iter().map(|(run, hash)| format!("{run} = \"{hash}\"\n")).collect::<String>();
    fs::write(dir.join("site.toml"), format!("[maintainers]\n{lines}")).unwrap();
}

/// The rows of a page's tables, without markup.
fn rows(page: &str) -> String {
    let (_, main) = page.split_once("<main id=\"main\">").unwrap();
    let (main, _) = main.split_once("</main>").unwrap();
    let is_old = main.replace("<tr class=\"old\">", "<tr>(paler) ");
    let mut text = String::new();
    let mut is_markup = false;
    for character in is_old.replace("</td>", " | ").replace("</th>", " | ").chars() {
        match character {
            '<' => is_markup = true,
            '>' => is_markup = false,
            _ if !is_markup => text.push(character),
            _ => {}
        }
    }
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

#[test]
fn levels_versions_and_what_is_not_shown() {
    let (dir, parent) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run(dir.path(), "laptop", laptop, 1.0, "tch 0.24.0 over libtorch 2.11");
    run(dir.path(), "server", server, 1.05, "tch 0.24.0 over libtorch 2.11");
    run(dir.path(), "newer", |started| started.unix_time += 172_800.0, 0.8, "tch 0.26.0 over libtorch 2.13");
    let edited = run(parent.path(), "edited", laptop, 1.0, "tch 0.24.0");
    let lines = fs::read_to_string(edited.join("events.jsonl")).unwrap();
    fs::write(edited.join("events.jsonl"), lines.replacen("\"seconds\":", "\"seconds\":1", 1)).unwrap();
    fs::rename(edited, dir.path().join("edited")).unwrap();
    maintainers(
        dir.path(),
        &[("newer", &record_hash(&dir.path().join("newer"))), ("gone", &"ab".repeat(32))],
    );
    let out = parent.path().join("out");
    let anonymizer = anonymizer();
    let written = write(dir.path(), &out, &making(&anonymizer)).unwrap();
    assert_eq!((written.shown, written.pages), (3, 10));
    assert_eq!(written.unmet, ["site.toml lists gone, and its record abababababab… is not shown"]);
    insta::assert_snapshot!("index", rows(&text(&out, "index.html")));
    insta::assert_snapshot!("framework", rows(&text(&out, "frameworks/tch.html")));
    insta::assert_snapshot!("run", rows(&text(&out, "runs/server/index.html")));
    insta::assert_snapshot!("numbers", text(&out, "numbers.csv"));
    let mut published: Vec<_> =
        fs::read_dir(out.join("runs/server")).unwrap().map(|file| file.unwrap().file_name()).collect();
    published.sort();
    assert_eq!(
        published,
        ["epochs.csv", "index.html", "report.html", "runs.csv", "server.tar.gz", "summary.csv"]
    );
    let defects = text(&out, "defects.html");
    assert!(defects.contains("&lt;b&gt;ties") && defects.contains("aria-label=\"Table: Wrong results\""));

    let first = text(&out, "index.html");
    write(dir.path(), &out, &making(&anonymizer)).unwrap();
    assert_eq!(text(&out, "index.html"), first, "the same runs make the same pages");
    fs::remove_dir_all(dir.path().join("server")).unwrap();
    write(dir.path(), &out, &making(&anonymizer)).unwrap();
    assert!(!out.join("runs/server").exists(), "a run that was taken back is gone");
}

#[test]
fn a_pack_is_shown_as_its_run_is_and_nothing_of_its_own_pages() {
    let (dir, parent) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let own = run(parent.path(), "sent", laptop, 1.0, "tch 0.24.0");
    let anonymizer = anonymizer();
    crate::submission::pack(&own, dir.path(), &anonymizer).unwrap();
    let out = parent.path().join("out");
    let written = write(dir.path(), &out, &making(&anonymizer)).unwrap();
    assert_eq!((written.shown, written.refused.len()), (1, 0), "{:?}", written.refused);
    assert!(text(&out, "index.html").contains("self-reported"));
    fs::rename(&own, dir.path().join("folder")).unwrap();
    let written = write(dir.path(), &out, &making(&anonymizer)).unwrap();
    assert_eq!(written.refused, [("sent.tar.gz".to_owned(), "the same run as folder".to_owned())]);
}

#[test]
fn a_name_is_anybodys_to_give() {
    let (dir, parent) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let own = run(dir.path(), "mine", laptop, 1.0, "tch 0.24.0");
    fs::rename(own, dir.path().join("b")).unwrap();
    let own = dir.path().join("b");
    let forged = run(dir.path(), "mine", server, 0.5, "tch 0.24.0");
    fs::rename(forged, dir.path().join("a")).unwrap();
    let anonymizer = anonymizer();
    let out = parent.path().join("out");
    let made = || {
        let Written { shown, refused, .. } = write(dir.path(), &out, &making(&anonymizer)).unwrap();
        (shown, refused.iter().map(|(run, reason)| format!("{run}: {reason}")).collect::<Vec<_>>().join("\n"))
    };
    let both = "there are different records of the name mine: none of them is shown";
    assert_eq!(made(), (0, format!("a: {both}\nb: {both}")));
    assert!(!out.join("runs/mine").exists());
    // The same beginning and processor, and another number.
    let copy = run(dir.path(), "mine", laptop, 0.5, "tch 0.24.0");
    fs::remove_dir_all(dir.path().join("a")).unwrap();
    fs::rename(copy, dir.path().join("a")).unwrap();
    assert_eq!(made(), (0, format!("a: {both}\nb: {both}")));

    maintainers(dir.path(), &[("mine", &record_hash(&own))]);
    assert_eq!(made(), (1, "a: mine is a run of the maintainers, and this is another record".to_owned()));
    assert!(text(&out, "index.html").contains("run by the maintainers"));
    // The hash of its pack is as good.
    let packed = crate::submission::pack(&own, dir.path(), &anonymizer).unwrap();
    let hash = packed.contents.record_hash().unwrap().to_owned();
    fs::remove_dir_all(dir.path().join("a")).unwrap();
    maintainers(dir.path(), &[("mine", &hash)]);
    assert_eq!(made(), (1, "mine.tar.gz: the same run as b".to_owned()));
}

#[test]
fn a_run_that_is_the_folder_itself_has_a_name() {
    let (dir, parent) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(dir.path().join(crate::store::EVENTS_FILE), "{}\n").unwrap();
    let Written { refused, .. } =
        write(dir.path(), &parent.path().join("out"), &making(&anonymizer())).unwrap();
    assert_eq!(refused.iter().map(|(run, _)| run.as_str()).collect::<Vec<_>>(), ["."]);
}

#[test]
fn a_site_among_the_runs_is_no_source() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), "mine", laptop, 1.0, "tch 0.24.0");
    let anonymizer = anonymizer();
    let made = || write(dir.path(), &dir.path().join("a/public"), &making(&anonymizer)).unwrap();
    for _ in 0..2 {
        let Written { shown, refused, .. } = made();
        assert_eq!((shown, refused), (1, Vec::new()));
    }
}

#[test]
fn what_cannot_be_used_is_refused() {
    let (dir, parent) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let anonymizer = anonymizer();
    let refusal = |dir: &Path, out: &Path| write(dir, out, &making(&anonymizer)).unwrap_err().to_string();
    fs::write(parent.path().join("mine.txt"), "mine").unwrap();
    let told = refusal(dir.path(), parent.path());
    assert!(
        told.ends_with(" holds other files: name a new folder with --out, or one of an earlier site"),
        "{told}"
    );
    fs::write(dir.path().join("site.toml"), "maintainer = [\"a\"]\n").unwrap();
    let told = refusal(dir.path(), &parent.path().join("out"));
    assert!(
        told.contains("/site.toml: unknown field `maintainer`, expected `title` or `maintainers`"),
        "{told}"
    );
    for (line, expected) in [
        ("maintainers = [\"a\"]", "/site.toml: names alone do not tell which runs are the maintainers'"),
        (
            "[maintainers]\na = \"ab\"",
            "/site.toml: that of a is no SHA-256: under `[maintainers]` write NAME",
        ),
    ] {
        fs::write(dir.path().join("site.toml"), line).unwrap();
        let told = refusal(dir.path(), &parent.path().join("out"));
        assert!(told.contains(expected), "{told}");
    }
    assert!(!parent.path().join("out").exists(), "nothing is begun");
    fs::remove_file(dir.path().join("site.toml")).unwrap();
    let written = write(dir.path(), &parent.path().join("out"), &making(&anonymizer)).unwrap();
    assert!(
        written.shown == 0 && text(&parent.path().join("out"), "index.html").contains("No run can be shown.")
    );
}
