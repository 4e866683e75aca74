//! One model in training.

use std::sync::Once;

use tch::{COptimizer, Device, Kind, Reduction, TchError, Tensor};
use trainmark_plugin::{Error, OpenRequest, Optimiser, Outcome, Session, Split};

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
    /// What it is and its learning rate: it cannot be asked for, and its state not be put back.
    trained_by: (Optimiser, f64),
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
        // What dropout draws from.
        tch::manual_seed(SEED);
        let network = Network::new(&request.model, form, device)?;
        let trained_by = (request.optimiser, request.learning_rate);
        let optimizer = optimizer(&network, trained_by)
            .during(|| format!("cannot make an optimiser for model {}", request.model.name))?;
        let shape = request.model.input;
        Ok(Self {
            device,
            network,
            optimizer,
            trained_by,
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

const SEED: i64 = 1;

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

/// What the steps of an epoch leave, in memory that is there before the first one: what is
/// kept between a step's many allocations keeps the heap from using their room again.
#[derive(Debug)]
struct Outcomes {
    /// Mean loss of each step.
    losses: Tensor,
    /// How many of each step were predicted right, int64.
    correct: Tensor,
    /// Samples of each step.
    samples: Vec<usize>,
}

impl Outcomes {
    fn new(steps: usize, device: Device) -> Result<Self, TchError> {
        Ok(Self {
            losses: Tensor::f_zeros([steps as i64], (Kind::Float, device))?,
            correct: Tensor::f_zeros([steps as i64], (Kind::Int64, device))?,
            samples: Vec::with_capacity(steps),
        })
    }

    /// Keeps the next step's, without waiting for it.
    fn push(&mut self, step: &Step) -> Result<(), TchError> {
        let place = self.samples.len() as i64;
        let correct = step.logits.f_argmax(1, false)?.f_eq_tensor(&step.labels)?.f_sum(Kind::Int64)?;
        self.correct.f_get(place)?.f_copy_(&correct)?;
        self.losses.f_get(place)?.f_copy_(&step.loss)?;
        self.samples.push(step.labels.numel());
        Ok(())
    }

    /// Mean loss and number of right predictions over all samples; waits for the device twice.
    fn read(&self) -> Result<Outcome, TchError> {
        let mut losses = vec![0_f32; self.samples.len()];
        self.losses.f_copy_data(&mut losses, self.samples.len())?;
        let weighted = losses.iter().zip(&self.samples).map(|(&loss, &count)| f64::from(loss) * count as f64);
        let correct = self.correct.f_sum(Kind::Int64)?.f_int64_value(&[])? as u64;
        Ok(Outcome::new(weighted.sum::<f64>() / self.samples.iter().sum::<usize>() as f64, correct))
    }
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

/// libtorch's own, over the trainable parameters, its state at zero.
fn optimizer(
    network: &Network,
    (optimiser, learning_rate): (Optimiser, f64),
) -> Result<COptimizer, TchError> {
    let mut optimizer = match optimiser {
        Optimiser::Sgd => COptimizer::sgd(learning_rate, 0.0, 0.0, 0.0, false)?,
        Optimiser::Momentum { momentum, weight_decay } => {
            COptimizer::sgd(learning_rate, momentum, 0.0, weight_decay, false)?
        }
        Optimiser::Adam { beta1, beta2, epsilon, weight_decay } => {
            COptimizer::adam(learning_rate, beta1, beta2, weight_decay, epsilon, false)?
        }
    };
    for parameter in network.trainable() {
        optimizer.add_parameters(parameter, 0)?;
    }
    Ok(optimizer)
}

impl Session for Training {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        self.network.set_parameters(values)?;
        if self.trained_by.0.has_state() {
            self.optimizer = optimizer(&self.network, self.trained_by)
                .during(|| "cannot make an optimiser anew".into())?;
        }
        self.finish()
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        self.network.get_parameters(values)
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        self.train_epoch(batch, batch.len())
    }

    /// Reads losses and predictions once, at the end: a device would have to wait for
    /// each of them.
    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        let batches = self.batches(order, batch_size)?;
        let room = Outcomes::new(batches.len(), self.device);
        let mut outcomes = room.during(|| format!("cannot make room for {} losses", batches.len()))?;
        for batch in &batches {
            let step = self.step(batch)?;
            outcomes.push(&step).during(|| "cannot keep a step's outcome".into())?;
        }
        let outcome =
            outcomes.read().during(|| format!("cannot read the outcome of {} steps", batches.len()))?;
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
