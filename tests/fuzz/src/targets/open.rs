//! What a host asks of a plugin: the model, samples and options of a session, and calls in any
//! order.

use arbitrary::Result;
use trainmark_plugin::abi::{
    BackendTable, LayerData, ModelData, OpenData, OptionData, OutcomeData, SamplesData, SessionData, TM_OK,
    Text,
};
use trainmark_plugin::{Backend, Description, Error, OpenRequest, Outcome, Session, Split, export};

use super::foreign::Foreign;

/// A backend that computes nothing, and holds that what reaches it is what was promised.
pub(super) struct Idle;

struct IdleSession {
    lengths: Vec<usize>,
    train: usize,
    test: usize,
    classes: usize,
}

impl Backend for Idle {
    const NAME: &'static str = "idle";
    const VERSION: &'static str = "0.1.0";

    fn describe() -> std::result::Result<Description, Error> {
        Ok(Description::new("none"))
    }

    fn open<'d>(request: OpenRequest<'d>) -> std::result::Result<Box<dyn Session + 'd>, Error> {
        Ok(Box::new(IdleSession {
            lengths: request.model.parameters()?.iter().map(|spec| spec.len()).collect(),
            train: request.dataset.train.count(),
            test: request.dataset.test.count(),
            classes: request.model.classes()?,
        }))
    }
}

impl IdleSession {
    fn assert_within(&self, indices: &[u32], count: usize) {
        assert!(
            !indices.is_empty() && indices.iter().all(|&index| (index as usize) < count),
            "an index reached it"
        );
    }

    fn assert_lengths(&self, lengths: impl Iterator<Item = usize>) {
        assert!(lengths.eq(self.lengths.iter().copied()), "lengths reached it that are not the model's");
    }
}

