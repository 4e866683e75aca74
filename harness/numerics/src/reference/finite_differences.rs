//! Gradients against central differences, over small random models.

use proptest::prelude::*;
use trainmark_plugin::{Layer, Model, Role, RunningVariance, Shape, Source};

use super::{Batch, Reference};
use crate::random::uniform_generator;

/// Step of the difference; its error is about ε/STEP + STEP².
const STEP: f64 = 1e-5;
/// No pool window or ReLU may switch within a step.
const SAFE_GAP: f64 = 2e-3;

const NORM: Layer = Layer::BatchNorm { epsilon: 1e-3, momentum: 0.1 };

fn activation() -> impl Strategy<Value = Layer> {
    prop_oneof![Just(Layer::Sigmoid), Just(Layer::Tanh), Just(Layer::Relu)]
}

fn pool() -> impl Strategy<Value = Layer> {
    (2_usize..=3, 1_usize..=2, any::<bool>()).prop_map(|(window, stride, max)| match max {
        true => Layer::MaxPool2d { window, stride },
        false => Layer::AvgPool2d { window, stride },
    })
}

fn model() -> impl Strategy<Value = Model> {
    let convolution = (1_usize..=3, 1_usize..=3, 1_usize..=2, 0_usize..=1, any::<bool>()).prop_map(
        |(out_channels, kernel, stride, padding, bias)| Layer::Conv2d {
            out_channels,
            kernel,
            stride,
            padding,
            bias,
        },
    );
    let norm = || prop::option::of(Just(NORM));
    let resize = prop::option::of((6_usize..=9, 6_usize..=9));
    let vector = (norm(), 2_usize..=4, any::<bool>());
    (1_usize..=2, resize, convolution, norm(), activation(), pool(), vector).prop_map(
        |(channels, resize, convolution, image_norm, activation, pool, (norm, classes, bias))| {
            let mut layers = Vec::new();
            layers.extend(resize.map(|(height, width)| Layer::Resize { height, width }));
            layers.push(convolution);
            layers.extend(image_norm);
            layers.extend([activation, pool, Layer::Flatten, Layer::Linear { out_features: 3, bias }]);
            layers.extend(norm);
            layers.extend([Layer::Tanh, Layer::Linear { out_features: classes, bias: true }]);
            Model::new("random", Shape::Image { channels, height: 7, width: 8 }, layers)
        },
    )
}

/// Two residual blocks on images, the second with a convolution in its shortcut, and a sum of
/// vectors to which the model's input goes straight: the first activation's output is read three
/// times.
fn residual() -> impl Strategy<Value = Model> {
    (1_usize..=2, activation(), activation(), 1_usize..=2, pool()).prop_map(
        |(channels, before, inside, stride, pool)| {
            let convolution = |out_channels, kernel, stride| Layer::Conv2d {
                out_channels,
                kernel,
                stride,
                padding: kernel / 2,
                bias: true,
            };
            let layers = vec![
                convolution(2, 3, 1),
                before,
                convolution(2, 3, 1),
                NORM,
                Layer::Add { other: Source::Layer(1) },
                inside,
                convolution(3, 3, stride),
                convolution(3, 1, stride),
                Layer::Add { other: Source::Layer(6) },
                pool,
                Layer::Flatten,
                Layer::Linear { out_features: 3, bias: true },
                Layer::Flatten,
                Layer::Linear { out_features: 3, bias: true },
                Layer::Flatten,
                Layer::Linear { out_features: 3, bias: true },
                Layer::Add { other: Source::Layer(11) },
                Layer::Add { other: Source::Layer(13) },
            ];
            Model::new("residual", Shape::Image { channels, height: 7, width: 8 }, layers)
                .with_source(7, Source::Layer(5))
                .with_source(12, Source::Layer(1))
                .with_source(14, Source::Input)
        },
    )
}

