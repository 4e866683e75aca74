//! Defects of dfdx 0.13.0, each in a few lines. A test that fails here means that
//! dfdx has mended it: take the workaround out.

use dfdx::prelude::*;

use crate::Values;

#[test]
fn max_gives_the_full_gradient_of_a_tie_to_each_maximum() {
    let x: Tensor<Rank1<4>, f32, _> = Cpu::default().tensor([2.0, 1.0, 2.0, 0.0]);
    let gradients = x.leaky_trace().max::<Rank0, _>().backward();
    // A gradient of 1 comes back as 2; the first maximum alone, or halves, would be right.
    assert_eq!(gradients.get(&x).array(), [1.0, 0.0, 1.0, 0.0]);
}

#[test]
fn overlapping_slices_overwrite_each_others_gradient() {
    let device = Cpu::default();
    let x: Values<Cpu> = device.zeros_like(&(3, 1));
    let (first, second) = (x.leaky_trace().slice((0..2, ..)), x.leaky_trace().slice((1..3, ..)));
    let gradients = (first + second).sum::<Rank0, _>().backward();
    // The middle value is in both slices: right would be [1, 2, 1].
    assert_eq!(gradients.get(&x).as_vec(), [1.0, 1.0, 1.0]);
}

/// The plugin is built with `sum.patch`; the tests are built with dfdx as it is.
#[test]
fn a_sum_of_equal_values_drifts() {
    let count = 147_456;
    let x: Values<Cpu> = Cpu::default().ones_like(&(1, count)) * 0.1;
    let sum = x.sum::<(usize,), Axis<1>>().as_vec()[0];
    let error = (f64::from(sum) / (f64::from(0.1_f32) * count as f64) - 1.0).abs();
    assert!(error > 1e-4, "relative error {error:e}");
}

#[test]
fn batch_norm_of_a_single_value_leaves_nan() {
    let device = Cpu::default();
    let mut layer = device.build_module::<builders::BatchNorm1D<1>, f32>();
    let x: Tensor<Rank2<1, 1>, f32, _> = device.ones();
    let _ = layer.forward_mut(x.leaky_trace());
    assert!(layer.running_var.array()[0].is_nan());
}

#[test]
fn log_softmax_of_a_permuted_tensor_scrambles_its_gradient() {
    let device = Cpu::default();
    let logits: Tensor<Rank2<3, 2>, f32, _> = device.tensor([[0.1, 0.9], [0.7, -0.3], [-0.5, 0.2]]);
    let target: Tensor<Rank2<2, 3>, f32, _> = device.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
    let gradient = |contiguous: bool| {
        let permuted = logits.leaky_trace().permute::<Rank2<2, 3>, _>();
        let logits_by_sample = if contiguous { permuted.contiguous() } else { permuted };
        cross_entropy_with_logits_loss(logits_by_sample, target.clone()).backward().get(&logits).array()
    };
    assert_ne!(gradient(false), gradient(true));
}
