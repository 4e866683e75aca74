//! A split of the data set as tensors.

use tch::{Device, Kind, TchError, Tensor};
use trainmark_plugin::{Error, Samples, Shape};

use crate::error::During;

/// Images and labels of one split, converted once and kept on the device.
#[derive(Debug)]
pub(crate) struct TensorSamples {
    /// Pixel/255 in float32: N×C×H×W, or N×features.
    inputs: Tensor,
    /// Classes in int64, as the loss takes them.
    labels: Tensor,
}

impl TensorSamples {
    pub(crate) fn new(samples: Samples<'_>, shape: Shape, device: Device) -> Result<Self, Error> {
        Self::convert(samples, shape, device)
            .during(|| format!("cannot make tensors of {} samples", samples.count()))
    }

    fn convert(samples: Samples<'_>, shape: Shape, device: Device) -> Result<Self, TchError> {
        let count = samples.count() as i64;
        let size = match shape {
            Shape::Image { channels, height, width } => {
                vec![count, channels as i64, height as i64, width as i64]
            }
            Shape::Vector(features) => vec![count, features as i64],
        };
        // On the host: CUDA's kernel multiplies by 1/255, which is not a division by 255.
        let pixels = Tensor::f_from_data_size(samples.pixels, &size, Kind::Uint8)?;
        let inputs = pixels.f_to_kind(Kind::Float)?.f_div_scalar_(255.0)?;
        let labels = Tensor::f_from_data_size(samples.labels, &[count], Kind::Uint8)?;
        Ok(Self { inputs: inputs.f_to(device)?, labels: labels.f_to_kind(Kind::Int64)?.f_to(device)? })
    }

    /// Inputs of the samples with these indices, in order.
    pub(crate) fn inputs(&self, indices: &Tensor) -> Result<Tensor, TchError> {
        self.inputs.f_index_select(0, indices)
    }

    /// Their labels.
    pub(crate) fn labels(&self, indices: &Tensor) -> Result<Tensor, TchError> {
        self.labels.f_index_select(0, indices)
    }
}

/// Indices as libtorch takes them, in consecutive batches that share one tensor: to a
/// device they go at once, since each copy waits for it.
pub(crate) fn index_batches(
    indices: &[u32],
    batch_size: usize,
    device: Device,
) -> Result<Vec<Tensor>, TchError> {
    let size = batch_size.min(indices.len()) as i64;
    let indices: Vec<i64> = indices.iter().copied().map(i64::from).collect();
    Tensor::f_from_slice(&indices)?.f_to(device)?.f_split(size, 0)
}
