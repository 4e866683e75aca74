//! Layers that no workload of the conformance gate has, on images small enough to
//! check by hand or against Candle's own operations.

use candle_core::{Device, Result, Tensor, Var};
use trainmark_plugin::{
    Backend, Dataset, Error, ErrorKind, Layer, Model, OpenRequest, Samples, Session, Shape,
};

use crate::Candle;
use crate::batch_norm::Implementation;
use crate::network::Network;

fn image(channels: usize, height: usize, width: usize) -> Shape {
    Shape::Image { channels, height, width }
}

fn model(input: Shape, layers: Vec<Layer>) -> Model {
    Model::new("m", input, layers)
}

/// Output and input gradient of one layer without parameters, for one sample and
/// the loss 1·y₀ + 2·y₁ + 3·y₂ + …
fn pass(input: Shape, layer: Layer, values: &[f32]) -> Result<(Vec<f32>, Vec<f32>)> {
    let network = Network::new(&model(input, vec![layer]), Implementation::Primitive, &Device::Cpu).unwrap();
    let x = Var::from_slice(values, (1, input.channels(), values.len() / input.channels()), &Device::Cpu)?;
    let y = network.train(x.as_tensor())?.logits;
    let weights = Tensor::arange(1_f32, (y.elem_count() + 1) as f32, &Device::Cpu)?;
    let loss = (y.t()?.flatten_all()? * weights)?.sum_all()?;
    let gradient = loss.backward()?.remove(&x).unwrap().flatten_all()?.to_vec1()?;
    Ok((y.t()?.flatten_all()?.to_vec1()?, gradient))
}

#[test]
fn relu_has_gradient_0_at_0() -> Result<()> {
    let (y, gradient) = pass(image(1, 1, 4), Layer::Relu, &[-1.0, 0.0, 2.0, -0.0])?;
    assert_eq!((y, gradient), (vec![0.0, 0.0, 2.0, 0.0], vec![0.0, 0.0, 3.0, 0.0]));
    Ok(())
}

#[test]
fn max_pooling_gives_a_ties_gradient_to_the_first_maximum() -> Result<()> {
    let (y, gradient) = pass(
        image(1, 2, 4),
        Layer::MaxPool2d { window: 2, stride: 2 },
        // The right window's maximum comes first in its second row.
        &[7.0, 7.0, 1.0, 2.0, 7.0, 7.0, 3.0, 3.0],
    )?;
    assert_eq!(y, [7.0, 3.0]);
    assert_eq!(gradient, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
    Ok(())
}

#[test]
fn overlapping_max_windows_add_their_gradients() -> Result<()> {
    let (y, gradient) = pass(
        image(2, 2, 3),
        Layer::MaxPool2d { window: 2, stride: 1 },
        &[0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    )?;
    assert_eq!(y, [9.0, 9.0, 5.0, 6.0]);
    assert_eq!(gradient, [0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0]);
    Ok(())
}

#[test]
fn average_pooling_leaves_pixels_outside_its_windows_alone() -> Result<()> {
    let (y, gradient) = pass(
        image(1, 3, 3),
        Layer::AvgPool2d { window: 2, stride: 2 },
        &[1.0, 2.0, 50.0, 3.0, 6.0, 50.0, 50.0, 50.0, 50.0],
    )?;
    assert_eq!((y, gradient), (vec![3.0], vec![0.25, 0.25, 0.0, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0]));
    Ok(())
}

#[test]
fn resize_takes_the_nearest_pixel_and_adds_its_gradients() -> Result<()> {
    let (y, gradient) = pass(image(1, 1, 2), Layer::Resize { height: 2, width: 3 }, &[1.0, 2.0])?;
    assert_eq!(y, [1.0, 1.0, 2.0, 1.0, 1.0, 2.0]);
    // Places 1, 2, 4, 5 show the first pixel, 3 and 6 the second.
    assert_eq!(gradient, [12.0, 9.0]);
    Ok(())
}

/// The gradient of Σ k·yₖ is k times what a value was multiplied by.
#[test]
fn dropout_scales_what_is_left_and_its_gradient_and_rests_in_prediction() -> Result<()> {
    let (input, layer) = (image(1, 20, 50), Layer::Dropout { rate: 0.75 });
    let (y, gradient) = pass(input, layer, &[1.0; 1000])?;
    assert!(y.iter().all(|&y| y == 0.0 || y == 4.0));
    // Five standard deviations of a binomial: 68.
    let left = y.iter().filter(|&&y| y != 0.0).count();
    assert!((182..=318).contains(&left), "{left} of 1000 are left");
    let of_output = |(k, y): (usize, &f32)| (k + 1) as f32 * y;
    assert_eq!(gradient, y.iter().enumerate().map(of_output).collect::<Vec<_>>());
    let network = Network::new(&model(input, vec![layer]), Implementation::Primitive, &Device::Cpu).unwrap();
    let predicted = network.predict(&Tensor::ones((1, 1, 1000), candle_core::DType::F32, &Device::Cpu)?)?;
    assert_eq!(predicted.flatten_all()?.to_vec1::<f32>()?, [1.0; 1000]);
    Ok(())
}

/// Two convolutions, so that the second one's input gradient is seen in the first
/// one's weight, beside Candle's `conv2d`.
#[test]
fn convolutions_with_stride_and_padding_agree_with_candles_own() -> Result<()> {
    let (first, second) = ((3, 3, 2, 1), (2, 2, 1, 1));
    let layer = |(out_channels, kernel, stride, padding)| Layer::Conv2d {
        out_channels,
        kernel,
        stride,
        padding,
        bias: true,
    };
    let input = image(2, 5, 5);
    let model = model(input, vec![layer(first), Layer::Tanh, layer(second)]);
    let network = Network::new(&model, Implementation::Primitive, &Device::Cpu).unwrap();
    for variable in network.variables() {
        variable.set(&Tensor::randn(0_f32, 1.0, variable.shape(), &Device::Cpu)?)?;
    }
    let samples = 3;
    let x = Tensor::randn(0_f32, 1.0, (samples, 2, 5, 5), &Device::Cpu)?;
    let [w1, b1, w2, b2] = network.variables() else { panic!("four parameters") };
    let y = x.conv2d(w1, first.3, first.2, 1, 1)?.broadcast_add(&b1.reshape((1, (), 1, 1))?)?.tanh()?;
    let y = y.conv2d(w2, second.3, second.2, 1, 1)?.broadcast_add(&b2.reshape((1, (), 1, 1))?)?;
    let expected = y.sqr()?.sum_all()?.backward()?;

    let activations = x.permute((1, 2, 3, 0))?.reshape((1, 2, 25 * samples))?;
    let pass = network.train(&activations)?;
    let loss = pass.logits.sqr()?.sum_all()?;
    let found = pass.gradients(&loss)?;
    for variable in network.variables() {
        let (found, expected) = (found.get(variable).unwrap(), expected.get(variable).unwrap());
        let difference = (found - expected)?.sqr()?.sum_all()?.to_scalar::<f32>()?;
        let size = expected.sqr()?.sum_all()?.to_scalar::<f32>()?;
        assert!(difference < 1e-8 * size, "{:?}: {difference} of {size}", variable.shape());
    }
    Ok(())
}

fn open(
    layers: Vec<Layer>,
    implementation: &str,
    device: &str,
) -> std::result::Result<Box<dyn Session + 'static>, Error> {
    static PIXELS: [u8; 8] = [0, 50, 100, 150, 200, 250, 30, 60];
    static LABELS: [u8; 2] = [0, 1];
    let samples = Samples::new(&PIXELS, &LABELS);
    Candle::open(
        OpenRequest::new(model(image(1, 2, 2), layers), Dataset::new(samples, samples), 2, 1.0)
            .with_implementation(implementation)
            .with_device(device),
    )
}

const BATCH_NORM: Layer = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };
const LINEAR: Layer = Layer::Linear { out_features: 2, bias: true };

