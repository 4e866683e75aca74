//! What to look at when a check fails.

use trainmark_reports::record::CheckKind;

/// Where the mistake may lie that makes a check fail; nothing where its detail says it all.
pub fn advice(kind: CheckKind) -> Option<&'static str> {
    Some(match kind {
        CheckKind::CallsBeforeParameters => {
            "answer `invalid` to every other call until set_parameters has succeeded"
        }
        CheckKind::WrongParameters => {
            "compare the number of parameters and each one's length before anything is copied"
        }
        CheckKind::WrongSamples => {
            "check indices, batch size and room for logits before anything is computed"
        }
        CheckKind::ParametersReturn => {
            "parameters are row-major and in the order of the layers; running statistics are among them"
        }
        CheckKind::TestLogits => {
            "the forward pass in prediction mode: pixel/255 goes in, batch norm uses its running statistics"
        }
        CheckKind::TrainingLogits => "predict takes the samples of the split that it is asked for",
        CheckKind::AnyBatchSize => "in prediction a sample's logits must not depend on its batch",
        CheckKind::AnyOrder => "logits are written row by row, in the order of the indices",
        CheckKind::ParametersUntouched => "prediction changes neither parameters nor running statistics",
        CheckKind::Trajectory => {
            "what a step leaves to the next one; where single steps agree and the network is deep, it may be rounding, \
             which grows from step to step: `trajectory` in the workload's `[tolerances]` is its limit"
        }
        CheckKind::StepLoss | CheckKind::EpochLoss => {
            "the forward pass in training mode: batch norm uses the batch's mean and its biased variance; the loss \
             is the mean over the samples, before the update"
        }
        CheckKind::StepCorrect | CheckKind::EpochCorrect => {
            "count samples whose largest logit is their label's, before the update"
        }
        CheckKind::StepGradients => {
            "the backward pass: start at the last layer; the update is w − rate·gradient of the mean loss, without \
             momentum"
        }
        CheckKind::StepRunningStatistics => {
            "running ← (1 − momentum)·running + momentum·batch, the variance as the convention says that describe \
             declares"
        }
        CheckKind::DropoutValues | CheckKind::DropoutShare => {
            "dropout drops each value with the probability `rate` and multiplies the others by 1/(1 − rate)"
        }
        CheckKind::DropoutLoss | CheckKind::DropoutBackward => {
            "what a step has dropped is dropped in its loss and in its backward pass, and nothing else"
        }
        CheckKind::DropoutAnew => "dropout draws anew in every step, for every value of every sample",
        CheckKind::DropoutPrediction => "dropout does nothing in prediction",
        CheckKind::DevicesAgree => {
            "both devices are to run the same formulas in float32: look for TF32 or half precision, and for a \
             kernel that reads what another has not written yet"
        }
        CheckKind::EpochParameters => {
            "train_epoch does what its train_steps do: consecutive batches, the smaller last one among them"
        }
        CheckKind::EpochRunningStatistics => {
            "train_epoch updates the running statistics with every batch, as its train_steps do"
        }
        CheckKind::AuditedSteps => {
            "in a long row of steps each one does what the first ones do, whatever was called before"
        }
        CheckKind::AuditedEpoch | CheckKind::CalmEpoch => {
            "an epoch trains every batch of its order once, whole, and nothing else; its loss and its right answers \
             are those of its own samples, each before its step"
        }
        CheckKind::PredictionParameters
        | CheckKind::Step
        | CheckKind::StepPrediction
        | CheckKind::Epoch
        | CheckKind::LastPrediction
        | CheckKind::EarlierPrediction
        | CheckKind::LearningCurve => return None,
    })
}
