//! The safe interface: what a Rust backend implements, and what the harness
//! sees of any loaded plugin.

use crate::error::{Error, ErrorKind};
use crate::model::Model;

/// Which of the two conventions a backend's running variance follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunningVariance {
    /// The frameworks': starts at 1, updated with the unbiased batch variance
    /// (divided by n − 1; by n where n = 1).
    UnbiasedFromOne,
    /// The d2l.ai chapter's: starts at 0, updated with the biased batch variance.
    BiasedFromZero,
}

/// One way in which a backend computes batch norm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Implementation {
    /// `primitive`, `builtin`, or a further labelled name. A model without
    /// batch norm is asked for with `none`, which need not be listed.
    pub name: String,
    /// How its running variance starts and is updated.
    pub running_variance: RunningVariance,
    /// One line for `list` and the report.
    pub summary: String,
}

/// One device as the backend sees it on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// `cpu`, `cuda:0`, …
    pub id: String,
    /// Why it cannot be used now; `None` where it can.
    pub unavailable: Option<String>,
}

/// What a backend says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Framework and version, such as `candle-core 0.11.1`.
    pub framework: String,
    /// The ways it computes batch norm.
    pub implementations: Vec<Implementation>,
    /// The devices it was built for.
    pub devices: Vec<Device>,
    /// What a reader of the numbers should know, a line each: a defect of the
    /// framework that is worked around and how, a choice that matters.
    pub notes: Vec<String>,
}

/// A part of the data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// The samples that are trained on.
    Train,
    /// The samples held out.
    Test,
}

/// Images and labels of one split. The memory stays mapped and unchanged
/// until the session is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Samples<'d> {
    /// `count × channels·height·width` bytes, row-major. The network's input
    /// is pixel/255 in float32.
    pub pixels: &'d [u8],
    /// `count` classes, each below the model's number of classes.
    pub labels: &'d [u8],
}

impl Samples<'_> {
    /// Number of samples.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// Pixels of one sample; 0 where there is no sample.
    pub fn sample_len(&self) -> usize {
        self.pixels.len().checked_div(self.count()).unwrap_or_default()
    }

    /// The network's input for these samples: pixel/255, row-major, one sample
    /// after the other.
    ///
    /// # Panics
    /// Where an index is out of range; the SDK refuses those before a session sees them.
    pub fn inputs(&self, indices: &[u32]) -> Vec<f32> {
        let length = self.sample_len();
        let mut inputs = Vec::with_capacity(indices.len() * length);
        for &index in indices {
            let pixels = &self.pixels[index as usize * length..][..length];
            inputs.extend(pixels.iter().map(|&pixel| f32::from(pixel) / 255.0));
        }
        inputs
    }

    /// The classes of these samples.
    ///
    /// # Panics
    /// As [`Samples::inputs`], when iterated.
    pub fn labels_at(&self, indices: &[u32]) -> impl ExactSizeIterator<Item = u8> {
        indices.iter().map(|&index| self.labels[index as usize])
    }
}

/// The data set that a session trains on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dataset<'d> {
    /// Samples that are trained on.
    pub train: Samples<'d>,
    /// Samples held out.
    pub test: Samples<'d>,
}

impl<'d> Dataset<'d> {
    /// The samples of a split.
    pub fn split(&self, split: Split) -> Samples<'d> {
        match split {
            Split::Train => self.train,
            Split::Test => self.test,
        }
    }
}

/// What the harness asks for when it opens a session.
#[derive(Debug, Clone)]
pub struct OpenRequest<'d> {
    /// The model, already checked: its shapes fit.
    pub model: Model,
    /// The data set, already checked against the model's input and classes.
    pub dataset: Dataset<'d>,
    /// Name of the implementation; `none` for a model without batch norm.
    pub implementation: String,
    /// Device id.
    pub device: String,
    /// Threads to compute with, at least 1.
    pub threads: usize,
    /// Learning rate of plain stochastic gradient descent: w ← w − rate·∂L/∂w.
    pub learning_rate: f64,
    /// Batch size of training and its usual prediction batch, at least 1;
    /// smaller batches occur (the tail of an epoch), larger ones may.
    pub batch_size: usize,
}

