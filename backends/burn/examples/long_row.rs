//! How exact means over a batch are on what Vulkan reaches: of all values of a channel in one row, as
//! `burn::nn::BatchNorm` takes them, and over three axes, by `mean_dims`:
//!
//! ```text
//! cargo run --profile wgpu --no-default-features --features wgpu --example long_row [software]
//! ```

use std::error::Error;

use burn::tensor::wgpu::WgpuBackend;
use burn::tensor::{Device, DeviceKind, Tensor, TensorData};

/// Samples, channels, height and width behind LeNet's convolutions.
const SHAPES: [[usize; 4]; 2] = [[256, 6, 24, 24], [256, 16, 8, 8]];

fn main() -> Result<(), Box<dyn Error>> {
    let is_software = std::env::args().nth(1).is_some_and(|word| word == "software");
    let kind = if is_software { DeviceKind::Cpu } else { DeviceKind::DefaultDevice };
    let device = Device::wgpu_options().device_kind(kind).graphics_api(WgpuBackend::Vulkan).init()?;
    for shape in SHAPES {
        let [samples, channels, height, width] = shape;
        let count = samples * height * width;
        let values: Vec<f32> = (0..(count * channels) as u32).map(value).collect();
        let x = Tensor::<4>::from_data(TensorData::new(values.clone(), shape), &device);
        let in_a_row =
            |x: Tensor<4>| x.swap_dims(0, 1).reshape([channels, count]).mean_dim(1).reshape([channels]);
        let over_axes = |x: Tensor<4>| x.mean_dims(&[0, 2, 3]).reshape([channels]);
        let [mean, square] = exact(&values, shape);
        println!(
            "{count} values of each of {channels} channels: relative error of the mean {:.1e} in one row, {:.1e} over axes; of \
             the squares' {:.1e} and {:.1e}",
            error(in_a_row(x.clone()), &mean)?,
            error(over_axes(x.clone()), &mean)?,
            error(in_a_row(x.clone() * x.clone()), &square)?,
            error(over_axes(x.clone() * x), &square)?,
        );
    }
    Ok(())
}

/// Between 0.25 and 0.75, in an order without a pattern.
fn value(index: u32) -> f32 {
    0.25 + (index.wrapping_mul(2_654_435_761) >> 9) as f32 / (1 << 24) as f32
}

/// Mean of the values and of their squares for each channel.
fn exact(values: &[f32], [samples, channels, height, width]: [usize; 4]) -> [Vec<f64>; 2] {
    let (mut mean, mut square) = (vec![0.0; channels], vec![0.0; channels]);
    let count = (samples * height * width) as f64;
    for (place, image) in values.chunks(height * width).enumerate() {
        let of_channel = place % channels;
        mean[of_channel] += image.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
        square[of_channel] += image.iter().map(|&value| f64::from(value * value)).sum::<f64>() / count;
    }
    [mean, square]
}

/// The greatest relative error of a channel.
fn error(found: Tensor<1>, exact: &[f64]) -> Result<f64, Box<dyn Error>> {
    let found = found.into_data().try_into_vec::<f32>().map_err(|error| format!("{error:?}"))?;
    let errors =
        found.iter().zip(exact).map(|(&found, exact)| (f64::from(found) - exact).abs() / exact.abs());
    Ok(errors.fold(0.0, f64::max))
}
