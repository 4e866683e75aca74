//! What the C table costs: `train_step` of a backend that does nothing, called
//! as a trait object and through the table. The difference must stay under a
//! microsecond, so that it cannot be seen in a training step of any backend.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use trainmark_plugin::abi::BackendTable;
use trainmark_plugin::host::Plugin;
use trainmark_plugin::{
    Backend, Dataset, Description, Error, Layer, Model, OpenRequest, Outcome, Samples, Session, Shape, Split,
    export,
};

/// What the boundary may add to a call.
const LIMIT: Duration = Duration::from_micros(1);
/// The usual batch: the check of its indices is part of the cost.
const BATCH: usize = 256;

struct Null;

impl Backend for Null {
    const NAME: &'static str = "null";
    const VERSION: &'static str = "0.0.0";

    fn describe() -> Result<Description, Error> {
        Ok(Description::new("none"))
    }

    fn open<'d>(_request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        Ok(Box::new(NullSession))
    }
}

struct NullSession;

impl Session for NullSession {
    fn set_parameters(&mut self, _values: &[&[f32]]) -> Result<(), Error> {
        Ok(())
    }

    fn get_parameters(&mut self, _values: &mut [&mut [f32]]) -> Result<(), Error> {
        Ok(())
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        Ok(Outcome::new(0.0, batch.len() as u64))
    }

    fn predict(
        &mut self,
        _split: Split,
        _indices: &[u32],
        _batch_size: usize,
        _logits: &mut [f32],
    ) -> Result<(), Error> {
        Ok(())
    }
}

static TABLE: BackendTable = export::table::<Null>();
static PIXELS: [u8; BATCH] = [0; BATCH];
static LABELS: [u8; BATCH] = [0; BATCH];

fn request() -> OpenRequest<'static> {
    let samples = Samples::new(&PIXELS, &LABELS);
    OpenRequest::new(
        Model::new("null", Shape::Vector(1), [Layer::Linear { out_features: 2, bias: true }]),
        Dataset::new(samples, samples),
        BATCH,
        1.0,
    )
}

/// The shortest mean time of a call over several rounds: noise only adds.
fn shortest(session: &mut dyn Session, batch: &[u32]) -> Duration {
    const ROUNDS: u32 = 50;
    const CALLS: u32 = 20_000;
    let round = |session: &mut dyn Session| {
        let start = Instant::now();
        for _ in 0..CALLS {
            let _ = black_box(session.train_step(black_box(batch)));
        }
        start.elapsed() / CALLS
    };
    (0..ROUNDS).map(|_| round(session)).min().unwrap_or(Duration::MAX)
}

fn boundary(criterion: &mut Criterion) {
    // SAFETY: the table is a static that the SDK made.
    let plugin = unsafe { Plugin::from_table(&raw const TABLE) };
    let plugin = plugin.unwrap_or_else(|error| panic!("{error}"));
    let batch: Vec<u32> = (0..BATCH as u32).collect();
    let mut session = plugin.open(&request()).unwrap_or_else(|error| panic!("{error}"));
    session.set_parameters(&[&[0.0; 2], &[0.0; 2]]).unwrap_or_else(|error| panic!("{error}"));
    let mut sessions: [(&str, Box<dyn Session>); 2] =
        [("direct", Box::new(NullSession)), ("through the table", Box::new(session))];

    let mut group = criterion.benchmark_group("train_step of 256 samples that does nothing");
    for (name, session) in &mut sessions {
        group.bench_function(*name, |bencher| bencher.iter(|| session.train_step(black_box(&batch))));
    }
    group.finish();

    let [direct, table] = sessions.each_mut().map(|(_, session)| shortest(session.as_mut(), &batch));
    let cost = table.saturating_sub(direct);
    println!("the boundary adds {cost:?} to a call ({table:?} against {direct:?}); the limit is {LIMIT:?}");
    assert!(cost < LIMIT, "the boundary has become too expensive");
}

criterion_group!(benches, boundary);
criterion_main!(benches);
