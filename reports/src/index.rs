//! `index.html` in the folder of the run folders: every run with its outcome and the time of the
//! fastest framework, the newest first, and every other folder with the reason why it is no run.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::files;
use crate::html;
use crate::number::{count, seconds, utc};
use crate::record::Record;
use crate::store::{self, EVENTS_FILE, LATEST, StoreError};
use crate::summary::{group, summarize};
use crate::words;

/// Its name in the folder of the run folders.
pub const FILE: &str = "index.html";

const TEMPLATE: &str = include_str!("../templates/index.html");
const STYLE: &str = include_str!("../templates/style/index.css");
/// Stands in every page of this list, so that another's file is never overwritten.
const GENERATOR: &str = r#"<meta name="generator" content="trainmark">"#;

/// Writes the list of runs into `parent`, by way of a temporary file. A folder that cannot be
/// read is a row with the reason.
///
/// # Errors
/// When `parent` cannot be read, the file cannot be written, or an `index.html` that trainmark
/// did not write is there, which is left as it is.
pub fn write(parent: &Path) -> Result<(), StoreError> {
    let path = parent.join(FILE);
    if files::read(&path, files::TEXT_LIMIT)
        .is_ok_and(|bytes| !String::from_utf8_lossy(&bytes).contains(GENERATOR))
    {
        return Err(StoreError::Foreign { path });
    }
    store::replace_file(&path, render(parent)?.as_bytes())
}

#[derive(Serialize)]
struct Page {
    style: String,
    script: &'static str,
    rows: Vec<ListedRun>,
}

/// A folder.
#[derive(Serialize)]
struct ListedRun {
    /// Seconds since the Unix epoch: of a run its beginning, else the folder's last change.
    unix_time: f64,
    time: String,
    name: String,
    /// Of its report, relative to the list.
    link: Option<String>,
    /// Why it is no run that can be shown.
    reason: Option<String>,
    dataset: String,
    cells: usize,
    seeds: usize,
    outcome: String,
    best: Option<Best>,
}

/// The cell of the headline.
#[derive(Serialize)]
struct Best {
    cell: String,
    seconds: f64,
    shown: String,
}

fn render(parent: &Path) -> Result<String, StoreError> {
    let mut rows: Vec<ListedRun> = folders(parent)?.iter().map(|folder| row(folder)).collect();
    rows.sort_by(|a, b| b.unix_time.total_cmp(&a.unix_time).then_with(|| b.name.cmp(&a.name)));
    let style = [html::STYLE, STYLE, html::PRINT_STYLE].concat();
    html::fill(FILE, TEMPLATE, &Page { style, script: html::SCRIPT, rows })
}

/// The folders in `parent`, hidden ones and `latest` left out.
fn folders(parent: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut folders = store::entries(parent)?;
    folders.retain(|path| {
        let name = path.file_name().unwrap_or_default();
        path.is_dir() && name != LATEST && !name.as_encoded_bytes().starts_with(b".")
    });
    Ok(folders)
}

fn row(folder: &Path) -> ListedRun {
    let name = folder.file_name().unwrap_or_default();
    let changed = fs::metadata(folder).and_then(|metadata| metadata.modified()).unwrap_or(UNIX_EPOCH);
    let row = ListedRun {
        unix_time: unix_time(changed),
        time: utc(unix_time(changed)),
        name: name.to_string_lossy().into_owned(),
        link: folder.join(html::FILE).is_file().then(|| format!("{}/{}", encoded(name), html::FILE)),
        reason: None,
        dataset: String::new(),
        cells: 0,
        seeds: 0,
        outcome: String::new(),
        best: None,
    };
    if !folder.join(EVENTS_FILE).is_file() {
        return ListedRun { reason: Some("not a run folder: it holds no events.jsonl".to_owned()), ..row };
    }
    match Record::read(folder) {
        Ok(record) => of_run(&record, row),
        Err(error) => ListedRun { reason: Some(error.within(folder.parent().unwrap_or(folder))), ..row },
    }
}

