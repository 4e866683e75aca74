//! `report.html`: one file that needs neither network nor server.
//!
//! Text from plugins and frameworks is hostile: the template escapes all of it,
//! the script escapes what it draws, the embedded data hides every `<`, and a
//! content security policy forbids any request.

mod batch_norm;
mod charts;
mod colours;
mod conformance;
mod curves;
mod failures;
mod machine;
mod operations;
mod rows;
mod sweeps;
mod tables;
mod whole;

use std::collections::BTreeMap;

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use self::charts::Charts;
use self::colours::Colours;
pub(crate) use self::whole::whole;
use crate::number::{count, utc};
use crate::operations::RunOperations;
use crate::record::{Note, Record, Unavailable, WorkloadInfo};
use crate::store::StoreError;
use crate::summary::{group, summarize};
use crate::warnings::{Warning, warnings, warnings_so_far};
use crate::{ceiling, csv, words};

/// Its name in a run folder.
pub const FILE: &str = "report.html";

/// Cells that the chart beside the first answer shows, the fastest.
const HEADLINE_ROWS: usize = 6;

const TEMPLATE: &str = include_str!("../../templates/report.html");
/// What all pages have, for their templates to include.
const PARTS: [(&str, &str); 2] = [
    ("head.html", include_str!("../../templates/head.html")),
    ("bar.html", include_str!("../../templates/bar.html")),
];
/// Shared with the list of runs.
pub(crate) const STYLE: &str = concat!(
    include_str!("../../templates/style/colours.css"),
    include_str!("../../templates/style/page.css"),
    include_str!("../../templates/style/tables.css"),
);
const ANSWERS_STYLE: &str = include_str!("../../templates/style/answers.css");
/// Shared with the history.
pub(crate) const CHART_STYLE: &str = include_str!("../../templates/style/charts.css");
/// Colours on paper come last, over those of the themes.
pub(crate) const PRINT_STYLE: &str = include_str!("../../templates/style/print.css");
/// Shared with the list of runs.
pub(crate) const SCRIPT: &str = concat!(
    include_str!("../../templates/script/page.js"),
    include_str!("../../templates/script/tables.js"),
);
const REPORT_SCRIPT: &str = concat!(
    include_str!("../../templates/script/reload.js"),
    include_str!("../../templates/script/files.js"),
    include_str!("../../templates/script/scales.js"),
    include_str!("../../templates/script/figures.js"),
    include_str!("../../templates/script/plot.js"),
    include_str!("../../templates/script/curves.js"),
    include_str!("../../templates/script/rows.js"),
    include_str!("../../templates/script/channels.js"),
    include_str!("../../templates/script/sweep.js"),
    "document.documentElement.dataset.ready = performance.now().toFixed();\n",
);

/// The report as one HTML document.
///
/// # Errors
/// When the template fails, which is a bug.
pub fn render(record: &Record, of_run: Option<&RunOperations>) -> Result<String, StoreError> {
    render_so_far(record, of_run, None)
}

/// The same for a folder in which the CSV files of these names lie beside it: it leads to them, and holds none.
///
/// # Errors
/// As [`render`].
pub(crate) fn render_beside_tables(
    record: &Record,
    of_run: Option<&RunOperations>,
    tables: Vec<&'static str>,
) -> Result<String, StoreError> {
    report(record, of_run, None, Tables::Beside(tables))
}

/// The same of a benchmark of which it is known how far it is, if it still runs.
///
/// # Errors
/// As [`render`].
pub fn render_so_far(
    record: &Record,
    of_run: Option<&RunOperations>,
    progress: Option<&words::Progress>,
) -> Result<String, StoreError> {
    let tables = csv::files(record, of_run)?.into_iter().collect();
    report(record, of_run, progress, Tables::Within(tables))
}

