//! Softmax cross-entropy. Indices: s sample, j class, t the sample's label.

use super::layout::{LANES, Lanes};
use crate::part::Part;
use crate::score::Score;

/// Scores the part's logits z and writes their gradient, with the batch's n samples:
///
/// ```text
/// log p[j] = z[j] − max z − log Σⱼ exp(z[j] − max z)
/// L = −1/n · Σₛ log p[s, t]          ∂L/∂z[s, j] = 1/n · (p[s, j] − [j = t])
/// ```
///
/// The score's loss is Σₛ −log p\[s, t], not yet divided by n. The gradient of
/// padding lanes is 0, so that no parameter's gradient sees them. `labels` are
/// those of the whole split.
pub(super) fn cross_entropy(
    part: &Part<'_>,
    labels: &[u8],
    classes: usize,
    logits: &[Lanes],
    d_logits: &mut [Lanes],
) -> Score {
    let mut score = Score::default();
    let blocks = logits.chunks_exact(classes).zip(d_logits.chunks_exact_mut(classes));
    for (samples, (logits, d_logits)) in part.samples.chunks(LANES).zip(blocks) {
        d_logits.fill(Lanes::ZERO);
        for (lane, &sample) in samples.iter().enumerate() {
            let label = usize::from(labels[sample as usize]);
            let z = |j: usize| f64::from(logits[j].0[lane]);
            let largest = first_maximum(classes, z);
            let log_sum = (0..classes).map(|j| (z(j) - z(largest)).exp()).sum::<f64>().ln();
            let log_p = |j: usize| z(j) - z(largest) - log_sum;
            score.loss -= log_p(label);
            score.correct += u64::from(largest == label);
            for (j, d_logits) in d_logits.iter_mut().enumerate() {
                let target = if j == label { 1.0 } else { 0.0 };
                d_logits.0[lane] = ((log_p(j).exp() - target) / part.batch as f64) as f32;
            }
        }
    }
    score
}

/// Index of the first of the largest values.
fn first_maximum(count: usize, value: impl Fn(usize) -> f64) -> usize {
    (1..count).fold(0, |largest, j| if value(j) > value(largest) { j } else { largest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_gradient_of_equal_logits() {
        let part = Part { samples: &[1], batch: 2, lanes: LANES };
        let mut d_logits = [Lanes::splat(f32::NAN); 4];
        let score = cross_entropy(&part, &[3, 0], 4, &[Lanes::splat(1e30); 4], &mut d_logits);
        assert_eq!(score.correct, 1, "the first of equal logits is the prediction");
        assert!((score.loss - 4f64.ln()).abs() < 1e-12);
        assert_eq!(d_logits.map(|d| d.0[0]), [-0.375, 0.125, 0.125, 0.125]);
        assert!(d_logits.iter().all(|d| d.0[1..] == [0.0; LANES - 1]), "padding lanes have no gradient");
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let part = Part { samples: &[0], batch: 1, lanes: LANES };
        let logits = [1000.0, -1000.0].map(Lanes::splat);
        let score = cross_entropy(&part, &[1], 2, &logits, &mut [Lanes::ZERO; 2]);
        assert_eq!(score, Score { loss: 2000.0, correct: 0 });
    }
}
