//! Workloads are those of their names, and are checked within their tolerances.

use trainmark_reports::Record;
use trainmark_reports::record::{CheckKind, Run};
use trainmark_reports::submission::Finding;

use super::audits;
use super::known::Known;
use crate::units::count;
use crate::workload::{Tolerances, Workload};

const WORKLOADS: &str = "workloads";
const LIMITS: &str = "limits";

/// Each workload that has the name of one that is built in is defined alike.
pub(super) fn defined(record: &Record) -> Finding {
    let (mut wrong, mut untold, mut alike) = (Vec::new(), Vec::new(), 0);
    for info in &record.started.plan.workloads {
        match Known::of(info) {
            Known::Alike(_) => alike += 1,
            Known::Another(what) => wrong.push(what),
            Known::NotTold(why) => untold.push(why),
        }
    }
    if wrong.is_empty() && alike == 0 {
        return Finding::not_judged(WORKLOADS, untold.join("; "));
    }
    let mut told = format!("{} as built in", count(alike, "definition"));
    if !untold.is_empty() {
        told += &format!("; not judged: {}", untold.join("; "));
    }
    Finding::of(WORKLOADS, &wrong, told)
}

/// Runs that count have every check of their workload, with no wider limits than it has.
pub(super) fn checked(record: &Record) -> Finding {
    let (mut wrong, mut held) = (Vec::new(), 0);
    for info in &record.started.plan.workloads {
        let Known::Alike(workload) = Known::of(info) else { continue };
        for run in record.runs.iter().filter(|run| run.is_ok() && run.cell.workload == info.name) {
            held += 1;
            let what = lacking(run, &workload).or_else(|| too_wide(run, &workload.tolerances));
            let of_audit = || audits::lacking(run.audit.as_ref()?, &workload);
            let what = what.or_else(of_audit);
            wrong.extend(what.map(|what| format!("{} seed {}: {what}", run.cell, run.seed)));
        }
    }
    match held {
        0 => Finding::not_judged(LIMITS, "no run that counts is of a workload that is built in"),
        runs => Finding::of(LIMITS, &wrong, format!("those of the workloads, in {}", count(runs, "run"))),
    }
}

/// What every backend is held to, whatever the network.
const ALWAYS: [CheckKind; 10] = [
    CheckKind::CallsBeforeParameters,
    CheckKind::TestLogits,
    CheckKind::AnyBatchSize,
    CheckKind::ParametersUntouched,
    CheckKind::StepLoss,
    CheckKind::StepGradients,
    CheckKind::Trajectory,
    CheckKind::EpochLoss,
    CheckKind::EpochParameters,
    CheckKind::LastPrediction,
];

fn lacking(run: &Run, workload: &Workload) -> Option<String> {
    let checks = &run.end.conformance.as_ref()?.checks;
    if checks.iter().all(|check| check.kind.is_none()) {
        // Of a version that told no kinds.
        return None;
    }
    let of_norm = [CheckKind::StepRunningStatistics, CheckKind::EpochRunningStatistics];
    let of_norm = of_norm.into_iter().filter(|_| workload.model.has_batch_norm());
    let mut needed = ALWAYS.into_iter().chain(of_norm);
    let missing = needed.find(|kind| !checks.iter().any(|check| check.kind == Some(*kind)))?;
    let name = serde_json::to_value(missing).ok()?;
    Some(format!("it has no check `{}`", name.as_str().unwrap_or_default()))
}

fn too_wide(run: &Run, tolerances: &Tolerances) -> Option<String> {
    let checks = &run.end.conformance.as_ref()?.checks;
    checks.iter().find_map(|check| {
        let (limit, most) = (check.limit?, tolerances.limit_of(check.kind?)?);
        (limit > most).then(|| format!("`{}` has the limit {limit}, its workload {most}", check.name))
    })
}
