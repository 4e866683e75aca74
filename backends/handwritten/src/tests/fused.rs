//! The fused implementation, in every vector width that this processor has.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use trainmark_plugin::{Layer, Session, Split};

use super::gradients::{Expected, RATE, is_well_conditioned};
use super::{BATCH_NORM, Case, distance, image, model, norm, small_network};
use crate::fused::{self, Width};

/// A fused session with the case's parameters.
fn open(case: &Case, width: Width, threads: usize, learning_rate: f64) -> Box<dyn Session + '_> {
    let implementation = if case.model.has_batch_norm() { "builtin" } else { "none" };
    case.start(fused::open(case.request(implementation, threads, learning_rate), width).unwrap())
}

/// Checks a step of every width against the reference, at most so many values of each parameter.
fn check_widths(case: &Case, threads: usize, values: usize) {
    assert!(fused::fits(&case.model), "{:?}", case.model);
    let expected = Expected::of(case, values);
    for width in Width::available() {
        expected.check(open(case, width, threads, RATE).as_mut(), "builtin");
    }
}

/// The layers of a convolution stage.
fn convolution(out_channels: usize, kernel: usize, has_batch_norm: bool) -> Vec<Layer> {
    let convolution = Layer::Conv2d { out_channels, kernel, stride: 1, padding: 0, bias: true };
    let pool = Layer::MaxPool2d { window: 2, stride: 2 };
    let batch_norm = has_batch_norm.then_some(BATCH_NORM);
    [Some(convolution), batch_norm, Some(Layer::Sigmoid), Some(pool)].into_iter().flatten().collect()
}

/// The layers of a linear stage.
fn linear(out_features: usize, has_batch_norm: bool, has_sigmoid: bool) -> Vec<Layer> {
    let batch_norm = has_batch_norm.then_some(BATCH_NORM);
    let sigmoid = has_sigmoid.then_some(Layer::Sigmoid);
    [Some(Layer::Linear { out_features, bias: true }), batch_norm, sigmoid].into_iter().flatten().collect()
}

