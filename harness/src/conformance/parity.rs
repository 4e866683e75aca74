//! Whether an implementation computes the same on two devices.

use trainmark_reports::record::{CheckKind, CheckRecord};

use super::deviation::Deviation;

/// Losses that the gate keeps of a cell: of a prediction, then of the five steps.
pub(super) const LOSSES: usize = 6;

/// Holds the losses of two cells that differ by their device against each other.
///
/// Each is within `limit` of the reference already. Both stand on the same side of it if they
/// run the same formulas, so that the pair is held to the same limit.
///
/// `None` where a cell has no losses to compare.
pub fn agree(devices: [&str; 2], losses: [&[f64]; 2], limit: f64) -> Option<CheckRecord> {
    if losses.iter().any(|of_cell| of_cell.len() != LOSSES) {
        return None;
    }
    let found = losses[0].iter().zip(losses[1]).enumerate().map(|(place, (one, other))| {
        let what = if place == 0 { "prediction".to_owned() } else { format!("step {place}") };
        let detail = format!("worst {what}: {one:.6} and {other:.6}");
        Deviation { detail, ..Deviation::of_losses(*other, *one) }
    });
    let name = format!("{} and {} agree: losses", devices[0], devices[1]);
    Some(Deviation::worst(found).held(CheckKind::DevicesAgree, name, limit))
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    const LIMIT: f64 = 1e-3;

    fn check(other: [f64; LOSSES]) -> CheckRecord {
        let one = [2.3, 2.5, 1.9, 1.4, 1.1, 0.9];
        agree(["cpu", "cuda:0"], [&one, &other], LIMIT).unwrap()
    }

    #[test]
    fn rounding_passes_and_another_course_does_not() {
        let passed = check([2.3, 2.5, 1.9, 1.400_002, 1.1, 0.9]);
        assert!(passed.passed && passed.measured.unwrap() < 2e-6, "{passed:?}");
        assert_eq!(passed.name, "cpu and cuda:0 agree: losses");
        assert_eq!(passed.detail, "worst step 3: 1.400000 and 1.400002");
        let failed = check([2.3, 2.5, 1.9, 1.4, 1.1, 0.902]);
        assert!(!failed.passed && failed.detail.starts_with("worst step 5: "), "{failed:?}");
        let failed = check([2.31, 2.5, 1.9, 1.4, 1.1, 0.9]);
        assert!(!failed.passed && failed.detail.starts_with("worst prediction: "), "{failed:?}");
    }

    #[test]
    fn without_all_losses_there_is_nothing_to_compare() {
        assert_eq!(agree(["cpu", "cuda:0"], [&[2.3], &[2.3]], LIMIT), None);
        assert_eq!(agree(["cpu", "cuda:0"], [&[], &[]], LIMIT), None);
    }
}
