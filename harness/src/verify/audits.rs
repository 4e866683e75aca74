//! Audits are complete for their workload.

use trainmark_reports::record::{Audit, CheckKind, CheckRecord};

use crate::conformance::{DECIDES, least_checks};
use crate::workload::Workload;

/// What an audit that passed lacks of those of its workload, or allows beyond them.
pub(super) fn lacking(audit: &Audit, workload: &Workload) -> Option<String> {
    let is_told = audit.checks.iter().any(|check| check.kind.is_some());
    if !audit.passed() || !is_told {
        return None;
    }
    let named = |name: &str| audit.checks.iter().find(|check| check.name == name);
    for (name, most) in least_checks(workload) {
        let Some(check) = named(name) else { return Some(format!("it has no check `{name}`")) };
        if let Some(what) = most.and_then(|most| too_wide(check, most)) {
            return Some(what);
        }
    }
    let (decides, reproduced) = DECIDES;
    let must_explain = named(decides).and_then(|check| check.limit).is_some_and(|limit| limit > reproduced);
    let has_calm = audit.checks.iter().any(|check| check.kind == Some(CheckKind::CalmEpoch));
    (must_explain && !has_calm).then(|| "its audit has no epoch at a small learning rate".to_owned())
}

fn too_wide(check: &CheckRecord, most: f64) -> Option<String> {
    match check.limit {
        Some(limit) if limit <= most => None,
        Some(limit) => Some(format!("`{}` has the limit {limit}, its workload {most}", check.name)),
        None => Some(format!("`{}` has no limit, its workload {most}", check.name)),
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;
    use crate::workload::lenet_bn;
    use trainmark_reports::record::RunOutcome;

    #[test]
    fn an_audit_has_its_checks_and_no_wider_limits() {
        let workload = lenet_bn();
        let checks = least_checks(&workload).into_iter().map(|(name, limit)| CheckRecord {
            name: name.to_owned(),
            kind: Some(CheckKind::AuditedEpoch),
            passed: true,
            measured: limit.map(|_| 0.0),
            limit,
            detail: String::new(),
        });
        let mut whole =
            Audit { epoch: 1, seconds: 1.0, outcome: RunOutcome::Ok, reason: None, checks: checks.collect() };
        let parameters =
            |audit: &Audit| audit.checks.iter().position(|check| check.name == DECIDES.0).unwrap();
        let place = parameters(&whole);
        whole.checks[place].limit = Some(DECIDES.1);
        assert_eq!(lacking(&whole, &workload), None);
        let mut fewer = whole.clone();
        fewer.checks.truncate(1);
        assert_eq!(lacking(&fewer, &workload).unwrap(), "it has no check `audit, some steps: correct`");
        let mut wider = whole.clone();
        wider.checks[0].limit = Some(1e9);
        assert!(
            lacking(&wider, &workload).unwrap().contains(": loss` has the limit 1000000000, its workload ")
        );
        wider.checks[0].limit = None;
        assert!(lacking(&wider, &workload).unwrap().contains(": loss` has no limit, its workload "));
        let mut far = whole;
        far.checks[place].limit = Some(workload.tolerances.audit);
        let needs_calm = workload.tolerances.audit > DECIDES.1;
        assert_eq!(lacking(&far, &workload).is_some(), needs_calm);
        assert_eq!(lacking(&far, &Workload { name: "other".to_owned(), ..workload }).is_some(), needs_calm);
    }
}
