//! Softmax regression: logits W·x + b with x = pixel/255, mean cross-entropy,
//! plain stochastic gradient descent. This part knows nothing of trainmark.

/// The parameters and their gradients.
pub(crate) struct Regression {
    /// classes × features, row-major.
    pub(crate) weight: Vec<f32>,
    /// classes
    pub(crate) bias: Vec<f32>,
    weight_gradient: Vec<f32>,
    bias_gradient: Vec<f32>,
}

impl Regression {
    /// All parameters are zero.
    pub(crate) fn new(features: usize, classes: usize) -> Self {
        let (weight, bias) = (vec![0.0; classes * features], vec![0.0; classes]);
        Self { weight_gradient: weight.clone(), bias_gradient: bias.clone(), weight, bias }
    }

    /// The logits of one sample, one per class.
    pub(crate) fn logits(&self, pixels: &[u8], logits: &mut [f32]) {
        let rows = self.weight.chunks_exact(pixels.len());
        for ((logit, row), bias) in logits.iter_mut().zip(rows).zip(&self.bias) {
            let sum: f32 = row.iter().zip(pixels).map(|(w, &pixel)| w * (f32::from(pixel) / 255.0)).sum();
            *logit = bias + sum;
        }
    }

    /// One step of gradient descent on (pixels, label) pairs. Returns the mean
    /// cross-entropy and the number of right predictions before the update.
    pub(crate) fn step(&mut self, batch: &[(&[u8], u8)], learning_rate: f32) -> (f64, u64) {
        self.weight_gradient.fill(0.0);
        self.bias_gradient.fill(0.0);
        let (mut loss, mut correct) = (0.0, 0);
        let mut logits = vec![0.0; self.bias.len()];
        for &(pixels, label) in batch {
            self.logits(pixels, &mut logits);
            let label = usize::from(label);
            correct += u64::from(argmax(&logits) == label);
            loss += cross_entropy(&mut logits, label);
            self.add_gradient(pixels, &logits);
        }
        self.descend(learning_rate / batch.len() as f32);
        (loss / batch.len() as f64, correct)
    }

    /// Follows the gradients of the last batch, which are sums over its samples.
    pub(crate) fn descend(&mut self, rate: f32) {
        descend(&mut self.weight, &self.weight_gradient, rate);
        descend(&mut self.bias, &self.bias_gradient, rate);
    }

    fn add_gradient(&mut self, pixels: &[u8], of_logits: &[f32]) {
        let rows = self.weight_gradient.chunks_exact_mut(pixels.len());
        for ((row, bias), &gradient) in rows.zip(&mut self.bias_gradient).zip(of_logits) {
            *bias += gradient;
            for (sum, &pixel) in row.iter_mut().zip(pixels) {
                *sum += gradient * (f32::from(pixel) / 255.0);
            }
        }
    }
}

/// The first of the largest values.
fn argmax(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}

/// −ln softmax(z) at the label; `logits` become its gradient, softmax(z) − onehot(label).
/// The largest logit is subtracted first, so that the exponentials stay finite.
fn cross_entropy(logits: &mut [f32], label: usize) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let at_label = logits[label] - largest;
    logits.iter_mut().for_each(|logit| *logit = (*logit - largest).exp());
    let sum: f32 = logits.iter().sum();
    logits.iter_mut().for_each(|logit| *logit /= sum);
    logits[label] -= 1.0;
    f64::from(sum).ln() - f64::from(at_label)
}

fn descend(values: &mut [f32], gradient: &[f32], rate: f32) {
    values.iter_mut().zip(gradient).for_each(|(value, gradient)| *value -= rate * gradient);
}
