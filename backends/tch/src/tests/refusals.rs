//! What is refused, and that nothing has changed then.

use trainmark_plugin::{Backend as _, ErrorKind, Layer};

use super::{Images, parameters};
use crate::Tch;

const BATCH_NORM: Layer = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };

fn after_linear() -> [Layer; 4] {
    [BATCH_NORM, Layer::Flatten, Layer::Linear { out_features: 2 }, BATCH_NORM]
}

const LENGTHS: [usize; 10] = [1, 1, 1, 1, 4, 2, 2, 2, 2, 2];

fn start() -> Vec<Vec<f32>> {
    LENGTHS.iter().map(|&length| (1..=length).map(|value| value as f32 / 4.0).collect()).collect()
}

#[test]
fn the_builtin_refuses_one_value_per_channel_and_changes_nothing() {
    let image = Images::one(&[&[1, 0]]);
    let mut session = image.open(&after_linear(), "builtin", "cpu").unwrap();
    let start = start();
    let slices: Vec<_> = start.iter().map(Vec::as_slice).collect();
    session.set_parameters(&slices).unwrap();
    let error = session.train_step(&[0]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.starts_with("layer 3 (batch_norm): libtorch's batch norm needs"), "{error}");
    assert_eq!(parameters(session.as_mut(), &LENGTHS), start);
    session.train_step(&[0, 0]).unwrap();
}

#[test]
fn the_primitive_trains_on_one_sample() {
    let image = Images::one(&[&[1, 0]]);
    let mut session = image.open(&after_linear(), "primitive", "cpu").unwrap();
    let start = start();
    let slices: Vec<_> = start.iter().map(Vec::as_slice).collect();
    session.set_parameters(&slices).unwrap();
    let outcome = session.train_step(&[0]).unwrap();
    assert!(outcome.loss.is_finite());
    let after = parameters(session.as_mut(), &LENGTHS);
    assert!(after.iter().flatten().all(|value| value.is_finite()), "{after:?}");
    // Of one sample the variance is 0: 0.9 of the running one is left.
    assert!((after[9][1] - 0.9 * start[9][1]).abs() < 1e-6, "{after:?}");
}

#[test]
fn what_is_not_there_is_named() {
    let image = Images::one(&[&[1, 0]]);
    let refusal = |layers: &[Layer], implementation, device| {
        image.open(layers, implementation, device).err().expect("a refusal").message
    };
    let message = refusal(&after_linear(), "none", "cpu");
    assert!(message.contains("none") && message.contains("primitive"), "{message}");
    let message = refusal(&[Layer::Flatten], "builtin", "cpu");
    assert!(message.contains("builtin") && message.contains("none"), "{message}");
    let message = refusal(&[Layer::Flatten], "none", "cuda:0");
    assert!(message.contains("cuda:0") && message.contains("cpu"), "{message}");
}

#[test]
fn the_framework_is_named_with_both_versions() {
    assert_eq!(Tch::describe().unwrap().framework, "tch 0.24.0, libtorch 2.11.0");
}