impl Session for IdleSession {
    fn set_parameters(&mut self, values: &[&[f32]]) -> std::result::Result<(), Error> {
        self.assert_lengths(values.iter().map(|value| value.len()));
        Ok(())
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> std::result::Result<(), Error> {
        self.assert_lengths(values.iter().map(|value| value.len()));
        Ok(())
    }

    fn train_step(&mut self, batch: &[u32]) -> std::result::Result<Outcome, Error> {
        self.assert_within(batch, self.train);
        Ok(Outcome::new(0.0, 0))
    }

    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> std::result::Result<Outcome, Error> {
        self.assert_within(order, self.train);
        assert!(batch_size > 0, "a batch size of 0 reached it");
        Ok(Outcome::new(0.0, 0))
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> std::result::Result<(), Error> {
        self.assert_within(indices, if split == Split::Train { self.train } else { self.test });
        assert!(
            batch_size > 0 && logits.len() == indices.len() * self.classes,
            "logits that do not fit reached it"
        );
        Ok(())
    }
}

static TABLE: BackendTable = export::table::<Idle>();

pub(super) fn run(bytes: &[u8]) {
    let mut foreign = Foreign::new(bytes);
    let _ = converse(&mut foreign);
}

fn converse(foreign: &mut Foreign<'_>) -> Result<()> {
    let model = model(foreign)?;
    let (train, test) = (samples(foreign, &model)?, samples(foreign, &model)?);
    let options = foreign.array(3, |foreign| {
        Ok(OptionData {
            key: foreign.text(&["precision", "optimiser", "momentum", "weight_decay", "epsilon"])?,
            value: foreign.text(&["float32", "momentum", "adam", "0.9", "nan"])?,
            required: u32::from(foreign.is_rare()?),
            reserved: 0,
        })
    })?;
    let request = OpenData {
        struct_size: foreign.size::<OpenData>()?,
        model: &raw const model,
        train: &raw const train.data,
        test: &raw const test.data,
        implementation: foreign.text(&["primitive", "none"])?,
        device: foreign.text(&["cpu"])?,
        threads: foreign.number()?,
        reserved: 0,
        batch_size: foreign.number()? as usize,
        learning_rate: foreign.float()?,
        option_count: options.count,
        option_size: options.stride,
        options: options.start,
    };
    let mut session = std::ptr::null_mut();
    let open = TABLE.open.unwrap_or_else(|| panic!("the table lacks open"));
    let mut message = Message::new();
    // SAFETY: every pointer is null or leads to memory of at least the size that is told.
    let status = unsafe { open(&raw const request, &raw mut session, &raw mut message.text) };
    message.assert_written();
    assert_eq!(status == TM_OK, !session.is_null(), "a session without an `ok`, or none with it");
    if session.is_null() {
        return Ok(());
    }
    while !foreign.is_used_up() {
        let spoken = foreign.below(5).and_then(|which| speak(foreign, session, which));
        if spoken.is_err() {
            break;
        }
    }
    if let Some(close) = TABLE.close {
        // SAFETY: `open` gave it, and nothing is called after.
        unsafe { close(session) };
    }
    Ok(())
}

/// Samples with the memory that they lie in.
struct Held {
    data: SamplesData,
    _pixels: Vec<u8>,
    _labels: Vec<u8>,
}

/// A few of the model's size, rarely of another, or impossibly many.
fn samples(foreign: &mut Foreign<'_>, model: &ModelData) -> Result<Held> {
    let sides = [model.input_channels, model.input_height.max(1), model.input_width.max(1)];
    let size = sides.iter().fold(1_usize, |size, &side| size.saturating_mul(side as usize)).min(4096);
    let size = if foreign.is_rare()? { foreign.below(64)? as usize } else { size };
    let count = foreign.below(6)? as usize;
    let pixels = vec![0; count * size];
    let mut labels = vec![0; count];
    for label in &mut labels {
        *label = foreign.below(4)? as u8;
    }
    let count = if foreign.is_rare()? { usize::MAX } else { count };
    let data = SamplesData {
        struct_size: foreign.size::<SamplesData>()?,
        count,
        sample_size: size,
        pixels: pixels.as_ptr(),
        labels: labels.as_ptr(),
    };
    Ok(Held { data, _pixels: pixels, _labels: labels })
}

fn model(foreign: &mut Foreign<'_>) -> Result<ModelData> {
    let layers = foreign.array(6, |foreign| {
        Ok(LayerData {
            kind: foreign.number()?,
            channels: foreign.number()?,
            window: foreign.number()?,
            stride: foreign.number()?,
            padding: foreign.number()?,
            height: foreign.number()?,
            width: foreign.number()?,
            reserved: 0,
            epsilon: foreign.float()?,
            momentum: foreign.float()?,
            rate: foreign.float()?,
            input: foreign.number()?,
            other: foreign.number()?,
            without_bias: foreign.number()?,
            reserved_too: 0,
        })
    })?;
    Ok(ModelData {
        struct_size: foreign.size::<ModelData>()?,
        name: foreign.text(&["model"])?,
        input_channels: foreign.number()?,
        input_height: foreign.number()?,
        input_width: foreign.number()?,
        reserved: 0,
        layer_count: layers.count,
        layer_size: layers.stride,
        layers: layers.start,
    })
}

/// One call of an open session.
fn speak(foreign: &mut Foreign<'_>, session: *mut SessionData, which: u32) -> Result<()> {
    let indices = foreign.array(5, Foreign::number)?;
    let (order, count) =
        if indices.stride == size_of::<u32>() { (indices.start, indices.count) } else { (indices.start, 0) };
    let batch_size = foreign.number()? as usize;
    let mut outcome = OutcomeData { struct_size: foreign.size::<OutcomeData>()?, loss: 0.0, correct: 0 };
    let mut logits = vec![0.0_f32; foreign.below(64)? as usize];
    let mut values: Vec<Vec<f32>> = Vec::new();
    for _ in 0..foreign.below(6)? {
        values.push(vec![0.0; foreign.below(40)? as usize]);
    }
    let starts: Vec<*mut f32> = values.iter_mut().map(|value| value.as_mut_ptr()).collect();
    let lengths: Vec<usize> = values.iter().map(Vec::len).collect();
    let mut message = Message::new();
    let text = &raw mut message.text;
    // SAFETY: the session is open, and each pointer is null or leads to what its length says.
    unsafe {
        match which {
            0 => TABLE
                .set_parameters
                .map(|set| set(session, starts.as_ptr().cast(), lengths.as_ptr(), starts.len(), text)),
            1 => TABLE
                .get_parameters
                .map(|get| get(session, starts.as_ptr(), lengths.as_ptr(), starts.len(), text)),
            2 => TABLE.train_step.map(|step| step(session, order, count, &raw mut outcome, text)),
            3 => TABLE
                .train_epoch
                .map(|epoch| epoch(session, order, count, batch_size, &raw mut outcome, text)),
            _ => {
                let split = foreign.number()?;
                TABLE.predict.map(|predict| {
                    predict(session, split, order, count, batch_size, logits.as_mut_ptr(), logits.len(), text)
                })
            }
        }
    };
    message.assert_written();
    Ok(())
}

/// The host's buffer, with a mark behind it.
struct Message {
    text: Text,
    bytes: Box<[u8; 64]>,
}

impl Message {
    /// Bytes that a plugin may write; the others are the mark.
    const CAPACITY: usize = 40;
    const MARK: u8 = 0xA5;

    fn new() -> Self {
        let mut bytes = Box::new([Self::MARK; 64]);
        let data = bytes.as_mut_ptr().cast();
        Self {
            text: Text { struct_size: size_of::<Text>(), data, capacity: Self::CAPACITY, length: 0 },
            bytes,
        }
    }

    fn assert_written(&self) {
        assert!(
            self.bytes[Self::CAPACITY..].iter().all(|&byte| byte == Self::MARK),
            "a message beyond its buffer"
        );
        let text = self.bytes.get(..self.text.length).unwrap_or_else(|| panic!("a length beyond the buffer"));
        assert!(std::str::from_utf8(text).is_ok(), "a message that is no UTF-8");
    }
}
