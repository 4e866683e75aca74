//! The safe interface: what a Rust backend implements, and what the harness
//! sees of any loaded plugin.

use crate::error::Error;
use crate::model::Model;
use crate::optimiser::Optimiser;

/// Which convention a backend's running variance follows: what it starts at, and what the
/// variance of a batch is divided by before it is taken in.
///
/// A match on it is exhaustive: there is no doing by a convention that one does not know.
/// [`start`](Self::start) and [`correction`](Self::correction) spare one the match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunningVariance {
    /// The frameworks': starts at 1, updated with the unbiased batch variance
    /// (divided by n − 1; by n where n = 1).
    UnbiasedFromOne,
    /// The d2l.ai chapter's: starts at 0, updated with the biased batch variance.
    BiasedFromZero,
    /// Burn's: starts at 1, updated with the biased batch variance.
    BiasedFromOne,
}

impl RunningVariance {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::UnbiasedFromOne, Self::BiasedFromZero, Self::BiasedFromOne];

    /// As a backend in Python writes it, and as messages tell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnbiasedFromOne => "unbiased_from_one",
            Self::BiasedFromZero => "biased_from_zero",
            Self::BiasedFromOne => "biased_from_one",
        }
    }

    /// What every channel's running variance is before the first step.
    pub fn start(self) -> f32 {
        match self {
            Self::UnbiasedFromOne | Self::BiasedFromOne => 1.0,
            Self::BiasedFromZero => 0.0,
        }
    }

    /// What the biased variance of a batch of `count` values per channel is multiplied by before it
    /// is taken in: n/(n − 1) where it shall be unbiased and n > 1, otherwise 1.
    pub fn correction(self, count: f64) -> f64 {
        match self {
            Self::UnbiasedFromOne if count > 1.0 => count / (count - 1.0),
            Self::UnbiasedFromOne | Self::BiasedFromZero | Self::BiasedFromOne => 1.0,
        }
    }
}

/// One way in which a backend computes batch norm.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Implementation {
    /// `primitive`, `builtin`, or a further labelled name. A model without
    /// batch norm is asked for with `none`, which need not be listed.
    pub name: String,
    /// How its running variance starts and is updated.
    pub running_variance: RunningVariance,
    /// One line for `list` and the report.
    pub summary: String,
}

impl Implementation {
    /// A way of this name.
    pub fn new(
        name: impl Into<String>,
        running_variance: RunningVariance,
        summary: impl Into<String>,
    ) -> Self {
        Self { name: name.into(), running_variance, summary: summary.into() }
    }
}

/// What the adapters of software renderers are called: Mesa's for Vulkan and OpenGL, Google's, and
/// Windows'.
const SOFTWARE_RENDERERS: [&str; 6] =
    ["llvmpipe", "lavapipe", "softpipe", "swiftshader", "software rasterizer", "basic render driver"];

/// One device as the backend sees it on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// `cpu`, `cuda:0`, `wgpu:0`, …
    pub id: String,
    /// Why it cannot be used now; `None` where it can.
    pub unavailable: Option<String>,
    /// Name of the graphics adapter, where the harness cannot know it: for `wgpu`.
    pub adapter: Option<String>,
    /// Whether the backend says that it is a software renderer.
    pub is_software: bool,
}

impl Device {
    /// One that can be used.
    pub fn available(id: impl Into<String>) -> Self {
        Self { id: id.into(), unavailable: None, adapter: None, is_software: false }
    }

    /// One that cannot be used now, and why.
    pub fn unavailable(id: impl Into<String>, why: impl Into<String>) -> Self {
        Self { unavailable: Some(why.into()), ..Self::available(id) }
    }

    /// On a graphics adapter of this name.
    #[must_use]
    pub fn with_adapter(mut self, name: impl Into<String>) -> Self {
        self.adapter = Some(name.into());
        self
    }

    /// Rendered in software: it computes on the processor. The common ones are known by their
    /// adapter's name.
    #[must_use]
    pub fn in_software(mut self) -> Self {
        self.is_software = true;
        self
    }

    /// Whether the processor computes what a graphics processor would: the backend says so, or the
    /// adapter's name is that of a known software renderer.
    pub fn is_software_renderer(&self) -> bool {
        let adapter = self.adapter.as_deref().unwrap_or_default().to_ascii_lowercase();
        self.is_software || SOFTWARE_RENDERERS.iter().any(|known| adapter.contains(known))
    }
}

/// What a backend says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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

impl Description {
    /// That of a framework with its version, and nothing else yet.
    pub fn new(framework: impl Into<String>) -> Self {
        Self { framework: framework.into(), implementations: vec![], devices: vec![], notes: vec![] }
    }

