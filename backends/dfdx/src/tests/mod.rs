//! What the conformance gate does not see: other layers than LeNet's, other
//! sizes, and the defects of dfdx that the code works around.

mod defects;
mod forward;
mod gradients;

use trainmark_plugin::{Backend, Dataset, Error, Layer, Model, OpenRequest, Samples, Session, Shape, Split};

use dfdx::prelude::Cpu;

use crate::Dfdx;
use crate::machine::Composition;
use crate::session::Training;

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
    Model::new("test", input, layers.to_vec())
}

fn open<'d>(
    model: &Model,
    implementation: &str,
    pixels: &'d [u8],
    labels: &'d [u8],
    learning_rate: f64,
) -> Result<Box<dyn Session + 'd>, Error> {
    let samples = Samples::new(pixels, labels);
    Dfdx::open(
        OpenRequest::new(model.clone(), Dataset::new(samples, samples), labels.len(), learning_rate)
            .with_implementation(implementation),
    )
}

/// The operations of a GPU, computed on the CPU.
fn open_as_for_gpu<'d>(
    model: &Model,
    implementation: &str,
    pixels: &'d [u8],
    labels: &'d [u8],
    learning_rate: f64,
) -> Result<Box<dyn Session + 'd>, Error> {
    let samples = Samples::new(pixels, labels);
    let request =
        OpenRequest::new(model.clone(), Dataset::new(samples, samples), labels.len(), learning_rate)
            .with_implementation(implementation)
            .with_device("cuda:0");
    Ok(Box::new(Training::open(request, Cpu::default(), Composition::Gpu)?))
}

#[track_caller]
fn assert_agree(for_cpu: &[f32], for_gpu: &[f32], what: &str) {
    assert_eq!(for_cpu.len(), for_gpu.len());
    for (index, (cpu, gpu)) in for_cpu.iter().zip(for_gpu).enumerate() {
        let difference = (cpu - gpu).abs();
        assert!(
            difference <= 2e-5 * cpu.abs().max(1.0),
            "{what} {index}: {cpu} composed for the CPU, {gpu} for a GPU"
        );
    }
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

/// Outputs of the last layer for `count` samples, one after the other; the same, but
/// for rounding, from the operations that a GPU is given.
#[track_caller]
fn outputs(model: &Model, parameters: &[Vec<f32>], count: usize) -> Vec<f32> {
    let (pixels, labels) = (pixels(count * model.input.len()), vec![0; count]);
    let implementation = if model.has_batch_norm() { "primitive" } else { "none" };
    let indices: Vec<u32> = (0..count as u32).collect();
    let [for_cpu, for_gpu] = [open, open_as_for_gpu].map(|open| {
        let mut session = open(model, implementation, &pixels, &labels, 0.0).unwrap();
        session.set_parameters(&slices(parameters)).unwrap();
        let mut outputs = vec![f32::NAN; count * model.classes().unwrap()];
        // A batch and a shorter one.
        session.predict(Split::Test, &indices, count.div_ceil(2).max(2), &mut outputs).unwrap();
        outputs
    });
    assert_agree(&for_cpu, &for_gpu, "output");
    for_cpu
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
        Layer::Linear { out_features: 2, bias: true },
    ];
    let model = model(image(7, 2, 2), &layers);
    let (pixels, labels) = (pixels(28), [0]);
    let error = open(&model, "builtin", &pixels, &labels, 1.0).err().unwrap();
    assert!(error.to_string().starts_with("unsupported: layer 0: batch norm over 7 channels: "), "{error}");
    let error = open(&model, "none", &pixels, &labels, 1.0).err().unwrap();
    assert!(error.to_string().contains("primitive or builtin"), "{error}");
    assert!(open(&model, "primitive", &pixels, &labels, 1.0).is_ok());
}

#[test]
fn an_epoch_is_its_steps_and_both_compositions_agree_on_it() {
    let model = model(
        image(1, 8, 8),
        &[
            Layer::Conv2d { out_channels: 4, kernel: 3, stride: 1, padding: 0, bias: true },
            Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 },
            Layer::Sigmoid,
            Layer::MaxPool2d { window: 2, stride: 2 },
            Layer::Flatten,
            Layer::Linear { out_features: 3, bias: true },
        ],
    );
    let (pixels, labels): (_, Vec<u8>) = (pixels(7 * 64), (0..7).map(|sample| sample % 3).collect());
    let (start, order) = (parameters(&model), [3, 1, 6, 0, 2, 5, 4]);
    let [for_cpu, for_gpu] = [open, open_as_for_gpu].map(|open| {
        let opened = || {
            let mut session = open(&model, "builtin", &pixels, &labels, 0.5).unwrap();
            session.set_parameters(&slices(&start)).unwrap();
            session
        };
        let (mut whole, mut steps) = (opened(), opened());
        let epoch = whole.train_epoch(&order, 3).unwrap();
        let (mut loss, mut correct) = (0.0, 0);
        for batch in order.chunks(3) {
            let step = steps.train_step(batch).unwrap();
            loss += step.loss * batch.len() as f64;
            correct += step.correct;
        }
        assert_eq!((epoch.loss, epoch.correct), (loss / 7.0, correct));
        let [after, stepped] = [&mut whole, &mut steps].map(|session| {
            let mut after = start.clone();
            let mut room: Vec<&mut [f32]> = after.iter_mut().map(Vec::as_mut_slice).collect();
            session.get_parameters(&mut room).unwrap();
            after
        });
        assert_eq!(after, stepped);
        after
    });
    for (index, (for_cpu, for_gpu)) in for_cpu.iter().zip(&for_gpu).enumerate() {
        assert_agree(for_cpu, for_gpu, &format!("tensor {index}, value"));
    }
}

#[cfg(feature = "cuda")]
#[test]
fn the_first_gpu_is_listed_and_where_there_is_no_driver_with_that_reason() {
    let devices = Dfdx::describe().unwrap().devices;
    let gpus: Vec<_> = devices.iter().filter(|device| device.id != "cpu").collect();
    assert_eq!(gpus[0].id, "cuda:0");
    if !std::path::Path::new("/proc/driver/nvidia/version").exists() {
        assert_eq!(gpus.len(), 1);
        let why = gpus[0].unavailable.as_deref().unwrap();
        assert!(why.starts_with("no NVIDIA driver"), "{why}");
        // dfdx itself would panic, and again at the driver's words for it.
        let (pixels, labels) = (pixels(4), [0]);
        let samples = Samples::new(&pixels, &labels);
        let model = model(image(1, 2, 2), &[Layer::Flatten, Layer::Linear { out_features: 2, bias: true }]);
        let request = OpenRequest::new(model, Dataset::new(samples, samples), 1, 0.1)
            .with_implementation("none")
            .with_device("cuda:0");
        let error = Dfdx::open(request).err().unwrap();
        assert_eq!(error.kind, trainmark_plugin::ErrorKind::Device);
    }
}
