//! A CUDA device against the CPU, in a process of its own: libtorch's part for CUDA must
//! be loaded before anything is computed on the CPU.
//!
//! ```text
//! cargo test --release --locked --test cuda -- --ignored
//! ```

#![expect(clippy::unwrap_used, reason = "in a test a panic is the way to fail")]

use trainmark_plugin::{Backend as _, Dataset, Layer, Model, OpenRequest, Samples, Session, Shape, Split};
use trainmark_tch::Tch;

const SIDE: usize = 9;
const COUNT: usize = 10;
const LAYERS: [Layer; 9] = [
    Layer::Conv2d { out_channels: 2, kernel: 3, stride: 1, padding: 1, bias: true },
    Layer::MaxPool2d { window: 3, stride: 2 },
    Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 },
    Layer::Sigmoid,
    Layer::Resize { height: 6, width: 5 },
    Layer::AvgPool2d { window: 2, stride: 1 },
    Layer::Flatten,
    Layer::Dropout { rate: 0.0 },
    Layer::Linear { out_features: 3, bias: true },
];

/// Everything that a session gives: after one step, and after an epoch more.
#[derive(Debug)]
struct Results {
    stepped: Vec<Vec<f32>>,
    trained: Vec<Vec<f32>>,
    logits: Vec<f32>,
    losses: [f64; 2],
    correct: [u64; 2],
}

fn train(implementation: &str, device: &str) -> Results {
    // Black or white, so that the windows of the pooling are full of ties.
    let pixels: Vec<u8> =
        (0..COUNT * SIDE * SIDE).map(|place| if place * place % 7 < 3 { 255 } else { 0 }).collect();
    let labels: Vec<u8> = (0..COUNT).map(|sample| (sample * 7 % 3) as u8).collect();
    let samples = Samples::new(&pixels, &labels);
    let model = Model::new("m", Shape::Image { channels: 1, height: SIDE, width: SIDE }, LAYERS.to_vec());
    let specs = model.parameters().unwrap();
    let mut session = Tch::open(
        OpenRequest::new(model, Dataset::new(samples, samples), 4, 0.5)
            .with_implementation(implementation)
            .with_device(device),
    )
    .unwrap();
    let mut start: Vec<Vec<f32>> =
        specs.iter().map(|spec| (0..spec.len()).map(|i| (i % 5) as f32 / 4.0 - 0.4).collect()).collect();
    // The kernels' middles alone: what ties there differs around, and so in the gradient.
    start[0] = (0..18).map(|i| if i % 9 == 4 { 1.0 } else { 0.0 }).collect();
    session.set_parameters(&start.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();

    let order: Vec<u32> = (0..COUNT as u32).rev().collect();
    let step = session.train_step(&order[..4]).unwrap();
    let stepped = parameters(session.as_mut(), &start);
    let epoch = session.train_epoch(&order, 4).unwrap();
    let trained = parameters(session.as_mut(), &start);
    let mut logits = vec![f32::NAN; COUNT * 3];
    session.predict(Split::Test, &order, 4, &mut logits).unwrap();
    let (losses, correct) = ([step.loss, epoch.loss], [step.correct, epoch.correct]);
    Results { stepped, trained, logits, losses, correct }
}

fn parameters(session: &mut dyn Session, like: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut values = like.to_vec();
    session.get_parameters(&mut values.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
    values
}

#[track_caller]
fn assert_close(device: &[f32], cpu: &[f32], bound: f32) {
    let largest = device.iter().zip(cpu).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
    assert!(device.len() == cpu.len() && largest <= bound, "{largest} > {bound}: {device:?} is not {cpu:?}");
}

#[test]
#[ignore = "needs an NVIDIA GPU, its driver and a libtorch with CUDA"]
fn a_device_computes_what_the_cpu_does() {
    for implementation in ["primitive", "builtin"] {
        // The device first.
        let [device, cpu] = ["cuda:0", "cpu"].map(|device| train(implementation, device));
        // TF32 has ten bits of mantissa, and would miss these bounds.
        assert_close(&device.stepped.concat(), &cpu.stepped.concat(), 5e-6);
        assert_close(&device.trained.concat(), &cpu.trained.concat(), 2e-5);
        assert_close(&device.logits, &cpu.logits, 2e-5);
        let losses = |results: &Results| results.losses.map(|loss| loss as f32);
        assert_close(&losses(&device), &losses(&cpu), 5e-6);
        assert_eq!(device.correct, cpu.correct);
    }
}
