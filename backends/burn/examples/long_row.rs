//! How exact the mean of a long row is on what Vulkan reaches, as `burn::nn::BatchNorm` takes it of all
//! values of a channel, and that of the same values in many rows, as `mean_dims` takes it:
//!
//! ```text
//! cargo run --profile wgpu --no-default-features --features wgpu --example long_row
//! ```

use burn::tensor::wgpu::WgpuBackend;
use burn::tensor::{Device, DeviceKind, Tensor, TensorData};

/// Values of a channel in a batch of 256 behind LeNet's first convolution, and behind the second.
const ROWS: [[usize; 3]; 2] = [[256, 24, 24], [256, 8, 8]];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kind = if std::env::args().nth(1).is_some_and(|word| word == "software") {
        DeviceKind::Cpu
    } else {
        DeviceKind::DefaultDevice
    };
    let device = Device::wgpu_options().device_kind(kind).graphics_api(WgpuBackend::Vulkan).init()?;
    for shape in ROWS {
        let [samples, height, width] = shape;
        let count = samples * height * width;
        // Between 0.25 and 0.75, in an order without a pattern.
        let values: Vec<f32> = (0..count as u32)
            .map(|i| 0.25 + (i.wrapping_mul(2_654_435_761) >> 9) as f32 / (1 << 24) as f32)
            .collect();
        let exact = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count as f64;
        let error = |mean: Tensor<1>| -> Result<f64, Box<dyn std::error::Error>> {
            let mean: f32 = mean.into_data().try_into_vec::<f32>().map_err(|error| format!("{error:?}"))?[0];
            Ok((f64::from(mean) - exact).abs() / exact)
        };
        let row = Tensor::<2>::from_data(TensorData::new(values.clone(), [1, count]), &device);
        let image = Tensor::<4>::from_data(TensorData::new(values, [samples, 1, height, width]), &device);
        let one = error(row.mean_dim(1).reshape([1]))?;
        let many = error(image.mean_dims(&[0, 2, 3]).reshape([1]))?;
        println!(
            "{count} values: relative error of the mean {one:.1e} in one row, {many:.1e} in {samples}×{height} rows"
        );
    }
    Ok(())
}
