//! What one check of the conformance gate found.

use serde::{Deserialize, Serialize};

/// One check of the conformance gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// Short name, such as `train_step batch 96: gradients`.
    pub name: String,
    /// What it is that was checked; absent in records of before there were kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CheckKind>,
    /// Whether it passed.
    pub passed: bool,
    /// The measured error, where the check measures one.
    pub measured: Option<f64>,
    /// The limit that it is held against.
    pub limit: Option<f64>,
    /// What a reader needs to know: the worst tensor, the reason of a refusal.
    pub detail: String,
}

/// What a check looks at. Several checks may be of one kind, such as of batches of several
/// sizes; each has a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Calls before `set_parameters` are refused.
    CallsBeforeParameters,
    /// Parameter lists of a wrong shape are refused.
    WrongParameters,
    /// Samples that there are not, and room for too few logits, are refused.
    WrongSamples,
    /// Parameters come back as they went in.
    ParametersReturn,
    /// The parameters to predict with are taken.
    PredictionParameters,
    /// Logits of test samples.
    TestLogits,
    /// Logits of training samples.
    TrainingLogits,
    /// Logits do not depend on the size of the batch.
    AnyBatchSize,
    /// Logits do not depend on the order of the samples.
    AnyOrder,
    /// Prediction changes no parameter.
    ParametersUntouched,
    /// A training step as a whole: that it can be made.
    Step,
    /// Loss of a training step.
    StepLoss,
    /// Samples that were classified correctly in a training step.
    StepCorrect,
    /// What a training step changes.
    StepGradients,
    /// Running statistics after a training step.
    StepRunningStatistics,
    /// Logits with what a training step left behind.
    StepPrediction,
    /// Losses of several steps on end.
    Trajectory,
    /// An epoch as a whole: that it can be trained.
    Epoch,
    /// Loss of an epoch, against its steps.
    EpochLoss,
    /// Samples that were classified correctly in an epoch, against its steps.
    EpochCorrect,
    /// Parameters after an epoch, against its steps.
    EpochParameters,
    /// Running statistics after an epoch, against its steps.
    EpochRunningStatistics,
    /// What dropout lets through of a value: nothing, or 1/(1 − rate) times it.
    DropoutValues,
    /// The loss with what dropout has let through.
    DropoutLoss,
    /// How many values dropout drops.
    DropoutShare,
    /// That dropout chooses anew for each step and sample.
    DropoutAnew,
    /// The backward pass through dropout.
    DropoutBackward,
    /// Dropout in prediction.
    DropoutPrediction,
    /// Losses of two devices of one backend.
    DevicesAgree,
    /// The last prediction of a timed run.
    LastPrediction,
    /// One before it, which nobody could foresee.
    EarlierPrediction,
    /// Losses or accuracies of a timed run, against the reference framework's.
    LearningCurve,
    /// Steps of an audited epoch, made once more and held against the reference.
    AuditedSteps,
    /// A timed epoch, held against its steps made once more.
    AuditedEpoch,
    /// A whole epoch at a learning rate that carries no rounding on, against its steps.
    CalmEpoch,
}

impl CheckKind {
    /// Whether the check provokes errors on purpose.
    pub fn provokes_errors(self) -> bool {
        matches!(
            self,
            Self::CallsBeforeParameters | Self::WrongParameters | Self::WrongSamples | Self::ParametersReturn
        )
    }
}