impl OpenRequest<'_> {
    /// Refuses an implementation or device that is not among these.
    ///
    /// # Errors
    /// `unsupported` for an implementation of batch norm that is not there, or one
    /// that is asked for where the model has no batch norm; `device` for a device.
    pub fn check_choices(&self, implementations: &[&str], devices: &[&str]) -> Result<(), Error> {
        let Self { model, implementation, device, .. } = self;
        let offered: &[&str] = if model.has_batch_norm() { implementations } else { &["none"] };
        if !offered.contains(&&**implementation) {
            let why = match (model.has_batch_norm(), implementations) {
                (false, _) => "it has no batch norm; ask for none".to_owned(),
                (true, []) => "no way to compute its batch norm is offered".to_owned(),
                (true, _) => format!("ask for {}", implementations.join(" or ")),
            };
            let message = format!("implementation {implementation} of model {}: {why}", model.name);
            return Err(Error::unsupported(message));
        }
        if !devices.contains(&&**device) {
            let message = format!("no device {device}; ask for {}", devices.join(" or "));
            return Err(Error::new(ErrorKind::Device, message));
        }
        Ok(())
    }
}

/// Outcome of one training step, measured in training mode before its update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepOutcome {
    /// Mean cross-entropy of the batch.
    pub loss: f64,
    /// Samples whose largest logit is their label's.
    pub correct: u64,
}

/// Outcome of one training epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochOutcome {
    /// Mean cross-entropy over the epoch's samples: Σ(step loss · batch)/Σ batch.
    pub loss: f64,
    /// Samples predicted right, each in training mode before its step's update.
    pub correct: u64,
}

/// A model being trained. On return from any call all device work has finished.
///
/// The SDK answers wrong-order calls, indices out of range and wrong lengths
/// with `invalid` before they reach an implementation.
pub trait Session {
    /// Sets every parameter: one row-major slice per [`Model::parameters`] entry.
    ///
    /// # Errors
    /// Whatever the framework reports.
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error>;

    /// Copies every parameter out, in the same order and layout.
    ///
    /// # Errors
    /// Whatever the framework reports.
    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error>;

    /// Trains on one batch: the training samples with these indices, in order.
    ///
    /// # Errors
    /// Whatever the framework reports.
    fn train_step(&mut self, batch: &[u32]) -> Result<StepOutcome, Error>;

    /// Trains on `order` in consecutive batches of `batch_size`; the last one
    /// may be smaller and is kept.
    ///
    /// # Errors
    /// Whatever the framework reports.
    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<EpochOutcome, Error> {
        let (mut loss, mut correct) = (0.0, 0);
        for batch in order.chunks(batch_size) {
            let outcome = self.train_step(batch)?;
            loss += outcome.loss * batch.len() as f64;
            correct += outcome.correct;
        }
        Ok(EpochOutcome { loss: loss / order.len() as f64, correct })
    }

    /// Writes the logits of the samples with these indices in prediction mode
    /// (running statistics), `indices.len() × classes`, row-major; parameters
    /// and running statistics stay as they are.
    ///
    /// # Errors
    /// Whatever the framework reports.
    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error>;
}

/// A backend: the entry points of a plugin. Export it with
/// [`export_backend!`](crate::export_backend).
pub trait Backend {
    /// Unique name, such as `candle`: lower-case letters, digits and dashes.
    const NAME: &'static str;
    /// Version of the plugin itself.
    const VERSION: &'static str;

    /// Describes the backend on this machine; asked once, before anything else.
    ///
    /// # Errors
    /// Where the framework cannot even be asked.
    fn describe() -> Result<Description, Error>;

    /// Builds the model on a device.
    ///
    /// # Errors
    /// `unsupported`, with the reason, where the model cannot be done
    /// faithfully; `device` where the device cannot be used.
    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error>;
}
