//! `report.html`: one file that needs neither network nor server.
//!
//! Text from plugins and frameworks is hostile: the template escapes all of it,
//! the charts escape theirs (`svg::escape`), the embedded data hides every `<`,
//! and a content security policy forbids any request.

mod bars;
mod curves;
mod operations;
mod svg;
mod tables;

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use serde::Serialize;

use crate::ceiling::Peak;
use crate::number::{bytes, count, seconds, significant, utc};
use crate::operations::RunOperations;
use crate::record::{Note, Outcome, RunOutcome, Started, Target, Unavailable, WorkloadInfo};
use crate::store::{Record, StoreError};
use crate::summary::{Group, group, summarize};
use crate::{ceiling, csv, warnings, words};

/// Its name in a run folder.
pub const FILE: &str = "report.html";

const TEMPLATE: &str = include_str!("../../templates/report.html");
const STYLE: &str = include_str!("../../templates/style.css");
const SCRIPT: &str = include_str!("../../templates/script.js");

/// The report as one HTML document.
///
/// # Errors
/// When the template fails, which is a bug.
pub fn render(record: &Record, of_run: Option<&RunOperations>) -> Result<String, StoreError> {
    let fail = |cause: &dyn std::fmt::Display| StoreError::Render { file: FILE, cause: cause.to_string() };
    let mut environment = Environment::new();
    let blocks = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(blocks.map_err(|cause| fail(&cause))?);
    environment.add_template(FILE, TEMPLATE).map_err(|cause| fail(&cause))?;
    let template = environment.get_template(FILE).map_err(|cause| fail(&cause))?;
    let groups = group(summarize(record));
    let targets = targets(record);
    let started = &record.started;
    let page = Page {
        style: STYLE,
        script: SCRIPT,
        data: data(record, of_run)?,
        run_id: &started.run_id,
        summary: summary(record),
        warnings: warnings::warnings(record),
        answers: words::answers(record, &groups),
        charts: charts(record, &groups),
        cells: tables::cells(record, &groups, &targets),
        runs: tables::runs(record, &groups, &targets),
        batch_norms: tables::batch_norms(record, &groups),
        operations: of_run.map(operations::section),
        failures: failures(record),
        unavailable: &started.unavailable,
        notes: &started.notes,
        conformance: conformance(record),
        machine: machine(record),
        workloads: &started.plan.workloads,
        method: method(started).into_iter().chain(ceiling::paragraph(started)).collect(),
        command: &started.command,
        run_count: record.runs.len(),
    };
    template.render(Serde(&page)).map_err(|cause| fail(&cause))
}

/// What the template is filled with. `style`, `script`, `data` and the charts are
/// markup; all else is text.
#[derive(Serialize)]
struct Page<'a> {
    style: &'static str,
    script: &'static str,
    data: String,
    run_id: &'a str,
    summary: String,
    warnings: Vec<String>,
    answers: Vec<words::Answer>,
    charts: Vec<Charts>,
    cells: tables::Table,
    runs: tables::Table,
    batch_norms: Vec<tables::BatchNorm>,
    operations: Option<operations::Section>,
    failures: Vec<Failure>,
    unavailable: &'a [Unavailable],
    notes: &'a [Note],
    conformance: Vec<Verdict>,
    machine: Vec<(String, String)>,
    workloads: &'a [WorkloadInfo],
    method: Vec<String>,
    command: &'a str,
    run_count: usize,
}

fn targets(record: &Record) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for target in record.started.plan.workloads.iter().flat_map(|workload| &workload.targets) {
        if !targets.contains(target) {
            targets.push(*target);
        }
    }
    targets
}

/// The line below the title.
fn summary(record: &Record) -> String {
    let plan = &record.started.plan;
    let ended = record.runs.iter().filter(|run| run.outcome == RunOutcome::Ok).count();
    let how = match record.outcome {
        Some(Outcome::Complete) => "complete",
        Some(Outcome::Budget) => "ended by its time budget",
        Some(Outcome::Interrupted) => "interrupted",
        None => "not finished",
    };
    format!(
        "{}, {} of {}, {} planned, {}, {ended} of {} ok, {how}",
        utc(record.started.unix_time),
        plan.dataset.name,
        count(plan.dataset.train_samples, "training sample"),
        count(plan.seeds.len(), "seed"),
        count(plan.epochs as usize, "epoch"),
        count(record.runs.len(), "run"),
    )
}

