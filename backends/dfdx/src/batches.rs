//! Batches of a data set as tensors.

use dfdx::prelude::*;
use trainmark_plugin::Samples;

use crate::Values;
use crate::machine::{Composition, Machine, identity, values};

/// One split of the data set.
pub(crate) struct Batches<'d, D: Machine> {
    device: D,
    samples: Samples<'d>,
    classes: usize,
    /// The last batch as numbers, kept for its memory.
    pixels: Vec<f32>,
    resident: Option<Resident<D>>,
}

/// A split that stays on the device.
struct Resident<D: Machine> {
    /// (samples, values of a sample)
    inputs: Values<D>,
    /// (samples, classes)
    targets: Values<D>,
    /// (values of a sample, values of a sample)
    identity: Values<D>,
}

impl<'d, D: Machine> Batches<'d, D> {
    /// A GPU keeps the whole split; on the CPU each batch is converted.
    pub(crate) fn new(
        samples: Samples<'d>,
        classes: usize,
        composition: Composition,
        device: &D,
    ) -> Result<Self, D::Err> {
        let mut batches =
            Self { device: device.clone(), samples, classes, pixels: Vec::new(), resident: None };
        if composition == Composition::Gpu {
            let pixels: Vec<f32> = samples.pixels.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
            let length = samples.sample_len();
            batches.resident = Some(Resident {
                inputs: values(device, &pixels, (samples.count(), length))?,
                targets: batches.one_hot(samples.labels.iter().copied())?,
                identity: identity(device, length)?,
            });
        }
        Ok(batches)
    }

    /// (values of a sample, batch)
    pub(crate) fn inputs(&mut self, batch: &[u32]) -> Result<Values<D>, D::Err> {
        if let Some(Resident { inputs, identity, .. }) = &self.resident {
            let rows: Values<D> = inputs.clone().try_gather(self.indices(batch)?)?;
            return identity.clone().try_matmul(rows.try_permute::<(usize, usize), Axes2<1, 0>>()?);
        }
        let length = self.samples.sample_len();
        let image = |&index: &u32| &self.samples.pixels[index as usize * length..][..length];
        let images: Vec<&[u8]> = batch.iter().map(image).collect();
        self.pixels.clear();
        let columns = (0..length).flat_map(|value| images.iter().map(move |image| image[value]));
        self.pixels.extend(columns.map(|pixel| f32::from(pixel) / 255.0));
        values(&self.device, &self.pixels, (length, batch.len()))
    }

    /// (batch, classes): 1 for a sample's class, else 0.
    pub(crate) fn targets(&self, batch: &[u32]) -> Result<Values<D>, D::Err> {
        if let Some(Resident { targets, .. }) = &self.resident {
            return targets.clone().try_gather(self.indices(batch)?);
        }
        self.one_hot(self.samples.labels_at(batch))
    }

    pub(crate) fn labels(&self, batch: &[u32]) -> impl Iterator<Item = u8> {
        self.samples.labels_at(batch)
    }

    fn one_hot(&self, labels: impl ExactSizeIterator<Item = u8>) -> Result<Values<D>, D::Err> {
        let count = labels.len();
        let mut targets = vec![0.0; count * self.classes];
        for (target, label) in targets.chunks_exact_mut(self.classes).zip(labels) {
            target[usize::from(label)] = 1.0;
        }
        values(&self.device, &targets, (count, self.classes))
    }

    fn indices(&self, batch: &[u32]) -> Result<Tensor<(usize,), usize, D>, D::Err> {
        let indices: Vec<usize> = batch.iter().map(|&index| index as usize).collect();
        self.device.try_tensor_from_vec(indices, (batch.len(),))
    }
}
