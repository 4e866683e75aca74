//! Layers that no workload of the conformance gate has, on images small enough to check by
//! hand, and what the session makes of its calls.

use trainmark_plugin::{
    Backend, Branches, Dataset, Error, ErrorKind, Layer, Model, OpenRequest, Samples, Session, Shape,
};

use crate::Burn;
use crate::batch_norm::Implementation;
use crate::engine::{Engine, Tensor, flex, indices, tensor, values};
use crate::network::Network;

fn image(channels: usize, height: usize, width: usize) -> Shape {
    Shape::Image { channels, height, width }
}

fn model(input: Shape, layers: Vec<Layer>) -> Model {
    Model::new("m", input, layers)
}

/// The way through a network of one layer.
fn single() -> Branches {
    model(Shape::Vector(1), vec![Layer::Relu]).branches().unwrap()
}

/// Output and input gradient of one layer without parameters, for one sample and the loss
/// 1·y₀ + 2·y₁ + 3·y₂ + …
fn pass(input: Shape, layer: Layer, of: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let Shape::Image { channels, height, width } = input else { panic!("an image") };
    let device = Engine::on(flex()).training;
    let network = Network::new(&model(input, vec![layer]), Implementation::Primitive, &device).unwrap();
    let x = tensor(of.to_vec(), [1, channels, height, width], &device).require_grad();
    let y = network.forward(x.clone(), &single());
    let weights = (1..=y.dims()[1]).map(|weight| weight as f32).collect();
    let loss = (y.clone() * tensor(weights, y.dims(), &device)).sum();
    let gradient = x.grad(&loss.backward()).unwrap();
    (values(y).unwrap(), values(gradient).unwrap())
}

#[test]
fn relu_has_gradient_0_at_0() {
    let (y, gradient) = pass(image(1, 1, 4), Layer::Relu, &[-1.0, 0.0, 2.0, -0.0]);
    assert_eq!((y, gradient), (vec![0.0, 0.0, 2.0, 0.0], vec![0.0, 0.0, 3.0, 0.0]));
}