fn unix_time(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn of_run(record: &Record, row: ListedRun) -> ListedRun {
    let started = &record.started;
    ListedRun {
        unix_time: started.unix_time,
        time: utc(started.unix_time),
        dataset: started.plan.dataset.name.clone(),
        cells: record.cells().len(),
        seeds: started.plan.seeds.len(),
        outcome: outcome(record),
        best: best(record),
        ..row
    }
}

fn outcome(record: &Record) -> String {
    let ok = record.samples().filter(|run| run.is_ok()).count();
    format!("{}, {ok} of {} ok", record.outcome_words(), count(record.samples().count(), "run"))
}

fn best(record: &Record) -> Option<Best> {
    let groups = group(summarize(record));
    let fastest = words::fastest(record, &groups)?;
    let role = if record.started.is_ceiling(fastest.cell) { ", the ceiling" } else { "" };
    let least = fastest.seconds()?;
    Some(Best { cell: format!("{}{role}", fastest.cell), seconds: least, shown: seconds(least) })
}

/// A file name as a part of a relative address.
fn encoded(name: &OsStr) -> String {
    let bytes = name.as_encoded_bytes().iter();
    bytes
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"._-~".contains(byte) => char::from(*byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::record::{Role, Run};
    use crate::words::Headline;

    fn page(parent: &Path) -> String {
        write(parent).unwrap();
        fs::read_to_string(parent.join(FILE)).unwrap()
    }

    #[test]
    fn runs_are_listed_with_links_the_newest_first() {
        let parent = tempfile::tempdir().unwrap();
        let mut events = example::events();
        let folder = example::write(parent.path(), &events);
        fs::write(folder.join(html::FILE), "").unwrap();
        let crate::record::Event::Started(started) = &mut events[0] else { panic!("no `started`") };
        started.run_id = "20260201T130500-later".to_owned();
        started.unix_time += 86_400.0;
        example::write(parent.path(), &events[..1]);
        let html = page(parent.path());
        let (before, after) = html.split_once("20260201T130500-later").unwrap();
        assert!(!before.contains("20260131T130500-example"), "the newest comes first");
        for shown in [
            "href=\"20260131T130500-example&#x2f;report.html\"",
            "lenet-bn tch&#x2f;builtin@cpu",
            "2.25 s",
            "complete, 15 of 18 runs ok",
            "fashion-mnist",
        ] {
            assert!(after.contains(shown), "{shown}");
        }
        assert!(html.contains("not finished, 0 of 0 runs ok"));
        assert!(!html.contains(">latest<"), "`latest` is the same run once more");
    }

    #[test]
    fn the_time_is_the_headlines_the_fastest_frameworks() {
        let mut record = example::record();
        let of_ceiling = |record: &mut Record, backend: &str| {
            record.started.roles.insert(backend.to_owned(), Role::Ceiling);
        };
        let shown = |record: &Record| best(record).map(|best| (best.cell, best.shown));
        let tch = Some(("lenet-bn tch/builtin@cpu".to_owned(), "2.25 s".to_owned()));
        assert_eq!(shown(&record), tch);
        let of_handwritten = |run: &&mut Run| run.cell.backend == "handwritten";
        for run in record.runs.iter_mut().filter(of_handwritten) {
            run.epochs.iter_mut().for_each(|epoch| epoch.train_seconds *= 0.1);
        }
        assert_ne!(shown(&record), tch, "without a role it competes");
        of_ceiling(&mut record, "handwritten");
        assert_eq!(shown(&record), tch);
        let figure = Headline::of(&record, &group(summarize(&record))).figure;
        assert_eq!(figure, "2.25 s");
        of_ceiling(&mut record, "tch");
        record.runs.retain(|run| run.cell.backend == "tch");
        let ceiling = "lenet-bn tch/builtin@cpu, the ceiling".to_owned();
        assert_eq!(shown(&record), Some((ceiling, "2.25 s".to_owned())), "there is nothing else");
        record.runs.clear();
        assert_eq!(shown(&record), None);
    }

    #[test]
    fn damaged_and_foreign_folders_are_rows_with_a_reason() {
        let parent = tempfile::tempdir().unwrap();
        example::write(parent.path(), &example::events());
        fs::create_dir(parent.path().join("<img src=x>")).unwrap();
        let damaged = parent.path().join("damaged");
        fs::create_dir(&damaged).unwrap();
        fs::write(damaged.join(EVENTS_FILE), "{\n{}\n{}\n").unwrap();
        let html = page(parent.path());
        assert!(html.contains("not a run folder: it holds no events.jsonl"));
        assert!(html.contains("<td class=\"reason\">damaged&#x2f;events.jsonl, line 1: "));
        assert!(html.contains("the record is damaged there"));
        assert!(html.contains("20260131T130500-example"), "the others are still there");
        assert!(!html.contains("<img"), "hostile markup came through");
    }

    #[test]
    fn a_folder_without_runs_says_so_and_a_missing_one_is_an_error() {
        let parent = tempfile::tempdir().unwrap();
        assert!(page(parent.path()).contains("No run yet"));
        assert!(matches!(write(&parent.path().join("nowhere")), Err(StoreError::Io { .. })));
    }

    #[test]
    fn another_programs_page_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join(FILE), "<h1>mine</h1>").unwrap();
        let error = write(parent.path()).unwrap_err().to_string();
        assert!(error.contains("was not written by trainmark"), "{error}");
        assert_eq!(fs::read_to_string(parent.path().join(FILE)).unwrap(), "<h1>mine</h1>");
        fs::remove_file(parent.path().join(FILE)).unwrap();
        page(parent.path());
        page(parent.path());
    }

    #[test]
    fn names_are_encoded_in_addresses() {
        assert_eq!(encoded(OsStr::new("a b#c?/é")), "a%20b%23c%3F%2F%C3%A9");
    }
}
