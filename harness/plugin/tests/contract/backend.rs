//! A backend that computes nothing: it writes down what reaches it and answers
//! as the test wants. What it knows is per thread, hence per test.

use std::cell::RefCell;
use std::collections::HashMap;

use trainmark_plugin::abi::BackendTable;
use trainmark_plugin::host::{Plugin, PluginSession};
use trainmark_plugin::{
    Backend, Dataset, Description, Device, Error, Implementation, Layer, Model, OpenRequest, Optimiser,
    Outcome, RunningVariance, Samples, Session, Shape, Split, export,
};

/// What a call shall do instead of its work.
pub(crate) enum Misbehaviour {
    /// Answer with this error.
    Fail(Error),
    /// Panic with this message.
    Panic(&'static str),
    /// Panic with a payload that is no string.
    PanicWithoutMessage,
    /// Panic with a payload that panics again when it is dropped.
    PanicTwice,
}

thread_local! {
    static PLANNED: RefCell<HashMap<&'static str, Misbehaviour>> = RefCell::default();
    static REACHED: RefCell<Vec<String>> = RefCell::default();
    static OPENED: RefCell<Option<OpenRequest<'static>>> = const { RefCell::new(None) };
}

/// The next time that `call` reaches the backend, it misbehaves.
pub(crate) fn plan(call: &'static str, misbehaviour: Misbehaviour) {
    PLANNED.with_borrow_mut(|planned| planned.insert(call, misbehaviour));
}

/// The calls that reached the backend since the last question.
pub(crate) fn reached() -> Vec<String> {
    REACHED.take()
}

/// The last request that reached the backend.
pub(crate) fn opened() -> OpenRequest<'static> {
    OPENED.take().expect("a session was opened")
}

fn arrive(call: &'static str, details: String) -> Result<(), Error> {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the payload panics when dropped");
        }
    }

    REACHED.with_borrow_mut(|reached| reached.push(format!("{call}{details}")));
    match PLANNED.with_borrow_mut(|planned| planned.remove(call)) {
        None => Ok(()),
        Some(Misbehaviour::Fail(error)) => Err(error),
        Some(Misbehaviour::Panic(message)) => panic!("{message}"),
        Some(Misbehaviour::PanicWithoutMessage) => std::panic::panic_any(17),
        Some(Misbehaviour::PanicTwice) => std::panic::panic_any(Bomb),
    }
}

pub(crate) struct TestBackend;

impl Backend for TestBackend {
    const NAME: &'static str = "test-backend-1";
    const VERSION: &'static str = "0.3.1-β";

    fn describe() -> Result<Description, Error> {
        arrive("describe", String::new())?;
        Ok(description())
    }

    fn trains_with(optimiser: Optimiser) -> bool {
        !matches!(optimiser, Optimiser::Momentum { .. })
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        arrive("open", String::new())?;
        let OpenRequest { model, dataset, batch_size, learning_rate, .. } = request;
        let dataset = Dataset::new(leaked(dataset.train), leaked(dataset.test));
        let copy = OpenRequest::new(model, dataset, batch_size, learning_rate)
            .with_optimiser(request.optimiser)
            .with_implementation(request.implementation)
            .with_device(request.device)
            .with_threads(request.threads);
        OPENED.set(Some(copy));
        Ok(Box::new(TestSession { parameters: Vec::new() }))
    }
}

fn leaked(samples: Samples<'_>) -> Samples<'static> {
    Samples::new(samples.pixels.to_vec().leak(), samples.labels.to_vec().leak())
}

/// What [`TestBackend`] says of itself: every convention, a device that works
/// and one that does not, and text beyond ASCII.
pub(crate) fn description() -> Description {
    Description::new("no framework 1.0 (größer)")
        .with_implementations([
            Implementation::new("primitive", RunningVariance::BiasedFromZero, "γ·x̂ + β by hand"),
            Implementation::new("builtin", RunningVariance::UnbiasedFromOne, ""),
            Implementation::new("mixed", RunningVariance::BiasedFromOne, "neither's start with the other's"),
        ])
        .with_devices([
            Device::available("cpu"),
            Device::unavailable("cuda:0", "no driver"),
            Device::available("wgpu:0").with_adapter("größer's adapter").in_software(),
        ])
        .with_notes(["its pooling is slow", "größer is no ASCII"])
}

struct TestSession {
    parameters: Vec<Vec<f32>>,
}

impl Session for TestSession {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        arrive("set_parameters", String::new())?;
        self.parameters = values.iter().map(|value| value.to_vec()).collect();
        Ok(())
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        arrive("get_parameters", String::new())?;
        for (value, parameter) in values.iter_mut().zip(&self.parameters) {
            value.copy_from_slice(parameter);
        }
        Ok(())
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        arrive("train_step", format!(" {batch:?}"))?;
        Ok(Outcome::new(0.25 + f64::from(batch[0]), batch.len() as u64))
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        arrive("predict", format!(" {split:?} {indices:?} by {batch_size}"))?;
        for (place, value) in logits.iter_mut().zip(0_u8..) {
            *place = f32::from(value);
        }
        Ok(())
    }
}

impl Drop for TestSession {
    fn drop(&mut self) {
        // Its only error would be a planned one, and `drop` has no one to tell.
        let _ = arrive("close", String::new());
    }
}

/// The table under test.
pub(crate) static TABLE: BackendTable = export::table::<TestBackend>();

/// The plugin under test.
pub(crate) fn plugin() -> Plugin {
    // SAFETY: the table is a static that the SDK made.
    unsafe { Plugin::from_table(&raw const TABLE) }.expect("the table is valid")
}

/// Four training and two test samples of 1×2×2 pixels.
pub(crate) const DATASET: Dataset<'static> = Dataset::new(
    Samples::new(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], &[0, 1, 2, 1]),
    Samples::new(&[255, 254, 253, 252, 0, 0, 0, 9], &[2, 0]),
);

/// Parameter lengths of the model in [`request`].
pub(crate) const LENGTHS: [usize; 2] = [12, 3];

/// Asks for a linear layer with three classes.
pub(crate) fn request() -> OpenRequest<'static> {
    OpenRequest::new(
        Model::new(
            "tiny",
            Shape::Image { channels: 1, height: 2, width: 2 },
            [Layer::Flatten, Layer::Linear { out_features: 3, bias: true }],
        ),
        DATASET,
        2,
        0.5,
    )
    .with_threads(2)
}

/// A session with parameters; what was reached so far is forgotten.
pub(crate) fn ready_session() -> PluginSession<'static> {
    let mut session = plugin().open(&request()).expect("the request is valid");
    let parameters = LENGTHS.map(|length| vec![0.5_f32; length]);
    session.set_parameters(&parameters.each_ref().map(Vec::as_slice)).expect("the lengths are right");
    reached();
    session
}
