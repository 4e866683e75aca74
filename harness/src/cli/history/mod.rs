//! `history`

mod confirm;

use std::path::Path;

use anyhow::bail;
use trainmark_reports::history::{self, Check, History};

use super::arguments::{HistoryArguments, HistoryFormat};
use super::exit;
use crate::grid::drawn;

pub(super) fn run(arguments: &HistoryArguments) -> anyhow::Result<i32> {
    let mut history = read(arguments)?;
    if let Some(since) = arguments.since {
        since.check_reached(&history).map_err(anyhow::Error::msg)?;
    }
    if arguments.confirm && confirm::all(arguments, &history)? {
        history = read(arguments)?;
    }
    let check = arguments.fail_on.map(|limit| Check::of(&history, limit, arguments.since));
    let document = match arguments.format {
        HistoryFormat::Text => text(&history),
        HistoryFormat::Markdown => history::markdown(&history, check.as_ref()),
        HistoryFormat::Json => history::json(&history, check.as_ref())?,
        HistoryFormat::Html => history::html(&history, check.as_ref())?,
    };
    say!("{}", document.trim_end());
    let Some(check) = check else { return Ok(exit::OK) };
    // On standard error, so that a document on standard output stays one.
    check.lines().iter().for_each(|line| tell!("{line}"));
    Ok(if check.passed() { exit::OK } else { exit::FAILED })
}

fn read(arguments: &HistoryArguments) -> anyhow::Result<History> {
    let history = History::read(&arguments.dir)?;
    if history.runs.is_empty() {
        bail!(why_empty(&history, &arguments.dir));
    }
    Ok(history)
}

/// Why a folder has no run to show.
fn why_empty(history: &History, dir: &Path) -> String {
    let dir = dir.display();
    match (&history.unreadable[..], &history.disputed[..], &history.packs[..]) {
        ([(path, reason), ..], ..) if path.as_os_str().is_empty() => {
            format!("cannot read the run {dir}: {reason}")
        }
        ([(path, reason), ..], ..) => format!("no run in {dir} can be read; of {}: {reason}", path.display()),
        ([], [disputed, ..], _) => format!("no run in {dir} counts; {disputed}"),
        ([], [], [pack, ..]) => {
            format!(
                "no run folder in {dir}, only packs: unpack them there, as by `tar -xzf {}`",
                pack.display()
            )
        }
        ([], [], []) => format!("no run folder in {dir}: `bench --out` makes them there"),
    }
}

fn text(history: &History) -> String {
    let mut text = history::sentences(history).join("\n") + "\n";
    for grid in history::grids(history) {
        let words = ["verdict", "since", "changed", "both libraries", "control", "library"];
        text += &format!("\n{}\n{}\n", grid.title, drawn(&grid, &words));
    }
    let notes = history::notes(history);
    if !notes.is_empty() {
        text += &format!("\n{}\n", notes.join("\n"));
    }
    text
}
