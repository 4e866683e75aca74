//! An epoch against its steps.

use trainmark_plugin::{Layer, Outcome};

use super::{Images, parameters};

/// What is read once at an epoch's end is what would have been read after each step.
#[test]
fn an_epoch_is_its_steps_to_the_last_bit() {
    let count = 11;
    let pixels = (0..count * 36).map(|place: usize| (place * place * 31 % 256) as u8).collect();
    let labels = (0..count).map(|sample| (sample * 7 % 3) as u8).collect();
    let images = Images { height: 6, width: 6, pixels, labels };
    let layers = [
        Layer::Conv2d { out_channels: 2, kernel: 3, stride: 1, padding: 0, bias: true },
        Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 },
        Layer::Sigmoid,
        Layer::MaxPool2d { window: 2, stride: 2 },
        Layer::Flatten,
        Layer::Linear { out_features: 3, bias: true },
    ];
    let lengths = [18, 2, 2, 2, 2, 2, 24, 3];
    let start = lengths.map(|length| (0..length).map(|i| (i % 5) as f32 / 4.0 - 0.4).collect::<Vec<_>>());
    let slices: Vec<_> = start.iter().map(Vec::as_slice).collect();
    let order = [4, 9, 1, 0, 10, 3, 2, 8, 7, 5, 6];
    for implementation in ["primitive", "builtin"] {
        let open = || {
            let mut session = images.open(&layers, implementation, "cpu").unwrap();
            session.set_parameters(&slices).unwrap();
            session
        };
        let (mut whole, mut stepwise) = (open(), open());
        // The last batch has three samples.
        let epoch = whole.train_epoch(&order, 4).unwrap();
        let steps: Vec<Outcome> = order.chunks(4).map(|batch| stepwise.train_step(batch).unwrap()).collect();
        let weighted = steps.iter().zip([4.0, 4.0, 3.0]).map(|(step, weight)| step.loss * weight);
        assert_eq!(epoch.loss, weighted.sum::<f64>() / 11.0);
        assert_eq!(epoch.correct, steps.iter().map(|step| step.correct).sum::<u64>());
        // What a step reports is a float32.
        assert!(steps.iter().all(|step| f64::from(step.loss as f32) == step.loss), "{steps:?}");
        let [whole, stepwise] =
            [&mut whole, &mut stepwise].map(|session| parameters(session.as_mut(), &lengths));
        assert_eq!(whole, stepwise);
        assert_ne!(whole[0], start[0], "it has learnt");
    }
}

#[test]
fn a_prediction_does_not_depend_on_its_batches() {
    let images = Images { height: 1, width: 2, pixels: (1..=14).collect(), labels: vec![0; 7] };
    let layers = [Layer::Flatten, Layer::Linear { out_features: 2, bias: true }];
    let mut session = images.open(&layers, "none", "cpu").unwrap();
    session.set_parameters(&[&[255.0, 0.0, 0.0, 255.0], &[0.0, 0.5]]).unwrap();
    let indices = [6, 0, 3, 1, 5];
    let expected: Vec<f32> =
        indices.iter().flat_map(|&index| [2.0 * index as f32 + 1.0, 2.0 * index as f32 + 2.5]).collect();
    for batch_size in [1, 2, 5, usize::MAX] {
        let mut logits = [f32::NAN; 10];
        session.predict(trainmark_plugin::Split::Test, &indices, batch_size, &mut logits).unwrap();
        let close = logits.iter().zip(&expected).all(|(found, expected)| (found - expected).abs() < 1e-5);
        assert!(close, "{logits:?} is not {expected:?}");
    }
}
