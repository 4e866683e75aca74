//! What runs of a cell cost: by the gate's times first, and by its runs once there are any.

use trainmark_plugin::Optimiser;

/// An audit trains one epoch by single steps, between which it reads the parameters, and computes
/// some of them by the reference.
const AUDIT_EPOCHS: f64 = 1.25;

/// Seconds of a cell's runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Price {
    /// Of what is before and after the epochs.
    pub(super) start_seconds: f64,
    /// Of an epoch, training and prediction.
    pub(super) epoch_seconds: f64,
    /// Of its audit.
    pub(super) audit_seconds: f64,
}

impl Price {
    /// Of parts.
    pub(super) fn new(start_seconds: f64, epoch_seconds: f64) -> Self {
        let audit_seconds = start_seconds + AUDIT_EPOCHS * epoch_seconds;
        Self { start_seconds, epoch_seconds, audit_seconds }
    }

    /// That of a cell of whose runs of so many epochs one is audited: the steps of an optimiser with state begin
    /// with the run, so that on the average half of its epochs are trained before the audited one.
    pub(super) fn with_audit_of(self, epochs: u32, optimiser: Optimiser) -> Self {
        let before = if optimiser.has_state() { f64::from(epochs.saturating_sub(1)) / 2.0 } else { 0.0 };
        Self { audit_seconds: self.audit_seconds + AUDIT_EPOCHS * before * self.epoch_seconds, ..self }
    }

    /// Of a run of so many epochs.
    pub(super) fn run(&self, epochs: u32) -> f64 {
        self.start_seconds + self.epoch_seconds * f64::from(epochs)
    }
}

/// The runs of a cell that have ended well.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Spent {
    runs: usize,
    epochs: usize,
    /// Wall seconds of the runs.
    seconds: f64,
    /// Of these, the epochs', training and prediction.
    epoch_seconds: f64,
}

impl Spent {
    /// Counts a run.
    pub(super) fn add(&mut self, epochs: usize, epoch_seconds: f64, seconds: f64) {
        self.runs += 1;
        self.epochs += epochs;
        self.seconds += seconds;
        self.epoch_seconds += epoch_seconds;
    }

    /// What further ones will cost; `None` without any.
    pub(super) fn price(&self) -> Option<Price> {
        let is_known = self.runs > 0 && self.epochs > 0;
        is_known.then(|| {
            let start_seconds = (self.seconds - self.epoch_seconds).max(0.0) / self.runs as f64;
            Price::new(start_seconds, self.epoch_seconds / self.epochs as f64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_of_the_mean_of_runs() {
        let mut spent = Spent::default();
        assert_eq!(spent.price(), None);
        spent.add(5, 10.0, 12.0);
        spent.add(2, 4.0, 4.0);
        let price = spent.price().expect("two runs");
        assert_eq!((price.start_seconds, price.epoch_seconds), (1.0, 2.0));
        assert_eq!((price.run(5), price.audit_seconds), (11.0, 3.5));
        assert_eq!(price.with_audit_of(5, Optimiser::Sgd), price);
        let momentum = Optimiser::Momentum { momentum: 0.9, weight_decay: 0.0 };
        assert_eq!(price.with_audit_of(5, momentum).audit_seconds, 8.5);
    }
}
