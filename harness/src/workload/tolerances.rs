//! How far a backend may be from the reference.

use trainmark_reports::record::CheckKind;

/// How far a backend's float32 results may lie from the float64 reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerances {
    /// Relative error of a batch's training-mode loss.
    pub loss: f64,
    /// Relative L2 error of each tensor's change in one training step.
    pub gradients: f64,
    /// Relative error of running statistics after one training step.
    pub running_statistics: f64,
    /// Largest error of a prediction's logit, relative to the
    /// largest distance of a logit from its class's mean over the samples.
    pub logits: f64,
    /// The same between two predictions of one sample in different company.
    pub independence: f64,
    /// Relative error of the loss over the first five steps.
    pub trajectory: f64,
    /// Relative L2 difference of each tensor's change between an epoch and its
    /// steps. Not zero: a backend may sum in another order at every call, and
    /// five steps at a learning rate of 1 carry that rounding on.
    pub epoch: f64,
    /// Distance of a timed epoch's end from that of its steps made once more, relative to the
    /// way that the epoch leads, beyond which rounding explains nothing.
    pub audit: f64,
    /// Relative error of such an epoch's loss, where it ended elsewhere by rounding. The right answers may differ by
    /// three fifths of it, as a share of the samples.
    pub audit_loss: f64,
    /// Two logits closer than this (absolute) may change places.
    pub logit_margin: f64,
}

impl Default for Tolerances {
    fn default() -> Self {
        Self {
            loss: 1e-4,
            gradients: 1e-3,
            running_statistics: 1e-4,
            logits: 1e-3,
            independence: 1e-3,
            trajectory: 1e-3,
            epoch: 1e-2,
            audit: 1e-3,
            audit_loss: 5e-3,
            logit_margin: 1e-4,
        }
    }
}

impl Tolerances {
    /// Each with its key in a workload's file.
    pub fn all(&self) -> [(&'static str, f64); 10] {
        [
            ("loss", self.loss),
            ("gradients", self.gradients),
            ("running_statistics", self.running_statistics),
            ("logits", self.logits),
            ("independence", self.independence),
            ("trajectory", self.trajectory),
            ("epoch", self.epoch),
            ("audit", self.audit),
            ("audit_loss", self.audit_loss),
            ("logit_margin", self.logit_margin),
        ]
    }

    /// The most that a check of this kind may measure of any network; `None` where checks of the kind have
    /// limits of their own.
    pub(crate) fn limit_of(&self, kind: CheckKind) -> Option<f64> {
        use CheckKind as Kind;
        match kind {
            Kind::StepLoss => Some(self.loss),
            Kind::StepGradients => Some(self.gradients),
            Kind::StepRunningStatistics => Some(self.running_statistics),
            Kind::TestLogits | Kind::TrainingLogits | Kind::LastPrediction | Kind::EarlierPrediction => {
                Some(self.logits)
            }
            Kind::AnyBatchSize | Kind::AnyOrder => Some(self.independence),
            Kind::EpochParameters | Kind::EpochRunningStatistics => Some(self.epoch),
            _ => None,
        }
    }

    /// Sets the one with this key; nothing where there is none.
    pub fn set(&mut self, key: &str, value: f64) {
        let place = match key {
            "loss" => &mut self.loss,
            "gradients" => &mut self.gradients,
            "running_statistics" => &mut self.running_statistics,
            "logits" => &mut self.logits,
            "independence" => &mut self.independence,
            "trajectory" => &mut self.trajectory,
            "epoch" => &mut self.epoch,
            "audit" => &mut self.audit,
            "audit_loss" => &mut self.audit_loss,
            "logit_margin" => &mut self.logit_margin,
            _ => return,
        };
        *place = value;
    }
}
