//! What is wrong in the Candle that this backend is built with, each in a few lines.
//! A test that fails here tells of a repair upstream: then what works around it can go.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::ModuleT;

/// The gradient of Σ y with respect to x.
fn gradient(x: &Var, y: &Tensor) -> Result<Vec<f32>> {
    let gradients = y.sum_all()?.backward()?;
    gradients.get(x).ok_or_else(|| candle_core::Error::msg("no gradient of x"))?.flatten_all()?.to_vec1()
}

/// Should be [0, 0, 0, 1].
#[test]
fn max_pool2d_scales_its_gradient_by_one_over_the_window() -> Result<()> {
    let x = Var::from_slice(&[1_f32, 2.0, 3.0, 4.0], (1, 1, 2, 2), &Device::Cpu)?;
    assert_eq!(gradient(&x, &x.max_pool2d(2)?)?, [0.0, 0.0, 0.0, 0.25]);
    Ok(())
}

/// Should be [1, 0, 0, 0] for a maximum that is the first of its ties; any split would
/// add up to 1.
#[test]
fn max_gives_its_gradient_to_every_tie_in_full() -> Result<()> {
    let x = Var::from_slice(&[5_f32, 5.0, 5.0, 5.0], 4, &Device::Cpu)?;
    assert_eq!(gradient(&x, &x.max(0)?)?, [1.0, 1.0, 1.0, 1.0]);
    Ok(())
}

/// Should be [0, 0, 1], as in PyTorch.
#[test]
fn relu_has_gradient_1_at_0() -> Result<()> {
    let x = Var::from_slice(&[-1_f32, 0.0, 1.0], 3, &Device::Cpu)?;
    assert_eq!(gradient(&x, &x.relu()?)?, [0.0, 1.0, 1.0]);
    Ok(())
}

/// One window covers four of nine pixels: the other five should get nothing.
#[test]
fn avg_pool2d_spreads_its_gradient_beyond_its_windows() -> Result<()> {
    let x = Var::from_slice(&[1_f32; 9], (1, 1, 3, 3), &Device::Cpu)?;
    let found = gradient(&x, &x.avg_pool2d(2)?)?;
    assert_eq!(found, [0.25; 9], "should be 0.25 in the window of four pixels, 0 elsewhere");
    Ok(())
}

/// Height and width leave different remainders when divided by the stride: the gradient
/// should exist, but the height's remainder is taken for both.
#[test]
fn conv2d_has_no_gradient_where_height_and_width_leave_different_remainders() -> Result<()> {
    let x = Var::ones((1, 1, 5, 6), DType::F32, &Device::Cpu)?;
    let kernel = Tensor::ones((1, 1, 3, 3), DType::F32, &Device::Cpu)?;
    let y = x.conv2d(&kernel, 1, 2, 1, 1)?;
    assert!(y.sum_all()?.backward().is_err());
    Ok(())
}

/// Should refuse, or take the biased variance.
#[test]
fn batch_norms_running_variance_of_one_value_is_not_a_number() -> Result<()> {
    let vector = |value: f32| Tensor::from_slice(&[value], 1, &Device::Cpu);
    let layer = candle_nn::BatchNorm::new_with_momentum(
        1,
        vector(0.0)?,
        vector(1.0)?,
        vector(1.0)?,
        vector(0.0)?,
        1e-5,
        0.1,
    )?;
    layer.forward_t(&Tensor::ones((1, 1), DType::F32, &Device::Cpu)?, true)?;
    assert!(layer.running_var().to_vec1::<f32>()?[0].is_nan());
    Ok(())
}

/// Without a seed no dropout can be repeated.
#[test]
fn random_numbers_cannot_be_seeded_on_the_cpu() {
    assert!(Device::Cpu.set_seed(1).is_err());
}

/// The mean of as many equal values as a channel of a convolution has should be that value within some 10⁻⁷. Each lane of
/// a vector adds a part of the row, one value after the other.
#[test]
fn the_mean_of_a_long_row_is_off_in_the_fifth_digit() -> Result<()> {
    let row = Tensor::full(0.1_f32, (1, 147_456), &Device::Cpu)?;
    let mean = row.mean_keepdim(1)?.flatten_all()?.to_vec1::<f32>()?[0];
    let error = (f64::from(mean) / f64::from(0.1_f32) - 1.0).abs();
    assert!((1e-5..1e-4).contains(&error), "{error:e}");
    Ok(())
}