    /// With these ways to compute batch norm besides.
    #[must_use]
    pub fn with_implementations(mut self, more: impl IntoIterator<Item = Implementation>) -> Self {
        self.implementations.extend(more);
        self
    }

    /// With these devices besides.
    #[must_use]
    pub fn with_devices(mut self, more: impl IntoIterator<Item = Device>) -> Self {
        self.devices.extend(more);
        self
    }

    /// With these notes besides.
    #[must_use]
    pub fn with_notes(mut self, more: impl IntoIterator<Item: Into<String>>) -> Self {
        self.notes.extend(more.into_iter().map(Into::into));
        self
    }
}

/// A part of the data set. There are two, and a match on it is exhaustive.
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
#[non_exhaustive]
pub struct Samples<'d> {
    /// `count × channels·height·width` bytes, row-major. The network's input
    /// is pixel/255 in float32.
    pub pixels: &'d [u8],
    /// `count` classes, each below the model's number of classes.
    pub labels: &'d [u8],
}

impl<'d> Samples<'d> {
    /// As many samples as there are labels.
    pub const fn new(pixels: &'d [u8], labels: &'d [u8]) -> Self {
        Self { pixels, labels }
    }

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
#[non_exhaustive]
pub struct Dataset<'d> {
    /// Samples that are trained on.
    pub train: Samples<'d>,
    /// Samples held out.
    pub test: Samples<'d>,
}

impl<'d> Dataset<'d> {
    /// Both parts.
    pub const fn new(train: Samples<'d>, test: Samples<'d>) -> Self {
        Self { train, test }
    }

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
#[non_exhaustive]
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
    /// Learning rate.
    pub learning_rate: f64,
    /// What a step makes of the gradients; one that [`Backend::trains_with`].
    pub optimiser: Optimiser,
    /// Batch size of training and its usual prediction batch, at least 1;
    /// smaller batches occur (the tail of an epoch), larger ones may.
    pub batch_size: usize,
}

impl<'d> OpenRequest<'d> {
    /// A model without batch norm on one thread of the processor, trained by plain gradient descent, until
    /// said otherwise.
    pub fn new(model: Model, dataset: Dataset<'d>, batch_size: usize, learning_rate: f64) -> Self {
        let (implementation, device) = (NO_BATCH_NORM.into(), "cpu".into());
        let optimiser = Optimiser::Sgd;
        Self { model, dataset, implementation, device, threads: 1, learning_rate, optimiser, batch_size }
    }

    /// With batch norm computed in this way.
    #[must_use]
    pub fn with_implementation(self, name: impl Into<String>) -> Self {
        Self { implementation: name.into(), ..self }
    }

    /// On the device of this id.
    #[must_use]
    pub fn with_device(self, id: impl Into<String>) -> Self {
        Self { device: id.into(), ..self }
    }

    /// With so many threads.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Trained by this optimiser.
    #[must_use]
    pub fn with_optimiser(self, optimiser: Optimiser) -> Self {
        Self { optimiser, ..self }
    }

    /// Refuses what a backend does not list in its description, and a device of which it
    /// says there why it cannot be used.
    ///
    /// # Errors
    /// `unsupported` for an implementation of batch norm that is not there, or one
    /// that is asked for where the model has no batch norm; `device` for a device.
    pub fn check_choices(&self, offered: &Description) -> Result<(), Error> {
        self.check_implementation(&offered.implementations)?;
        let Some(device) = offered.devices.iter().find(|device| device.id == self.device) else {
            let ids: Vec<&str> = offered.devices.iter().map(|device| &*device.id).collect();
            return Err(Error::device(format!("no device {}; ask for {}", self.device, ids.join(" or "))));
        };
        match &device.unavailable {
            Some(why) => Err(Error::device(format!("{} cannot be used: {why}", device.id))),
            None => Ok(()),
        }
    }

    fn check_implementation(&self, offered: &[Implementation]) -> Result<(), Error> {
        let Self { model, implementation, .. } = self;
        let names: Vec<&str> = offered.iter().map(|offered| &*offered.name).collect();
        let why = match (model.has_batch_norm(), &*names) {
            (true, names) if names.contains(&&**implementation) => return Ok(()),
            (false, _) if implementation == NO_BATCH_NORM => return Ok(()),
            (false, _) => format!("it has no batch norm; ask for {NO_BATCH_NORM}"),
            (true, []) => "no way to compute its batch norm is offered".to_owned(),
            (true, names) => format!("ask for {}", names.join(" or ")),
        };
        Err(Error::unsupported(format!("implementation {implementation} of model {}: {why}", model.name)))
    }
}

/// The implementation that is asked for where a model has no batch norm.
const NO_BATCH_NORM: &str = "none";