/// The CSV files as JSON that cannot end its `script` element.
fn data(record: &Record, of_run: Option<&RunOperations>) -> Result<String, StoreError> {
    let files: std::collections::BTreeMap<&str, String> = csv::files(record, of_run)?.into_iter().collect();
    let json = serde_json::to_string(&files)
        .map_err(|cause| StoreError::Render { file: FILE, cause: cause.to_string() })?;
    Ok(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}

/// The charts of one workload on one device.
#[derive(Serialize)]
struct Charts {
    id: String,
    title: String,
    legend: Vec<LegendEntry>,
    figures: Vec<Figure>,
    bars: Option<String>,
    bars_legend: String,
}

#[derive(Serialize)]
struct LegendEntry {
    label: String,
    colour: usize,
    dash: &'static str,
}

#[derive(Serialize)]
struct Figure {
    title: String,
    /// `None`: no epoch has the quantity.
    svg: Option<String>,
}

fn charts(record: &Record, groups: &[Group]) -> Vec<Charts> {
    groups.iter().enumerate().map(|(index, group)| charts_of(record, group, index)).collect()
}

fn charts_of(record: &Record, group: &Group, index: usize) -> Charts {
    let series = curves::series(record, group);
    let figure = |(number, axes): (usize, curves::Axes)| Figure {
        title: axes.title(),
        svg: curves::chart(record, group, &series, axes, &format!("curve-{index}-{number}")),
    };
    Charts {
        id: format!("charts-{index}"),
        title: format!("{} on {}", group.workload, group.device),
        figures: curves::Axes::all().enumerate().map(figure).collect(),
        bars: bars::chart(record, group, &format!("bars-{index}")),
        bars_legend: bars::legend(group),
        legend: series
            .into_iter()
            .map(|one| LegendEntry { label: one.label, colour: one.colour, dash: one.dash })
            .collect(),
    }
}

/// A run that did not train all its epochs.
#[derive(Serialize)]
struct Failure {
    title: String,
    reason: String,
    log: Option<String>,
    log_tail: Option<String>,
}

fn failures(record: &Record) -> Vec<Failure> {
    let failed = record.runs.iter().filter(|run| run.outcome != RunOutcome::Ok);
    failed
        .map(|run| Failure {
            title: format!(
                "{}, seed {}: {} after {}",
                run.cell,
                run.seed,
                run.outcome.name(),
                count(run.epochs as usize, "epoch")
            ),
            reason: run.reason.clone().unwrap_or_else(|| "no reason recorded".to_owned()),
            log: run.log.clone(),
            log_tail: run.log_tail.clone().filter(|tail| !tail.trim().is_empty()),
        })
        .collect()
}

/// The conformance gate's verdict for one cell.
#[derive(Serialize)]
struct Verdict {
    cell: String,
    verdict: String,
    checks: Vec<CheckRow>,
}

#[derive(Serialize)]
struct CheckRow {
    name: String,
    passed: bool,
    measured: String,
    limit: String,
    detail: String,
}

/// A cell's verdict is that of the run that failed the gate, else of the last.
fn conformance(record: &Record) -> Vec<Verdict> {
    let verdict_of = |cell: &crate::record::Cell| {
        let verdicts = || record.runs_of(cell).filter_map(|run| run.conformance.as_ref());
        let conformance = verdicts().find(|conformance| !conformance.passed).or(verdicts().last());
        let checks = conformance.map_or(&[][..], |conformance| &conformance.checks);
        let shown = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), significant);
        Verdict {
            cell: cell.to_string(),
            verdict: format!(
                "{}, {}",
                csv::runs::conformance_word(conformance),
                count(checks.len(), "check")
            ),
            checks: checks
                .iter()
                .map(|check| CheckRow {
                    name: check.name.clone(),
                    passed: check.passed,
                    measured: shown(check.measured),
                    limit: shown(check.limit),
                    detail: check.detail.clone(),
                })
                .collect(),
        }
    };
    record.cells().into_iter().map(verdict_of).collect()
}

