//! What holds between the calls of a session on CUDA.

use trainmark_plugin::{ErrorKind, Layer, RunningVariance, Session, Split};

use super::super::reference::{self, Mode};
use super::super::{Case, distance, image, model, norm, small_network};
use super::open as open_as;
use crate::cuda::device::emulator::Emulator;
use crate::cuda::primitive::Training;

fn open<'c>(case: &'c Case, learning_rate: f64, seed: u64) -> Option<Box<dyn Session + 'c>> {
    open_as(case, RunningVariance::BiasedFromZero, learning_rate, seed)
}

fn bits(parameters: &[Vec<f32>]) -> Vec<u32> {
    parameters.iter().flatten().map(|value| value.to_bits()).collect()
}

/// Whatever order the threads and blocks of a kernel run in.
#[test]
fn every_run_gives_the_same_bits() {
    let case = Case::new(small_network(), 75, 21);
    let trained = |seed| {
        let mut session = open(&case, 0.5, seed)?;
        let outcome = session.train_epoch(&case.indices(), 32).unwrap();
        let mut logits = vec![0.0; 75 * 4];
        session.predict(Split::Test, &case.indices(), 32, &mut logits).unwrap();
        let logits: Vec<u32> = logits.iter().map(|logit| logit.to_bits()).collect();
        Some((outcome.loss.to_bits(), outcome.correct, bits(&case.parameters_of(session.as_mut())), logits))
    };
    let Some(first) = trained(1) else { return };
    for seed in [1, 2, 3] {
        assert_eq!(trained(seed).unwrap(), first, "seed {seed}");
    }
}

#[test]
fn an_epoch_is_its_steps() {
    let case = Case::new(small_network(), 75, 23);
    let (Some(mut epoch), Some(mut steps)) = (open(&case, 0.5, 1), open(&case, 0.5, 2)) else { return };
    let mut order: Vec<u32> = (0..75).map(|k| k * 7 % 75).collect();
    for _ in 0..2 {
        let outcome = epoch.train_epoch(&order, 32).unwrap();
        let (mut loss, mut correct) = (0.0, 0);
        for batch in order.chunks(32) {
            let step = steps.train_step(batch).unwrap();
            loss += step.loss * batch.len() as f64 / 75.0;
            correct += step.correct;
        }
        assert!((outcome.loss - loss).abs() < 1e-12);
        assert_eq!(outcome.correct, correct);
        assert_eq!(case.parameters_of(epoch.as_mut()), case.parameters_of(steps.as_mut()));
        order.reverse();
    }
}

#[test]
fn epochs_stay_with_those_of_the_cpu() {
    let case = Case::new(small_network(), 75, 24);
    let Some(mut session) = open(&case, 0.5, 1) else { return };
    let mut on_cpu = case.open("primitive", 1, 0.5);
    for _ in 0..3 {
        let found = session.train_epoch(&case.indices(), 32).unwrap();
        let expected = on_cpu.train_epoch(&case.indices(), 32).unwrap();
        assert!((found.loss - expected.loss).abs() < 1e-4 * expected.loss, "{found:?} {expected:?}");
    }
    let float64 = |values: Vec<Vec<f32>>| values.concat().into_iter().map(f64::from).collect::<Vec<_>>();
    let found = float64(case.parameters_of(session.as_mut()));
    let expected = float64(case.parameters_of(on_cpu.as_mut()));
    assert!(distance(&found, &expected) < 1e-3 * norm(&expected));
}

