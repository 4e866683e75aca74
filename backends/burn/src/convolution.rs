//! A convolution as a product of matrices, from Burn's operations.

use crate::engine::{Conv2d, Tensor};

/// What `layer`, whose kernel is square and whose images get no padding, computes of `x`: its weight,
/// outputs × taps, times each sample's taps × windows.
///
/// The gradient of its weight is a product, too. That of Burn's own convolution is one with a kernel
/// as large as the image, which flex computes for all samples on one thread. There is no use of it
/// where `x` needs a gradient: that of windows is added up one row of them after the other.
pub(crate) fn product(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let weight = layer.weight.val();
    let ([samples, ..], [outputs, inputs, kernel, _]) = (x.dims(), weight.dims());
    let [down, along] = layer.stride;
    // Samples × channels × rows and columns of windows × rows and columns of taps; a view.
    let windows: Tensor<6> = x.unfold::<5, _>(2, kernel, down).unfold(3, kernel, along);
    let [_, _, rows, columns, ..] = windows.dims();
    let taps = inputs * kernel * kernel;
    // Its rows are copied as they lie, a row of an image at a time.
    let windows = windows.permute([0, 1, 4, 5, 2, 3]).reshape([samples, taps, rows * columns]);
    let y = weight.reshape([1, outputs, taps]).matmul(windows).reshape([samples, outputs, rows, columns]);
    match &layer.bias {
        Some(bias) => y + bias.val().reshape([1, outputs, 1, 1]),
        None => y,
    }
}
