//! What the operations' models are trained on.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use trainmark_plugin::{Dataset, Error, Model, Samples};

use super::{BATCH, BATCHES, Data, PREDICTED, Term};

/// Training samples of a model.
const TRAIN_SAMPLES: usize = BATCHES * BATCH;

/// One term's samples: its own, or the first of a data set's.
#[derive(Debug)]
pub enum TermSamples<'d> {
    /// Random bytes and labels.
    Random {
        /// Bytes of all samples.
        pixels: Vec<u8>,
        /// A class for each.
        labels: Vec<u8>,
    },
    /// Samples of a data set.
    Borrowed(Dataset<'d>),
}

impl<'d> TermSamples<'d> {
    /// The samples that a term asks for.
    ///
    /// # Errors
    /// Where its model has no classes to draw labels from.
    pub fn new(term: &Term, synthetic: Dataset<'d>) -> Result<Self, Error> {
        match term.data {
            Data::Random => Self::random(&term.model),
            Data::Synthetic => Ok(Self::Borrowed(Dataset::new(
                first(synthetic.train, TRAIN_SAMPLES),
                first(synthetic.test, PREDICTED),
            ))),
        }
    }

    fn random(model: &Model) -> Result<Self, Error> {
        // The same for every backend; which bytes does not matter.
        let mut random = ChaCha8Rng::from_seed(*b"inputs of single operations, v1.");
        let mut pixels = vec![0; TRAIN_SAMPLES * model.input.len()];
        random.fill_bytes(&mut pixels);
        let classes = model.classes()? as u32;
        let labels = (0..TRAIN_SAMPLES).map(|_| (random.next_u32() % classes) as u8).collect();
        Ok(Self::Random { pixels, labels })
    }

    /// Both splits; random samples are the same in both.
    pub fn dataset(&self) -> Dataset<'_> {
        match self {
            Self::Random { pixels, labels } => {
                let samples = Samples::new(pixels, labels);
                Dataset::new(samples, samples)
            }
            Self::Borrowed(dataset) => *dataset,
        }
    }
}

fn first(samples: Samples<'_>, count: usize) -> Samples<'_> {
    let count = count.min(samples.count());
    let size = samples.pixels.len() / samples.count().max(1);
    Samples::new(&samples.pixels[..count * size], &samples.labels[..count])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::all;

    #[test]
    fn every_term_has_samples_of_its_shape_and_classes() {
        let (pixels, labels) = (vec![7; 5000 * 784], vec![3; 5000]);
        let samples = Samples::new(&pixels, &labels);
        let synthetic = Dataset::new(samples, samples);
        for operation in all().unwrap() {
            for term in &operation.terms {
                let inputs = TermSamples::new(term, synthetic).unwrap();
                let dataset = inputs.dataset();
                for samples in [dataset.train, dataset.test] {
                    assert_eq!(samples.count(), TRAIN_SAMPLES);
                    assert_eq!(samples.pixels.len(), TRAIN_SAMPLES * term.model.input.len());
                    assert!(samples.labels.iter().all(|&label| label < 10));
                }
            }
        }
    }
}
