//! Whether a workload can be trained here: on the data set, and within a worker's memory.

use trainmark_plugin::{Dataset, Samples, Shape};

use super::Workload;
use crate::data::DecodedFiles;
use crate::units;

/// Bytes of a number of the reference, which every backend is held against.
const REFERENCE: u64 = 8;
/// What a worker takes with any model: a limit below it is too low for the worker, whose row says so.
const WITHOUT_MODEL: u64 = 64 << 20;

/// A workload cannot be trained here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("workload {workload}: {why}")]
pub struct Misfit {
    /// Its name.
    pub workload: String,
    /// Why, and what to do.
    pub why: String,
}

impl Workload {
    fn misfit(&self, why: String) -> Misfit {
        Misfit { workload: self.name.clone(), why }
    }

    /// What of the data set it is trained on: its first samples. The test split is whole.
    pub fn part_of<'d>(&self, dataset: Dataset<'d>) -> Dataset<'d> {
        let Samples { pixels, labels, .. } = dataset.train;
        match self.samples.filter(|samples| *samples < labels.len()) {
            Some(samples) => {
                let pixels = &pixels[..samples * dataset.train.sample_len()];
                Dataset::new(Samples::new(pixels, &labels[..samples]), dataset.test)
            }
            None => dataset,
        }
    }

    /// Refuses a case of `check --operations`, where a network is to be trained.
    ///
    /// # Errors
    /// Where it is one.
    pub fn check_is_trained(&self) -> Result<(), Misfit> {
        match self.case {
            None => Ok(()),
            Some(_) => Err(self.misfit(
                "it is a case of `check --operations`, which has samples of its own and is not trained: `check NAME \
                 --workload FILE` tries it; without its table [case] it is a workload"
                    .to_owned(),
            )),
        }
    }

    /// Refuses a network without anything to train.
    ///
    /// # Errors
    /// Where no layer has parameters.
    pub fn check_layers(&self) -> Result<(), Misfit> {
        if self.model.parameters().is_ok_and(|parameters| parameters.is_empty()) {
            return Err(self
                .misfit("none of its layers has parameters, so that there is nothing to train".to_owned()));
        }
        Ok(())
    }

    /// Refuses another shape of images, too few logits, and batches that the data set cannot fill.
    ///
    /// # Errors
    /// With what the data set has.
    pub fn check_data(&self, dataset: &DecodedFiles) -> Result<(), Misfit> {
        if self.case.is_some() {
            // It brings its samples.
            return Ok(());
        }
        self.check_shape(dataset)?;
        let DecodedFiles { name, train_samples, .. } = dataset;
        let logits = self.model.classes().unwrap_or_default();
        if logits < dataset.classes {
            return Err(self.misfit(format!(
                "its last layer gives {}, and {name} has {} classes: each needs one",
                units::count(logits, "logit"),
                dataset.classes
            )));
        }
        let samples = self.samples.unwrap_or(*train_samples);
        if samples > *train_samples {
            return Err(self.misfit(format!("it asks for {samples} samples, and {name} has {train_samples}")));
        }
        if self.batch_size > samples {
            let batch = self.batch_size;
            return Err(
                self.misfit(format!("a batch of {batch} is more than the {samples} samples of an epoch"))
            );
        }
        Ok(())
    }

    /// Channels, rows and columns of the images that it is trained on; `None` of a case, which brings
    /// its own.
    pub fn image_shape(&self) -> Option<[usize; 3]> {
        match self.model.input {
            Shape::Image { channels, height, width } if self.case.is_none() => {
                Some([channels, height, width])
            }
            _ => None,
        }
    }

    fn has_channels(&self, number: usize) -> bool {
        matches!(self.model.input, Shape::Image { channels, .. } if channels == number)
    }

    /// Rows and columns of its input.
    fn sides(&self) -> String {
        match self.model.input {
            Shape::Image { height, width, .. } => format!("{height}×{width}"),
            vector => vector.to_string(),
        }
    }

    fn check_shape(&self, dataset: &DecodedFiles) -> Result<(), Misfit> {
        let [channels, height, width] = dataset.shape();
        let images = Shape::Image { channels, height, width };
        if self.model.input == images {
            return Ok(());
        }
        let (input, name) = (self.model.input, &dataset.name);
        let if_last = Shape::Image { channels: width, height: channels, width: height };
        let remedy = match input == if_last {
            true => {
                "write the channels of each image first, not last (in numpy: images.transpose(0, 3, 1, 2))"
                    .to_owned()
            }
            false if self.has_channels(channels) => {
                format!(
                    "write resize = \"{}\", which resizes the images, or input = \"{images}\"",
                    self.sides()
                )
            }
            false => format!("write input = \"{images}\""),
        };
        Err(self.misfit(format!("its input is {input}, and the images of {name} are {images}: {remedy}")))
    }

    /// Bytes that its check takes at the least: the reference's parameters before and after a step
    /// and their gradients, and what every layer gives for a batch.
    pub fn least_bytes(&self) -> u64 {
        let parameters = self.model.parameters().unwrap_or_default();
        let parameters: u64 = parameters.iter().map(|spec| spec.len() as u64).sum();
        let outputs: u64 =
            self.model.shapes().unwrap_or_default().iter().map(|shape| shape.len() as u64).sum();
        let activations = outputs.saturating_mul(self.batch_size as u64);
        parameters.saturating_mul(3).saturating_add(activations).saturating_mul(REFERENCE)
    }

    /// Refuses what a worker with so many bytes of memory cannot hold.
    ///
    /// # Errors
    /// With the estimate.
    pub fn check_memory(&self, limit: u64) -> Result<(), Misfit> {
        let least = self.least_bytes();
        if least <= limit.max(WITHOUT_MODEL) {
            return Ok(());
        }
        let (least, limit) = (units::bytes(least), units::bytes(limit));
        Err(self.misfit(format!(
            "to check and train it takes {least} of memory at the least, and a worker may use {limit}: make its layers \
             or batch_size smaller, or allow more with --memory-limit"
        )))
    }
}
