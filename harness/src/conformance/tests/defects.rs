//! Mistakes that backends make, and the check that must notice each.

use trainmark_plugin::RunningVariance::BiasedFromZero;

use std::sync::Mutex;

use crate::reference::{Backward, BatchNorm, Differentiable, Gradients, MaxPool, Mode};
use crate::workload::uniform_generator;

/// One deliberate mistake of a [`FloatSession`](super::FloatSession).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Defect {
    None,
    /// No mistake: a batch of one is `unsupported`.
    DeclinesBatchOfOne,
    /// Max pool hands back a quarter of the gradient (candle 0.11's does).
    PoolGradientQuartered,
    /// Max pool hands a tie's whole gradient to every maximum (dfdx 0.13's does).
    TieGradientToAll,
    /// Convolution takes its padding for one less.
    PaddingOneLess,
    /// Convolution steps one less than its stride, where that is more than 1.
    StrideOneLess,
    /// The running variance follows the convention that was not declared.
    OtherConvention,
    /// Prediction normalises with the test batch's statistics.
    PredictsWithBatchStatistics,
    /// running ← 0.1·running + 0.9·batch.
    MomentumSwapped,
    /// ε = 1e-3, another framework's default.
    EpsilonOfAnotherFramework,
    /// The loss is summed over the batch; so are the gradients.
    LossSummed,
    /// The loss is averaged but reported as a sum.
    LossReportedAsSum,
    /// The loss is measured after the update.
    LossAfterUpdate,
    LearningRateOffByAHundredth,
    /// Weights of linear layers are taken for (in, out).
    WeightsTransposed,
    /// An epoch's last, smaller batch is left out.
    TailDropped,
    /// An epoch updates no running statistics.
    EpochLeavesStatistics,
    /// An epoch's loss is the mean of the batches' losses, whatever their sizes.
    EpochLossUnweighted,
    /// An epoch's right answers are those of its last batch.
    EpochCountsItsLastBatch,
    /// Prediction goes on updating the running statistics.
    PredictionUpdatesStatistics,
    BetaMissing,
    /// Batch norm's backward pass takes mean and variance for constants.
    StatisticsDetached,
    /// Only the first set of parameters is taken.
    ParametersStale,
    LabelsOffByOne,
    PixelsDividedBy256,
    /// Pixels are not divided at all.
    PixelsNotDivided,
    /// The unbiased variance of a single value, 0·1/0, becomes the running variance.
    VarianceOfOneIsNan,
    /// Convolution weights keep 11 bits, as in half precision and TF32.
    ElevenBitWeights,
    /// SGD with momentum 0.9.
    SgdWithMomentum,
    /// w ← w − rate·(g + 5e-4·w).
    WeightDecay,
    /// γ and β change places on the way in and out.
    GammaAndBetaSwapped,
    /// Indices past the end are clamped.
    IndicesClamped,
    /// Training is possible before parameters were set.
    NoParametersNeeded,
    /// Right answers are counted in prediction mode.
    CorrectInPredictionMode,
    /// Running statistics are those that the session was opened with.
    PredictsWithInitialStatistics,
    /// Prediction leaves the last, smaller batch unwritten.
    PredictionTailUnwritten,
    /// Batches come back in the reverse order.
    PredictionReversed,
    /// Samples are predicted in ascending order, whatever the order asked for.
    PredictionSorted,
    /// Parameter lists of any length are taken.
    ParameterListsUnchecked,
    /// The last layer's bias is never updated.
    OutputBiasFrozen,
    /// set_parameters fails the second time.
    SecondSetFails,
    /// Adam's means are not corrected for their start at zero.
    BiasUncorrected,
    /// Adam divides by √(v + ε).
    EpsilonInRoot,
    /// The weight decay is beside the gradient, as AdamW's.
    DecayDecoupled,
    /// v ← momentum·v + (1 − momentum)·g.
    MomentumDampened,
    /// w ← w − rate·(g + momentum·v).
    MomentumNesterov,
    /// set_parameters leaves the optimiser's state.
    StateKeptBySet,
    /// Every step begins with the optimiser's state at zero.
    StateLostByStep,
    /// Every epoch does.
    StateLostByEpoch,
    /// Prediction puts it to zero.
    StateLostByPrediction,
    /// Biases have no such state.
    StateOfBiasesMissing,
    /// The optimiser that is asked for is ignored.
    TrainsByPlainSgd,
    /// Dropout leaves what it lets through as it is.
    DropoutUnscaled,
    /// Dropout keeps as many as it is to drop.
    DropoutKeepsTheRate,
    /// Dropout drops the same in every step.
    DropoutDrawsOnce,
    /// Dropout drops the same of every sample.
    DropoutSameForSamples,
    /// Dropout's backward pass drops others.
    DropoutBackwardAnew,
    /// Dropout drops in prediction, too.
    DropoutInPrediction,
}

