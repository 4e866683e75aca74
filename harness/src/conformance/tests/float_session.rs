//! A backend in float32, made of the reference; with a defect where one is asked for.

use trainmark_plugin::{
    Dataset, Error, Layer, OpenRequest, Optimiser, Outcome, ParameterSpec, Role, RunningVariance, Samples,
    Session, Shape, Split,
};

use super::defects::{Defect, Dropping, WrongNorm, WrongPool};
use super::optimisers::FloatOptimiser;
use crate::reference::{Batch, BatchNorm, Convolution, MaxPool, Reference, Windows};

pub(super) struct FloatSession<'d> {
    reference: Reference,
    /// The same network with a learning rate of 0.
    frozen: Reference,
    dataset: Dataset<'d>,
    specs: Vec<ParameterSpec>,
    classes: usize,
    defect: Defect,
    /// Calls of set_parameters that were taken.
    sets: usize,
    velocity: Vec<Vec<f64>>,
    /// Where it is not plain gradient descent; the reference then steps by the gradient itself.
    optimiser: Option<FloatOptimiser>,
    first_statistics: Vec<Vec<f64>>,
    learning_rate: f64,
}

impl<'d> FloatSession<'d> {
    pub(super) fn open(
        request: OpenRequest<'d>,
        declared: RunningVariance,
        defect: Defect,
    ) -> Result<Box<dyn Session + 'd>, Error> {
        let build = |rate: f64| build(&request, declared, defect, rate);
        let rate = match defect {
            Defect::LearningRateOffByAHundredth => 1.01 * request.learning_rate,
            _ => request.learning_rate,
        };
        let specs = request.model.parameters()?;
        let optimiser = match defect {
            Defect::TrainsByPlainSgd => Optimiser::Sgd,
            _ => request.optimiser,
        };
        Ok(Box::new(Self {
            optimiser: optimiser.has_state().then(|| FloatOptimiser::new(optimiser, defect, &specs)),
            reference: build(if optimiser == Optimiser::Sgd { rate } else { 1.0 })?,
            frozen: build(0.0)?,
            dataset: request.dataset,
            classes: request.model.classes()?,
            defect,
            sets: 0,
            velocity: specs.iter().map(|spec| vec![0.0; spec.len()]).collect(),
            first_statistics: Vec::new(),
            specs,
            learning_rate: rate,
        }))
    }

    fn lose_state_unless(&mut self, defect: Defect) {
        if let Some(optimiser) = self.optimiser.as_mut().filter(|_| self.defect != defect) {
            optimiser.reset();
        }
    }

    fn lose_state_if(&mut self, defect: Defect) {
        if let Some(optimiser) = self.optimiser.as_mut().filter(|_| self.defect == defect) {
            optimiser.reset();
        }
    }

    fn ready(&self) -> Result<(), Error> {
        match self.sets > 0 || self.defect == Defect::NoParametersNeeded {
            true => Ok(()),
            false => Err(Error::invalid("set_parameters must come first")),
        }
    }

    fn batch(&self, samples: Samples<'_>, indices: &[u32]) -> Result<Batch, Error> {
        let count = samples.count() as u32;
        let clamped: Vec<u32> = indices.iter().map(|&index| index.min(count - 1)).collect();
        if indices.is_empty() || (clamped != indices && self.defect != Defect::IndicesClamped) {
            return Err(Error::invalid("no sample, or one past the split"));
        }
        let mut batch = Batch::gather(samples, &clamped);
        match self.defect {
            Defect::LabelsOffByOne => {
                batch.labels.iter_mut().for_each(|label| *label = (*label + 1) % self.classes as u8);
            }
            Defect::PixelsDividedBy256 => batch.inputs.iter_mut().for_each(|x| *x *= 255.0 / 256.0),
            Defect::PixelsNotDivided => batch.inputs.iter_mut().for_each(|x| *x *= 255.0),
            _ => {}
        }
        Ok(batch)
    }

    /// Stores every parameter in float32.
    fn round(&mut self) {
        for value in self.reference.parameters_mut().iter_mut().flatten() {
            *value = f64::from(*value as f32);
        }
    }

    /// Changes what the step made of the parameters.
    fn spoil(&mut self, before: &[Vec<f64>], samples: usize) {
        let last = self.specs.len() - 1;
        if let Some(optimiser) = &mut self.optimiser {
            optimiser.begin_step();
        }
        for (slot, spec) in self.specs.iter().enumerate() {
            let tensor = &mut self.reference.parameters_mut()[slot];
            for (place, (after, before)) in tensor.iter_mut().zip(&before[slot]).enumerate() {
                let mut change = *after - before;
                if let (Some(optimiser), true) = (&mut self.optimiser, spec.role.is_trainable()) {
                    let is_summed = self.defect == Defect::LossSummed;
                    let gradient = if is_summed { -change * samples as f64 } else { -change };
                    change = optimiser.change(slot, place, spec.role, self.learning_rate, *before, gradient);
                    *after = before + change;
                }
                match (self.defect, spec.role) {
                    (Defect::VarianceOfOneIsNan, Role::RunningVariance) if samples == 1 && spec.layer > 4 => {
                        *after = f64::NAN;
                    }
                    (_, Role::RunningMean | Role::RunningVariance) => {}
                    (Defect::LossSummed, _) if self.optimiser.is_none() => {
                        *after = before + change * samples as f64
                    }
                    (Defect::WeightDecay, _) => *after -= self.learning_rate * 5e-4 * before,
                    (Defect::OutputBiasFrozen, _) if slot == last => *after = *before,
                    (Defect::SgdWithMomentum, _) => {
                        let velocity = &mut self.velocity[slot][place];
                        *velocity = 0.9 * *velocity + change;
                        *after = before + *velocity;
                    }
                    _ => {}
                }
            }
        }
    }

    /// Puts the running statistics back to what they were.
    fn restore_statistics(&mut self, before: &[Vec<f64>]) {
        let slots = (0..self.specs.len()).filter(|&slot| !self.specs[slot].role.is_trainable());
        slots.for_each(|slot| self.reference.parameters_mut()[slot].clone_from(&before[slot]));
    }

    fn with_coarse_weights(&self) -> Vec<Vec<f64>> {
        let coarse = |value: &f64| f64::from(f32::from_bits((*value as f32).to_bits() & 0xffff_e000));
        let tensors = self.specs.iter().zip(self.reference.parameters());
        tensors
            .map(|(spec, tensor)| match spec.role {
                Role::Weight => tensor.iter().map(coarse).collect(),
                _ => tensor.clone(),
            })
            .collect()
    }

    fn logits(&mut self, batch: &Batch) -> Vec<f64> {
        match self.defect {
            Defect::PredictsWithBatchStatistics => self.reference.evaluate(batch).1,
            Defect::PredictionUpdatesStatistics => {
                let logits = self.reference.predict(&batch.inputs);
                self.frozen.parameters_mut().clone_from_slice(self.reference.parameters());
                self.frozen.train_step(batch);
                self.reference.parameters_mut().clone_from_slice(self.frozen.parameters());
                self.round();
                logits
            }
            Defect::PredictsWithInitialStatistics => {
                let parameters = self.frozen.parameters_mut();
                parameters.clone_from_slice(self.reference.parameters());
                for slot in (0..self.specs.len()).filter(|&slot| !self.specs[slot].role.is_trainable()) {
                    parameters[slot].clone_from(&self.first_statistics[slot]);
                }
                self.frozen.predict(&batch.inputs)
            }
            _ => self.reference.predict(&batch.inputs),
        }
    }

    /// The place in the backend's own order of a value in the harness's order.
    fn own_place(&self, slot: usize, place: usize) -> (usize, usize) {
        let spec = &self.specs[slot];
        match (self.defect, spec.role, spec.shape.as_slice()) {
            (Defect::WeightsTransposed, Role::Weight, &[rows, columns]) => {
                (slot, place % rows * columns + place / rows)
            }
            (Defect::GammaAndBetaSwapped, Role::Gamma, _) => (slot + 1, place),
            (Defect::GammaAndBetaSwapped, Role::Beta, _) => (slot - 1, place),
            _ => (slot, place),
        }
    }
}

