//! Learning curves, judged once more.

use trainmark_reports::Record;
use trainmark_reports::record::{CheckKind, CheckRecord, Run};
use trainmark_reports::submission::Finding;

use super::known::Known;
use crate::conformance::judge;
use crate::units::count;
use crate::workload::Workload;

const CURVES: &str = "learning curves";

/// Losses and accuracies of the runs that count lie in the bands of the reference framework, as the runs'
/// own checks say.
pub(super) fn within(record: &Record) -> Finding {
    let (mut wrong, mut held) = (Vec::new(), 0);
    for info in &record.started.plan.workloads {
        let Known::Alike(workload) = Known::of(info) else { continue };
        for run in record.runs.iter().filter(|run| run.is_ok() && run.cell.workload == info.name) {
            let judged = judge(&workload, &record.started.plan.dataset.name, &run.epochs);
            held += usize::from(judged.iter().any(|check| check.limit.is_some()));
            let what = judged.iter().find_map(|check| contradiction(run, check, &workload));
            wrong.extend(what.map(|what| format!("{} seed {}: {what}", run.cell, run.seed)));
        }
    }
    if held == 0 && wrong.is_empty() {
        return Finding::not_judged(CURVES, "there is no band for these workloads and this data set");
    }
    Finding::of(CURVES, &wrong, format!("in the reference framework's bands, {}", count(held, "run")))
}

/// How a curve lies outside its band, or otherwise than the run's own check says.
fn contradiction(run: &Run, judged: &CheckRecord, workload: &Workload) -> Option<String> {
    if !judged.passed {
        return Some(format!("{} is outside the band of {}: {}", judged.name, workload.name, judged.detail));
    }
    let mut checks = run.end.conformance.iter().flat_map(|conformance| &conformance.checks);
    let own = checks.find(|own| own.kind == Some(CheckKind::LearningCurve) && own.name == judged.name)?;
    // Another limit is of another version's band.
    let is_same = own.limit != judged.limit || own.measured == judged.measured;
    (!is_same).then(|| {
        format!("its check `{}` says \"{}\", its epochs give \"{}\"", own.name, own.detail, judged.detail)
    })
}
