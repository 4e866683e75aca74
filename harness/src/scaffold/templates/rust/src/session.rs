//! One model in training. Fill in from the top to the bottom: after each function
//! `check` gets further, and names the next one.
//!
//! The SDK has checked every argument: the model's shapes fit, indices lie in their
//! split, lengths are right, and parameters are set before they are used.

use trainmark_plugin::{Dataset, Error, Layer, OpenRequest, Outcome, Session, Split};

/// A model with its parameters.
pub struct Training<'d> {
    dataset: Dataset<'d>,
    learning_rate: f64,
}

impl<'d> Training<'d> {
    /// Builds the model, on `request.device` and for `request.threads` threads.
    /// `request.model.input_shapes()` and `.parameters()` have every size.
    pub fn open(request: OpenRequest<'d>) -> Result<Self, Error> {
        for layer in &request.model.layers {
            build_layer(layer, &request.implementation)?;
        }
        Ok(Self { dataset: request.dataset, learning_rate: request.learning_rate })
    }
}

/// Builds one layer. One that the framework cannot do exactly as described stays
/// `unsupported`; that is an answer, and a row in the report. `implementation` is the
/// way to compute batch norm.
fn build_layer(layer: &Layer, _implementation: &str) -> Result<(), Error> {
    match layer {
        // Layer::Flatten => Ok(()),
        // Layer::Linear { out_features, bias } => …,
        other => Err(to_do(&format!("build the layer {}", other.kind()), "build_layer")),
    }
}

impl Session for Training<'_> {
    /// One slice per parameter, in the order of the layers, row-major: weight and
    /// bias; gamma, beta, running mean and running variance.
    fn set_parameters(&mut self, _values: &[&[f32]]) -> Result<(), Error> {
        Err(to_do("take parameters", "Session::set_parameters"))
    }

    /// The same, the other way.
    fn get_parameters(&mut self, _values: &mut [&mut [f32]]) -> Result<(), Error> {
        Err(to_do("give parameters back", "Session::get_parameters"))
    }

    /// Writes the logits of each sample, `indices.len()` × classes, from the running
    /// statistics. Changes nothing.
    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        _batch_size: usize,
        _logits: &mut [f32],
    ) -> Result<(), Error> {
        // pixel/255, sample after sample. A batch at a time saves memory.
        let _inputs = self.dataset.split(split).inputs(indices);
        Err(to_do("predict", "Session::predict"))
    }

    /// One step of plain gradient descent on the mean cross-entropy of these training
    /// samples. Loss and correct answers are those of before the update.
    /// `train_epoch` calls this for each batch, unless you write your own.
    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        let _inputs = self.dataset.train.inputs(batch);
        let _labels = self.dataset.train.labels_at(batch);
        let _learning_rate = self.learning_rate;
        Err(to_do("train", "Session::train_step"))
    }
}

/// The answer of what is still to be written; it goes with the last of them.
fn to_do(what: &str, function: &str) -> Error {
    Error::unsupported(format!(
        "{{name}} does not {what} yet: fill in {function} in src/session.rs, see docs/writing-a-backend.md"
    ))
}
