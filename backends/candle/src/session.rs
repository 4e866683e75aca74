//! A network in training.

use candle_core::{DType, Device, Tensor};
use candle_nn::{Optimizer, SGD};
use trainmark_plugin::{Error, OpenRequest, Samples, Session, Shape, Split, StepOutcome};

use crate::batch_norm::Implementation;
use crate::failure::Failure;
use crate::network::Network;

/// A network with its data set and optimiser.
pub(crate) struct Training {
    network: Network,
    optimiser: SGD,
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
        let optimiser = SGD::new(network.trainable().to_vec(), request.learning_rate)
            .while_doing("make the optimiser")?;
        let shape = request.model.input;
        let data = |samples| Data::new(samples, shape, &device).while_doing("convert the data set");
        Ok(Self {
            network,
            optimiser,
            train: data(request.dataset.train)?,
            test: data(request.dataset.test)?,
            device: device.clone(),
        })
    }

    fn step(&mut self, batch: &[u32]) -> candle_core::Result<Score> {
        let batch = Tensor::from_slice(batch, batch.len(), &self.device)?;
        let labels = self.train.labels.index_select(&batch, 0)?;
        let pass = self.network.train(&self.train.inputs(&batch)?)?;
        let loss = candle_nn::loss::cross_entropy(&pass.logits, &labels)?;
        let right = pass.logits.detach().argmax(1)?.eq(&labels)?;
        self.optimiser.step(&pass.gradients(&loss)?)?;
        Ok(Score { loss: loss.detach(), correct: right.to_dtype(DType::U32)?.sum_all()? })
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

/// What a step found out, on the device.
struct Score {
    loss: Tensor,
    correct: Tensor,
}

impl Score {
    fn read(&self) -> candle_core::Result<StepOutcome> {
        let correct = self.correct.to_scalar::<u32>()?;
        Ok(StepOutcome { loss: f64::from(self.loss.to_scalar::<f32>()?), correct: correct.into() })
    }
}

impl Session for Training {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        for (variable, values) in self.network.variables().iter().zip(values) {
            Tensor::from_slice(values, variable.shape(), &self.device)
                .and_then(|values| variable.set(&values))
                .while_doing("set a parameter")?;
        }
        Ok(())
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        for (variable, values) in self.network.variables().iter().zip(values) {
            let current = variable.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
            values.copy_from_slice(&current.while_doing("read a parameter")?);
        }
        Ok(())
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<StepOutcome, Error> {
        self.check_size(batch.len())?;
        self.step(batch).and_then(|score| score.read()).while_doing("train on a batch")
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        let data = match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        };
        let classes = logits.len() / indices.len();
        for (batch, logits) in indices.chunks(batch_size).zip(logits.chunks_mut(batch_size * classes)) {
            let rows = Tensor::from_slice(batch, batch.len(), &self.device)
                .and_then(|batch| self.network.predict(&data.inputs(&batch)?))
                .and_then(|logits| logits.flatten_all()?.to_vec1::<f32>());
            logits.copy_from_slice(&rows.while_doing("predict a batch")?);
        }
        Ok(())
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
