//! Calls that break the contract are answered with `invalid` and never reach
//! the backend.

use proptest::prelude::*;
use trainmark_plugin::{Error, ErrorKind, Layer, OpenRequest, Session, Split};

use crate::backend::{DATASET, LENGTHS, plugin, reached, ready_session, request};

#[test]
fn nothing_works_before_set_parameters() {
    let mut session = plugin().open(&request()).unwrap();
    reached();
    let early = Error::invalid("set_parameters must come first");
    let (mut weight, mut bias) = ([0.0; LENGTHS[0]], [0.0; LENGTHS[1]]);
    assert_eq!(session.get_parameters(&mut [&mut weight, &mut bias]), Err(early.clone()));
    assert_eq!(session.train_step(&[0]), Err(early.clone()));
    assert_eq!(session.train_epoch(&[0], 1), Err(early.clone()));
    assert_eq!(session.predict(Split::Test, &[0], 1, &mut [0.0; 3]), Err(early));
    assert_eq!(reached(), [""; 0]);
}

#[test]
fn wrong_parameter_lists_are_refused() {
    let mut session = ready_session();
    let (mut weight, mut bias) = ([0.0; LENGTHS[0]], [0.0; LENGTHS[1]]);
    let few = Error::invalid("1 parameters given, the model has 2");
    let swapped = Error::invalid("parameter 0 has 3 values, expected 12");
    assert_eq!(session.set_parameters(&[&weight]), Err(few.clone()));
    assert_eq!(session.set_parameters(&[&bias, &weight]), Err(swapped.clone()));
    let none = Error::invalid("0 parameters given, the model has 2");
    assert_eq!(session.set_parameters(&[]), Err(none));
    assert_eq!(session.get_parameters(&mut [&mut weight]), Err(few));
    assert_eq!(session.get_parameters(&mut [&mut bias, &mut weight]), Err(swapped));
    assert_eq!(reached(), [""; 0]);
}

#[test]
fn wrong_batches_are_refused() {
    let mut session = ready_session();
    let (empty, outside) =
        (Error::invalid("no sample given"), Error::invalid("sample 4 asked for, the split has 4"));
    assert_eq!(session.train_step(&[]), Err(empty.clone()));
    assert_eq!(session.train_step(&[0, 4]), Err(outside.clone()));
    assert_eq!(session.train_epoch(&[], 1), Err(empty.clone()));
    assert_eq!(session.train_epoch(&[4, 0], 2), Err(outside));
    let batch_size = Error::invalid("batch size must be at least 1");
    assert_eq!(session.train_epoch(&[0], 0), Err(batch_size.clone()));
    let mut logits = [0.0; 6];
    assert_eq!(session.predict(Split::Test, &[0, 1], 0, &mut logits), Err(batch_size));
    assert_eq!(session.predict(Split::Test, &[], 1, &mut []), Err(empty));
    let outside = Error::invalid("sample 2 asked for, the split has 2");
    assert_eq!(session.predict(Split::Test, &[2, 1], 1, &mut logits), Err(outside));
    let room = Error::invalid("room for 5 logits given, 6 needed");
    assert_eq!(session.predict(Split::Test, &[0, 1], 1, &mut logits[..5]), Err(room));
    assert_eq!(reached(), [""; 0]);
}

#[test]
fn wrong_requests_are_refused() {
    type Spoil = fn(&mut OpenRequest<'static>);
    let cases: [(Spoil, &str); 10] = [
        (|request| request.threads = 0, "threads must be at least 1"),
        (|request| request.batch_size = 0, "batch size must be at least 1"),
        (|request| request.learning_rate = f64::NAN, "learning rate NaN is not finite"),
        (|request| request.threads = 1 << 32, "4294967296 does not fit 32 bits"),
        (|request| request.model.layers.clear(), "model tiny does not end in a vector of logits"),
        (
            |request| request.model.layers = vec![Layer::Sigmoid],
            "model tiny does not end in a vector of logits",
        ),
        (
            |request| request.model.layers.insert(0, Layer::MaxPool2d { window: 3, stride: 1 }),
            "layer 0 (max_pool2d) of model tiny: window 3 is larger than the input's side 2",
        ),
        (
            |request| request.model.layers[1] = Layer::Linear { out_features: 2, bias: true },
            "a training label is 2, the model has 2 classes",
        ),
        (
            |request| request.dataset.train.pixels = &DATASET.train.pixels[..15],
            "the 4 training samples have 15 bytes, the model needs 4 each",
        ),
        (
            |request| request.dataset.test.labels = &[0],
            "the 1 test samples have 8 bytes, the model needs 4 each",
        ),
    ];
    for (spoil, message) in cases {
        let mut request = request();
        spoil(&mut request);
        assert_eq!(plugin().open(&request).err(), Some(Error::invalid(message)));
    }
    assert_eq!(reached(), [""; 0]);
}

proptest! {
    /// Exactly the calls with indices inside, a batch and enough room arrive.
    #[test]
    fn predict_arrives_only_if_everything_fits(
        indices in prop::collection::vec(0_u32..4, 0..6),
        batch_size in 0_usize..3,
        room in 0_usize..20,
    ) {
        let mut session = ready_session();
        let mut logits = vec![f32::NAN; room];
        let answer = session.predict(Split::Test, &indices, batch_size, &mut logits);
        let fits = !indices.is_empty()
            && indices.iter().all(|&index| index < 2)
            && batch_size > 0
            && room == indices.len() * 3;
        prop_assert_eq!(answer.is_ok(), fits);
        prop_assert_eq!(reached().len(), usize::from(fits));
        if let Err(error) = answer {
            prop_assert_eq!(error.kind, ErrorKind::Invalid);
        }
    }
}
