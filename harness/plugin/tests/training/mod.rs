//! What a plugin that trains [flatten, linear] must do, checked against softmax
//! regression in float64.

use trainmark_plugin::host::Plugin;
use trainmark_plugin::{
    Dataset, Error, ErrorKind, Layer, Model, OpenRequest, Samples, Session, Shape, Split,
};

const FEATURES: usize = 9;
const CLASSES: usize = 3;
const SAMPLES: usize = 7;
const LEARNING_RATE: f64 = 0.5;

/// Seven samples of 1×3×3 pixels, the same for both splits.
static PIXELS: [u8; SAMPLES * FEATURES] = {
    let mut pixels = [0; SAMPLES * FEATURES];
    let mut index = 0;
    while index < pixels.len() {
        // 97 and 256 are coprime, so the values spread over all bytes.
        pixels[index] = (index * 97 + 13) as u8;
        index += 1;
    }
    pixels
};
static LABELS: [u8; SAMPLES] = [0, 1, 2, 2, 0, 1, 2];

/// A request for the model [flatten, linear].
pub(crate) fn request() -> OpenRequest<'static> {
    let samples = Samples::new(&PIXELS, &LABELS);
    OpenRequest::new(
        Model::new(
            "softmax",
            Shape::Image { channels: 1, height: 3, width: 3 },
            [Layer::Flatten, Layer::Linear { out_features: CLASSES, bias: true }],
        ),
        Dataset::new(samples, samples),
        3,
        LEARNING_RATE,
    )
}

/// Softmax regression in float64, one sample at a time.
struct Reference {
    weight: Vec<f64>,
    bias: Vec<f64>,
}

impl Reference {
    fn logits(&self, index: u32) -> Vec<f64> {
        let pixels = &PIXELS[index as usize * FEATURES..][..FEATURES];
        let row = |class: usize| &self.weight[class * FEATURES..][..FEATURES];
        let product =
            |row: &[f64]| row.iter().zip(pixels).map(|(w, &x)| w * f64::from(x) / 255.0).sum::<f64>();
        (0..CLASSES).map(|class| self.bias[class] + product(row(class))).collect()
    }

    /// Mean loss and right predictions before the update.
    fn step(&mut self, batch: &[u32]) -> (f64, u64) {
        let (mut loss, mut correct) = (0.0, 0);
        let mut gradient = Self { weight: vec![0.0; CLASSES * FEATURES], bias: vec![0.0; CLASSES] };
        let share = 1.0 / batch.len() as f64;
        for &index in batch {
            let (logits, label) = (self.logits(index), usize::from(LABELS[index as usize]));
            let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
            loss += share * (sum.ln() - logits[label]);
            correct += u64::from((0..CLASSES).all(|class| logits[class] <= logits[label]));
            for (class, logit) in logits.iter().enumerate() {
                let delta = logit.exp() / sum - if class == label { 1.0 } else { 0.0 };
                gradient.bias[class] += share * delta;
                for feature in 0..FEATURES {
                    let x = f64::from(PIXELS[index as usize * FEATURES + feature]) / 255.0;
                    gradient.weight[class * FEATURES + feature] += share * delta * x;
                }
            }
        }
        self.weight.iter_mut().zip(gradient.weight).for_each(|(w, g)| *w -= LEARNING_RATE * g);
        self.bias.iter_mut().zip(gradient.bias).for_each(|(b, g)| *b -= LEARNING_RATE * g);
        (loss, correct)
    }
}

fn assert_close(given: impl IntoIterator<Item = f64>, expected: &[f64], what: &str) {
    let given: Vec<f64> = given.into_iter().collect();
    assert_eq!(given.len(), expected.len(), "{what}");
    for (given, expected) in given.iter().zip(expected) {
        assert!((given - expected).abs() < 1e-5, "{what}: {given} given, {expected} expected");
    }
}

fn assert_parameters(session: &mut impl Session, reference: &Reference, what: &str) {
    let (mut weight, mut bias) = ([0.0; CLASSES * FEATURES], [0.0; CLASSES]);
    session.get_parameters(&mut [&mut weight, &mut bias]).unwrap();
    assert_close(weight.map(f64::from), &reference.weight, what);
    assert_close(bias.map(f64::from), &reference.bias, what);
}

