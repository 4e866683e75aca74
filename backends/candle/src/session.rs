//! A network in training.

use candle_core::{DType, Device, Tensor};
use trainmark_plugin::{Error, OpenRequest, Outcome, Samples, Session, Shape, Split};

use crate::batch_norm::Implementation;
use crate::failure::Failure;
use crate::network::Network;
use crate::optimiser::Updates;

/// A network with its data set and optimiser.
pub(crate) struct Training {
    network: Network,
    updates: Updates,
    train: Data,
    test: Data,
    device: Device,
}

impl Training {
    /// # Errors
    /// `unsupported` where a layer cannot be done; `failed` where Candle fails.
    pub(crate) fn open(request: OpenRequest<'_>, device: Device) -> Result<Self, Error> {
        let implementation = match request.implementation.as_str() {
            "primitive" => Implementation::Primitive,
            _ => Implementation::Builtin,
        };
        let network = Network::new(&request.model, implementation, &device)?;
        let trainable = network.trainable().to_vec();
        let updates = Updates::new(request.optimiser, request.learning_rate, trainable)
            .while_doing("make the optimiser")?;
        let shape = request.model.input;
        let data = |samples| Data::new(samples, shape, &device).while_doing("convert the data set");
        let (train, test) = (data(request.dataset.train)?, data(request.dataset.test)?);
        device.synchronize().while_doing("finish the data set")?;
        Ok(Self { network, updates, train, test, device: device.clone() })
    }

    fn indices(&self, indices: &[u32]) -> candle_core::Result<Tensor> {
        Tensor::from_slice(indices, indices.len(), &self.device)
    }

    fn step(&mut self, batch: &Tensor) -> candle_core::Result<Score> {
        let labels = self.train.labels.index_select(batch, 0)?;
        let pass = self.network.train(&self.train.inputs(batch)?)?;
        let loss = candle_nn::loss::cross_entropy(&pass.logits, &labels)?;
        let right = pass.logits.detach().argmax(1)?.eq(&labels)?;
        self.updates.step(pass.gradients(&loss)?)?;
        Ok(Score { loss: loss.detach(), correct: right.to_dtype(DType::U32)?.sum_all()? })
    }

    /// What the steps found out stays on the device until the last one is on its way:
    /// reading it makes the host wait.
    fn epoch(&mut self, order: &[u32], batch_size: usize) -> candle_core::Result<Outcome> {
        let indices = self.indices(order)?;
        let (mut losses, mut correct) = (Vec::new(), Vec::new());
        for (start, length) in batches(order.len(), batch_size) {
            let score = self.step(&indices.narrow(0, start, length)?)?;
            losses.push(score.loss);
            correct.push(score.correct);
        }
        let losses = Tensor::stack(&losses, 0)?.to_vec1::<f32>()?;
        let correct = Tensor::stack(&correct, 0)?.to_vec1::<u32>()?;
        let steps = losses.into_iter().zip(correct).zip(batches(order.len(), batch_size));
        Ok(Outcome::of_steps(
            steps.map(|((loss, right), (_, length))| (Outcome::new(loss.into(), right.into()), length)),
        ))
    }

    /// One after the other, the logits of each batch; read once all are on their way.
    fn logits(
        &self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> candle_core::Result<()> {
        let data = match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        };
        let classes = logits.len() / indices.len();
        let indices = self.indices(indices)?;
        let predicted = batches(indices.elem_count(), batch_size)
            .map(|(start, length)| self.network.predict(&data.inputs(&indices.narrow(0, start, length)?)?))
            .collect::<candle_core::Result<Vec<_>>>()?;
        for (predicted, logits) in predicted.iter().zip(logits.chunks_mut(batch_size * classes)) {
            logits.copy_from_slice(&predicted.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(())
    }

    /// Waits until the device has done all that it was given.
    fn finish(&self) -> Result<(), Error> {
        self.device.synchronize().while_doing("finish on the device")
    }

    fn check_size(&self, batch: usize) -> Result<(), Error> {
        if batch == 1 && self.network.needs_two_samples() {
            return Err(Error::invalid(
                "a batch of one sample: candle_nn::BatchNorm divides the variance by n − 1 = 0 and its running variance becomes NaN",
            ));
        }
        Ok(())
    }
}

/// Start and length of consecutive batches; the last may be shorter.
fn batches(count: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).step_by(size).map(move |start| (start, size.min(count - start)))
}

/// What a step found out, on the device.
struct Score {
    loss: Tensor,
    correct: Tensor,
}

impl Score {
    fn read(&self) -> candle_core::Result<Outcome> {
        let correct = self.correct.to_scalar::<u32>()?;
        Ok(Outcome::new(f64::from(self.loss.to_scalar::<f32>()?), correct.into()))
    }
}

impl Session for Training {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        for (variable, values) in self.network.variables().iter().zip(values) {
            Tensor::from_slice(values, variable.shape(), &self.device)
                .and_then(|values| variable.set(&values))
                .while_doing("set a parameter")?;
        }
        self.updates.reset().while_doing("put the optimiser back")?;
        self.finish()
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        for (variable, values) in self.network.variables().iter().zip(values) {
            let current = variable.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
            values.copy_from_slice(&current.while_doing("read a parameter")?);
        }
        self.finish()
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        self.check_size(batch.len())?;
        let score = self.indices(batch).and_then(|batch| self.step(&batch));
        let outcome = score.and_then(|score| score.read()).while_doing("train on a batch")?;
        self.finish()?;
        Ok(outcome)
    }

    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        for (_, length) in batches(order.len(), batch_size) {
            self.check_size(length)?;
        }
        let outcome = self.epoch(order, batch_size).while_doing("train an epoch")?;
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
        self.logits(split, indices, batch_size, logits).while_doing("predict")?;
        self.finish()
    }
}

/// One split on the device, converted once.
struct Data {
    /// Samples × values, float32, pixel/255.
    values: Tensor,
    /// One class per sample.
    labels: Tensor,
    shape: Shape,
}

impl Data {
    fn new(samples: Samples<'_>, shape: Shape, device: &Device) -> candle_core::Result<Self> {
        let size = (samples.labels.len(), shape.len());
        let values = Tensor::from_slice(samples.pixels, size, device)?.to_dtype(DType::F32)?;
        let labels = Tensor::from_slice(samples.labels, samples.labels.len(), device)?;
        Ok(Self { values: (values / 255.0)?, labels: labels.to_dtype(DType::U32)?, shape })
    }

    /// A batch as activations, 1 × channels × (pixels·samples).
    fn inputs(&self, batch: &Tensor) -> candle_core::Result<Tensor> {
        let values = self.values.index_select(batch, 0)?.t()?.contiguous()?;
        values.reshape((1, self.shape.channels(), ()))
    }
}
