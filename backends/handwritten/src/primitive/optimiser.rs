//! What a step makes of the gradients.

use trainmark_plugin::Optimiser;

/// An optimiser with its state: m and v of every value, which begin at zero.
pub(super) struct Updates {
    optimiser: Optimiser,
    rate: f32,
    /// Steps since the state was at zero.
    steps: i32,
    /// Per tensor; none for plain gradient descent.
    moments: Vec<Vec<[f32; 2]>>,
}

impl Updates {
    /// For tensors of these lengths.
    pub(super) fn new(optimiser: Optimiser, rate: f32, lengths: impl Iterator<Item = usize>) -> Self {
        let moments = match optimiser.has_state() {
            true => lengths.map(|length| vec![[0.0; 2]; length]).collect(),
            false => Vec::new(),
        };
        Self { optimiser, rate, steps: 0, moments }
    }

    /// Back to zero.
    pub(super) fn reset(&mut self) {
        self.steps = 0;
        self.moments.iter_mut().flatten().for_each(|moments| *moments = [0.0; 2]);
    }

    /// Begins the next step.
    pub(super) fn begin(&mut self) {
        self.steps = self.steps.saturating_add(1);
    }

    /// Changes a tensor by the gradient of the loss.
    pub(super) fn apply(&mut self, index: usize, parameter: &mut [f32], gradient: &[f64]) {
        let (rate, decay) = (self.rate, self.optimiser.weight_decay() as f32);
        let values = parameter.iter_mut().zip(gradient);
        match self.optimiser {
            // w ← w − rate·∂L/∂w
            Optimiser::Sgd => values.for_each(|(w, gradient)| *w -= rate * *gradient as f32),
            // g = ∂L/∂w + decay·w; v ← momentum·v + g; w ← w − rate·v
            Optimiser::Momentum { momentum, .. } => {
                for ((w, gradient), [_, v]) in values.zip(&mut self.moments[index]) {
                    let g = *gradient as f32 + decay * *w;
                    *v = momentum as f32 * *v + g;
                    *w -= rate * *v;
                }
            }
            // m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²;
            // w ← w − rate·(m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
            Optimiser::Adam { beta1, beta2, epsilon, .. } => {
                let [rest1, rest2] = [beta1, beta2].map(|beta| (1.0 - beta) as f32);
                let [mean, square] = [beta1, beta2].map(|beta| (1.0 - beta.powi(self.steps)) as f32);
                let [beta1, beta2, epsilon] = [beta1, beta2, epsilon].map(|number| number as f32);
                for ((w, gradient), [m, v]) in values.zip(&mut self.moments[index]) {
                    let g = *gradient as f32 + decay * *w;
                    *m = beta1 * *m + rest1 * g;
                    *v = beta2 * *v + rest2 * g * g;
                    *w -= rate * (*m / mean) / ((*v / square).sqrt() + epsilon);
                }
            }
        }
    }
}
