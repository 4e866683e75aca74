//! How far results lie from what is expected.

use trainmark_plugin::ParameterSpec;
use trainmark_reports::record::{CheckKind, CheckRecord};

use crate::reference::VANISHING;

/// Losses nearer to 0 than this are compared absolutely.
const LEAST_LOSS: f64 = 1e-2;

/// A measured error and what a reader needs to know about it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Deviation {
    pub(super) error: f64,
    pub(super) detail: String,
}

impl Deviation {
    /// |found − expected| of two losses, relative to the expected one. Infinite where one is not a
    /// number.
    pub(super) fn of_losses(found: f64, expected: f64) -> Self {
        let error = finite_or_infinite((found - expected).abs() / expected.abs().max(LEAST_LOSS));
        Self { error, detail: format!("{found:.6}, reference {expected:.6}") }
    }

    /// The largest of several, and the first of those; `equal` where nothing differs.
    pub(super) fn worst(found: impl IntoIterator<Item = Self>) -> Self {
        let equal = Self { error: 0.0, detail: "equal".into() };
        found.into_iter().fold(equal, |worst, one| if one.error > worst.error { one } else { worst })
    }

    /// The check that it is within its limit.
    pub(super) fn held(self, kind: CheckKind, name: impl Into<String>, limit: f64) -> CheckRecord {
        let Self { error, detail } = self;
        CheckRecord {
            name: name.into(),
            kind: Some(kind),
            passed: error <= limit,
            measured: error.is_finite().then_some(error),
            limit: Some(limit),
            detail: if error.is_finite() { detail } else { format!("not finite: {detail}") },
        }
    }

    /// The same, compared with something else than the reference.
    pub(super) fn against(self, what: &str) -> Self {
        Self { detail: self.detail.replace("reference", what), ..self }
    }

    /// The largest difference of two samples × classes tables of logits, relative
    /// to how far the expected ones spread: the largest distance of a logit from its
    /// class's mean. What all samples have in common says nothing about the network.
    pub(super) fn of_logits(found: &[f32], expected: &[f64], classes: usize) -> Self {
        let samples: Vec<usize> = (0..expected.len() / classes).collect();
        Self::of_logits_of(&samples, found, expected, classes)
    }

    /// The same of samples that have other numbers than those of their rows.
    pub(super) fn of_logits_of(samples: &[usize], found: &[f32], expected: &[f64], classes: usize) -> Self {
        let spread = spread(expected, classes);
        let mut worst = (0, 0.0);
        for (place, (a, b)) in found.iter().zip(expected).enumerate() {
            let error = finite_or_infinite((f64::from(*a) - b).abs() / spread);
            if error > worst.1 {
                worst = (place, error);
            }
        }
        let (sample, class) = (samples.get(worst.0 / classes).copied().unwrap_or(0), worst.0 % classes);
        Self {
            error: worst.1,
            detail: format!("logits spread {spread:.3}, worst class {class} of sample {sample}"),
        }
    }
}

fn spread(logits: &[f64], classes: usize) -> f64 {
    let samples = (logits.len() / classes) as f64;
    let column = |class: usize| logits.iter().skip(class).step_by(classes);
    let farthest = (0..classes).map(|class| {
        let mean = column(class).sum::<f64>() / samples;
        column(class).fold(0.0_f64, |largest, z| largest.max((z - mean).abs()))
    });
    let largest = logits.iter().fold(f64::MIN_POSITIVE, |largest, z| largest.max(z.abs()));
    // Without batch norm an untrained network tells its samples apart by a thousandth:
    // the rounding of what they have in common must not count as an error.
    farthest.fold(1e-2 * largest, f64::max)
}

/// Comparisons with a NaN are false and maxima ignore it: as infinity it is seen.
pub(super) fn finite_or_infinite(error: f64) -> f64 {
    if error.is_nan() { f64::INFINITY } else { error }
}

/// A tensor's expected change counts as vanishing below this share of the largest
/// root mean square change of any tensor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Vanishing {
    /// Expected changes from the float64 reference: what is zero in exact
    /// arithmetic comes out as about 1e-14.
    InFloat64,
    /// Expected changes from a backend: what is zero comes out as rounding.
    InFloat32,
}

impl Vanishing {
    fn share(self) -> f64 {
        match self {
            Self::InFloat64 => VANISHING,
            Self::InFloat32 => 1e-4,
        }
    }
}

/// Parameter values before and after, and the change that is expected.
pub(super) struct Change<'a> {
    pub(super) specs: &'a [ParameterSpec],
    pub(super) before: &'a [Vec<f32>],
    pub(super) after: &'a [Vec<f32>],
    /// Expected value minus value before; only trained tensors are looked at.
    pub(super) expected: &'a [Vec<f64>],
    /// Tensors whose exact gradient is zero, as the reference tells: a decay may change them.
    pub(super) still: &'a [usize],
    pub(super) limit: f64,
    pub(super) vanishing: Vanishing,
}

