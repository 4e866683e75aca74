//! Softmax cross-entropy. Indices: s sample, j class, t the sample's label.

use super::block::mask;
use super::lanes::Lanes;
use super::sigmoid::exp;
use crate::part::Part;
use crate::score::Score;

/// Scores the part's logits z and writes their gradient, with the batch's n samples:
///
/// ```text
/// p[j] = exp(z[j] − max z) / Σⱼ exp(z[j] − max z)
/// L = −1/n · Σₛ log p[s, t]          ∂L/∂z[s, j] = 1/n · (p[s, j] − [j = t])
/// ```
///
/// The score's loss is Σₛ −log p\[s, t], not yet divided by n. The gradient of
/// padding lanes is 0, so that no parameter's gradient sees them. `labels` are
/// those of the whole split.
#[inline(always)]
pub(super) fn cross_entropy<V: Lanes>(
    part: &Part<'_>,
    labels: &[u8],
    classes: usize,
    logits: &[V],
    d_logits: &mut [V],
) -> Score {
    let mut score = Score::default();
    let share = 1.0 / part.batch as f32;
    let blocks = logits.chunks_exact(classes).zip(d_logits.chunks_exact_mut(classes));
    for (block, (logits, d_logits)) in blocks.enumerate() {
        let samples = part.block(block);
        let largest = logits.iter().fold(V::splat(f32::NEG_INFINITY), |largest, &z| largest.max(z));
        let mut sum = V::zero();
        for (z, d) in logits.iter().zip(&mut *d_logits) {
            *d = exp(z.sub(largest));
            sum = sum.add(*d);
        }
        let scale = mask::<V>(samples.len()).mul(V::splat(share)).div(sum);
        for d in &mut *d_logits {
            *d = d.mul(scale);
        }
        let (largest, sum) = ([largest], [sum]);
        for (lane, &sample) in samples.iter().enumerate() {
            let label = usize::from(labels[sample as usize]);
            let z = |j: usize| V::floats(logits)[j * V::COUNT + lane];
            let first_largest = (1..classes).fold(0, |first, j| if z(j) > z(first) { j } else { first });
            score.correct += u64::from(first_largest == label);
            let below = f64::from(V::floats(&largest)[lane]) - f64::from(z(label));
            score.loss += f64::from(V::floats(&sum)[lane]).ln() + below;
            V::floats_mut(d_logits)[label * V::COUNT + lane] -= share;
        }
    }
    score
}
