//! A history as one HTML page, which needs neither network, server nor script.

use serde::Serialize;

use super::picture::{self, Drawn};
use super::{Check, History, Machine, grids, notes, sentences};
use crate::formats::Grid;
use crate::html::{CHART_STYLE, PRINT_STYLE, SCRIPT, STYLE, fill};
use crate::number::{count, utc};
use crate::record::distinct;
use crate::store::StoreError;

const TEMPLATE: &str = include_str!("../../templates/history.html");
const HISTORY_STYLE: &str = include_str!("../../templates/style/history.css");
/// Colours that the style has.
const COLOURS: usize = 8;

#[derive(Serialize)]
struct Page {
    style: String,
    script: &'static str,
    summary: String,
    sentences: Vec<String>,
    check: Option<CheckPart>,
    machines: Vec<MachinePart>,
    grids: Vec<Grid>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct CheckPart {
    passed: bool,
    lines: Vec<String>,
}

/// The drawings of a machine.
#[derive(Serialize)]
struct MachinePart {
    name: String,
    series: Vec<Drawn>,
    controls: Vec<Drawn>,
}

/// The page, with what became of the check where one was asked for.
///
/// # Errors
/// When the template fails, which is a bug.
pub fn html(history: &History, check: Option<&Check<'_>>) -> Result<String, StoreError> {
    let page = Page {
        style: [STYLE, CHART_STYLE, HISTORY_STYLE, PRINT_STYLE].concat(),
        script: SCRIPT,
        summary: summary(history),
        sentences: sentences(history),
        check: check.map(|check| CheckPart { passed: check.passed(), lines: check.lines() }),
        machines: machines(history),
        grids: grids(history),
        notes: notes(history),
    };
    fill("history.html", TEMPLATE, &page)
}

/// `500 runs from 2026-01-01 00:00 UTC to …, 6 series`
fn summary(history: &History) -> String {
    let runs = count(history.runs.len(), "run");
    match (history.runs.first(), history.runs.last()) {
        (Some(first), Some(last)) => {
            format!(
                "{runs} from {} to {}, {} series",
                utc(first.unix_time),
                utc(last.unix_time),
                history.series.len()
            )
        }
        _ => runs,
    }
}

fn machines(history: &History) -> Vec<MachinePart> {
    let backends = distinct(history.series.iter().map(|series| series.line.backend.as_str()));
    let colour =
        |backend: &str| backends.iter().position(|known| *known == backend).unwrap_or(COLOURS - 1) % COLOURS;
    let of_machine = |(place, machine): (usize, &Machine)| {
        let series = history.series.iter().filter(|series| series.line.machine == *machine).enumerate();
        let controls = history.controls.iter().filter(|control| control.line.machine == *machine).enumerate();
        MachinePart {
            name: machine.to_string(),
            series: series
                .map(|(number, series)| {
                    picture::of_series(
                        history,
                        series,
                        format!("series-{place}-{number}"),
                        colour(&series.line.backend),
                    )
                })
                .collect(),
            controls: controls
                .map(|(number, control)| picture::of_control(control, format!("control-{place}-{number}"), 5))
                .collect(),
        }
    };
    history.machines().into_iter().enumerate().map(of_machine).collect()
}