#[test]
fn prediction_follows_the_running_statistics_and_changes_nothing() {
    let case = Case::new(small_network(), 50, 26);
    let (expected, _) =
        reference::forward(&case.model, &case.float64_parameters(), &case.input(), Mode::Prediction);
    let order: Vec<u32> = (0..50).map(|k| k * 7 % 50).collect();
    let Some(mut session) = open(&case, 0.5, 1) else { return };
    for (count, batch_size) in [(1, 1), (2, 1), (17, 16), (50, 33), (50, 1000)] {
        for split in [Split::Train, Split::Test] {
            let mut logits = vec![f32::NAN; count * 4];
            session.predict(split, &order[..count], batch_size, &mut logits).unwrap();
            for (&sample, logits) in order.iter().zip(logits.chunks(4)) {
                let logits: Vec<f64> = logits.iter().copied().map(f64::from).collect();
                assert!(distance(&logits, &expected[sample as usize]) < 1e-5);
            }
        }
    }
    assert_eq!(case.parameters_of(session.as_mut()), case.parameters);
}

/// More samples in a batch, in an order and in a prediction than there was room for.
#[test]
fn room_grows_with_what_is_asked() {
    let case = Case::new(small_network(), 20, 27);
    let (Some(mut grown), Some(mut fresh)) = (open(&case, 0.5, 1), open(&case, 0.5, 2)) else { return };
    let twice = [case.indices(), case.indices()].concat();
    for session in [&mut grown, &mut fresh] {
        session.set_parameters(&case.parameters.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    }
    grown.train_step(&case.indices()).unwrap();
    grown.predict(Split::Test, &twice, 64, &mut [0.0; 160]).unwrap();
    fresh.train_step(&case.indices()).unwrap();
    for _ in 0..2 {
        assert_eq!(grown.train_step(&twice).unwrap(), fresh.train_step(&twice).unwrap());
        assert_eq!(
            grown.train_epoch(&twice.repeat(3), 7).unwrap(),
            fresh.train_epoch(&twice.repeat(3), 7).unwrap()
        );
    }
    assert_eq!(case.parameters_of(grown.as_mut()), case.parameters_of(fresh.as_mut()));
}

#[test]
fn a_model_without_parameters_only_predicts() {
    let case = Case::new(model(image(1, 1, 3), vec![Layer::Flatten]), 2, 28);
    let Some(mut session) = open(&case, 1.0, 1) else { return };
    assert!(session.train_step(&[0, 1]).unwrap().loss.is_finite());
    let mut logits = [0.0; 6];
    session.predict(Split::Train, &[0, 1], 2, &mut logits).unwrap();
    assert_eq!(logits.map(|x| (x * 255.0).round() as u8).to_vec(), case.pixels);
}

/// A weight that has grown beyond float32 gives some positions no number, which must not be
/// hidden by a maximum over others, and stays in its sample.
#[test]
fn not_a_number_is_not_hidden_by_a_maximum() {
    let layers = vec![
        Layer::Conv2d { out_channels: 1, kernel: 3, stride: 1, padding: 0, bias: true },
        Layer::Sigmoid,
        Layer::MaxPool2d { window: 2, stride: 2 },
        Layer::Flatten,
        Layer::Linear { out_features: 2, bias: true },
    ];
    let mut case = Case::new(model(image(1, 4, 4), layers), 3, 7);
    case.parameters[0][0] = f32::INFINITY;
    case.pixels.fill(1);
    // 0 · ∞ at the first position of the only window.
    case.pixels[16] = 0;
    let Some(mut session) = open(&case, 0.5, 1) else { return };
    let mut logits = [0.0; 6];
    session.predict(Split::Train, &[0, 1, 2], 3, &mut logits).unwrap();
    assert_eq!(logits.map(f32::is_nan), [false, false, true, true, false, false], "{logits:?}");
}

#[test]
fn what_cannot_be_done_is_said() {
    let Some(device) = Emulator::new(1) else { return };
    let case = Case::new(small_network(), 1, 29);
    let mut request = case.request("primitive", 1, 1.0);
    request.model.layers.insert(3, Layer::Dropout { rate: 0.5 });
    let error = Training::open(Box::new(device), &request, RunningVariance::BiasedFromZero).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert_eq!(error.message, "layer 3 (dropout) of model test: the kernels draw no random numbers");
}
