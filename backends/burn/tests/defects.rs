//! What is wrong in the Burn that this backend is built with, or surprises, each in a few
//! lines. A test that fails here tells of a repair upstream: then what works around it can go.

use burn::nn::BatchNormConfig;
use burn::nn::interpolate::{Interpolate2dConfig, InterpolateMode};
use burn::tensor::TensorData;

use names::{BatchNorm, Device, Tensor, flex, training, valid};

#[cfg(not(before_0_22))]
mod names {
    use burn::module::Module;
    pub(crate) use burn::nn::BatchNorm;
    pub(crate) use burn::tensor::{Device, Tensor};

    pub(crate) fn flex() -> Device {
        Device::flex()
    }

    pub(crate) fn training() -> Device {
        flex().autodiff()
    }

    pub(crate) fn valid(layer: &BatchNorm) -> BatchNorm {
        layer.valid()
    }
}

#[cfg(before_0_22)]
mod names {
    use burn::Dispatch;
    pub(crate) use burn::DispatchDevice as Device;
    use burn::module::AutodiffModule;

    pub(crate) type Tensor<const D: usize> = burn::tensor::Tensor<Dispatch, D>;
    pub(crate) type BatchNorm = burn::nn::BatchNorm<Dispatch>;

    pub(crate) fn flex() -> Device {
        Device::Flex(burn::backend::flex::FlexDevice)
    }

    pub(crate) fn training() -> Device {
        Device::autodiff(flex())
    }

    pub(crate) fn valid(layer: &BatchNorm) -> BatchNorm {
        layer.valid()
    }
}

/// Samples × 1 channel.
fn column(values: &[f32], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len(), 1]), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

/// A layer that has seen one batch of mean 2 and biased variance 1, and keeps nothing else.
fn after_one_batch() -> BatchNorm {
    let layer = BatchNormConfig::new(1).with_momentum(1.0).init(&training());
    layer.forward(column(&[1.0, 3.0], &training()));
    layer
}

/// PyTorch's would be 2, the unbiased one. Declared as a convention of its own.
#[test]
fn the_running_variance_takes_in_the_biased_variance() {
    assert_eq!(values(after_one_batch().running_var.value_sync()), [1.0]);
}

/// Should be 2; `value_sync` is read instead.
#[test]
fn a_running_states_value_is_one_update_late() {
    let layer = after_one_batch();
    assert_eq!(values(layer.running_mean.value()), [0.0]);
    assert_eq!(values(layer.running_mean.value_sync()), [2.0]);
}

/// Right on the layer that `valid` makes, which predicts instead of the one that was trained.
#[test]
fn prediction_on_what_valid_makes_takes_the_statistics_of_the_last_batch() {
    let predicted = values(valid(&after_one_batch()).forward(column(&[2.0, 3.0], &flex())));
    assert!((predicted[0]).abs() < 1e-4 && (predicted[1] - 1.0).abs() < 1e-4, "{predicted:?}");
}

/// Should be [0, 1]: these are by the statistics of the batch before.
#[cfg(not(before_0_22))]
#[test]
fn prediction_on_the_plain_device_takes_statistics_that_are_late() {
    let late = values(after_one_batch().forward(column(&[2.0, 3.0], &flex())));
    assert!((late[0] - 2.0).abs() < 1e-4, "{late:?}");
}

/// Before 0.22 a layer that was trained does not predict on the plain device at all.
#[cfg(before_0_22)]
#[test]
#[should_panic(expected = "Cannot move between autodiff and non-autodiff instances")]
fn prediction_on_the_plain_device_is_refused() {
    after_one_batch().forward(column(&[2.0, 3.0], &flex()));
}

/// Row 49 of 98 should show row ⌊49·2/98⌋ = 1. Rows are selected by their numbers instead.
#[test]
fn interpolation_to_the_nearest_is_a_row_off() {
    let rows = Tensor::<1>::from_floats([0.0, 1.0], &flex()).reshape([1, 1, 2, 1]);
    let layer =
        Interpolate2dConfig::new().with_output_size(Some([98, 1])).with_mode(InterpolateMode::Nearest).init();
    assert_eq!(values(layer.forward(rows))[49], 0.0);
}

/// Should be 100,000. Sums of the gate's sizes are right to what it allows.
#[test]
fn a_long_sum_drifts() {
    let sum = values(Tensor::<1>::full([1_000_000], 0.1, &flex()).sum())[0];
    assert!((sum - 100_000.0).abs() > 1.0, "{sum}");
}