#[test]
fn max_pooling_gives_a_ties_gradient_to_the_first_maximum() {
    let (y, gradient) = pass(
        image(1, 2, 4),
        Layer::MaxPool2d { window: 2, stride: 2 },
        // The right window's maximum comes first in its second row.
        &[7.0, 7.0, 1.0, 2.0, 7.0, 7.0, 3.0, 3.0],
    );
    assert_eq!(y, [7.0, 3.0]);
    assert_eq!(gradient, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
}

#[test]
fn overlapping_max_windows_add_their_gradients() {
    let (y, gradient) = pass(
        image(2, 2, 3),
        Layer::MaxPool2d { window: 2, stride: 1 },
        &[0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    );
    assert_eq!(y, [9.0, 9.0, 5.0, 6.0]);
    assert_eq!(gradient, [0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0]);
}

#[test]
fn average_pooling_leaves_pixels_outside_its_windows_alone() {
    let (y, gradient) = pass(
        image(1, 3, 3),
        Layer::AvgPool2d { window: 2, stride: 2 },
        &[1.0, 2.0, 50.0, 3.0, 6.0, 50.0, 50.0, 50.0, 50.0],
    );
    assert_eq!((y, gradient), (vec![3.0], vec![0.25, 0.25, 0.0, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0]));
}

#[test]
fn resize_takes_the_nearest_pixel_and_adds_its_gradients() {
    let (y, gradient) = pass(image(1, 1, 2), Layer::Resize { height: 2, width: 3 }, &[1.0, 2.0]);
    assert_eq!(y, [1.0, 1.0, 2.0, 1.0, 1.0, 2.0]);
    // Places 1, 2, 4, 5 show the first pixel, 3 and 6 the second.
    assert_eq!(gradient, [12.0, 9.0]);
}

/// out(y) = in(⌊y·H/h⌋), which a quotient in floating point misses at some sizes.
#[test]
fn resize_finds_the_pixel_at_every_size() {
    let device = Engine::on(flex()).predicting;
    for from in 1..=40 {
        let column = tensor((0..from).map(|row| row as f32).collect(), [1, 1, from, 1], &device);
        for to in 1..=120 {
            let layers = vec![Layer::Resize { height: to, width: 1 }];
            let network =
                Network::new(&model(image(1, from, 1), layers), Implementation::Primitive, &device).unwrap();
            let expected: Vec<f32> = (0..to).map(|y| (y * from / to) as f32).collect();
            assert_eq!(
                values(network.forward(column.clone(), &single())).unwrap(),
                expected,
                "{from} to {to} rows"
            );
        }
    }
}

/// The sums that a convolution with a square kernel is defined by, and their gradients.
#[test]
fn convolutions_with_stride_and_padding_agree_with_their_sums() {
    for (kernel, stride, padding) in [(3, 2, 1), (2, 1, 1), (3, 1, 0), (4, 3, 2), (1, 2, 0)] {
        let (samples, input, outputs) = (3, [2, 5, 6], 4);
        let device = Engine::on(flex()).training;
        let layer = Layer::Conv2d { out_channels: outputs, kernel, stride, padding, bias: true };
        let [channels, height, width] = input;
        let mut network = Network::new(
            &model(image(channels, height, width), vec![layer]),
            Implementation::Primitive,
            &device,
        )
        .unwrap();
        let weight = noise(outputs * channels * kernel * kernel, 1);
        let bias = noise(outputs, 2);
        for (parameter, values) in network.parameters().zip([&weight, &bias]) {
            parameter.set(values, &device).unwrap();
        }
        let x = noise(samples * channels * height * width, 3);
        let padded = tensor(x, [samples, channels, height, width], &device).require_grad();
        let y = network.forward(padded.clone(), &single());
        let expected = by_taps(&padded, &weight, &bias, [kernel, stride, padding], outputs);
        let found = [values(y.clone()), gradient_of_squares(&padded, y)];
        let expected = [values(expected.clone()), gradient_of_squares(&padded, expected)];
        for (found, expected) in found.into_iter().zip(expected) {
            close(&found.unwrap(), &expected.unwrap(), &format!("kernel {kernel}, stride {stride}"));
        }
    }
}

/// One product per tap of the kernel, over pixels that are picked by their places.
fn by_taps(
    x: &Tensor<4>,
    weight: &[f32],
    bias: &[f32],
    [kernel, stride, padding]: [usize; 3],
    outputs: usize,
) -> Tensor<2> {
    let ([samples, channels, height, width], device) = (x.dims(), x.device());
    let padded = [height + 2 * padding, width + 2 * padding];
    let image = Tensor::zeros([samples, channels, padded[0], padded[1]], &device).slice_assign(
        [0..samples, 0..channels, padding..padding + height, padding..padding + width],
        x.clone(),
    );
    let [rows, columns] = padded.map(|side| (side - kernel) / stride + 1);
    let places = |first: usize, count| indices((0..count).map(|place| first + place * stride), &device);
    let mut y = tensor(bias.to_vec(), [1, outputs, 1], &device).repeat(&[samples, 1, rows * columns]);
    for (row, column) in (0..kernel * kernel).map(|tap| (tap / kernel, tap % kernel)) {
        let tap = image.clone().select(2, places(row, rows)).select(3, places(column, columns));
        let of_tap = |index: usize| weight[(index * kernel + row) * kernel + column];
        let product = tensor((0..outputs * channels).map(of_tap).collect(), [1, outputs, channels], &device);
        y = y + product.repeat(&[samples, 1, 1]).matmul(tap.reshape([samples, channels, rows * columns]));
    }
    y.reshape([samples, outputs * rows * columns])
}

fn gradient_of_squares(x: &Tensor<4>, y: Tensor<2>) -> Result<Vec<f32>, Error> {
    values(x.grad(&y.square().sum().backward()).unwrap())
}

/// Numbers between −1 and 1.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let difference: f32 =
        found.iter().zip(expected).map(|(found, expected)| (found - expected).powi(2)).sum();
    let size: f32 = expected.iter().map(|expected| expected.powi(2)).sum();
    assert!(difference < 1e-8 * size, "{what}: {difference} of {size}");
}

fn open(layers: Vec<Layer>, implementation: &str, device: &str) -> Result<Box<dyn Session + 'static>, Error> {
    static PIXELS: [u8; 8] = [0, 50, 100, 150, 200, 250, 30, 60];
    static LABELS: [u8; 2] = [0, 1];
    let samples = Samples::new(&PIXELS, &LABELS);
    Burn::open(
        OpenRequest::new(model(image(1, 2, 2), layers), Dataset::new(samples, samples), 2, 1.0)
            .with_implementation(implementation)
            .with_device(device),
    )
}

const BATCH_NORM: Layer = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };
const LINEAR: Layer = Layer::Linear { out_features: 2, bias: true };

