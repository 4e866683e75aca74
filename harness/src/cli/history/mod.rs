//! `history`

mod confirm;

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
    if let ([], Some((path, reason))) = (&history.runs[..], history.unreadable.first()) {
        bail!("no run in {} can be read; of {}: {reason}", arguments.dir.display(), path.display());
    }
    if history.runs.is_empty() {
        bail!("no run folder in {}: `bench --out` makes them there", arguments.dir.display());
    }
    Ok(history)
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
