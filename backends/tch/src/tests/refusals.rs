//! What is refused, and that nothing has changed then.

use trainmark_plugin::{Backend as _, ErrorKind, Layer};

use super::{Images, parameters};
use crate::Tch;

const BATCH_NORM: Layer = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };

fn after_linear() -> [Layer; 4] {
    [BATCH_NORM, Layer::Flatten, Layer::Linear { out_features: 2, bias: true }, BATCH_NORM]
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
    let message = refusal(&[Layer::Flatten], "none", "tpu:0");
    assert_eq!(message, "no device tpu:0; ask for cpu or cuda:0");
}

#[test]
fn a_cuda_device_that_cannot_be_used_says_why() {
    let image = Images::one(&[&[1, 0]]);
    // On a machine with a device the reason is that this process has used the CPU.
    image.open(&[Layer::Flatten], "none", "cpu").unwrap();
    let devices = Tch::describe().unwrap().devices;
    let ids: Vec<_> = devices.iter().map(|device| device.id.as_str()).collect();
    assert_eq!(ids[..2], ["cpu", "cuda:0"]);
    assert_eq!(devices[0].unavailable, None);
    // It takes seconds to load, and a description must not.
    assert_eq!(crate::library::loaded("libtorch_cuda"), None);

    let error = image.open(&[Layer::Flatten], "none", "cuda:0").err().expect("a refusal");
    assert_eq!(error.kind, ErrorKind::Device);
    let reason = error.message.strip_prefix("cuda:0 cannot be used: ").unwrap();
    match &devices[1].unavailable {
        Some(described) => assert_eq!(reason, described),
        None => assert!(reason.starts_with("libtorch has computed on the CPU in this process"), "{reason}"),
    }
    // What comes first is what was asked for wrongly.
    let error = image.open(&after_linear(), "none", "cuda:0").err().expect("a refusal");
    assert_eq!(error.kind, ErrorKind::Unsupported);
}

#[test]
fn the_framework_is_named_with_both_versions() {
    let named = Tch::describe().unwrap().framework;
    let made_for_each_other = ["tch 0.24.0, libtorch 2.11.0", "tch 0.26.0, libtorch 2.13.0"];
    assert!(made_for_each_other.contains(&&*named), "{named}");
}
