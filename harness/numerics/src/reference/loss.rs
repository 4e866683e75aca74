//! Mean cross-entropy of softmax, and the count of right answers.

/// What a batch's logits are worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Samples whose largest logit (the first of equal ones) is their label's.
    pub correct: u64,
    /// Samples whose two largest logits lie closer than the margin that was asked about.
    pub undecided: u64,
}

/// −log softmax(z)(label), averaged: (1/N) Σ (log Σⱼ e^{zⱼ − max} + max − z(label)).
pub(super) fn score(logits: &[f64], labels: &[u8], margin: f64) -> Score {
    let classes = logits.len() / labels.len();
    let (mut loss, mut correct, mut undecided) = (0.0, 0, 0);
    for (row, &label) in logits.chunks_exact(classes).zip(labels) {
        let (best, largest) = maximum(row);
        let sum: f64 = row.iter().map(|z| (z - largest).exp()).sum();
        loss += sum.ln() + largest - row[usize::from(label)];
        correct += u64::from(best == usize::from(label));
        let others = row.iter().enumerate().filter(|&(class, _)| class != best);
        undecided += u64::from(others.map(|(_, z)| largest - z).fold(f64::INFINITY, f64::min) < margin);
    }
    Score { loss: loss / labels.len() as f64, correct, undecided }
}

/// ∂loss/∂z = (softmax(z) − one-hot(label))/N.
pub(super) fn gradient(logits: &[f64], labels: &[u8]) -> Vec<f64> {
    let classes = logits.len() / labels.len();
    let mut gradient = Vec::with_capacity(logits.len());
    for (row, &label) in logits.chunks_exact(classes).zip(labels) {
        let (_, largest) = maximum(row);
        let sum: f64 = row.iter().map(|z| (z - largest).exp()).sum();
        gradient.extend(row.iter().enumerate().map(|(class, z)| {
            let target = f64::from(u8::from(class == usize::from(label)));
            ((z - largest).exp() / sum - target) / labels.len() as f64
        }));
    }
    gradient
}

fn maximum(row: &[f64]) -> (usize, f64) {
    let first = (0, f64::NEG_INFINITY);
    row.iter().enumerate().fold(first, |best, (class, &z)| if z > best.1 { (class, z) } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_classes() {
        let result = score(&[2.0; 10], &[3], 1e-4);
        assert!((result.loss - 10_f64.ln()).abs() < 1e-15);
        assert_eq!((result.correct, result.undecided), (0, 1));
        assert_eq!(score(&[2.0; 10], &[0], 1e-4).correct, 1);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let result = score(&[1000.0, 0.0], &[1], 1e-4);
        assert_eq!((result.loss, result.correct, result.undecided), (1000.0, 0, 0));
    }

    #[test]
    fn the_gradient_is_that_of_the_mean() {
        let logits = [0.3, -0.2, 0.1, 1.0, 0.0, -1.0];
        let labels = [2, 0];
        let analytic = gradient(&logits, &labels);
        for place in 0..logits.len() {
            let shifted = |by: f64| {
                let mut logits = logits;
                logits[place] += by;
                score(&logits, &labels, 0.0).loss
            };
            let numeric = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
            assert!((numeric - analytic[place]).abs() < 1e-9);
        }
    }
}
