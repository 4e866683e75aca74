//! What a step makes of the gradients: plain gradient descent, momentum, Adam.

use trainmark_plugin::Optimiser;

/// An optimiser with its state, which begins at zero. The formulas stand at [`Optimiser`].
pub(super) struct Updates {
    pub(super) optimiser: Optimiser,
    /// Steps taken.
    steps: i32,
    /// Per tensor: the velocity, or the mean of the gradients.
    first: Vec<Vec<f64>>,
    /// The mean of the gradients' squares.
    second: Vec<Vec<f64>>,
}

impl Updates {
    pub(super) fn new(optimiser: Optimiser) -> Self {
        Self { optimiser, steps: 0, first: Vec::new(), second: Vec::new() }
    }

    /// Back to the state with which a session begins.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.optimiser);
    }

    /// By how much a step with these gradients, the decay in them and zeros where nothing is trained, changes
    /// every tensor.
    pub(super) fn step(&mut self, rate: f64, gradients: &[Vec<f64>]) -> Vec<Vec<f64>> {
        if self.first.is_empty() {
            let zeros: Vec<Vec<f64>> = gradients.iter().map(|tensor| vec![0.0; tensor.len()]).collect();
            (self.first, self.second) = (zeros.clone(), zeros);
        }
        self.steps += 1;
        let (optimiser, steps) = (self.optimiser, self.steps);
        let tensors = gradients.iter().zip(self.first.iter_mut().zip(&mut self.second));
        tensors
            .map(|(tensor, (first, second))| {
                let values = tensor.iter().zip(first.iter_mut().zip(second));
                values.map(|(g, (m, v))| -rate * way(optimiser, steps, *g, m, v)).collect()
            })
            .collect()
    }
}

/// What the rate is multiplied by, for a gradient that the decay has been added to.
fn way(optimiser: Optimiser, steps: i32, g: f64, m: &mut f64, v: &mut f64) -> f64 {
    match optimiser {
        Optimiser::Sgd => g,
        Optimiser::Momentum { momentum, .. } => {
            *m = momentum * *m + g;
            *m
        }
        Optimiser::Adam { beta1, beta2, epsilon, .. } => {
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            let mean = *m / (1.0 - beta1.powi(steps));
            let square = *v / (1.0 - beta2.powi(steps));
            mean / (square.sqrt() + epsilon)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of five steps of one linear unit's weight and bias.
    const GRADIENTS: [[f64; 2]; 5] = [[0.5, -2e-3], [-0.25, 1e-3], [0.125, 5e-4], [1.0, -1e-3], [-0.5, 0.0]];
    /// From 1 and -0.5, by `torch.optim.SGD(lr=0.1, momentum=0.9, weight_decay=0.01)` of PyTorch 2.11 in float64.
    const MOMENTUM: [[f64; 2]; 5] = [
        [0.949, -0.4993],
        [0.927151, -0.4982707],
        [0.894059749, -0.4968960593],
        [0.763383563351, -0.4950619866107],
        [0.6950116127035489, -0.4929162592037193],
    ];
    /// The same by `torch.optim.Adam(lr=0.1, betas=(0.9, 0.999), eps=1e-3, weight_decay=0.01)`.
    const ADAM: [[f64; 2]; 5] = [
        [0.9001956947162426, -0.4125],
        [0.8714967025205644, -0.33522945863548737],
        [0.8352183184916422, -0.2621187538527059],
        [0.7700924616751604, -0.18865259026776804],
        [0.7406488274052428, -0.1198682510427341],
    ];

    #[test]
    fn steps_are_those_of_pytorch_and_begin_anew_after_a_reset() {
        let decay = 0.01;
        let momentum = Optimiser::Momentum { momentum: 0.9, weight_decay: decay };
        let adam = Optimiser::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-3, weight_decay: decay };
        for (optimiser, expected) in [(momentum, MOMENTUM), (adam, ADAM)] {
            let mut updates = Updates::new(optimiser);
            for _ in 0..2 {
                updates.reset();
                let mut parameters = vec![vec![1.0], vec![-0.5]];
                for (step, expected) in GRADIENTS.into_iter().zip(expected) {
                    let decayed =
                        step.iter().zip(&parameters).map(|(g, w): (&f64, &Vec<f64>)| vec![g + decay * w[0]]);
                    let gradients: Vec<Vec<f64>> = decayed.collect();
                    for (tensor, change) in parameters.iter_mut().zip(updates.step(0.1, &gradients)) {
                        tensor[0] += change[0];
                    }
                    for (tensor, expected) in parameters.iter().zip(expected) {
                        assert!((tensor[0] - expected).abs() < 1e-14, "{optimiser:?}: {parameters:?}");
                    }
                }
            }
        }
    }
}
