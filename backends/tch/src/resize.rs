//! Nearest-neighbour resize.

use tch::{Device, TchError, Tensor};
use trainmark_plugin::Shape;

/// Rows and columns of the input that the output takes.
///
/// Not `upsample_nearest2d`: it computes ⌊y·H/h⌋ in float32 from a rounded H/h, and
/// so takes the row before the right one at some sizes: of 28 rows for 46, say.
#[derive(Debug)]
pub(crate) struct Resize {
    rows: Tensor,
    columns: Tensor,
}

impl Resize {
    pub(crate) fn new(input: Shape, height: usize, width: usize, device: Device) -> Result<Self, TchError> {
        let (input_height, input_width) = match input {
            Shape::Image { height, width, .. } => (height, width),
            Shape::Vector(_) => return Err(TchError::Shape("only images can be resized".into())),
        };
        let rows = nearest(input_height, height)?.f_to(device)?;
        Ok(Self { rows, columns: nearest(input_width, width)?.f_to(device)? })
    }

    pub(crate) fn forward(&self, inputs: &Tensor) -> Result<Tensor, TchError> {
        inputs.f_index_select(2, &self.rows)?.f_index_select(3, &self.columns)
    }
}

/// ⌊i·from/to⌋ for each i below `to`.
fn nearest(from: usize, to: usize) -> Result<Tensor, TchError> {
    let indices: Vec<i64> = (0..to).map(|index| (index * from / to) as i64).collect();
    Tensor::f_from_slice(&indices)
}
