//! Gradients against differences of the loss.

use trainmark_plugin::{Layer, Model, Shape};

use super::{assert_agree, image, model, open, open_as_for_gpu, parameters, pixels, slices, values};

const SAMPLES: usize = 6;

const DISTANCE: f32 = 2e-3;

/// Loss of a training step, and the parameters after it; the same, but for rounding,
/// from the operations that a GPU is given.
#[track_caller]
fn step(model: &Model, implementation: &str, parameters: &[Vec<f32>], rate: f64) -> (f64, Vec<Vec<f32>>) {
    let pixels = pixels(SAMPLES * model.input.len());
    let classes = model.classes().unwrap();
    let labels: Vec<u8> = (0..SAMPLES).map(|sample| (sample % classes) as u8).collect();
    let indices: Vec<u32> = (0..SAMPLES as u32).collect();
    let [for_cpu, for_gpu] = [open, open_as_for_gpu].map(|open| {
        let mut session = open(model, implementation, &pixels, &labels, rate).unwrap();
        session.set_parameters(&slices(parameters)).unwrap();
        let loss = session.train_step(&indices).unwrap().loss;
        let mut after: Vec<Vec<f32>> = parameters.to_vec();
        let mut room: Vec<&mut [f32]> = after.iter_mut().map(Vec::as_mut_slice).collect();
        session.get_parameters(&mut room).unwrap();
        (loss, after)
    });
    assert_agree(&[for_cpu.0 as f32], &[for_gpu.0 as f32], "loss");
    for (index, (for_cpu, for_gpu)) in for_cpu.1.iter().zip(&for_gpu.1).enumerate() {
        assert_agree(for_cpu, for_gpu, &format!("tensor {index}, value"));
    }
    for_cpu
}

/// The derivative of the loss along a random direction of each tensor.
#[track_caller]
fn assert_gradients(model: &Model, implementation: &str) {
    let start = parameters(model);
    let (_, after) = step(model, implementation, &start, 1.0);
    for (index, spec) in model.parameters().unwrap().iter().enumerate() {
        if !spec.role.is_trainable() {
            continue;
        }
        let direction = values(spec.len(), 1000 + index as u32);
        let gradient = start[index].iter().zip(&after[index]).map(|(start, after)| f64::from(start - after));
        let found: f64 = gradient.zip(&direction).map(|(g, d)| g * f64::from(*d)).sum();
        let loss = |distance: f32| {
            let mut moved = start.clone();
            for (value, direction) in moved[index].iter_mut().zip(&direction) {
                *value += distance * direction;
            }
            step(model, implementation, &moved, 0.0).0
        };
        // One-sided, since a window of a max pooling may change its maximum at the start.
        let middle = loss(0.0);
        let ahead = (loss(DISTANCE) - middle) / f64::from(DISTANCE);
        let behind = (middle - loss(-DISTANCE)) / f64::from(DISTANCE);
        let room = 2e-2 * ahead.abs().max(behind.abs()) + 4e-4;
        assert!(
            (ahead.min(behind) - room..=ahead.max(behind) + room).contains(&found),
            "{implementation}, {}: {found}, differences {behind} and {ahead}",
            spec.name
        );
    }
}

const NORM: Layer = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };

#[test]
fn of_convolutions_with_strides_and_padding_and_of_average_pooling() {
    let layers = [
        Layer::Conv2d { out_channels: 3, kernel: 3, stride: 1, padding: 1, bias: true },
        Layer::Tanh,
        Layer::AvgPool2d { window: 2, stride: 2 },
        Layer::Conv2d { out_channels: 4, kernel: 3, stride: 2, padding: 1, bias: true },
        Layer::Sigmoid,
        Layer::AvgPool2d { window: 2, stride: 1 },
        Layer::Flatten,
        Layer::Linear { out_features: 3, bias: true },
    ];
    assert_gradients(&model(image(2, 12, 8), &layers), "none");
}

#[test]
fn of_batch_norm_both_ways() {
    let layers = [
        Layer::Conv2d { out_channels: 4, kernel: 3, stride: 1, padding: 0, bias: true },
        NORM,
        Layer::Sigmoid,
        Layer::AvgPool2d { window: 2, stride: 2 },
        Layer::Resize { height: 5, width: 4 },
        Layer::Flatten,
        Layer::Linear { out_features: 5, bias: true },
        NORM,
        Layer::Tanh,
        Layer::Linear { out_features: 3, bias: true },
    ];
    let model = model(image(1, 8, 10), &layers);
    assert_gradients(&model, "primitive");
    assert_gradients(&model, "builtin");
}

#[test]
fn of_max_pooling_with_windows_that_overlap() {
    let layers = [
        Layer::Conv2d { out_channels: 2, kernel: 2, stride: 1, padding: 0, bias: true },
        Layer::MaxPool2d { window: 3, stride: 1 },
        Layer::Flatten,
        Layer::Linear { out_features: 3, bias: true },
    ];
    assert_gradients(&model(image(1, 5, 5), &layers), "none");
}

/// Weight and bias of a linear layer are moved by the sum of what comes back.
fn gradient_sum(layers: &[Layer], parameters: &[Vec<f32>]) -> f32 {
    let model = model(Shape::Vector(1), layers);
    let (_, after) = step(&model, "none", parameters, 1.0);
    parameters[1].iter().zip(&after[1]).map(|(start, after)| (start - after).abs()).sum()
}

#[test]
fn of_relu_at_zero_is_zero() {
    let layers = [
        Layer::Linear { out_features: 2, bias: true },
        Layer::Relu,
        Layer::Linear { out_features: 2, bias: true },
    ];
    let second = [vec![1.0, -1.0, 0.5, 2.0], vec![1.0, 0.0]];
    let at = |bias: f32| {
        let [weight, bias2] = second.clone();
        gradient_sum(&layers, &[vec![0.0, 0.0], vec![bias; 2], weight, bias2])
    };
    assert_eq!(at(0.0), 0.0);
    assert!(at(1e-3) > 1e-2);
}

#[test]
fn of_a_single_value_are_no_nan_in_the_running_variance() {
    let model = model(
        Shape::Vector(4),
        &[Layer::Linear { out_features: 3, bias: true }, NORM, Layer::Linear { out_features: 2, bias: true }],
    );
    let (pixels, labels) = (pixels(4), [1]);
    let start = parameters(&model);
    let mut session = open(&model, "builtin", &pixels, &labels, 1.0).unwrap();
    session.set_parameters(&slices(&start)).unwrap();
    session.train_step(&[0]).unwrap();
    let mut after = start.clone();
    let mut room: Vec<&mut [f32]> = after.iter_mut().map(Vec::as_mut_slice).collect();
    session.get_parameters(&mut room).unwrap();
    assert!(after.iter().flatten().all(|value| value.is_finite()), "{after:?}");
    for (before, after) in start[5].iter().zip(&after[5]) {
        assert!((after - 0.9 * before).abs() < 1e-6, "{after}, 0.9 of {before}");
    }
}