/// Outcome of training on some samples, in one step or in an epoch of many: each sample is
/// measured in training mode, before its step's update.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Mean cross-entropy of the samples.
    pub loss: f64,
    /// Samples whose largest logit is their label's.
    pub correct: u64,
}

impl Outcome {
    /// An outcome of this mean loss and so many right predictions.
    pub const fn new(loss: f64, correct: u64) -> Self {
        Self { loss, correct }
    }

    /// That of all steps together, each given with its number of samples: the mean of their
    /// losses weighted by it, and all right predictions.
    pub fn of_steps(steps: impl IntoIterator<Item = (Self, usize)>) -> Self {
        let (mut loss, mut correct, mut samples) = (0.0, 0, 0);
        for (step, count) in steps {
            loss += step.loss * count as f64;
            correct += step.correct;
            samples += count;
        }
        Self { loss: loss / samples as f64, correct }
    }
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
    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error>;

    /// Trains on `order` in consecutive batches of `batch_size`; the last one
    /// may be smaller and is kept.
    ///
    /// # Errors
    /// Whatever the framework reports.
    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        let steps = order.chunks(batch_size).map(|batch| Ok((self.train_step(batch)?, batch.len())));
        Ok(Outcome::of_steps(steps.collect::<Result<Vec<_>, Error>>()?))
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

    /// Describes the backend on this machine; the harness asks once, before anything else.
    ///
    /// # Errors
    /// Where the framework cannot even be asked.
    fn describe() -> Result<Description, Error>;

    /// Whether sessions train with this optimiser: all of them by plain gradient descent alone, unless a
    /// backend says otherwise. What is left is answered with `unsupported` before it comes to `open`.
    fn trains_with(optimiser: Optimiser) -> bool {
        optimiser == Optimiser::Sgd
    }

    /// Builds the model on a device.
    ///
    /// # Errors
    /// `unsupported`, with the reason, where the model cannot be done
    /// faithfully; `device` where the device cannot be used.
    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_software_renderer_is_known_by_its_name_or_by_what_is_said_of_it() {
        let on = |adapter: &str| Device::available("wgpu:0").with_adapter(adapter).is_software_renderer();
        for adapter in [
            "llvmpipe (LLVM 15.0.6, 256 bits)",
            "SwiftShader Device (LLVM 10.0.0)",
            "lavapipe",
            "Microsoft Basic Render Driver",
        ] {
            assert!(on(adapter), "{adapter}");
        }
        assert!(!on("NVIDIA H200") && !on("AMD Radeon RX 7900 XTX (RADV NAVI31)"));
        assert!(!Device::available("wgpu:0").is_software_renderer());
        assert!(Device::available("wgpu:0").in_software().is_software_renderer());
    }
    use crate::error::ErrorKind;
    use crate::layer::{Layer, Shape};

    #[test]
    fn what_is_not_offered_is_refused_with_what_is() {
        let offered = Description::new("f 1.0")
            .with_devices([Device::available("cpu"), Device::unavailable("cuda:0", "no driver")]);
        let both = offered.clone().with_implementations(
            ["primitive", "builtin"]
                .map(|name| Implementation::new(name, RunningVariance::UnbiasedFromOne, "")),
        );
        let samples = Samples::new(&[], &[]);
        let request = |layer: Layer, implementation: &str| {
            let model = Model::new("m", Shape::Vector(2), [layer]);
            OpenRequest::new(model, Dataset::new(samples, samples), 1, 0.1)
                .with_implementation(implementation)
        };
        let norm =
            |implementation| request(Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 }, implementation);
        let plain = request(Layer::Relu, "none");
        for accepted in [norm("builtin"), plain.clone()] {
            assert_eq!(accepted.check_choices(&both), Ok(()));
        }
        for (request, offered, why) in [
            (norm("none"), &both, "none of model m: ask for primitive or builtin"),
            (norm("builtin"), &offered, "builtin of model m: no way to compute its batch norm is offered"),
            (
                request(Layer::Relu, "builtin"),
                &both,
                "builtin of model m: it has no batch norm; ask for none",
            ),
        ] {
            let refused = Error::unsupported(format!("implementation {why}"));
            assert_eq!(request.check_choices(offered), Err(refused));
        }
        for (device, message) in [
            ("tpu:0", "no device tpu:0; ask for cpu or cuda:0"),
            ("cuda:0", "cuda:0 cannot be used: no driver"),
        ] {
            let refused = Error::new(ErrorKind::Device, message);
            assert_eq!(plain.clone().with_device(device).check_choices(&both), Err(refused));
        }
    }

    #[test]
    fn an_outcome_weighs_its_steps_by_their_samples() {
        let steps = [(Outcome::new(1.0, 3), 4), (Outcome::new(4.0, 0), 2)];
        assert_eq!(Outcome::of_steps(steps), Outcome::new(2.0, 3));
    }
}
