//! Cross-entropy: its value, its gradient and the right answers.

use super::{SMALLEST, UNIT};

/// Operations on each logit on its way to a probability, without those of its sum.
const OPERATIONS: f64 = 16.0;

/// Bounds of what a batch's logits are worth.
pub(super) struct LossBounds {
    /// Of the mean cross-entropy.
    pub(super) loss: f64,
    /// Of the logits' gradients.
    pub(super) gradients: Vec<f64>,
    /// Samples whose largest logit is rounding's to choose.
    pub(super) undecided: u64,
}

/// Those of logits with bounds.
pub(super) fn bounds(logits: &[f64], errors: &[f64], labels: &[u8]) -> LossBounds {
    let classes = logits.len() / labels.len();
    let samples = labels.len() as f64;
    let (mut loss, mut losses, mut undecided) = (0.0, 0.0, 0);
    let mut gradients = Vec::with_capacity(logits.len());
    let rows = logits.chunks_exact(classes).zip(errors.chunks_exact(classes)).zip(labels);
    for ((row, errors), &label) in rows {
        let label = usize::from(label);
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|z| (z - largest).exp()).sum();
        let carried = 2.0 * errors.iter().copied().fold(0.0, f64::max);
        let of_sum = classes as f64 + OPERATIONS;
        let magnitude = 2.0 * (largest.abs() + row[label].abs()) + (largest - row[label]).abs();
        loss += carried + UNIT * (of_sum + magnitude);
        losses += sum.ln() + largest - row[label];
        undecided += u64::from(is_undecided(row, errors));
        gradients.extend(row.iter().enumerate().map(|(class, z)| {
            let p = (z - largest).exp() / sum;
            let spread = carried + UNIT * (of_sum + z.abs() + largest.abs() + (largest - z));
            let of_p = (p * spread.exp_m1()).min(1.0);
            let target = if class == label { 1.0 } else { 0.0 };
            (of_p + OPERATIONS * (UNIT * (p + target) + SMALLEST)) / samples
        }));
    }
    LossBounds {
        loss: loss / samples + (samples + 2.0) * UNIT * losses / samples + SMALLEST,
        gradients,
        undecided,
    }
}

/// Whether another logit may be the largest.
fn is_undecided(row: &[f64], errors: &[f64]) -> bool {
    let least = row.iter().zip(errors).map(|(z, error)| z - error).fold(f64::NEG_INFINITY, f64::max);
    row.iter().zip(errors).filter(|(z, error)| *z + *error >= least).count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_tie_leaves_the_answer_open() {
        let undecided = |other: f64| bounds(&[0.5, other, -1.0], &[1e-6; 3], &[0]).undecided;
        assert_eq!([undecided(0.5 + 1e-7), undecided(0.5), undecided(0.51)], [1, 1, 0]);
    }

    #[test]
    fn unsure_logits_make_unsure_losses_but_no_more_than_all() {
        let sure = bounds(&[0.5, 0.1], &[0.0; 2], &[1]);
        assert!(sure.loss < 1e-5 && sure.gradients.iter().all(|bound| *bound < 1e-5));
        let unsure = bounds(&[0.5, 0.1], &[100.0; 2], &[1]);
        assert!(unsure.loss >= 200.0 && unsure.gradients.iter().all(|bound| (1.0..1.1).contains(bound)));
    }
}
