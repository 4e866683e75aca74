//! What a step makes of the gradients: Burn's own optimisers.

#[cfg(before_0_22)]
use burn::optim::Optimizer;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, GradientsParams, SgdConfig};
use trainmark_plugin::Optimiser;

use crate::engine::{Adam, Sgd};
use crate::network::Network;

/// An optimiser with its state, which begins at zero.
pub(crate) struct Updates {
    optimiser: Optimiser,
    rate: f64,
    own: Own,
}

/// Burn's.
enum Own {
    Sgd(Sgd),
    Adam(Adam),
}

impl Updates {
    pub(crate) fn new(optimiser: Optimiser, rate: f64) -> Self {
        Self { optimiser, rate, own: Own::new(optimiser) }
    }

    /// Puts its state back to zero.
    pub(crate) fn reset(&mut self) {
        self.own = Own::new(self.optimiser);
    }

    /// The network after a step.
    pub(crate) fn step(&mut self, network: Network, gradients: GradientsParams) -> Network {
        match &mut self.own {
            Own::Sgd(own) => own.step(self.rate, network, gradients),
            Own::Adam(own) => own.step(self.rate, network, gradients),
        }
    }
}

impl Own {
    fn new(optimiser: Optimiser) -> Self {
        let decay = Some(optimiser.weight_decay()).filter(|decay| *decay != 0.0);
        let decay = decay.map(|decay| WeightDecayConfig::new(decay as f32));
        match optimiser {
            Optimiser::Sgd => Self::Sgd(SgdConfig::new().init()),
            Optimiser::Momentum { momentum, .. } => {
                // Burn's own default dampens.
                let momentum = MomentumConfig::new().with_momentum(momentum).with_dampening(0.0);
                let config = SgdConfig::new().with_momentum(Some(momentum)).with_weight_decay(decay);
                Self::Sgd(config.init())
            }
            Optimiser::Adam { beta1, beta2, epsilon, .. } => {
                let config = AdamConfig::new().with_beta_1(beta1 as f32).with_beta_2(beta2 as f32);
                Self::Adam(config.with_epsilon(epsilon as f32).with_weight_decay(decay).init())
            }
        }
    }
}
