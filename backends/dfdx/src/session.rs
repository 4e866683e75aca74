//! Training and prediction: batches in, loss, gradients and update.

use dfdx::prelude::*;
use trainmark_plugin::{Dataset, Error, OpenRequest, Samples, Session, Split, StepOutcome};

use crate::batch_norm::Recording;
use crate::network::Network;
use crate::{Values, failure, values};

/// A model in training.
pub(crate) struct Training<'d> {
    network: Network,
    device: Cpu,
    dataset: Dataset<'d>,
    classes: usize,
    /// The last batch as numbers, kept for its memory.
    pixels: Vec<f32>,
    learning_rate: f64,
}

impl<'d> Training<'d> {
    /// # Errors
    /// `unsupported` where dfdx cannot do a layer.
    pub(crate) fn open(request: OpenRequest<'d>) -> Result<Self, Error> {
        let device = Cpu::default();
        // Each step allocates what the one before has freed.
        device.try_enable_cache().map_err(failure)?;
        Ok(Self {
            network: Network::new(&request.model, &request.implementation, &device)?,
            device,
            dataset: request.dataset,
            classes: request.model.classes()?,
            pixels: Vec::new(),
            learning_rate: request.learning_rate,
        })
    }

    /// (values of a sample, batch)
    fn inputs(&mut self, samples: Samples<'_>, batch: &[u32]) -> Result<Values, Error> {
        let length = samples.sample_len();
        let images: Vec<&[u8]> =
            batch.iter().map(|&index| &samples.pixels[index as usize * length..][..length]).collect();
        self.pixels.clear();
        let columns = (0..length).flat_map(|value| images.iter().map(move |image| image[value]));
        self.pixels.extend(columns.map(|pixel| f32::from(pixel) / 255.0));
        values(&self.device, &self.pixels, (length, batch.len())).map_err(failure)
    }

    /// (batch, classes): 1 for a sample's class, else 0.
    fn targets(&self, labels: &[u8]) -> Result<Values, Error> {
        let mut targets = vec![0.0; labels.len() * self.classes];
        for (target, &label) in targets.chunks_exact_mut(self.classes).zip(labels) {
            target[usize::from(label)] = 1.0;
        }
        values(&self.device, &targets, (labels.len(), self.classes)).map_err(failure)
    }

    /// Mean loss of the batch, and how many logits were largest at their label.
    fn step(&mut self, inputs: Values, targets: Values, labels: &[u8]) -> Result<(f64, u64), CpuError> {
        let logits = by_sample(self.network.forward::<Recording>(inputs)?)?;
        let scored = logits.as_vec();
        let right = |&(logits, &label): &(&[f32], &u8)| predicted(logits) == usize::from(label);
        let correct = scored.chunks_exact(self.classes).zip(labels).filter(right).count() as u64;
        let loss = cross_entropy_with_logits_loss(logits, targets);
        let mean = f64::from(loss.array());
        let gradients = loss.try_backward()?;
        self.network.descend(&gradients, self.learning_rate)?;
        Ok((mean, correct))
    }
}

impl Session for Training<'_> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        self.network.load(values);
        Ok(())
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        self.network.store(values);
        Ok(())
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<StepOutcome, Error> {
        let samples = self.dataset.train;
        let labels: Vec<u8> = samples.labels_at(batch).collect();
        let (inputs, targets) = (self.inputs(samples, batch)?, self.targets(&labels)?);
        let (loss, correct) = self.step(inputs, targets, &labels).map_err(failure)?;
        Ok(StepOutcome { loss, correct })
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        let samples = self.dataset.split(split);
        for (batch, logits) in indices.chunks(batch_size).zip(logits.chunks_mut(batch_size * self.classes)) {
            let inputs = self.inputs(samples, batch)?;
            let predicted = self.network.forward::<NoneTape>(inputs).and_then(by_sample).map_err(failure)?;
            predicted.copy_into(logits);
        }
        // Some of dfdx's operations put more into its cache than they take out.
        self.device.try_empty_cache().map_err(failure)
    }
}

/// (batch, classes) of (classes, batch). Contiguous, because `log_softmax` on a
/// permuted tensor writes its gradient in the order of the shape, not of memory.
fn by_sample<T: Tape<f32, Cpu>>(logits: Values<T>) -> Result<Values<T>, CpuError> {
    logits.try_permute::<(usize, usize), Axes2<1, 0>>()?.try_contiguous()
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
