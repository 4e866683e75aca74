//! A whole backend: it trains models of the form [flatten, linear].

mod regression;

use regression::Regression;
use trainmark_plugin::{
    Backend, Dataset, Description, Device, Error, Layer, Model, OpenRequest, Outcome, Session, Split,
    export_backend,
};

/// The plugin's entry points.
pub struct Softmax;

impl Backend for Softmax {
    const NAME: &'static str = "mine";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe() -> Result<Description, Error> {
        // It has no way to compute batch norm, else `with_implementations` would list it.
        Ok(Description::new("plain Rust").with_devices([Device::available("cpu")]))
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        let classes = classes(&request.model)?;
        request.check_choices(&Self::describe()?)?;
        Ok(Box::new(Training {
            regression: Regression::new(request.model.input.len(), classes),
            features: request.model.input.len(),
            classes,
            dataset: request.dataset,
            learning_rate: request.learning_rate as f32,
        }))
    }
}

/// A model that cannot be done faithfully is refused, and the message says why.
fn classes(model: &Model) -> Result<usize, Error> {
    if let [Layer::Flatten, Layer::Linear { out_features, bias: true }] = model.layers[..] {
        return Ok(out_features);
    }
    let expected = ["flatten", "linear"];
    let is_other =
        |index, layer: &Layer| expected.get(index) != Some(&layer.kind()) || layer.is_without_bias();
    let other = model.layers.iter().enumerate().find(|&(index, layer)| is_other(index, layer));
    let (index, kind) =
        other.map_or((model.layers.len(), "end of the model"), |(at, layer)| (at, layer.kind()));
    Err(Error::unsupported(format!("layer {index} ({kind}): only flatten, linear with bias can be trained")))
}

struct Training<'d> {
    regression: Regression,
    features: usize,
    classes: usize,
    dataset: Dataset<'d>,
    learning_rate: f32,
}

impl<'d> Training<'d> {
    /// Pixels and label of one sample. The SDK has checked the index.
    fn sample(&self, split: Split, index: u32) -> (&'d [u8], u8) {
        let (samples, index) = (self.dataset.split(split), index as usize);
        (&samples.pixels[index * self.features..][..self.features], samples.labels[index])
    }
}

impl Session for Training<'_> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        self.regression.weight.copy_from_slice(values[0]);
        self.regression.bias.copy_from_slice(values[1]);
        Ok(())
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        values[0].copy_from_slice(&self.regression.weight);
        values[1].copy_from_slice(&self.regression.bias);
        Ok(())
    }

    // `train_epoch` has a default that calls this for each batch.
    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        let batch: Vec<_> = batch.iter().map(|&index| self.sample(Split::Train, index)).collect();
        let (loss, correct) = self.regression.step(&batch, self.learning_rate);
        Ok(Outcome::new(loss, correct))
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        _batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        for (&index, logits) in indices.iter().zip(logits.chunks_exact_mut(self.classes)) {
            let (pixels, _) = self.sample(split, index);
            self.regression.logits(pixels, logits);
        }
        Ok(())
    }
}

export_backend!(Softmax);
