//! Layers against results that are worked out by hand.

use trainmark_plugin::Layer;

use super::{Images, parameters};

const FLATTEN: Layer = Layer::Flatten;

fn ones(length: usize) -> Vec<f32> {
    vec![1.0; length]
}

#[test]
fn convolution_steps_over_a_padded_image() {
    let image = Images::one(&[&[1, 0, 1], &[1, 1, 0], &[1, 1, 1]]);
    let layers = [Layer::Conv2d { out_channels: 1, kernel: 2, stride: 2, padding: 1, bias: true }, FLATTEN];
    // With zeros around it the image is 5×5; windows begin at 0 and 2.
    let weight = [1.0, 2.0, 4.0, 8.0];
    assert_eq!(image.logits(&layers, &[&weight, &[0.5]], 4), [8.5, 8.5, 10.5, 13.5]);
}

#[test]
fn average_pooling_takes_the_mean_of_overlapping_windows() {
    let image = Images::one(&[&[1, 0, 1], &[0, 1, 0], &[1, 1, 1]]);
    let layers = [Layer::AvgPool2d { window: 2, stride: 1 }, FLATTEN];
    assert_eq!(image.logits(&layers, &[], 4), [0.5, 0.5, 0.75, 0.75]);
    let layers = [Layer::AvgPool2d { window: 2, stride: 2 }, FLATTEN];
    assert_eq!(image.logits(&layers, &[], 1), [0.5]);
}

#[test]
fn resize_takes_the_nearest_pixel_before() {
    // ⌊i·28/46⌋ is 14 for i = 23, which `upsample_nearest2d` rounds down to 13.
    let mut image = Images { height: 1, width: 28, pixels: vec![0; 28], labels: vec![0] };
    image.pixels[14] = 255;
    let logits = image.logits(&[Layer::Resize { height: 2, width: 46 }, FLATTEN], &[], 92);
    let expected: Vec<f32> = (0..92).map(|i| f32::from(u8::from(i % 46 * 28 / 46 == 14))).collect();
    assert_eq!(logits, expected);
    assert_eq!(logits[23], 1.0);
}

#[test]
fn a_resized_image_passes_its_gradient_to_the_pixel_it_came_from() {
    let image = Images::one(&[&[1]]);
    let layers = [
        Layer::Conv2d { out_channels: 1, kernel: 1, stride: 1, padding: 0, bias: true },
        Layer::Resize { height: 1, width: 2 },
        FLATTEN,
        Layer::Linear { out_features: 2, bias: true },
    ];
    let mut session = image.open(&layers, "none", "cpu").unwrap();
    session.set_parameters(&[&[0.0], &[0.0], &[1.0, 2.0, 0.0, 0.0], &[0.0, 0.0]]).unwrap();
    session.train_step(&[0]).unwrap();
    // Both logits are 0; the gradients −½·1 and −½·2 meet in the one pixel.
    let after = parameters(session.as_mut(), &[1, 1, 4, 2]);
    assert_eq!([&after[0], &after[1]], [&[1.5], &[1.5]]);
}

#[test]
fn relu_has_no_gradient_at_zero() {
    let image = Images::one(&[&[1]]);
    let layers = [FLATTEN, Layer::Linear { out_features: 2, bias: true }, Layer::Relu];
    let start: [&[f32]; 2] = [&[0.0, 1.0], &[0.0, 0.0]];
    let mut session = image.open(&layers, "none", "cpu").unwrap();
    session.set_parameters(&start).unwrap();
    session.train_step(&[0]).unwrap();
    let after = parameters(session.as_mut(), &[2, 2]);
    assert_eq!([after[0][0], after[1][0]], [0.0, 0.0], "the unit at 0 stays");
    assert!(after[0][1] < 1.0 && after[1][1] < 0.0, "the unit above 0 learns: {after:?}");
}

#[test]
fn tanh_and_sigmoid_are_what_they_are_called() {
    let image = Images::one(&[&[1, 0]]);
    let close = |found: &[f32], expected: [f64; 2]| {
        found.iter().zip(expected).all(|(found, expected)| (f64::from(*found) - expected).abs() < 1e-6)
    };
    let tanh = image.logits(&[FLATTEN, Layer::Tanh], &[], 2);
    assert!(close(&tanh, [1_f64.tanh(), 0.0]), "{tanh:?}");
    let sigmoid = image.logits(&[FLATTEN, Layer::Sigmoid], &[], 2);
    assert!(close(&sigmoid, [1.0 / (1.0 + (-1_f64).exp()), 0.5]), "{sigmoid:?}");
}

#[test]
fn dropout_scales_what_survives_and_rests_in_prediction() {
    let width = 1000;
    let image = Images { height: 1, width, pixels: vec![255; width], labels: vec![0] };
    let layers = [FLATTEN, Layer::Dropout { rate: 0.75 }, Layer::Linear { out_features: 1, bias: true }];
    assert_eq!(image.logits(&layers, &[&ones(width), &[0.0]], 1), [width as f32]);

    // The gradient of each weight is its input: 0 where it was dropped, else 1/(1 − ¾).
    let layers = [FLATTEN, Layer::Dropout { rate: 0.75 }, Layer::Linear { out_features: 2, bias: true }];
    let mut session = image.open(&layers, "none", "cpu").unwrap();
    session.set_parameters(&[&vec![0.0; 2 * width], &[0.0, 0.0]]).unwrap();
    session.train_step(&[0]).unwrap();
    let weights = parameters(session.as_mut(), &[2 * width, 2]).swap_remove(0);
    let survived = weights[..width].iter().filter(|&&weight| weight == 2.0).count();
    assert!(weights[..width].iter().all(|&weight| weight == 2.0 || weight == 0.0), "½ · 4, or nothing");
    // Five standard deviations of a binomial: 68.
    assert!((182..=318).contains(&survived), "{survived} of {width} survived");
}
