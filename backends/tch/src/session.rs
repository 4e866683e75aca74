//! One model in training.

use std::sync::Once;

use tch::{COptimizer, Kind, Reduction, TchError, Tensor};
use trainmark_plugin::{Error, OpenRequest, Session, Split, StepOutcome};

use crate::batch_norm::Form;
use crate::error::During;
use crate::memory::keep_freed_memory;
use crate::network::{Mode, Network};
use crate::samples::{TensorSamples, index_tensor};

/// A network with its optimiser and data.
#[derive(Debug)]
pub(crate) struct Training {
    network: Network,
    optimizer: COptimizer,
    train: TensorSamples,
    test: TensorSamples,
    classes: usize,
}

impl Training {
    /// Builds the model; parameters are zeros until they are set.
    ///
    /// # Errors
    /// Where libtorch cannot make its tensors.
    pub(crate) fn open(request: &OpenRequest<'_>, form: Form) -> Result<Self, Error> {
        keep_freed_memory();
        set_threads(request.threads)?;
        let network = Network::new(&request.model, form)?;
        let optimizer = optimizer(&network, request.learning_rate)
            .during(|| format!("cannot make an optimiser for model {}", request.model.name))?;
        let shape = request.model.input;
        Ok(Self {
            network,
            optimizer,
            train: TensorSamples::new(request.dataset.train, shape)?,
            test: TensorSamples::new(request.dataset.test, shape)?,
            classes: request.model.classes()?,
        })
    }

    fn learn(&mut self, logits: &Tensor, labels: &Tensor) -> Result<StepOutcome, TchError> {
        let loss = logits.f_cross_entropy_loss(labels, None::<Tensor>, Reduction::Mean, -100, 0.0)?;
        self.optimizer.zero_grad()?;
        loss.f_backward()?;
        self.optimizer.step()?;
        let correct = logits.f_argmax(1, false)?.f_eq_tensor(labels)?.f_sum(Kind::Int64)?;
        Ok(StepOutcome { loss: loss.f_double_value(&[])?, correct: correct.f_int64_value(&[])? as u64 })
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
        self.network.set_parameters(values)
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        self.network.get_parameters(values)
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<StepOutcome, Error> {
        self.network.check_batch(batch.len())?;
        let gathered = index_tensor(batch)
            .and_then(|indices| Ok((self.train.inputs(&indices)?, self.train.labels(&indices)?)));
        let (inputs, labels) = gathered.during(|| format!("cannot gather {} samples", batch.len()))?;
        let logits = self.network.forward(inputs, Mode::Training)?;
        self.learn(&logits, &labels).during(|| "backward pass and update".into())
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        let samples = match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        };
        tch::no_grad(|| {
            let room = logits.chunks_mut(batch_size * self.classes);
            for (batch, logits) in indices.chunks(batch_size).zip(room) {
                let inputs = index_tensor(batch).and_then(|indices| samples.inputs(&indices));
                let inputs = inputs.during(|| format!("cannot gather {} samples", batch.len()))?;
                let output = self.network.forward(inputs, Mode::Prediction)?;
                let count = logits.len();
                output.f_copy_data(logits, count).during(|| "cannot copy the logits".into())?;
            }
            Ok(())
        })
    }
}
