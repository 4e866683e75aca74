//! The fused implementation on an emulated device: whole training steps of LeNet.

use trainmark_plugin::{Layer, Model, Session, Shape, Split};

use crate::cuda::device::emulator::Emulator;
use crate::cuda::fused;
use crate::cuda::switches::Switches;
use crate::tests::gradients::{Expected, RATE};
use crate::tests::reference::{self, Mode};
use crate::tests::{BATCH_NORM, Case, distance, image, model, norm};

/// LeNet, with batch norm in front of each sigmoid or without.
pub(super) fn lenet(has_batch_norm: bool) -> Model {
    let convolution =
        |out_channels| Layer::Conv2d { out_channels, kernel: 5, stride: 1, padding: 0, bias: true };
    let linear = |out_features| Layer::Linear { out_features, bias: true };
    let pool = Layer::MaxPool2d { window: 2, stride: 2 };
    let mut layers = Vec::new();
    let stages = [
        vec![convolution(6), BATCH_NORM, Layer::Sigmoid, pool],
        vec![convolution(16), BATCH_NORM, Layer::Sigmoid, pool],
        vec![Layer::Flatten],
        vec![linear(120), BATCH_NORM, Layer::Sigmoid],
        vec![linear(84), BATCH_NORM, Layer::Sigmoid],
        vec![linear(10)],
    ];
    layers.extend(stages.concat().into_iter().filter(|layer| has_batch_norm || *layer != BATCH_NORM));
    model(image(1, 28, 28), layers)
}

pub(super) fn case(has_batch_norm: bool, samples: usize, seed: u64) -> Case {
    Case::new(lenet(has_batch_norm), samples, seed)
}

/// A fused session with the case's parameters, on a device whose threads run in an order of
/// this seed; nothing where there is no compiler.
fn open(case: &Case, learning_rate: f64, seed: u64) -> Option<Box<dyn Session + '_>> {
    let request = case.request(implementation(case), 1, learning_rate);
    Some(case.start(fused::open(Box::new(Emulator::new(seed)?), request, Switches::default()).unwrap()))
}

fn implementation(case: &Case) -> &'static str {
    if case.model.has_batch_norm() { "builtin" } else { "none" }
}

/// [`open`], with room for so many samples to begin with.
fn open_with_room(case: &Case, learning_rate: f64, seed: u64, room: usize) -> Option<Box<dyn Session + '_>> {
    open_switched(case, learning_rate, Emulator::new(seed)?, Switches::default(), room)
}

/// The same with switches, on a device.
pub(super) fn open_switched(
    case: &Case,
    learning_rate: f64,
    device: Emulator,
    switches: Switches,
    room: usize,
) -> Option<Box<dyn Session + '_>> {
    let mut request = case.request(implementation(case), 1, learning_rate);
    request.batch_size = room;
    let session = fused::open_with_room(Box::new(device), &request, switches, room).unwrap();
    Some(case.start(session))
}

pub(super) fn bits(case: &Case, session: &mut dyn Session) -> Vec<u32> {
    case.parameters_of(session).concat().into_iter().map(f32::to_bits).collect()
}

