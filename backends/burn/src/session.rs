//! A network in training.

#[cfg(before_0_22)]
use burn::module::AutodiffModule;
#[cfg(not(before_0_22))]
use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::GradientsParams;
use trainmark_plugin::{Branches, Dataset, Error, OpenRequest, Outcome, Session, Shape, Split};

use crate::batch_norm::Implementation;
use crate::engine::{
    CrossEntropyLoss, Device, Engine, Int, Tensor, indices, numbers, plain, plain_numbers, seed, tensor,
    values,
};
use crate::network::Network;
use crate::optimiser::Updates;

/// A network with its data set and optimiser.
pub(crate) struct Training<'d> {
    engine: Engine,
    /// Empty while a step computes: the optimiser takes a network and gives another.
    network: Network,
    branches: Branches,
    updates: Updates,
    loss: CrossEntropyLoss,
    /// Channels, height and width of a sample.
    input: [usize; 3],
    dataset: Dataset<'d>,
}

impl<'d> Training<'d> {
    /// # Errors
    /// Where the model's shapes do not fit.
    pub(crate) fn open(request: OpenRequest<'d>, engine: Engine) -> Result<Self, Error> {
        let implementation = match request.implementation.as_str() {
            "primitive" => Implementation::Primitive,
            _ => Implementation::Builtin,
        };
        // What dropout draws from.
        seed(&engine.predicting, SEED);
        Ok(Self {
            network: Network::new(&request.model, implementation, &engine.training)?,
            branches: request.model.branches()?,
            updates: Updates::new(request.optimiser, request.learning_rate),
            loss: CrossEntropyLossConfig::new().init(&engine.training),
            input: match request.model.input {
                Shape::Image { channels, height, width } => [channels, height, width],
                Shape::Vector(features) => [features, 1, 1],
            },
            dataset: request.dataset,
            engine,
        })
    }

    /// Samples × channels × height × width. Burn takes the values over without a copy.
    fn inputs(&self, split: Split, batch: &[u32], device: &Device) -> Tensor<4> {
        let [channels, height, width] = self.input;
        tensor(self.dataset.split(split).inputs(batch), [batch.len(), channels, height, width], device)
    }

    fn step(&mut self, batch: &[u32]) -> Score {
        let labels = self.dataset.train.labels_at(batch).map(usize::from);
        let labels = indices(labels, &self.engine.training);
        let inputs = self.inputs(Split::Train, batch, &self.engine.training);
        let network = std::mem::take(&mut self.network);
        let logits = network.forward(inputs, &self.branches);
        let loss = self.loss.forward(logits.clone(), labels.clone());
        let predicted = plain(logits).argmax(1).squeeze_dim::<1>(1);
        let right = predicted.equal(plain_numbers(labels));
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        self.network = self.updates.step(network, gradients);
        Score { loss: plain(loss), correct: right.int().sum(), samples: batch.len() }
    }
}

const SEED: u64 = 1;

/// What a step has found out, on the device.
struct Score {
    /// Mean loss, one value.
    loss: Tensor<1>,
    /// Right predictions, one value.
    correct: Tensor<1, Int>,
    samples: usize,
}

impl Score {
    /// That of all steps together, read at once.
    fn read(scores: Vec<Self>) -> Result<Outcome, Error> {
        let samples: Vec<usize> = scores.iter().map(|score| score.samples).collect();
        let (losses, correct) = scores.into_iter().map(|score| (score.loss, score.correct)).unzip();
        let losses = values(Tensor::cat(losses, 0))?;
        let correct = numbers(Tensor::cat(correct, 0));
        let steps = losses.into_iter().zip(correct).zip(samples);
        Ok(Outcome::of_steps(
            steps.map(|((loss, correct), samples)| {
                (Outcome::new(loss.into(), correct.unsigned_abs()), samples)
            }),
        ))
    }
}

impl Session for Training<'_> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        for (parameter, values) in self.network.parameters().zip(values) {
            parameter.set(values, &self.engine.training)?;
        }
        self.updates.reset();
        self.engine.finish()
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        for (parameter, values) in self.network.parameters().zip(values) {
            values.copy_from_slice(&parameter.get()?);
        }
        self.engine.finish()
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        let outcome = Score::read(vec![self.step(batch)])?;
        self.engine.finish()?;
        Ok(outcome)
    }

    /// What the steps found out stays on the device until the last one is on its way.
    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        let scores = order.chunks(batch_size).map(|batch| self.step(batch)).collect();
        let outcome = Score::read(scores)?;
        self.engine.finish()?;
        Ok(outcome)
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        // Not the network itself: on it Burn's batch norm would take statistics that are one
        // update late.
        let network = self.network.valid();
        let classes = logits.len() / indices.len();
        for (batch, logits) in indices.chunks(batch_size).zip(logits.chunks_mut(batch_size * classes)) {
            let inputs = self.inputs(split, batch, &self.engine.predicting);
            logits.copy_from_slice(&values(network.forward(inputs, &self.branches))?);
        }
        self.engine.finish()
    }
}