impl Session for FloatSession<'_> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        let fits = values.iter().map(|tensor| tensor.len()).eq(self.specs.iter().map(ParameterSpec::len));
        if !fits && self.defect == Defect::ParameterListsUnchecked {
            return Ok(());
        }
        if !fits {
            return Err(Error::invalid("parameters of wrong number or lengths"));
        }
        self.sets += 1;
        match self.defect {
            Defect::ParametersStale if self.sets > 1 => return Ok(()),
            Defect::SecondSetFails if self.sets > 1 => return Err(Error::failed("out of handles")),
            _ => {}
        }
        for (slot, tensor) in values.iter().enumerate() {
            for (place, value) in tensor.iter().enumerate() {
                let (own_slot, own_place) = self.own_place(slot, place);
                self.reference.parameters_mut()[own_slot][own_place] = f64::from(*value);
            }
        }
        self.velocity.iter_mut().flatten().for_each(|velocity| *velocity = 0.0);
        self.lose_state_unless(Defect::StateKeptBySet);
        self.first_statistics = self.reference.parameters().to_vec();
        Ok(())
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        self.ready()?;
        for (slot, tensor) in values.iter_mut().enumerate() {
            for (place, value) in tensor.iter_mut().enumerate() {
                let (own_slot, own_place) = self.own_place(slot, place);
                *value = self.reference.parameters()[own_slot][own_place] as f32;
            }
        }
        Ok(())
    }

    fn train_step(&mut self, indices: &[u32]) -> Result<Outcome, Error> {
        self.ready()?;
        let batch = self.batch(self.dataset.train, indices)?;
        if self.defect == Defect::DeclinesBatchOfOne && indices.len() == 1 {
            return Err(Error::unsupported("batch norm needs more than one value per channel"));
        }
        let before = self.reference.parameters().to_vec();
        if self.defect == Defect::ElevenBitWeights {
            let coarse = self.with_coarse_weights();
            self.reference.parameters_mut().clone_from_slice(&coarse);
        }
        let predicted = self.reference.predict(&batch.inputs);
        let mut score = self.reference.train_step(&batch).score;
        self.spoil(&before, indices.len());
        self.round();
        match self.defect {
            Defect::LossSummed | Defect::LossReportedAsSum => score.loss *= indices.len() as f64,
            Defect::LossAfterUpdate => score.loss = self.reference.evaluate(&batch).0.loss,
            Defect::CorrectInPredictionMode => {
                let rows = predicted.chunks_exact(self.classes).zip(&batch.labels);
                let right =
                    |(row, label): &(&[f64], &u8)| row.iter().all(|z| *z <= row[usize::from(**label)]);
                score.correct = rows.filter(right).count() as u64;
            }
            _ => {}
        }
        Ok(Outcome::new(score.loss, score.correct))
    }

    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        self.ready()?;
        if batch_size == 0 || order.is_empty() {
            return Err(Error::invalid("no sample, or batches of 0"));
        }
        self.lose_state_if(Defect::StateLostByEpoch);
        let before = self.reference.parameters().to_vec();
        let (mut loss, mut correct, mut last_correct, mut samples, mut mean) = (0.0, 0, 0, 0, Vec::new());
        for batch in order.chunks(batch_size) {
            if self.defect == Defect::TailDropped && batch.len() < batch_size {
                continue;
            }
            let outcome = self.train_step(batch)?;
            loss += outcome.loss * batch.len() as f64;
            mean.push(outcome.loss);
            correct += outcome.correct;
            last_correct = outcome.correct;
            samples += batch.len();
        }
        if self.defect == Defect::EpochLeavesStatistics {
            self.restore_statistics(&before);
        }
        if self.defect == Defect::EpochCountsItsLastBatch {
            correct = last_correct;
        }
        let loss = match self.defect {
            Defect::EpochLossUnweighted => mean.iter().sum::<f64>() / mean.len() as f64,
            _ => loss / samples as f64,
        };
        Ok(Outcome::new(loss, correct))
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        self.ready()?;
        if batch_size == 0 || logits.len() != indices.len() * self.classes {
            return Err(Error::invalid("batches of 0, or no room for the logits"));
        }
        self.lose_state_if(Defect::StateLostByPrediction);
        let rows = batch_size * self.classes;
        let mut indices = indices.to_vec();
        if self.defect == Defect::PredictionSorted {
            indices.sort_unstable();
        }
        for (indices, logits) in indices.chunks(batch_size).zip(logits.chunks_mut(rows)) {
            let batch = self.batch(self.dataset.split(split), indices)?;
            if self.defect == Defect::PredictionTailUnwritten && indices.len() < batch_size {
                continue;
            }
            let mut found = self.logits(&batch);
            if self.defect == Defect::PredictionReversed {
                found = found.chunks_exact(self.classes).rev().flatten().copied().collect();
            }
            logits.iter_mut().zip(found).for_each(|(logit, z)| *logit = z as f32);
        }
        Ok(())
    }
}