/// A random model of the form that is fused. Sizes are found from the last
/// convolution back, since a stage's output must have even sides.
fn any_case() -> impl Strategy<Value = Case> {
    let convolutions = proptest::collection::vec((1..7_usize, 0..2_usize, any::<bool>()), 1..3);
    let linears = proptest::collection::vec((1..11_usize, any::<bool>(), any::<bool>()), 0..3);
    let last = (1..3_usize, 1..4_usize, 1..3_usize);
    let batch = prop_oneof![Just(1_usize), Just(2), Just(17), Just(96), Just(256)];
    (convolutions, linears, last, batch, any::<u64>()).prop_map(
        |(convolutions, linears, (mut height, mut width, channels), batch, seed)| {
            let mut layers = vec![Layer::Flatten];
            for (features, batch_norm, sigmoid) in linears {
                layers.extend(linear(features, batch_norm, sigmoid));
            }
            layers.extend(linear(3, false, false));
            for (out_channels, kernel, batch_norm) in convolutions {
                let kernel = [3, 5][kernel];
                (height, width) = (2 * height + kernel - 1, 2 * width + kernel - 1);
                layers.splice(0..0, convolution(out_channels, kernel, batch_norm));
            }
            Case::new(model(image(channels, height, width), layers), batch, seed)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        // Differences across a kink of max are wrong, if rarely: a fixed seed keeps
        // such a case from failing some unlucky day.
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_models(case in any_case(), threads in 1..4_usize) {
        prop_assume!(case.labels.len() == 1 || is_well_conditioned(&case));
        check_widths(&case, threads, 4);
    }
}

#[test]
fn every_thread_count_with_parts_left_empty() {
    for threads in [1, 2, 3, 40] {
        check_widths(&Case::new(small_network(), 96, 3), threads, 4);
    }
}

/// 5×5 kernels over more channels than any tile has, as in LeNet.
#[test]
fn tiles_of_every_size() {
    for channels in 1..10 {
        let layers = [convolution(channels, 5, true), convolution(5, 3, true), vec![Layer::Flatten]];
        let layers = [layers.concat(), linear(channels, true, true), linear(4, false, false)].concat();
        check_widths(&Case::new(model(image(2, 16, 20), layers), 20, channels as u64), 2, 4);
    }
}

/// Bright images that hardly differ: the mean of a channel is many deviations from 0.
#[test]
fn a_mean_far_from_zero_costs_no_accuracy() {
    let mut case = Case::new(small_network(), 40, 5);
    case.pixels.iter_mut().for_each(|pixel| *pixel = 230 + *pixel % 26);
    check_widths(&case, 2, 6);
}

/// Everything is white but the middle of the first image, about which values are
/// computed: the variance must not cancel, let alone become negative.
#[test]
fn an_outlier_as_the_origin_costs_no_accuracy() {
    let layers = [convolution(2, 5, true), vec![Layer::Flatten], linear(3, false, false)].concat();
    for weight in [1.0, 7.0, 63.0] {
        let mut case = Case::new(model(image(1, 20, 20), layers.clone()), 256, 8);
        case.pixels.fill(255);
        // What the kernel's first place sees in the middle of the output.
        case.pixels[8 * 20 + 8] = 0;
        case.parameters[0].fill(0.0);
        (case.parameters[0][0], case.parameters[0][25]) = (weight, -weight);
        let mut primitive = case.open("primitive", 1, 0.0);
        primitive.train_step(&case.indices()).unwrap();
        let expected = case.parameters_of(primitive.as_mut());
        for width in Width::available() {
            let mut session = open(&case, width, 2, 0.0);
            assert!(session.train_step(&case.indices()).unwrap().loss.is_finite());
            let found = case.parameters_of(session.as_mut());
            // Over so many values the two conventions of a variance agree.
            for (found, expected) in found[5].iter().zip(&expected[5]) {
                assert!((found - expected).abs() <= 1e-4 * expected, "{width:?}: {found} {expected}");
            }
        }
    }
}

/// Where γ is 0 all values of a window are equal, and the gradient is the first's.
#[test]
fn gamma_zero_gives_the_first_of_a_window_its_gradient() {
    let mut case = Case::new(small_network(), 40, 6);
    case.parameters[2][1] = 0.0;
    let mut primitive = case.open("primitive", 1, RATE);
    primitive.train_step(&case.indices()).unwrap();
    let expected = case.parameters_of(primitive.as_mut());
    for width in Width::available() {
        let mut session = open(&case, width, 2, RATE);
        session.train_step(&case.indices()).unwrap();
        // Running variances follow different conventions.
        for (index, found) in case.parameters_of(session.as_mut()).iter().enumerate().take(4) {
            let float64 = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
            let (found, expected) = (float64(found), float64(&expected[index]));
            assert!(distance(&found, &expected) <= 1e-4 * norm(&expected), "{index}: {found:?} {expected:?}");
        }
    }
}

#[test]
fn the_same_threads_give_the_same_bits() {
    let case = Case::new(small_network(), 300, 21);
    for width in Width::available() {
        for threads in [1, 2, 3] {
            let trained = || {
                let mut session = open(&case, width, threads, 0.5);
                session.train_epoch(&case.indices(), 64).unwrap();
                case.parameters_of(session.as_mut())
                    .concat()
                    .into_iter()
                    .map(f32::to_bits)
                    .collect::<Vec<_>>()
            };
            assert_eq!(trained(), trained(), "{width:?}, {threads} threads");
        }
    }
}

/// A weight that has grown beyond float32 gives some positions no number. That must
/// not be hidden by a maximum over others.
#[test]
fn not_a_number_is_not_hidden_by_a_maximum() {
    let layers = [convolution(1, 3, false), vec![Layer::Flatten], linear(2, false, false)].concat();
    let mut case = Case::new(model(image(1, 4, 4), layers), 1, 7);
    case.parameters[0][0] = f32::INFINITY;
    case.pixels.fill(1);
    // 0 · ∞ at the first position of the only window.
    case.pixels[0] = 0;
    for width in Width::available() {
        let mut logits = [0.0; 2];
        open(&case, width, 1, 0.5).predict(Split::Train, &[0], 1, &mut logits).unwrap();
        assert!(logits.iter().all(|logit| logit.is_nan()), "{width:?}: {logits:?}");
    }
}

/// What a sample lacks is its own affair.
#[test]
fn not_a_number_stays_in_its_sample() {
    let layers = [convolution(1, 3, false), vec![Layer::Flatten], linear(2, false, false)].concat();
    let mut case = Case::new(model(image(1, 4, 4), layers), 3, 7);
    case.parameters[0][0] = f32::INFINITY;
    case.pixels.fill(1);
    case.pixels[16] = 0;
    for width in Width::available() {
        let mut logits = [0.0; 6];
        open(&case, width, 1, 0.5).predict(Split::Train, &[0, 1, 2], 3, &mut logits).unwrap();
        let is_missing = logits.map(f32::is_nan);
        assert_eq!(is_missing, [false, false, true, true, false, false], "{width:?}: {logits:?}");
    }
}

/// Without batch norm nothing multiplies an infinite value by 0.
#[test]
fn an_infinite_logit_gives_the_gradient_that_primitive_gives() {
    let layers = [convolution(1, 3, false), vec![Layer::Flatten], linear(3, false, false)].concat();
    let mut case = Case::new(model(image(1, 4, 4), layers), 20, 9);
    case.labels.fill(0);
    case.parameters[3][2] = f32::NEG_INFINITY;
    let request = case.request("none", 1, 0.5);
    let convention = trainmark_plugin::RunningVariance::BiasedFromZero;
    let mut primitive = case.start(Box::new(crate::primitive::Training::open(request, convention).unwrap()));
    let outcome = primitive.train_step(&case.indices()).unwrap();
    for width in Width::available() {
        let mut session = open(&case, width, 1, 0.5);
        let found = session.train_step(&case.indices()).unwrap();
        assert!((found.loss - outcome.loss).abs() < 1e-5 && found.correct == outcome.correct);
        assert_eq!(case.parameters_of(session.as_mut())[3][2], f32::NEG_INFINITY, "{width:?}");
    }
}

#[test]
fn other_models_are_left_to_the_readable_loops() {
    let stage = convolution(2, 3, true);
    let rest = [vec![Layer::Flatten], linear(2, false, false)].concat();
    let with = |stage: &[Layer]| model(image(1, 8, 8), [stage, &rest].concat());
    assert!(fused::fits(&with(&stage)));
    let change = |place: usize, layer: Layer| {
        let mut stage = stage.clone();
        stage[place] = layer;
        with(&stage)
    };
    for other in [
        change(0, Layer::Conv2d { out_channels: 2, kernel: 3, stride: 1, padding: 1, bias: true }),
        change(0, Layer::Conv2d { out_channels: 2, kernel: 2, stride: 1, padding: 0, bias: true }),
        change(0, Layer::Conv2d { out_channels: 2, kernel: 3, stride: 1, padding: 0, bias: false }),
        change(2, Layer::Relu),
        change(3, Layer::AvgPool2d { window: 2, stride: 2 }),
        change(3, Layer::MaxPool2d { window: 2, stride: 1 }),
        with(&stage[..3]),
        model(image(1, 7, 8), [&*stage, &rest].concat()),
        model(image(1, 8, 8), vec![Layer::Flatten]),
        model(image(1, 8, 8), rest.clone()),
    ] {
        assert!(!fused::fits(&other), "{other:?}");
    }
}
