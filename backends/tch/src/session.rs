//! One model in training.

use std::sync::Once;

use tch::{COptimizer, Device, Kind, Reduction, TchError, Tensor};
use trainmark_plugin::{EpochOutcome, Error, OpenRequest, Session, Split, StepOutcome};

use crate::batch_norm::Form;
use crate::cuda;
use crate::error::During;
use crate::memory::keep_freed_memory;
use crate::network::{Mode, Network};
use crate::samples::{TensorSamples, index_batches};

/// A network with its optimiser and data, all on one device.
#[derive(Debug)]
pub(crate) struct Training {
    device: Device,
    network: Network,
    optimizer: COptimizer,
    train: TensorSamples,
    test: TensorSamples,
}

impl Training {
    /// Builds the model; parameters are zeros until they are set.
    ///
    /// # Errors
    /// Where libtorch cannot make its tensors.
    pub(crate) fn open(request: &OpenRequest<'_>, form: Form, device: Device) -> Result<Self, Error> {
        keep_freed_memory();
        set_threads(request.threads)?;
        let network = Network::new(&request.model, form, device)?;
        let optimizer = optimizer(&network, request.learning_rate)
            .during(|| format!("cannot make an optimiser for model {}", request.model.name))?;
        let shape = request.model.input;
        Ok(Self {
            device,
            network,
            optimizer,
            train: TensorSamples::new(request.dataset.train, shape, device)?,
            test: TensorSamples::new(request.dataset.test, shape, device)?,
        })
    }

    /// One update with a batch of indices. Nothing is read, so that a device can run behind.
    fn step(&mut self, indices: &Tensor) -> Result<Step, Error> {
        let count = indices.numel();
        self.network.check_batch(count)?;
        let gathered =
            self.train.inputs(indices).and_then(|inputs| Ok((inputs, self.train.labels(indices)?)));
        let (inputs, labels) = gathered.during(|| format!("cannot gather {count} samples"))?;
        let logits = self.network.forward(inputs, Mode::Training)?;
        self.learn(logits, labels).during(|| "backward pass and update".into())
    }

    fn learn(&mut self, logits: Tensor, labels: Tensor) -> Result<Step, TchError> {
        let loss = logits.f_cross_entropy_loss(&labels, None::<Tensor>, Reduction::Mean, -100, 0.0)?;
        self.optimizer.zero_grad()?;
        loss.f_backward()?;
        self.optimizer.step()?;
        // Else they would hold on to the graph.
        Ok(Step { loss: loss.f_detach()?, logits: logits.f_detach()?, labels })
    }

    fn batches(&self, indices: &[u32], batch_size: usize) -> Result<Vec<Tensor>, Error> {
        index_batches(indices, batch_size, self.device)
            .during(|| format!("cannot make a tensor of {} indices", indices.len()))
    }

    /// Waits for the device.
    fn finish(&self) -> Result<(), Error> {
        match self.device {
            Device::Cuda(index) => cuda::synchronize(index),
            _ => Ok(()),
        }
    }
}

/// What a training step leaves to be read: on its device, outside the graph.
#[derive(Debug)]
struct Step {
    /// Mean cross-entropy, before the update.
    loss: Tensor,
    /// N×classes, before the update.
    logits: Tensor,
    /// N classes.
    labels: Tensor,
}

/// Mean loss and number of right predictions over all samples of some steps; waits for
/// the device twice.
fn outcome(steps: &[Step]) -> Result<EpochOutcome, TchError> {
    let all = |part: fn(&Step) -> &Tensor| steps.iter().map(part).collect::<Vec<_>>();
    let logits = Tensor::f_cat(&all(|step| &step.logits), 0)?;
    let labels = Tensor::f_cat(&all(|step| &step.labels), 0)?;
    let correct = logits.f_argmax(1, false)?.f_eq_tensor(&labels)?.f_sum(Kind::Int64)?;
    let mut losses = vec![0_f32; steps.len()];
    Tensor::f_stack(&all(|step| &step.loss), 0)?.f_copy_data(&mut losses, steps.len())?;
    let weighted = losses.iter().zip(steps).map(|(&loss, step)| f64::from(loss) * step.labels.numel() as f64);
    Ok(EpochOutcome {
        loss: weighted.sum::<f64>() / labels.numel() as f64,
        correct: correct.f_int64_value(&[])? as u64,
    })
}

/// Threads within an operation; operations run one after another.
fn set_threads(threads: usize) -> Result<(), Error> {
    let threads = i32::try_from(threads)
        .map_err(|_| Error::invalid(format!("{threads} threads are more than libtorch can count")))?;
    tch::set_num_threads(threads);
    // libtorch lets it be set once in a process.
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tch::set_num_interop_threads(1));
    Ok(())
}

/// Plain stochastic gradient descent over the trainable parameters.
fn optimizer(network: &Network, learning_rate: f64) -> Result<COptimizer, TchError> {
    let mut optimizer = COptimizer::sgd(learning_rate, 0.0, 0.0, 0.0, false)?;
    for parameter in network.trainable() {
        optimizer.add_parameters(parameter, 0)?;
    }
    Ok(optimizer)
}

impl Session for Training {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        self.network.set_parameters(values)?;
        self.finish()
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        self.network.get_parameters(values)
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<StepOutcome, Error> {
        let EpochOutcome { loss, correct } = self.train_epoch(batch, batch.len())?;
        Ok(StepOutcome { loss, correct })
    }

    /// Reads losses and predictions once, at the end: a device would have to wait for
    /// each of them.
    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<EpochOutcome, Error> {
        let batches = self.batches(order, batch_size)?;
        let steps = batches.iter().map(|batch| self.step(batch)).collect::<Result<Vec<_>, _>>()?;
        let outcome =
            outcome(&steps).during(|| format!("cannot read the outcome of {} steps", steps.len()))?;
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
        let batches = self.batches(indices, batch_size)?;
        let samples = match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        };
        tch::no_grad(|| {
            let mut outputs = Vec::new();
            for batch in &batches {
                let inputs = samples.inputs(batch);
                let inputs = inputs.during(|| format!("cannot gather {} samples", batch.numel()))?;
                outputs.push(self.network.forward(inputs, Mode::Prediction)?);
            }
            let count = logits.len();
            let copied = Tensor::f_cat(&outputs, 0).and_then(|outputs| outputs.f_copy_data(logits, count));
            copied.during(|| "cannot copy the logits".into())
        })
    }
}