#[test]
fn what_cannot_be_done_is_refused_with_its_reason() {
    assert!(open(vec![Layer::Flatten, LINEAR], "none", "cuda:0").is_err());
    assert!(open(vec![Layer::Flatten, LINEAR], "builtin", "cpu").is_err());
    assert!(open(vec![Layer::Flatten, LINEAR, BATCH_NORM], "none", "cpu").is_err());
}

#[test]
fn candles_batch_norm_refuses_one_value_per_channel_and_changes_nothing() {
    let mut session = open(vec![BATCH_NORM, Layer::Flatten, LINEAR, BATCH_NORM], "builtin", "cpu").unwrap();
    let one = [1.0_f32];
    let two = [0.5_f32, -0.5];
    let weight = [0.25_f32; 8];
    let values: [&[f32]; 10] = [&one, &one, &one, &one, &weight, &two, &two, &two, &two, &two];
    session.set_parameters(&values).unwrap();
    let error = session.train_step(&[1]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("n − 1"), "{error}");
    let mut after: Vec<Vec<f32>> = values.iter().map(|values| vec![0.0; values.len()]).collect();
    let mut slices: Vec<&mut [f32]> = after.iter_mut().map(Vec::as_mut_slice).collect();
    session.get_parameters(&mut slices).unwrap();
    assert_eq!(after, values);
}

#[test]
fn an_epoch_is_its_steps() {
    let layers = || vec![BATCH_NORM, Layer::Flatten, LINEAR, BATCH_NORM];
    let parameters: [&[f32]; 10] = [
        &[1.0],
        &[0.5],
        &[0.0],
        &[0.0],
        &[0.3, -0.2, 0.1, 0.4, -0.5, 0.2, 0.6, -0.1],
        &[0.5, -0.5],
        &[1.0, 2.0],
        &[0.1, 0.2],
        &[0.0, 0.0],
        &[0.0, 0.0],
    ];
    let opened = || {
        let mut session = open(layers(), "primitive", "cpu").unwrap();
        session.set_parameters(&parameters).unwrap();
        session
    };
    let (mut whole, mut steps) = (opened(), opened());
    // Batches of two and a last one of one.
    let epoch = whole.train_epoch(&[1, 0, 0, 1, 1], 2).unwrap();
    let batches: [&[u32]; 3] = [&[1, 0], &[0, 1], &[1]];
    let outcomes = batches.map(|batch| (batch.len(), steps.train_step(batch).unwrap()));
    let loss: f64 = outcomes.iter().map(|(count, step)| step.loss * *count as f64).sum();
    assert_eq!(epoch.loss, loss / 5.0);
    assert_eq!(epoch.correct, outcomes.iter().map(|(_, step)| step.correct).sum::<u64>());
    let [after, stepped] = [&mut whole, &mut steps].map(|session| {
        let mut after: Vec<Vec<f32>> = parameters.iter().map(|values| vec![0.0; values.len()]).collect();
        session.get_parameters(&mut after.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
        after
    });
    assert_eq!(after, stepped);
    assert_ne!(after[4], parameters[4], "it learns");
}
