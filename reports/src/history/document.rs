//! A history as JSON, for a script.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{
    Check, ControlSeries, History, HistoryRun, LeftOut, Line, Point, Series, Step, lossy, notes, sentences,
};
use crate::formats::json::to_text;
use crate::store::StoreError;

/// Version of the document's format.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'h> {
    schema: u32,
    kind: &'static str,
    sentences: Vec<String>,
    runs: &'h [HistoryRun],
    series: Vec<SeriesDocument<'h>>,
    controls: &'h [ControlSeries],
    tested: usize,
    unreadable: Vec<Unreadable<'h>>,
    copies: Vec<Copy<'h>>,
    disputed: Vec<DisputedDocument<'h>>,
    packs: Vec<String>,
    left_out: &'h [LeftOut],
    notes: Vec<String>,
    check: Option<CheckDocument>,
}

#[derive(Serialize)]
struct SeriesDocument<'h> {
    name: String,
    #[serde(flatten)]
    line: &'h Line,
    control: &'h str,
    control_library: Option<&'h str>,
    points: &'h [Point],
    steps: &'h [Step],
    suspected: Option<&'h Step>,
}

#[derive(Serialize)]
struct Unreadable<'h> {
    #[serde(serialize_with = "lossy")]
    path: &'h Path,
    reason: &'h str,
}

#[derive(Serialize)]
struct Copy<'h> {
    #[serde(serialize_with = "lossy")]
    path: &'h Path,
    #[serde(serialize_with = "lossy")]
    of: &'h Path,
}

/// Different records of one run.
#[derive(Serialize)]
struct DisputedDocument<'h> {
    run_id: &'h str,
    unix_time: f64,
    paths: Vec<String>,
}

#[derive(Serialize)]
struct CheckDocument {
    passed: bool,
    lines: Vec<String>,
}

/// The document, with what became of the check where one was asked for.
///
/// # Errors
/// When it cannot be encoded, which is a bug.
pub fn json(history: &History, check: Option<&Check<'_>>) -> Result<String, StoreError> {
    let unreadable = history.unreadable.iter();
    let copies = history.copies.iter();
    let told = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect();
    let disputed = history.disputed.iter();
    to_text(&Document {
        schema: SCHEMA,
        kind: "history",
        sentences: sentences(history),
        runs: &history.runs,
        series: history.series.iter().map(|series| of_series(history, series)).collect(),
        controls: &history.controls,
        tested: history.tested,
        unreadable: unreadable.map(|(path, reason)| Unreadable { path, reason }).collect(),
        copies: copies.map(|(path, of)| Copy { path, of }).collect(),
        disputed: disputed
            .map(|one| DisputedDocument {
                run_id: &one.run_id,
                unix_time: one.unix_time,
                paths: told(&one.paths),
            })
            .collect(),
        packs: told(&history.packs),
        left_out: &history.left_out,
        notes: notes(history),
        check: check.map(|check| CheckDocument { passed: check.passed(), lines: check.lines() }),
    })
}

fn of_series<'h>(history: &History, series: &'h Series) -> SeriesDocument<'h> {
    SeriesDocument {
        name: history.full_name(series),
        line: &series.line,
        control: &series.control,
        control_library: series.control_library.as_deref(),
        points: &series.points,
        steps: &series.steps,
        suspected: series.suspected.as_ref(),
    }
}