/// Steps, an epoch with a smaller last batch and predictions agree with the reference.
pub(crate) fn assert_trains(plugin: &Plugin) {
    let mut session = plugin.open(&request()).unwrap();
    let start: Vec<f32> = (0_u8..27).map(|index| f32::from(index) / 50.0 - 0.3).collect();
    let mut reference =
        Reference { weight: start.iter().map(|&w| f64::from(w)).collect(), bias: vec![0.25; CLASSES] };
    session.set_parameters(&[&start, &[0.25; CLASSES]]).unwrap();
    for number in 0..20_u32 {
        let batch: Vec<u32> = (0..=number % 4).map(|offset| (number + 3 * offset) % 7).collect();
        let step = session.train_step(&batch).unwrap();
        let (loss, correct) = reference.step(&batch);
        assert_close([step.loss], &[loss], &format!("loss of step {number}"));
        assert_eq!(step.correct, correct, "step {number}");
        assert_parameters(&mut session, &reference, &format!("parameters after step {number}"));
    }
    let order = [6, 5, 4, 3, 2, 1, 0];
    let epoch = session.train_epoch(&order, 3).unwrap();
    let steps: Vec<_> = order.chunks(3).map(|batch| (batch.len() as f64, reference.step(batch))).collect();
    let loss = steps.iter().map(|(size, (loss, _))| size * loss).sum::<f64>() / 7.0;
    assert_close([epoch.loss], &[loss], "loss of the epoch");
    assert_eq!(epoch.correct, steps.iter().map(|(_, (_, correct))| correct).sum::<u64>());
    assert_parameters(&mut session, &reference, "parameters after the epoch");
    for (split, batch_size) in [(Split::Test, 2), (Split::Train, 100)] {
        let mut logits = [f32::NAN; 3 * CLASSES];
        session.predict(split, &[6, 0, 3], batch_size, &mut logits).unwrap();
        let expected = [6, 0, 3].map(|index| reference.logits(index)).concat();
        assert_close(logits.map(f64::from), &expected, "logits");
    }
    assert_parameters(&mut session, &reference, "prediction changes no parameter");
}

/// Calls in the wrong order, and with wrong lengths and indices, are `invalid`.
pub(crate) fn assert_checks_calls(plugin: &Plugin) {
    let mut session = plugin.open(&request()).unwrap();
    let (mut weight, mut bias) = ([0.1; CLASSES * FEATURES], [0.0; CLASSES]);
    let invalid = |answer: Result<(), Error>, what: &str| {
        assert_eq!(answer.map_err(|error| error.kind), Err(ErrorKind::Invalid), "{what}");
    };
    invalid(session.get_parameters(&mut [&mut weight, &mut bias]), "get_parameters comes too early");
    invalid(session.train_step(&[0]).map(drop), "train_step comes too early");
    invalid(session.train_epoch(&[0], 1).map(drop), "train_epoch comes too early");
    invalid(session.predict(Split::Test, &[0], 1, &mut [0.0; CLASSES]), "predict comes too early");
    invalid(session.set_parameters(&[&weight]), "one parameter");
    invalid(session.set_parameters(&[&bias, &weight]), "parameters swapped");
    session.set_parameters(&[&weight, &bias]).unwrap();
    invalid(session.get_parameters(&mut [&mut weight]), "one parameter");
    invalid(session.get_parameters(&mut [&mut weight[1..], &mut bias]), "short weight");
    invalid(session.train_step(&[]).map(drop), "no batch");
    invalid(session.train_step(&[0, 7]).map(drop), "index 7 of 7");
    invalid(session.train_epoch(&[], 1).map(drop), "no order");
    invalid(session.train_epoch(&[7], 1).map(drop), "index 7 of 7");
    invalid(session.train_epoch(&[0], 0).map(drop), "batch size 0");
    invalid(session.predict(Split::Test, &[], 1, &mut []), "no sample");
    invalid(session.predict(Split::Train, &[7], 1, &mut [0.0; CLASSES]), "index 7 of 7");
    invalid(session.predict(Split::Test, &[0], 0, &mut [0.0; CLASSES]), "batch size 0");
    invalid(session.predict(Split::Test, &[0], 1, &mut [0.0; CLASSES - 1]), "too little room");
    invalid(session.predict(Split::Test, &[0], 1, &mut [0.0; 2 * CLASSES]), "too much room");
    let unchanged =
        Reference { weight: vec![f64::from(0.1_f32); CLASSES * FEATURES], bias: vec![0.0; CLASSES] };
    assert_parameters(&mut session, &unchanged, "wrong calls change nothing");
}

/// What it cannot do is refused with a message that names it.
pub(crate) fn assert_refuses(plugin: &Plugin) {
    let refusal = |spoil: fn(&mut OpenRequest<'static>)| {
        let mut request = request();
        spoil(&mut request);
        plugin.open(&request).err().expect("the request is refused")
    };
    let names = |error: Error, kind: ErrorKind, name: &str| {
        assert_eq!(error.kind, kind);
        assert!(error.message.contains(name), "{error}");
    };
    let conv = refusal(|request| {
        let conv = Layer::Conv2d { out_channels: 6, kernel: 2, stride: 1, padding: 0, bias: true };
        request.model.layers.insert(0, conv);
    });
    names(conv, ErrorKind::Unsupported, "layer 0 (conv2d)");
    let deeper =
        refusal(|request| request.model.layers.push(Layer::Linear { out_features: CLASSES, bias: true }));
    names(deeper, ErrorKind::Unsupported, "layer 2 (linear)");
    let relu = refusal(|request| request.model.layers.insert(1, Layer::Relu));
    names(relu, ErrorKind::Unsupported, "layer 1 (relu)");
    let implementation = refusal(|request| request.implementation = "primitive".into());
    names(implementation, ErrorKind::Unsupported, "primitive");
    let device = refusal(|request| request.device = "cuda:0".into());
    names(device, ErrorKind::Device, "cuda:0");
}