pub(super) fn float64(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

#[test]
fn a_step_gives_the_references_gradients_and_running_statistics() {
    // One tile of samples, and a second that is not whole.
    for (has_batch_norm, samples) in [(true, 11), (false, 11), (true, 1), (false, 1)] {
        let case = case(has_batch_norm, samples, 41);
        let Some(mut session) = open(&case, RATE, 1) else { return };
        Expected::of(&case, 3).check(session.as_mut(), "builtin");
    }
}

/// All values, also those that the reference has no time for.
#[test]
fn a_step_changes_every_parameter_as_on_the_processor() {
    // The largest has more tiles of samples than a warp has lanes.
    for (has_batch_norm, samples) in [(true, 20), (false, 20), (false, 2), (true, 267)] {
        let case = case(has_batch_norm, samples, 42);
        let Some(mut session) = open(&case, RATE, 2) else { return };
        let mut processor = case.open("builtin", 2, RATE);
        let found = session.train_step(&case.indices()).unwrap();
        let expected = processor.train_step(&case.indices()).unwrap();
        assert!((found.loss - expected.loss).abs() <= 1e-5 * expected.loss, "{found:?} {expected:?}");
        assert_eq!(found.correct, expected.correct);
        let (found, expected) =
            (case.parameters_of(session.as_mut()), case.parameters_of(processor.as_mut()));
        let all = distance(&float64(&expected.concat()), &float64(&case.parameters.concat()));
        for (index, spec) in case.model.parameters().unwrap().iter().enumerate() {
            let (found, expected) = (float64(&found[index]), float64(&expected[index]));
            let change = distance(&expected, &float64(&case.parameters[index]));
            // A bias before batch norm has no gradient but what rounding leaves.
            let bound = match spec.role.is_trainable() {
                true => 1e-4 * change + 1e-5 * all,
                false => 1e-5 * norm(&expected),
            };
            let error = distance(&found, &expected);
            assert!(error <= bound, "{}: off by {error} > {bound}", spec.name);
        }
    }
}

#[test]
fn several_steps_follow_the_processors_losses() {
    for has_batch_norm in [true, false] {
        let case = case(has_batch_norm, 24, 43);
        let Some(mut session) = open(&case, 0.5, 3) else { return };
        let mut processor = case.open("builtin", 1, 0.5);
        for batch in [&[0, 5, 9, 23, 2, 2, 7, 11][..], &[3; 9], &[22, 21, 20], &[1, 0, 6, 8, 12]] {
            let (found, expected) =
                (session.train_step(batch).unwrap(), processor.train_step(batch).unwrap());
            assert!((found.loss - expected.loss).abs() <= 1e-3 * expected.loss, "{found:?} {expected:?}");
        }
    }
}

/// An epoch is recorded the first time and replayed the second; its last batch is smaller. The
/// order in which threads and blocks run is another on each device.
#[test]
fn an_epoch_gives_the_bits_of_its_steps_in_any_order_of_threads() {
    let case = case(true, 21, 44);
    let Some(mut epochs) = open(&case, 0.5, 4) else { return };
    let Some(mut steps) = open(&case, 0.5, 5) else { return };
    for turn in 0..2 {
        let order: Vec<u32> = (0..21).map(|k| (k * 8 + turn) % 21).collect();
        let outcome = epochs.train_epoch(&order, 9).unwrap();
        let (mut loss, mut correct) = (0.0, 0);
        for batch in order.chunks(9) {
            let step = steps.train_step(batch).unwrap();
            loss += step.loss * batch.len() as f64 / 21.0;
            correct += step.correct;
        }
        assert!((outcome.loss - loss).abs() < 1e-12, "{outcome:?}, {loss}");
        assert_eq!(outcome.correct, correct);
        assert_eq!(bits(&case, epochs.as_mut()), bits(&case, steps.as_mut()));
    }
}

#[test]
fn prediction_follows_the_running_statistics_whatever_the_batch() {
    for has_batch_norm in [true, false] {
        let case = case(has_batch_norm, 21, 46);
        let (expected, _) =
            reference::forward(&case.model, &case.float64_parameters(), &case.input(), Mode::Prediction);
        let order: Vec<u32> = (0..21).map(|k| k * 8 % 21).collect();
        let mut first = Vec::new();
        for (room, count) in [(9, 21), (30, 21), (30, 1), (1, 3)] {
            let Some(mut session) = open_with_room(&case, 0.5, 6, room) else { return };
            let mut logits = vec![f32::NAN; 10 * count];
            session.predict(Split::Test, &order[..count], 4, &mut logits).unwrap();
            for (&sample, logits) in order.iter().zip(logits.chunks(10)) {
                assert!(distance(&float64(logits), &expected[sample as usize]) < 1e-4);
            }
            if first.is_empty() {
                first.clone_from(&logits);
            }
            assert_eq!(logits, first[..10 * count], "the bits do not depend on the batch");
            assert_eq!(case.parameters_of(session.as_mut()), case.parameters);
        }
    }
}

/// Room for a larger batch is made where it is asked for; recorded epochs keep what they have.
#[test]
fn larger_batches_between_epochs_and_predictions_disturb_nothing() {
    let case = case(true, 21, 47);
    let Some(mut plain) = open_with_room(&case, 0.5, 7, 21) else { return };
    let Some(mut disturbed) = open_with_room(&case, 0.5, 8, 2) else { return };
    for session in [&mut plain, &mut disturbed] {
        session.train_epoch(&case.indices()[..5], 3).unwrap();
    }
    let mut logits = [0.0; 30];
    disturbed.predict(Split::Train, &[4, 20, 4], 1, &mut logits).unwrap();
    assert_eq!(logits[..10], logits[20..]);
    for session in [&mut plain, &mut disturbed] {
        session.train_step(&case.indices()).unwrap();
        session.train_epoch(&case.indices()[9..14], 3).unwrap();
    }
    assert_eq!(bits(&case, plain.as_mut()), bits(&case, disturbed.as_mut()));
}

/// Checks a step's change of some parameters against the readable loops, which keep to the
/// definition: of equal values, the first is a window's largest.
fn check_first_of_equals(case: &Case, parameters: &[usize]) {
    let Some(mut session) = open(case, RATE, 9) else { return };
    let mut primitive = case.open("primitive", 1, RATE);
    if !case.model.has_batch_norm() {
        let request = case.request("none", 1, RATE);
        let convention = trainmark_plugin::RunningVariance::BiasedFromZero;
        primitive = case.start(Box::new(crate::primitive::Training::open(request, convention).unwrap()));
    }
    session.train_step(&case.indices()).unwrap();
    primitive.train_step(&case.indices()).unwrap();
    let (found, expected) = (case.parameters_of(session.as_mut()), case.parameters_of(primitive.as_mut()));
    for &index in parameters {
        let (found, expected) = (float64(&found[index]), float64(&expected[index]));
        let change = distance(&expected, &float64(&case.parameters[index]));
        assert!(change > 0.0 && distance(&found, &expected) <= 1e-4 * change, "{index}");
    }
}

#[test]
fn the_first_of_equal_values_is_a_windows_largest() {
    // Weights of 0: all values of a window are the bias.
    let mut first = case(false, 9, 48);
    first.parameters[0].fill(0.0);
    check_first_of_equals(&first, &[0, 1]);
    let mut second = case(false, 9, 49);
    second.parameters[2].fill(0.0);
    check_first_of_equals(&second, &[2, 3]);
    // γ of 0: all values are β.
    let mut gamma = case(true, 9, 50);
    (gamma.parameters[2][1], gamma.parameters[8][3]) = (0.0, 0.0);
    check_first_of_equals(&gamma, &[2, 3, 8, 9]);
}

/// Bright images: the mean of a channel is many deviations from 0.
#[test]
fn a_mean_far_from_zero_costs_no_accuracy() {
    let mut case = case(true, 11, 51);
    case.pixels.iter_mut().for_each(|pixel| *pixel = 160 + *pixel % 96);
    let Some(mut session) = open(&case, RATE, 10) else { return };
    Expected::of(&case, 2).check(session.as_mut(), "builtin");
}

/// A weight beyond float32 gives the first position of the first window no number, and the
/// others of that window infinity. That must not be hidden by their maximum.
#[test]
fn not_a_number_is_not_hidden_by_a_maximum() {
    for (first_pixel, is_missing) in [(0, true), (1, false)] {
        let mut case = case(false, 1, 53);
        case.parameters[0][0] = f32::INFINITY;
        case.pixels.fill(1);
        case.pixels[0] = first_pixel;
        let Some(mut session) = open(&case, 0.5, 12) else { return };
        let mut logits = [0.0; 10];
        session.predict(Split::Train, &[0], 1, &mut logits).unwrap();
        assert!(logits.iter().all(|logit| logit.is_nan() == is_missing), "{logits:?}");
    }
}

#[test]
fn training_learns_the_samples() {
    let case = case(true, 16, 52);
    let Some(mut session) = open(&case, 0.5, 11) else { return };
    let first = session.train_step(&case.indices()).unwrap();
    for _ in 0..15 {
        session.train_step(&case.indices()).unwrap();
    }
    let last = session.train_step(&case.indices()).unwrap();
    assert!(last.loss < first.loss / 4.0 && last.correct > 14, "{first:?} to {last:?}");
}

#[test]
fn other_models_are_left_to_the_readable_kernels() {
    for has_batch_norm in [true, false] {
        assert!(fused::fits(&lenet(has_batch_norm)));
    }
    let change = |at: usize, layer: Layer| {
        let mut model = lenet(false);
        model.layers[at] = layer;
        model
    };
    let mut longer = lenet(true);
    longer.layers.push(Layer::Sigmoid);
    let mut larger = lenet(true);
    larger.input = Shape::Image { channels: 1, height: 32, width: 32 };
    for other in [
        change(0, Layer::Conv2d { out_channels: 6, kernel: 5, stride: 1, padding: 2, bias: true }),
        change(0, Layer::Conv2d { out_channels: 8, kernel: 5, stride: 1, padding: 0, bias: true }),
        change(1, Layer::Relu),
        change(2, Layer::AvgPool2d { window: 2, stride: 2 }),
        change(7, Layer::Linear { out_features: 128, bias: true }),
        change(8, BATCH_NORM),
        longer,
        larger,
    ] {
        assert!(!fused::fits(&other), "{other:?}");
    }
}
