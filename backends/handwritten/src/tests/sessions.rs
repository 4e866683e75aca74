//! What holds between the calls of a session.

use super::reference::{self, Mode};
use super::*;
use trainmark_plugin::ErrorKind;

/// Parameters after two epochs of the small network.
fn trained(case: &Case, threads: usize) -> Vec<Vec<f32>> {
    let mut session = case.open("primitive", threads, 0.5);
    for _ in 0..2 {
        session.train_epoch(&case.indices(), 64).unwrap();
    }
    case.parameters_of(session.as_mut())
}

fn flat(parameters: &[Vec<f32>]) -> Vec<f64> {
    parameters.iter().flatten().copied().map(f64::from).collect()
}

#[test]
fn the_same_threads_give_the_same_bits() {
    let case = Case::new(small_network(), 300, 21);
    for threads in [1, 2, 3, 8] {
        let bits = || trained(&case, threads).concat().into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(), bits(), "{threads} threads");
    }
}

#[test]
fn other_threads_give_almost_the_same() {
    let case = Case::new(small_network(), 300, 22);
    let one = flat(&trained(&case, 1));
    for threads in [2, 3, 8] {
        let other = flat(&trained(&case, threads));
        assert!(distance(&one, &other) <= 1e-5 * norm(&one), "{threads} threads");
    }
}

#[test]
fn an_epoch_is_its_steps() {
    let case = Case::new(small_network(), 150, 23);
    let (mut epoch, mut steps) = (case.open("builtin", 2, 0.5), case.open("builtin", 2, 0.5));
    let outcome = epoch.train_epoch(&case.indices(), 64).unwrap();
    let (mut loss, mut correct) = (0.0, 0);
    for batch in case.indices().chunks(64) {
        let step = steps.train_step(batch).unwrap();
        loss += step.loss * batch.len() as f64 / 150.0;
        correct += step.correct;
    }
    assert!((outcome.loss - loss).abs() < 1e-12);
    assert_eq!(outcome.correct, correct);
    assert_eq!(case.parameters_of(epoch.as_mut()), case.parameters_of(steps.as_mut()));
}

#[test]
fn a_step_sees_the_samples_it_is_given_in_any_order() {
    let case = Case::new(small_network(), 40, 24);
    let mut reversed = case.clone();
    reversed.labels.reverse();
    reversed.pixels = case.pixels.chunks_exact(64).rev().flatten().copied().collect();
    let backwards: Vec<u32> = (0..40).rev().collect();
    let (mut a, mut b) = (case.open("primitive", 2, 0.5), reversed.open("primitive", 2, 0.5));
    assert_eq!(a.train_step(&backwards).unwrap(), b.train_step(&case.indices()).unwrap());
    assert_eq!(case.parameters_of(a.as_mut()), case.parameters_of(b.as_mut()));
}

#[test]
fn training_learns_the_samples() {
    let case = Case::new(small_network(), 64, 25);
    let mut session = case.open("primitive", 2, 0.5);
    let first = session.train_step(&case.indices()).unwrap();
    for _ in 0..500 {
        session.train_step(&case.indices()).unwrap();
    }
    let last = session.train_step(&case.indices()).unwrap();
    assert!(last.loss < first.loss / 4.0, "{first:?} to {last:?}");
    assert!(last.correct > 56, "{last:?}");
}

#[test]
fn prediction_follows_the_running_statistics_and_changes_nothing() {
    let case = Case::new(small_network(), 50, 26);
    let (expected, _) =
        reference::forward(&case.model, &case.float64_parameters(), &case.input(), Mode::Prediction);
    let order: Vec<u32> = (0..50).map(|k| k * 7 % 50).collect();
    for threads in [1, 2, 3, 5] {
        let mut session = case.open("primitive", threads, 0.5);
        for count in [1, 2, 16, 17, 50] {
            for batch_size in [1, 16, 33, 1000] {
                let mut logits = vec![f32::NAN; count * 4];
                session.predict(Split::Test, &order[..count], batch_size, &mut logits).unwrap();
                for (&sample, logits) in order.iter().zip(logits.chunks(4)) {
                    let logits: Vec<f64> = logits.iter().copied().map(f64::from).collect();
                    assert!(distance(&logits, &expected[sample as usize]) < 1e-5);
                }
            }
        }
        assert_eq!(case.parameters_of(session.as_mut()), case.parameters);
        session.train_step(&case.indices()).unwrap();
    }
}