impl Change<'_> {
    /// The worst tensor's ‖change − expected‖₂ / (‖expected‖₂ + r/limit), where
    /// r = ε₃₂·max(‖before‖₂, ‖after‖₂) is twice the most that storing w − rate·g
    /// in float32 can add. Held against `limit`, that allows limit·‖expected‖₂ + r.
    ///
    /// A tensor whose exact gradient is zero (a bias in front of a batch norm;
    /// everything in front of a batch norm of a single value) has no relative
    /// error. Its change is the residue of terms that cancel, so it is held
    /// against the largest root mean square change of any tensor instead.
    pub(super) fn deviation(&self) -> Deviation {
        let trained: Vec<usize> =
            (0..self.specs.len()).filter(|&slot| self.specs[slot].role.is_trainable()).collect();
        let largest = trained.iter().map(|&slot| root_mean_square(&self.expected[slot])).fold(0.0, f64::max);
        let errors: Vec<(usize, f64)> =
            trained.into_iter().map(|slot| (slot, self.tensor_error(slot, largest))).collect();
        let Some(&(worst, error)) = errors.iter().max_by(|a, b| a.1.total_cmp(&b.1)) else {
            return Deviation { error: 0.0, detail: "no trained tensor".into() };
        };
        if error == 0.0 {
            return Deviation { error, detail: "equal".into() };
        }
        let over: Vec<usize> = errors.iter().filter(|e| e.1 > self.limit).map(|e| e.0).collect();
        let mut detail = format!("worst {}", self.specs[worst].name);
        if self.vanishes(worst, largest) {
            detail.push_str(", whose exact gradient is zero");
        }
        if over.len() > 1 {
            let names: Vec<&str> = over.iter().map(|&slot| self.specs[slot].name.as_str()).collect();
            detail.push_str(&format!("; over the limit: {}", names.join(", ")));
        }
        Deviation { error, detail }
    }

    fn vanishes(&self, slot: usize, largest: f64) -> bool {
        self.still.contains(&slot)
            || root_mean_square(&self.expected[slot]) < self.vanishing.share() * largest
    }

    fn tensor_error(&self, slot: usize, largest: f64) -> f64 {
        let (before, after, expected) = (&self.before[slot], &self.after[slot], &self.expected[slot]);
        let differences = after.iter().zip(before).zip(expected);
        let error = norm(differences.map(|((a, b), e)| f64::from(*a) - f64::from(*b) - e));
        let widened = |tensor: &[f32]| norm(tensor.iter().copied().map(f64::from));
        let rounding = f64::from(f32::EPSILON) * widened(before).max(widened(after));
        let scale = if self.vanishes(slot, largest) {
            largest * (expected.len() as f64).sqrt()
        } else {
            norm(expected.iter().copied())
        };
        finite_or_infinite(error / (scale + rounding / self.limit).max(f64::MIN_POSITIVE))
    }
}

/// ‖v‖₂
pub(super) fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

fn root_mean_square(values: &[f64]) -> f64 {
    norm(values.iter().copied()) / (values.len() as f64).sqrt()
}

#[cfg(test)]
mod unit_tests {
    use super::*;
    use trainmark_plugin::{Layer, Model, Shape};

    fn specs() -> Vec<ParameterSpec> {
        let layers = vec![Layer::Linear { out_features: 1, bias: true }];
        Model::new("m", Shape::Vector(2), layers).parameters().unwrap()
    }

    fn deviation(after: [f32; 2], bias: f32, expected: [f64; 2]) -> Deviation {
        Change {
            specs: &specs(),
            before: &[vec![1.0, 2.0], vec![0.0]],
            after: &[after.to_vec(), vec![bias]],
            expected: &[expected.to_vec(), vec![0.0]],
            limit: 1e-3,
            still: &[],
            vanishing: Vanishing::InFloat64,
        }
        .deviation()
    }

    #[test]
    fn a_change_is_measured_relative_to_what_is_expected() {
        let found = deviation([1.5, 2.0], 0.0, [0.4, 0.0]);
        assert!((found.error - 0.25).abs() < 1e-3, "{found:?}");
        assert_eq!(found.detail, "worst 0.weight");
    }

    #[test]
    fn rounding_of_the_stored_parameter_is_allowed_for() {
        let found = deviation([1.0, 2.000_000_2], 0.0, [0.0, 1e-7]);
        assert!(found.error < 1e-3, "{found:?}");
    }

    #[test]
    fn a_vanishing_gradient_is_held_against_the_largest() {
        assert!(deviation([1.5, 2.0], 1e-5, [0.5, 0.0]).error < 1e-3);
        let found = deviation([1.5, 2.0], 1e-2, [0.5, 0.0]);
        assert!(found.error > 1e-2);
        assert_eq!(found.detail, "worst 0.bias, whose exact gradient is zero");
    }

    #[test]
    fn logits_are_measured_against_their_spread() {
        let found = Deviation::of_logits(&[100.0, 0.0, 104.0, 1.0], &[100.0, 0.0, 104.0, 0.0], 2);
        assert_eq!(found.error, 0.5);
        assert_eq!(found.detail, "logits spread 2.000, worst class 1 of sample 1");
    }

    #[test]
    fn not_a_number_is_infinitely_wrong() {
        assert_eq!(deviation([f32::NAN, 2.0], 0.0, [0.5, 0.0]).error, f64::INFINITY);
        assert_eq!(Deviation::of_losses(f64::NAN, 1.0).error, f64::INFINITY);
        assert_eq!(Deviation::of_logits(&[1.0, f32::NAN], &[1.0, 1.0], 1).error, f64::INFINITY);
    }
}
