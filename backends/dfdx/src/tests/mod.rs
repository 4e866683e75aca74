//! What the conformance gate does not see: other layers than LeNet's, other
//! sizes, and the defects of dfdx that the code works around.

mod defects;
mod forward;
mod gradients;

use trainmark_plugin::{Backend, Dataset, Error, Layer, Model, OpenRequest, Samples, Session, Shape, Split};

use crate::Dfdx;

/// Bytes that look random and repeat: ties and flat places included.
fn pixels(count: usize) -> Vec<u8> {
    let mut state = 12345_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count).map(|_| next()).map(|byte| if byte < 64 { 0 } else { byte }).collect()
}

/// Values in [-0.5, 0.5), a different series for each seed.
fn values(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

fn image(channels: usize, height: usize, width: usize) -> Shape {
    Shape::Image { channels, height, width }
}

fn model(input: Shape, layers: &[Layer]) -> Model {
    Model { name: "test".into(), input, layers: layers.to_vec() }
}

fn open<'d>(
    model: &Model,
    implementation: &str,
    pixels: &'d [u8],
    labels: &'d [u8],
    learning_rate: f64,
) -> Result<Box<dyn Session + 'd>, Error> {
    let samples = Samples { pixels, labels };
    Dfdx::open(OpenRequest {
        model: model.clone(),
        dataset: Dataset { train: samples, test: samples },
        implementation: implementation.into(),
        device: "cpu".into(),
        threads: 1,
        learning_rate,
        batch_size: labels.len(),
    })
}

/// Parameters that are all different; variances positive.
fn parameters(model: &Model) -> Vec<Vec<f32>> {
    let specs = model.parameters().unwrap();
    let tensors = specs.iter().enumerate().map(|(index, spec)| {
        let positive = spec.name.ends_with("running_var") || spec.name.ends_with("gamma");
        let shift = if positive { 1.0 } else { 0.0 };
        values(spec.len(), index as u32).into_iter().map(|value| value + shift).collect()
    });
    tensors.collect()
}

fn slices(parameters: &[Vec<f32>]) -> Vec<&[f32]> {
    parameters.iter().map(Vec::as_slice).collect()
}

/// Outputs of the last layer for `count` samples, one after the other.
fn outputs(model: &Model, parameters: &[Vec<f32>], count: usize) -> Vec<f32> {
    let (pixels, labels) = (pixels(count * model.input.len()), vec![0; count]);
    let implementation = if model.has_batch_norm() { "primitive" } else { "none" };
    let mut session = open(model, implementation, &pixels, &labels, 0.0).unwrap();
    session.set_parameters(&slices(parameters)).unwrap();
    let indices: Vec<u32> = (0..count as u32).collect();
    let mut outputs = vec![f32::NAN; count * model.classes().unwrap()];
    session.predict(Split::Test, &indices, count, &mut outputs).unwrap();
    outputs
}

#[test]
fn the_framework_is_named_with_the_version_that_is_locked() {
    let lock = include_str!("../../Cargo.lock");
    let (_, package) = lock.split_once("name = \"dfdx\"\nversion = \"").unwrap();
    let (version, _) = package.split_once('"').unwrap();
    assert_eq!(Dfdx::describe().unwrap().framework, format!("dfdx {version}"));
}

#[test]
fn refusals_say_why() {
    let layers = [
        Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 },
        Layer::Flatten,
        Layer::Linear { out_features: 2 },
    ];
    let model = model(image(7, 2, 2), &layers);
    let (pixels, labels) = (pixels(28), [0]);
    let error = open(&model, "builtin", &pixels, &labels, 1.0).err().unwrap();
    assert!(error.to_string().starts_with("unsupported: layer 0: batch norm over 7 channels: "), "{error}");
    let error = open(&model, "none", &pixels, &labels, 1.0).err().unwrap();
    assert!(error.to_string().contains("primitive or builtin"), "{error}");
    assert!(open(&model, "primitive", &pixels, &labels, 1.0).is_ok());
}
