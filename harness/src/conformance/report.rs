//! The gate's outcome as text.

use trainmark_reports::record::{CheckRecord, Conformance};

/// One check in one line: `ok   train_step batch 96: gradients  3.1e-6 ≤ 1.0e-3  (worst 3.weight)`.
pub fn line(check: &CheckRecord) -> String {
    let verdict = if check.passed { "ok" } else { "FAIL" };
    let numbers = match (check.measured, check.limit) {
        (Some(measured), Some(limit)) => {
            let measured_text = if measured == 0.0 { "0".into() } else { format!("{measured:.1e}") };
            format!("{measured_text} {} {limit:.1e}", if measured <= limit { "≤" } else { ">" })
        }
        (None, Some(limit)) => format!("no number ≤ {limit:.1e}"),
        (_, None) => String::new(),
    };
    let detail = if check.detail.is_empty() { String::new() } else { format!("({})", check.detail) };
    format!("{verdict:<4} {:<44} {numbers:<18} {detail}", check.name).trim_end().to_owned()
}

/// Every check, and the verdict.
pub fn render(conformance: &Conformance) -> String {
    let failed = conformance.checks.iter().filter(|check| !check.passed).count();
    let mut lines: Vec<String> = conformance.checks.iter().map(line).collect();
    lines.push(match failed {
        0 => format!("conforms: {} checks passed", conformance.checks.len()),
        _ => format!("does not conform: {failed} of {} checks failed", conformance.checks.len()),
    });
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    fn check(name: &str, measured: Option<f64>, limit: Option<f64>, detail: &str) -> CheckRecord {
        let passed = match limit {
            Some(limit) => measured.is_some_and(|m| m <= limit),
            None => true,
        };
        CheckRecord { name: name.into(), kind: None, passed, measured, limit, detail: detail.into() }
    }

    #[test]
    fn a_line_per_check_and_a_verdict() {
        let checks = vec![
            check("train_step batch 96: gradients", Some(3.1e-6), Some(1e-3), "worst 3.weight"),
            check("train_step batch 1: loss", None, Some(1e-4), "not finite: NaN, reference 2.1"),
            check("train_step batch 1: gradients", Some(0.25), Some(1e-3), "worst 0.weight"),
            check("prediction: any order", Some(0.0), Some(1e-4), "forwards and backwards"),
            check("prediction: parameters untouched", None, None, "every bit as it was"),
            check("protocol: calls before set_parameters", None, None, ""),
        ];
        insta::assert_snapshot!(render(&Conformance { checks, ..Conformance::default() }));
    }
}