/// A GPU is a row with the reason.
#[test]
fn why_there_is_no_cuda_is_said() {
    let error = open(vec![Layer::Flatten, LINEAR], "none", "cuda:0").err().unwrap();
    assert_eq!(error.kind, ErrorKind::Device);
    assert!(error.message.starts_with("cuda:0 cannot be used: "), "{error}");
    let reason = if cfg!(before_0_22) { "not built for CUDA" } else { "downloads a compiled LLVM" };
    assert!(error.message.contains(reason), "{error}");
}

#[test]
fn what_cannot_be_done_is_refused() {
    let refused = |layers, implementation, device| open(layers, implementation, device).err().unwrap().kind;
    assert_eq!(refused(vec![Layer::Flatten, LINEAR], "none", "wgpu:0"), ErrorKind::Device);
    assert_eq!(refused(vec![Layer::Flatten, LINEAR], "builtin", "cpu"), ErrorKind::Unsupported);
    assert_eq!(refused(vec![Layer::Flatten, LINEAR, BATCH_NORM], "none", "cpu"), ErrorKind::Unsupported);
}

/// Parameters of [`normed`]: γ, β, running mean and variance of the image's channel, weight
/// and bias, and those of the two features.
const PARAMETERS: [&[f32]; 10] = [
    &[1.0],
    &[0.5],
    &[0.0],
    &[1.0],
    &[0.3, -0.2, 0.1, 0.4, -0.5, 0.2, 0.6, -0.1],
    &[0.5, -0.5],
    &[1.0, 2.0],
    &[0.1, 0.2],
    &[0.0, 0.0],
    &[1.0, 1.0],
];

fn normed(implementation: &str) -> Box<dyn Session> {
    let mut session =
        open(vec![BATCH_NORM, Layer::Flatten, LINEAR, BATCH_NORM], implementation, "cpu").unwrap();
    session.set_parameters(&PARAMETERS).unwrap();
    session
}

fn parameters(session: &mut dyn Session) -> Vec<Vec<f32>> {
    let mut read: Vec<Vec<f32>> = PARAMETERS.iter().map(|values| vec![0.0; values.len()]).collect();
    session.get_parameters(&mut read.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
    read
}

/// Linear layers lie transposed in Burn.
#[test]
fn parameters_come_back_as_they_were_set() {
    for implementation in ["primitive", "builtin"] {
        assert_eq!(parameters(&mut *normed(implementation)), PARAMETERS);
    }
}

#[test]
fn a_batch_of_one_leaves_no_value_that_is_not_a_number() {
    for implementation in ["primitive", "builtin"] {
        let mut session = normed(implementation);
        session.train_step(&[1]).unwrap();
        assert!(
            parameters(&mut *session).iter().flatten().all(|value| value.is_finite()),
            "{implementation}"
        );
    }
}

/// Each step has its own graph, in which the running statistics are not.
#[test]
fn an_epoch_is_its_steps() {
    for implementation in ["primitive", "builtin"] {
        let (mut whole, mut steps) = (normed(implementation), normed(implementation));
        // Batches of two and a last one of one.
        let epoch = whole.train_epoch(&[1, 0, 0, 1, 1], 2).unwrap();
        let batches: [&[u32]; 3] = [&[1, 0], &[0, 1], &[1]];
        let outcomes = batches.map(|batch| (batch.len(), steps.train_step(batch).unwrap()));
        let loss: f64 = outcomes.iter().map(|(count, step)| step.loss * *count as f64).sum();
        assert_eq!(epoch.loss, loss / 5.0);
        assert_eq!(epoch.correct, outcomes.iter().map(|(_, step)| step.correct).sum::<u64>());
        let after = parameters(&mut *whole);
        assert_eq!(after, parameters(&mut *steps));
        assert_ne!(after[4], PARAMETERS[4], "it learns");
    }
}

/// Both batch norms train the same function; their running variances differ, since n/(n − 1)
/// of the batch's variance goes into the one.
#[test]
fn both_batch_norms_agree_but_for_the_running_variance() {
    let trained = ["primitive", "builtin"].map(|implementation| {
        let mut session = normed(implementation);
        session.train_step(&[0, 1]).unwrap();
        parameters(&mut *session)
    });
    for (index, (primitive, builtin)) in trained[0].iter().zip(&trained[1]).enumerate() {
        let count = match index {
            3 => 8.0,
            9 => 2.0,
            _ => {
                close(primitive, builtin, &format!("parameter {index}"));
                continue;
            }
        };
        let batch = |values: &[f32]| values.iter().map(|value| value - 0.9).collect::<Vec<_>>();
        let biased: Vec<f32> = batch(primitive).iter().map(|value| value * (count - 1.0) / count).collect();
        close(&biased, &batch(builtin), &format!("parameter {index}"));
    }
}
