//! The score: computed by the harness from a backend's logits, never by the backend.

/// Fraction of samples whose largest logit (the first of several equal ones) is
/// their label's. `logits` is samples × classes, row-major.
pub fn accuracy(logits: &[f32], classes: usize, labels: &[u8]) -> f64 {
    let right = logits.chunks_exact(classes.max(1)).zip(labels);
    let right = right.filter(|(row, label)| argmax(row) == usize::from(**label)).count();
    right as f64 / labels.len().max(1) as f64
}

/// Index of the first largest value.
pub fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_goes_to_the_first() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0, 2.0]), 1);
    }

    #[test]
    fn accuracy_counts_rows_whose_label_wins() {
        let logits = [0.0, 1.0, 5.0, -1.0, 2.0, 2.0];
        assert_eq!(accuracy(&logits, 2, &[1, 0, 1]), 2.0 / 3.0);
    }
}