#[test]
fn prediction_between_steps_does_not_disturb_them() {
    let case = Case::new(small_network(), 50, 27);
    let (mut plain, mut disturbed) = (case.open("builtin", 2, 0.5), case.open("builtin", 2, 0.5));
    for _ in 0..3 {
        let outcome = plain.train_step(&case.indices()).unwrap();
        assert_eq!(outcome, disturbed.train_step(&case.indices()).unwrap());
        disturbed.predict(Split::Train, &[1, 2, 3], 2, &mut [0.0; 12]).unwrap();
    }
}

#[test]
fn a_model_without_parameters_only_predicts() {
    let case = Case::new(model(image(1, 1, 3), vec![Layer::Flatten]), 2, 28);
    let mut session = case.open("none", 2, 1.0);
    assert!(session.train_step(&[0, 1]).unwrap().loss.is_finite());
    let mut logits = [0.0; 6];
    session.predict(Split::Train, &[0, 1], 2, &mut logits).unwrap();
    assert_eq!(logits.map(|x| (x * 255.0).round() as u8).to_vec(), case.pixels);
}

fn open_error(case: &Case, change: impl Fn(&mut OpenRequest<'_>)) -> Error {
    let mut request = case.request("primitive", 1, 1.0);
    change(&mut request);
    Handwritten::open(request).err().expect("opening fails")
}

#[test]
fn what_cannot_be_done_is_said() {
    let case = Case::new(small_network(), 1, 29);
    let plain = Case::new(model(image(1, 1, 3), vec![Layer::Flatten]), 1, 30);

    let error = open_error(&case, |request| request.device = "cuda:0".into());
    assert_eq!(error.kind, ErrorKind::Device);
    assert_eq!(error.message, "no device cuda:0; ask for cpu");

    let error = open_error(&case, |request| request.implementation = "none".into());
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert_eq!(error.message, "implementation none of model test: ask for primitive or builtin");

    let error = open_error(&plain, |_| ());
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert_eq!(error.message, "implementation primitive of model test: it has no batch norm; ask for none");
}

/// Weights of 0 and pixels of 1: a weight's gradient is what dropout has let through.
#[test]
fn dropout_chooses_anew_in_each_step_alike_with_any_threads_and_rests_in_prediction() {
    let layers =
        vec![Layer::Flatten, Layer::Dropout { rate: 0.25 }, Layer::Linear { out_features: 2, bias: true }];
    let mut case = Case::new(model(image(1, 8, 8), layers), 40, 32);
    case.pixels.fill(255);
    case.parameters.iter_mut().for_each(|tensor| tensor.fill(0.0));
    let open = |threads| case.open("none", threads, 1.0);
    let steps = |threads| {
        let mut session = open(threads);
        [(); 3].map(|()| {
            session.set_parameters(&[&[0.0; 128], &[0.0; 2]]).unwrap();
            session.train_step(&case.indices()).unwrap();
            case.parameters_of(session.as_mut()).swap_remove(0)
        })
    };
    let one = steps(1);
    assert!(one[0] != one[1] && one[1] != one[2] && one[0] != one[2]);
    for threads in [2, 3] {
        let pairs = one.iter().flatten().zip(steps(threads).into_iter().flatten().collect::<Vec<_>>());
        assert!({ pairs }.all(|(one, other)| (one - other).abs() < 1e-6), "{threads} threads");
    }
    let mut session = open(2);
    session.set_parameters(&[&[1.0; 128], &[0.0; 2]]).unwrap();
    let mut logits = [f32::NAN; 6];
    session.predict(Split::Train, &[0, 1, 2], 3, &mut logits).unwrap();
    assert_eq!(logits, [64.0; 6]);
}

#[test]
fn every_listed_implementation_and_device_opens() {
    let case = Case::new(small_network(), 1, 31);
    let description = Handwritten::describe().unwrap();
    for implementation in &description.implementations {
        for device in &description.devices {
            let mut request = case.request(&implementation.name, 1, 1.0);
            request.device.clone_from(&device.id);
            assert!(Handwritten::open(request).is_ok());
        }
    }
}