/// Defects of dropout, with the check that is meant to notice each.
pub(super) const DROPOUT_CAUGHT_BY: &[(Defect, &str)] = &[
    (Defect::DropoutUnscaled, "dropout 0.25: nothing, or 1/(1 − rate) times the value"),
    (Defect::DropoutKeepsTheRate, "dropout 0.25: how many are dropped"),
    (Defect::DropoutDrawsOnce, "dropout 0.25: anew for each step and sample"),
    (Defect::DropoutSameForSamples, "dropout 0.25: anew for each step and sample"),
    (Defect::DropoutBackwardAnew, "dropout 0.25: the same values in the backward pass"),
    (Defect::DropoutInPrediction, "dropout 0.25: identity in prediction"),
];

/// Dropout that draws.
pub(super) struct Dropping {
    rate: f64,
    features: usize,
    defect: Defect,
    /// How often it has drawn, and what it has drawn last.
    drawn: Mutex<(u64, Vec<f64>)>,
}

impl Dropping {
    pub(super) fn new(rate: f64, features: usize, defect: Defect) -> Self {
        Self { rate, features, defect, drawn: Mutex::default() }
    }

    /// Factors of so many values.
    fn draw(&self, values: usize, drawn: &mut (u64, Vec<f64>)) {
        drawn.0 += u64::from(self.defect != Defect::DropoutDrawsOnce || drawn.0 == 0);
        let (rate, scale) = match self.defect {
            Defect::DropoutUnscaled => (self.rate, 1.0),
            Defect::DropoutKeepsTheRate => (1.0 - self.rate, 1.0 / (1.0 - self.rate)),
            _ => (self.rate, 1.0 / (1.0 - self.rate)),
        };
        let random = uniform_generator("dropout", drawn.0, 0);
        let factors = random.map(|u| if f64::from(u) < 2.0 * rate - 1.0 { 0.0 } else { scale });
        drawn.1 = match self.defect {
            Defect::DropoutSameForSamples => {
                let of_sample: Vec<f64> = factors.take(self.features).collect();
                of_sample.into_iter().cycle().take(values).collect()
            }
            _ => factors.take(values).collect(),
        };
    }
}

impl Differentiable for Dropping {
    fn forward(&self, _: &[Vec<f64>], input: &[f64], mode: Mode) -> Vec<f64> {
        if mode == Mode::Prediction && self.defect != Defect::DropoutInPrediction {
            return input.to_vec();
        }
        let mut drawn = self.drawn.lock().unwrap();
        self.draw(input.len(), &mut drawn);
        input.iter().zip(&drawn.1).map(|(x, factor)| x * factor).collect()
    }

    fn backward(&self, pass: &Backward<'_>) -> Gradients {
        let mut drawn = self.drawn.lock().unwrap();
        if self.defect == Defect::DropoutBackwardAnew {
            self.draw(pass.input.len(), &mut drawn);
        }
        Gradients::of_input(pass.gradient.iter().zip(&drawn.1).map(|(dy, factor)| dy * factor).collect())
    }
}