/// Machine and versions as name and value, per machine where there are several.
fn machine(record: &Record) -> Vec<(String, String)> {
    let started = &record.started;
    let mut rows = match started.merged.is_empty() {
        true => environment_rows(&started.environment, ""),
        false => started
            .merged
            .iter()
            .flat_map(|run| environment_rows(&run.environment, &format!("{}, {}: ", run.machine, run.run_id)))
            .collect(),
    };
    rows.push(("Data set".to_owned(), data_set(started)));
    rows.push(("Frameworks".to_owned(), frameworks(record)));
    rows
}

/// The rows of one machine, with a prefix to their names.
fn environment_rows(environment: &crate::record::Environment, prefix: &str) -> Vec<(String, String)> {
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "not known".to_owned());
    let rows = vec![
        ("System", format!("{}, kernel {}", environment.system, environment.kernel)),
        (
            "Processor",
            format!("{}, {}", environment.cpu, count(environment.logical_cpus, "logical processor")),
        ),
        ("Instruction sets", list(&environment.cpu_features)),
        ("Frequency governor", known(&environment.governor)),
        ("Peak", environment.peak.as_ref().map_or_else(|| "not measured".to_owned(), Peak::to_string)),
        ("Memory", bytes(environment.memory_bytes)),
        ("Graphics processors", list(&environment.gpus)),
        (
            "Load before",
            environment.load_average.map_or_else(|| "not known".to_owned(), |load| format!("{load:.2}")),
        ),
        ("trainmark", format!("{}, {} build", environment.trainmark, environment.profile)),
        ("Git revision", known(&environment.git_revision)),
        ("rustc", environment.rustc.clone()),
    ];
    rows.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)).collect()
}

fn list(values: &[String]) -> String {
    if values.is_empty() { "none".to_owned() } else { values.join(", ") }
}

fn frameworks(record: &Record) -> String {
    let mut frameworks: Vec<String> = Vec::new();
    for run in &record.runs {
        if let Some(framework) = &run.framework {
            let told = format!("{}: {framework}", run.cell.backend);
            if !frameworks.contains(&told) {
                frameworks.push(told);
            }
        }
    }
    list(&frameworks)
}

fn data_set(started: &Started) -> String {
    let dataset = &started.plan.dataset;
    format!(
        "{}, {} and {}, SHA-256 {}",
        dataset.name,
        count(dataset.train_samples, "training sample"),
        count(dataset.test_samples, "test sample"),
        dataset.fingerprint
    )
}

/// How it was measured, in a few lines.
fn method(started: &Started) -> Vec<String> {
    let plan = &started.plan;
    let budget = plan.budget_seconds.map_or_else(
        || "no time budget".to_owned(),
        |budget| format!("a time budget of {}", seconds(budget)),
    );
    let seeds: Vec<String> = plan.seeds.iter().map(u64::to_string).collect();
    vec![
        format!(
            "One training is one sample. Each round runs every cell once with the round's seed, in an order drawn at random; seeds {}, declared beforehand; {budget}; at most {} for one call of a plugin.",
            seeds.join(", "),
            seconds(plan.timeout_seconds)
        ),
        "Each run has a process of its own. The harness gives every backend the same initial values, sample order, batches and number of threads, keeps the clock, and counts test accuracy itself from the logits that the backend returns.".to_owned(),
        "Training seconds leave prediction out. Medians of seconds per epoch leave the first epoch out, which warms up; what it takes beyond the median of the later ones is part of the cold start, with loading the library and opening the session.".to_owned(),
        "Training accuracy and loss are those of the epoch as it runs, before each step. The time to a target is the sum of training seconds up to the end of the first epoch that reaches it.".to_owned(),
        "A cell is timed only if it computes the same function as the harness's own float64 reference, see the conformance checks.".to_owned(),
    ]
}

#[cfg(test)]
mod tests;
