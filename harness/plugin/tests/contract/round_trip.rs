//! What one side gives arrives at the other.

use trainmark_plugin::{Error, ErrorKind, Layer, Optimiser, Session, Shape, Source, Split};

use crate::backend::{
    DATASET, LENGTHS, Misbehaviour, description, opened, plan, plugin, reached, ready_session, request,
};

/// Every kind of layer, with a different value in every field.
fn every_layer() -> Vec<Layer> {
    vec![
        Layer::Resize { height: 30, width: 28 },
        Layer::Conv2d { out_channels: 6, kernel: 5, stride: 1, padding: 2, bias: false },
        Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 },
        Layer::Sigmoid,
        Layer::Add { other: Source::Layer(2) },
        Layer::MaxPool2d { window: 2, stride: 1 },
        Layer::Relu,
        Layer::AvgPool2d { window: 3, stride: 2 },
        Layer::Tanh,
        Layer::Flatten,
        Layer::Dropout { rate: 0.25 },
        Layer::Linear { out_features: 3, bias: true },
    ]
}

#[test]
fn the_request_arrives_whole() {
    let mut request = request();
    request.model.layers = every_layer();
    // The sigmoid stands beside the batch norm, to which it is added.
    request.model = request.model.with_source(3, Source::Layer(1));
    request.model.name = "größer".into();
    request.implementation = "builtin".into();
    request.device = "cuda:1".into();
    request.threads = 7;
    request.learning_rate = 0.1;
    request.optimiser =
        Optimiser::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1.0 / 3.0 * 1e-8, weight_decay: 5e-4 };
    request.batch_size = 256;
    drop(plugin().open(&request).unwrap());
    let arrived = opened();
    assert_eq!(arrived.model, request.model);
    assert_eq!(arrived.dataset, DATASET);
    assert_eq!(arrived.implementation, "builtin");
    assert_eq!(arrived.device, "cuda:1");
    assert_eq!(arrived.threads, 7);
    assert_eq!(arrived.learning_rate, 0.1);
    assert_eq!(arrived.optimiser, request.optimiser);
    assert_eq!(arrived.batch_size, 256);
}

#[test]
fn a_vector_input_arrives() {
    let mut request = request();
    request.model.input = Shape::Vector(4);
    request.model.layers = vec![Layer::Linear { out_features: 3, bias: true }];
    drop(plugin().open(&request).unwrap());
    assert_eq!(opened().model, request.model);
}

#[test]
fn an_empty_split_can_be_opened() {
    let mut request = request();
    request.dataset.test.pixels = &[];
    request.dataset.test.labels = &[];
    drop(plugin().open(&request).unwrap());
    assert_eq!(opened().dataset, request.dataset);
}

#[test]
fn the_description_arrives() {
    let plugin = plugin();
    assert_eq!(plugin.name, "test-backend-1");
    assert_eq!(plugin.version, "0.3.1-β");
    assert_eq!(plugin.describe().unwrap(), description());
}

#[test]
fn parameters_come_back_as_they_went() {
    let mut session = plugin().open(&request()).unwrap();
    let weight: Vec<f32> = (0_u8..12).map(f32::from).collect();
    let bias = [f32::MIN_POSITIVE, -0.0, f32::INFINITY];
    session.set_parameters(&[&weight, &bias]).unwrap();
    let (mut weight_back, mut bias_back) = ([0.0; 12], [0.0; 3]);
    session.get_parameters(&mut [&mut weight_back, &mut bias_back]).unwrap();
    assert_eq!(weight, weight_back);
    assert_eq!(bias.map(f32::to_bits), bias_back.map(f32::to_bits));
}

#[test]
fn training_and_prediction_pass_their_arguments_and_outcomes() {
    let mut session = ready_session();
    let step = session.train_step(&[3, 0]).unwrap();
    assert_eq!((step.loss, step.correct), (3.25, 2));
    // The provided train_epoch: batches of 2 and 1, (0.25·2 + 2.25·1)/3.
    let epoch = session.train_epoch(&[0, 3, 2], 2).unwrap();
    assert_eq!((epoch.loss, epoch.correct), (2.75 / 3.0, 3));
    let mut logits = [f32::NAN; 6];
    session.predict(Split::Test, &[1, 0], 5, &mut logits).unwrap();
    assert_eq!(logits, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    session.predict(Split::Train, &[3], 1, &mut logits[..3]).unwrap();
    drop(session);
    let expected = [
        "train_step [3, 0]",
        "train_step [0, 3]",
        "train_step [2]",
        "predict Test [1, 0] by 5",
        "predict Train [3] by 1",
        "close",
    ];
    assert_eq!(reached(), expected);
}

#[test]
fn every_error_kind_arrives_with_its_message() {
    let kinds = [
        ErrorKind::Invalid,
        ErrorKind::Unsupported,
        ErrorKind::Failed,
        ErrorKind::OutOfMemory,
        ErrorKind::Device,
        ErrorKind::Panic,
    ];
    for kind in kinds {
        let error = Error::new(kind, format!("zwölf\nBoxkämpfer: {}", kind.name()));
        plan("open", Misbehaviour::Fail(error.clone()));
        assert_eq!(plugin().open(&request()).err(), Some(error));
    }
    plan("describe", Misbehaviour::Fail(Error::failed("no framework")));
    assert_eq!(plugin().describe(), Err(Error::failed("no framework")));
}

#[test]
fn a_failed_call_leaves_the_session_usable() {
    let mut session = ready_session();
    for call in ["train_step", "predict", "get_parameters", "set_parameters"] {
        plan(call, Misbehaviour::Fail(Error::failed(call)));
    }
    let (mut weight, mut bias) = ([0.0; LENGTHS[0]], [0.0; LENGTHS[1]]);
    assert_eq!(session.train_epoch(&[0, 1], 1), Err(Error::failed("train_step")));
    assert_eq!(session.predict(Split::Test, &[0], 1, &mut [0.0; 3]), Err(Error::failed("predict")));
    assert_eq!(session.get_parameters(&mut [&mut weight, &mut bias]), Err(Error::failed("get_parameters")));
    assert_eq!(session.set_parameters(&[&weight, &bias]), Err(Error::failed("set_parameters")));
    session.get_parameters(&mut [&mut weight, &mut bias]).unwrap();
    assert_eq!(weight, [0.5; LENGTHS[0]]);
}

#[test]
fn a_long_message_is_cut_between_characters() {
    // The host's buffer has 4096 bytes; one byte in front puts its end inside an 'ä'.
    plan("open", Misbehaviour::Fail(Error::failed(format!("x{}", "ä".repeat(3000)))));
    let error = plugin().open(&request()).err().unwrap();
    assert_eq!(error, Error::failed(format!("x{}", "ä".repeat(2047))));
}

#[test]
fn text_that_c_cannot_carry_is_refused() {
    let mut request = request();
    request.device = "cpu\0gpu".into();
    assert_eq!(plugin().open(&request).err(), Some(Error::invalid(r#""cpu\0gpu" holds a zero byte"#)));
    assert_eq!(reached(), [""; 0]);
}