/// Each defect, with the check that is meant to notice it.
pub(super) const CAUGHT_BY: &[(Defect, &str)] = &[
    (Defect::PoolGradientQuartered, "train_step batch 32: gradients"),
    (Defect::TieGradientToAll, "train_step batch 32: gradients"),
    (Defect::OtherConvention, "train_step batch 12: running statistics"),
    (Defect::PredictsWithBatchStatistics, "prediction: logits of test samples"),
    (Defect::PredictsWithBatchStatistics, "prediction: any batch size"),
    (Defect::MomentumSwapped, "train_step batch 32: running statistics"),
    (Defect::EpsilonOfAnotherFramework, "train_step batch 32: gradients"),
    (Defect::LossSummed, "train_step batch 32: loss"),
    (Defect::LossSummed, "train_step batch 32: gradients"),
    (Defect::LossReportedAsSum, "train_step batch 12: loss"),
    (Defect::LossAfterUpdate, "train_step batch 32: loss"),
    (Defect::LearningRateOffByAHundredth, "train_step batch 32: gradients"),
    (Defect::WeightsTransposed, "train_step batch 32: loss"),
    (Defect::TailDropped, "train_epoch: parameters"),
    (Defect::TailDropped, "train_epoch: loss"),
    (Defect::EpochLeavesStatistics, "train_epoch: running statistics"),
    (Defect::EpochCountsItsLastBatch, "train_epoch: correct"),
    (Defect::EpochLossUnweighted, "train_epoch: loss"),
    (Defect::PredictionUpdatesStatistics, "prediction: parameters untouched"),
    (Defect::BetaMissing, "train_step batch 32: loss"),
    (Defect::StatisticsDetached, "train_step batch 32: gradients"),
    (Defect::ParametersStale, "protocol: parameters come back bit for bit"),
    (Defect::LabelsOffByOne, "train_step batch 32: loss"),
    (Defect::PixelsDividedBy256, "train_step batch 32: running statistics"),
    (Defect::PixelsNotDivided, "train_step batch 32: running statistics"),
    (Defect::VarianceOfOneIsNan, "train_step batch 1: running statistics"),
    (Defect::ElevenBitWeights, "train_step batch 32: running statistics"),
    (Defect::SgdWithMomentum, "five steps: loss"),
    (Defect::WeightDecay, "train_step batch 32: gradients"),
    (Defect::GammaAndBetaSwapped, "train_step batch 32: loss"),
    (Defect::IndicesClamped, "protocol: wrong samples and lengths"),
    (Defect::NoParametersNeeded, "protocol: calls before set_parameters"),
    (Defect::CorrectInPredictionMode, "train_step batch 32: correct"),
    (Defect::PredictsWithInitialStatistics, "train_step batch 32: prediction afterwards"),
    (Defect::PredictionTailUnwritten, "prediction: any batch size"),
    (Defect::PredictionReversed, "prediction: logits of training samples"),
    (Defect::PredictionSorted, "prediction: any order"),
    (Defect::ParameterListsUnchecked, "protocol: wrong parameter lists"),
    (Defect::OutputBiasFrozen, "train_step batch 1: gradients"),
    (Defect::SecondSetFails, "train_step batch 12"),
];

/// Max pool with a wrong backward pass.
pub(super) struct WrongPool {
    pub(super) inner: MaxPool,
    pub(super) defect: Defect,
}

impl Differentiable for WrongPool {
    fn forward(&self, parameters: &[Vec<f64>], input: &[f64], mode: Mode) -> Vec<f64> {
        self.inner.forward(parameters, input, mode)
    }

    fn backward(&self, pass: &Backward<'_>) -> Gradients {
        let mut gradients = self.inner.backward(pass);
        if self.defect == Defect::PoolGradientQuartered {
            gradients.input.iter_mut().for_each(|dx| *dx *= 0.25);
            return gradients;
        }
        gradients.input.fill(0.0);
        self.inner.windows.for_each(pass.input.len(), |index, first| {
            for place in self.inner.windows.places(first) {
                if pass.input[place] == pass.output[index] {
                    gradients.input[place] += pass.gradient[index];
                }
            }
        });
        gradients
    }
}

/// Batch norm that forgets its β, or that the batch's statistics depend on its input.
pub(super) struct WrongNorm {
    pub(super) inner: BatchNorm,
    pub(super) defect: Defect,
}

impl Differentiable for WrongNorm {
    fn forward(&self, parameters: &[Vec<f64>], input: &[f64], mode: Mode) -> Vec<f64> {
        let mut parameters = parameters.to_vec();
        if self.defect == Defect::BetaMissing {
            parameters[1].fill(0.0);
        }
        self.inner.forward(&parameters, input, mode)
    }

    fn backward(&self, pass: &Backward<'_>) -> Gradients {
        let mut gradients = self.inner.backward(pass);
        if self.defect == Defect::BetaMissing {
            gradients.parameters[1].fill(0.0);
            return gradients;
        }
        // With constant statistics dx = γ·dy/σ: a prediction of dy from running
        // statistics 0 and σ², without β.
        let mut parameters = pass.parameters.to_vec();
        let wholly = BatchNorm { momentum: 1.0, running_variance: BiasedFromZero, ..self.inner };
        wholly.update_statistics(&mut parameters, pass.input);
        parameters[1].fill(0.0);
        parameters[2].fill(0.0);
        gradients.input = self.inner.forward(&parameters, pass.gradient, Mode::Prediction);
        gradients
    }

    fn update_statistics(&self, parameters: &mut [Vec<f64>], input: &[f64]) {
        self.inner.update_statistics(parameters, input);
    }
}