/// The network, with the layers that the defect replaces.
fn build(
    request: &OpenRequest<'_>,
    declared: RunningVariance,
    defect: Defect,
    rate: f64,
) -> Result<Reference, Error> {
    let convention = match (defect, declared) {
        (Defect::OtherConvention, RunningVariance::UnbiasedFromOne) => RunningVariance::BiasedFromZero,
        (Defect::OtherConvention, _) => RunningVariance::UnbiasedFromOne,
        _ => declared,
    };
    let mut model = request.model.clone();
    for layer in &mut model.layers {
        match (layer, defect) {
            (Layer::Dropout { rate }, _) => *rate = 0.0,
            (Layer::BatchNorm { momentum, .. }, Defect::MomentumSwapped) => *momentum = 0.9,
            (Layer::BatchNorm { epsilon, .. }, Defect::EpsilonOfAnotherFramework) => *epsilon = 1e-3,
            _ => {}
        }
    }
    let mut reference = Reference::new(&model, convention, rate)?;
    let shapes = model.input_shapes()?.into_iter().zip(model.shapes()?);
    for ((index, layer), (input, output)) in request.model.layers.iter().enumerate().zip(shapes) {
        match (*layer, defect) {
            (Layer::Dropout { rate }, _) => {
                reference.replace(index, Box::new(Dropping::new(rate, input.len(), defect)));
            }
            (
                Layer::MaxPool2d { window, stride },
                Defect::PoolGradientQuartered | Defect::TieGradientToAll,
            ) => {
                let windows = Windows { input: sides(input), output: sides(output), window, stride };
                let inner = MaxPool { windows, channels: input.channels() };
                reference.replace(index, Box::new(WrongPool { inner, defect }));
            }
            (
                Layer::Conv2d { out_channels, kernel, stride, padding, bias: true },
                Defect::PaddingOneLess | Defect::StrideOneLess,
            ) => {
                let (stride, padding) = match defect {
                    Defect::PaddingOneLess => (stride, padding.saturating_sub(1)),
                    _ => ((stride - 1).max(1), padding),
                };
                let convolution = Convolution {
                    in_channels: input.channels(),
                    input: sides(input),
                    out_channels,
                    output: sides(output),
                    kernel,
                    stride,
                    padding,
                    input_gradient: true,
                };
                reference.replace(index, Box::new(convolution));
            }
            (Layer::BatchNorm { epsilon, momentum }, Defect::BetaMissing | Defect::StatisticsDetached) => {
                let channels = input.channels();
                let area = input.len() / channels;
                let inner = BatchNorm { channels, area, epsilon, momentum, running_variance: convention };
                reference.replace(index, Box::new(WrongNorm { inner, defect }));
            }
            _ => {}
        }
    }
    Ok(reference)
}

fn sides(shape: Shape) -> (usize, usize) {
    match shape {
        Shape::Image { height, width, .. } => (height, width),
        Shape::Vector(features) => (1, features),
    }
}
