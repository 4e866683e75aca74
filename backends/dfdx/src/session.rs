//! Training and prediction: batches in, loss, gradients and update.

use dfdx::prelude::*;
use trainmark_plugin::{Error, OpenRequest, Outcome, Session, Split};

use crate::Values;
use crate::batch_norm::Recording;
use crate::batches::Batches;
use crate::machine::{Composition, Machine, identity};
use crate::network::Network;
use crate::optimiser::Updates;

/// A model in training.
pub(crate) struct Training<'d, D: Machine> {
    network: Network<D>,
    device: D,
    train: Batches<'d, D>,
    test: Batches<'d, D>,
    by_sample: BySample<D>,
    classes: usize,
    updates: Updates<D>,
}

impl<'d, D: Machine> Training<'d, D> {
    /// # Errors
    /// `unsupported` where dfdx cannot do a layer.
    pub(crate) fn open(request: OpenRequest<'d>, device: D, composition: Composition) -> Result<Self, Error> {
        // Each step allocates what the one before has freed.
        device.try_enable_cache().map_err(D::failure)?;
        let classes = request.model.classes()?;
        let batches = |samples| Batches::new(samples, classes, composition, &device).map_err(D::failure);
        let by_sample = match composition {
            Composition::Cpu => BySample::Copied,
            Composition::Gpu => BySample::Multiplied(identity(&device, classes).map_err(D::failure)?),
        };
        let training = Self {
            network: Network::new(&request.model, &request.implementation, composition, &device)?,
            train: batches(request.dataset.train)?,
            test: batches(request.dataset.test)?,
            by_sample,
            classes,
            updates: Updates::new(request.optimiser, request.learning_rate),
            device,
        };
        training.finish()?;
        Ok(training)
    }

    /// One step of gradient descent; what it found out stays on the device.
    fn step(&mut self, batch: &[u32]) -> Result<Scored<D>, D::Err> {
        let (inputs, targets) = (self.train.inputs(batch)?, self.train.targets(batch)?);
        let logits = self.by_sample.of(self.network.forward::<Recording<D>>(inputs)?)?;
        let (scored, tape) = logits.split_tape();
        let loss = cross_entropy_with_logits_loss(scored.clone().put_tape(tape), targets);
        let (mean, tape) = loss.split_tape();
        let mut gradients = mean.clone().put_tape(tape).try_backward()?;
        self.network.step(&mut gradients, &mut self.updates)?;
        Ok(Scored { logits: scored, loss: mean })
    }

    fn read(&self, scored: &Scored<D>, batch: &[u32]) -> Outcome {
        let logits = scored.logits.as_vec();
        let right = |&(logits, label): &(&[f32], u8)| predicted(logits) == usize::from(label);
        let correct = logits.chunks_exact(self.classes).zip(self.train.labels(batch)).filter(right).count();
        let loss = scored.loss.as_vec().first().copied().unwrap_or(f32::NAN);
        Outcome::new(loss.into(), correct as u64)
    }

    /// Waits until the device has done all that it was given.
    fn finish(&self) -> Result<(), Error> {
        self.device.try_synchronize().map_err(D::failure)
    }
}

impl<D: Machine> Session for Training<'_, D> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        self.network.load(values);
        self.updates.reset();
        self.finish()
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        self.network.store(values);
        self.finish()
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        let scored = self.step(batch).map_err(D::failure)?;
        let outcome = self.read(&scored, batch);
        self.finish()?;
        Ok(outcome)
    }

    /// What the steps found out is read when all are on their way: reading makes the
    /// host wait.
    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        let steps: Result<Vec<_>, _> = order.chunks(batch_size).map(|batch| self.step(batch)).collect();
        let steps = steps.map_err(D::failure)?;
        let scored = steps.iter().zip(order.chunks(batch_size));
        let outcome =
            Outcome::of_steps(scored.map(|(scored, batch)| (self.read(scored, batch), batch.len())));
        self.finish()?;
        Ok(outcome)
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        let Self { network, train, test, by_sample, .. } = self;
        let batches = match split {
            Split::Train => train,
            Split::Test => test,
        };
        let predict = |batch| by_sample.of(network.forward::<NoneTape>(batches.inputs(batch)?)?);
        let predicted: Result<Vec<_>, _> = indices.chunks(batch_size).map(predict).collect();
        let room = logits.chunks_mut(batch_size * self.classes);
        for (predicted, logits) in predicted.map_err(D::failure)?.iter().zip(room) {
            predicted.copy_into(logits);
        }
        // Some of dfdx's operations put more into its cache than they take out.
        self.device.try_empty_cache().map_err(D::failure)?;
        self.finish()
    }
}

/// What a step found out.
struct Scored<D: Machine> {
    /// (batch, classes)
    logits: Values<D>,
    /// Mean loss of the batch.
    loss: Tensor<Rank0, f32, D>,
}

/// (batch, classes) of (classes, batch). Contiguous, because `log_softmax` on a
/// permuted tensor writes its gradient in the order of the shape, not of memory.
enum BySample<D: Machine> {
    Copied,
    /// By the identity, (classes, classes).
    Multiplied(Values<D>),
}

impl<D: Machine> BySample<D> {
    fn of<T: Tape<f32, D>>(&self, logits: Values<D, T>) -> Result<Values<D, T>, D::Err> {
        let permuted = logits.try_permute::<(usize, usize), Axes2<1, 0>>()?;
        match self {
            Self::Copied => permuted.try_contiguous(),
            Self::Multiplied(identity) => permuted.try_matmul(identity.clone()),
        }
    }
}

/// Index of the first largest logit.
fn predicted(logits: &[f32]) -> usize {
    let mut best = 0;
    for (class, &logit) in logits.iter().enumerate() {
        if logit > logits[best] {
            best = class;
        }
    }
    best
}