/// A network with γ of both signs, and a batch of four continuous images.
fn instance(model: &Model, seed: u64) -> (Reference, Batch) {
    let mut reference = Reference::new(model, RunningVariance::UnbiasedFromOne, 0.1).unwrap();
    let roles: Vec<Role> = reference.specs().iter().map(|spec| spec.role).collect();
    for (slot, (tensor, role)) in reference.parameters_mut().iter_mut().zip(roles).enumerate() {
        let values = uniform_generator("finite differences", seed, slot as u64).map(f64::from);
        for (parameter, u) in tensor.iter_mut().zip(values) {
            *parameter = match role {
                Role::Gamma => u + 0.3_f64.copysign(u),
                Role::RunningVariance => 1.5 + u,
                _ => u,
            };
        }
    }
    let classes = model.classes().unwrap();
    let inputs = uniform_generator("inputs", seed, 0).map(f64::from).take(4 * model.input.len()).collect();
    let labels = (0..4).map(|n| ((n + seed as usize) % classes) as u8).collect();
    (reference, Batch { inputs, labels })
}

/// # Errors
/// The first gradient that is not the loss's slope.
fn check_slopes(model: &Model, seed: u64) -> Result<(), TestCaseError> {
    prop_assume!(model.shapes().is_ok());
    let (mut reference, batch) = instance(model, seed);
    prop_assume!(reference.smallest_gaps(&batch).iter().all(|&gap| gap > SAFE_GAP));
    let pass = reference.gradients(&batch);
    let trained: Vec<usize> =
        (0..pass.gradients.len()).filter(|&slot| reference.specs()[slot].role.is_trainable()).collect();
    for slot in trained {
        for (place, &analytic) in pass.gradients[slot].iter().enumerate() {
            let value = reference.parameters()[slot][place];
            let up = loss_with(&mut reference, &batch, slot, place, value + STEP);
            let down = loss_with(&mut reference, &batch, slot, place, value - STEP);
            let numeric = (up - down) / (2.0 * STEP);
            let name = &reference.specs()[slot].name;
            prop_assert!(
                (numeric - analytic).abs() <= 1e-6 + 1e-4 * analytic.abs(),
                "{name}[{place}]: {analytic:e}, by differences {numeric:e}"
            );
        }
    }
    Ok(())
}

fn loss_with(reference: &mut Reference, batch: &Batch, slot: usize, place: usize, value: f64) -> f64 {
    let kept = std::mem::replace(&mut reference.parameters_mut()[slot][place], value);
    let loss = reference.evaluate(batch).0.loss;
    reference.parameters_mut()[slot][place] = kept;
    loss
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn gradients_are_the_slopes_of_the_loss(model in model(), seed in 0_u64..1000) {
        check_slopes(&model, seed)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn gradients_of_what_is_read_more_than_once_are_the_slopes_too(
        model in residual(),
        seed in 0_u64..1000,
    ) {
        check_slopes(&model, seed)?;
    }
}

#[test]
fn a_step_goes_down_the_gradient_and_moves_the_running_statistics() {
    let model = Model::new(
        "small",
        Shape::Vector(3),
        [Layer::Linear { out_features: 2, bias: true }, Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 }],
    );
    let (mut reference, batch) = instance(&model, 1);
    let before = reference.parameters().to_vec();
    let pass = reference.train_step(&batch);
    for (slot, spec) in reference.specs().iter().enumerate() {
        let change: Vec<f64> =
            reference.parameters()[slot].iter().zip(&before[slot]).map(|(a, b)| a - b).collect();
        if spec.role.is_trainable() {
            let pairs = change.iter().zip(&pass.gradients[slot]);
            assert!(pairs.into_iter().all(|(c, g)| (c + 0.1 * g).abs() < 1e-15), "{}", spec.name);
        } else {
            assert!(change.iter().all(|c| *c != 0.0), "{}", spec.name);
        }
    }
}

#[test]
fn dropout_is_unsupported() {
    let model = Model::new(
        "dropping",
        Shape::Vector(3),
        [Layer::Dropout { rate: 0.5 }, Layer::Linear { out_features: 2, bias: true }],
    );
    let error = Reference::new(&model, RunningVariance::UnbiasedFromOne, 0.1).err().unwrap();
    assert_eq!(
        error.to_string(),
        "unsupported: layer 0 of model dropping: dropout draws at random, which no reference can foresee"
    );
}