fn report(
    record: &Record,
    of_run: Option<&RunOperations>,
    progress: Option<&words::Progress>,
    tables: Tables,
) -> Result<String, StoreError> {
    let summaries = summarize(record);
    let conformance = conformance::conformance(&summaries);
    let groups = group(summaries);
    let started = &record.started;
    let colours = Colours::of(record);
    let page = Page {
        style: [STYLE, ANSWERS_STYLE, CHART_STYLE, PRINT_STYLE].concat(),
        script: [SCRIPT, REPORT_SCRIPT].concat(),
        csv_files: tables,
        run_id: &started.run_id,
        summary: summary(record),
        standing: words::Standing::of(record, progress),
        warnings: if progress.is_some() { warnings_so_far(record) } else { warnings(record) },
        in_short: words::Headline::of(record, &groups),
        terms: &words::TERMS,
        answers: words::answers(record, &groups),
        headline: groups.first().and_then(|group| rows::times::chart(group, &colours, HEADLINE_ROWS)),
        headline_rows: HEADLINE_ROWS,
        headline_left: groups.first().map_or(0, |group| group.cells.len().saturating_sub(HEADLINE_ROWS)),
        sweeps: sweeps::sections(record, &groups, &colours),
        charts: groups.iter().map(|group| Charts::of(record, &colours, group)).collect(),
        target_legend: rows::targets::LEGEND,
        cells: tables::cells(record, &groups),
        runs: tables::runs(record, &groups),
        batch_norms: batch_norm::batch_norms(record, &groups, &colours),
        operations: of_run.map(operations::section),
        failures: failures::failures(record),
        unavailable: &started.unavailable,
        notes: &started.notes,
        conformance,
        machine: machine::machine(record),
        workloads: &started.plan.workloads,
        method: machine::method(record).into_iter().chain(ceiling::paragraph(started)).collect(),
        command: &started.command,
        continued: record.continued_words(),
        run_count: record.samples().count(),
    };
    fill(FILE, TEMPLATE, &page)
}

/// A template filled in. Its name ends in `.html`, so that all text is escaped.
pub(crate) fn fill(name: &'static str, template: &str, page: &impl Serialize) -> Result<String, StoreError> {
    filled(name, template, page).map_err(|cause| StoreError::Render { file: name, cause: cause.to_string() })
}

fn filled(name: &'static str, template: &str, page: &impl Serialize) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_filter("json", as_json);
    environment.add_filter("whole", whole);
    for (name, part) in PARTS {
        environment.add_template(name, part)?;
    }
    environment.add_template(name, template)?;
    environment.get_template(name)?.render(Serde(page))
}

/// Where the CSV files are that a page offers.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Tables {
    /// In the page, by their names.
    Within(BTreeMap<&'static str, String>),
    /// Files of these names in its folder.
    Beside(Vec<&'static str>),
}

/// What the template is filled with. `style` and `script` are markup, what passes its filter
/// `json` is JSON; all else is text, also what passes `whole`.
#[derive(Serialize)]
struct Page<'a> {
    style: String,
    script: String,
    csv_files: Tables,
    run_id: &'a str,
    summary: String,
    /// How far it is, and how it goes on.
    standing: Option<words::Standing>,
    warnings: Vec<Warning>,
    /// The first answer.
    in_short: words::Headline,
    terms: &'a [words::Term],
    answers: Vec<words::Answer>,
    /// The chart beside the first answer.
    headline: Option<rows::RowChart>,
    headline_rows: usize,
    /// Cells that it leaves out.
    headline_left: usize,
    /// What was varied, and what came of it.
    sweeps: Vec<sweeps::Section>,
    charts: Vec<Charts>,
    target_legend: &'static str,
    cells: tables::PageTable,
    runs: tables::PageTable,
    batch_norms: Vec<batch_norm::BatchNorm>,
    operations: Option<operations::Section>,
    failures: Vec<failures::Failure>,
    unavailable: &'a [Unavailable],
    notes: &'a [Note],
    conformance: Vec<conformance::Verdict>,
    machine: Vec<(String, String)>,
    workloads: &'a [WorkloadInfo],
    method: Vec<String>,
    command: &'a str,
    continued: Option<String>,
    run_count: usize,
}

/// The line below the title.
fn summary(record: &Record) -> String {
    let plan = &record.started.plan;
    let runs = record.samples().count();
    let ended = record.samples().filter(|run| run.is_ok()).count();
    let planned = record.planned_runs();
    let of_plan = match planned.saturating_sub(runs) {
        0 => String::new(),
        _ => format!(" ({planned} planned)"),
    };
    format!(
        "{}, {} of {}, {} planned, {}, {ended} of {} ok{of_plan}, {}",
        utc(record.started.unix_time),
        plan.dataset.name,
        count(plan.dataset.train_samples, "training sample"),
        count(plan.seeds.len(), "seed"),
        count(plan.epochs as usize, "epoch"),
        count(runs, "run"),
        record.outcome_words(),
    )
}

/// JSON that can end neither its `script` element nor its attribute's single quotes.
fn as_json(value: &Value) -> Result<Value, minijinja::Error> {
    let mut json = serde_json::to_string(value).map_err(|cause| {
        minijinja::Error::new(minijinja::ErrorKind::BadSerialization, "JSON").with_source(cause)
    })?;
    for (character, escaped) in [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\'', "\\u0027")] {
        json = json.replace(character, escaped);
    }
    Ok(Value::from_safe_string(json))
}

#[cfg(test)]
mod tests;
