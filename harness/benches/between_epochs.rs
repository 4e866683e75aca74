//! What the harness itself takes between two epochs: the next shuffle, counting
//! right answers, and a message through the socket (limits: 5 ms for all, 1 ms
//! for the message).

#![expect(clippy::expect_used, reason = "a benchmark may panic where a test may")]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use trainmark::worker::protocol::{EpochMessage, Message};
use trainmark::{score, workload};

const TRAIN_SAMPLES: u32 = 60_000;
const TEST_SAMPLES: usize = 10_000;
const CLASSES: usize = 10;
/// Times of which the fastest is judged: other load must not fail the check.
const TRIES: usize = 50;

fn message(epoch: u32) -> Message {
    Message::Epoch(EpochMessage {
        epoch,
        train_seconds: 2.654_718_281,
        unfinished_seconds: 0.000_031_415,
        train_cpu_seconds: 5.271_828_182,
        predict_seconds: 0.064_159_265,
        train_loss: Some(0.304_215_664),
        train_accuracy: 0.886_226_925,
        test_accuracy: 0.835_648_848,
        rss_bytes: Some(312 << 20),
    })
}

/// A socket whose other end answers each line once it is parsed.
struct Echo {
    writer: UnixStream,
    reader: BufReader<UnixStream>,
}

impl Echo {
    fn new() -> Self {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        std::thread::spawn(move || {
            let mut writer = theirs.try_clone().expect("a second handle");
            for line in BufReader::new(theirs).lines() {
                let line = line.expect("the bench writes whole lines");
                let _: Message = serde_json::from_str(&line).expect("the bench writes messages");
                if writer.write_all(b"\n").is_err() {
                    return;
                }
            }
        });
        Self { writer: ours.try_clone().expect("a second handle"), reader: BufReader::new(ours) }
    }

    fn round_trip(&mut self, epoch: u32) {
        let mut line = serde_json::to_vec(&message(epoch)).expect("messages are JSON");
        line.push(b'\n');
        self.writer.write_all(&line).expect("the other end listens");
        let mut answer = String::new();
        self.reader.read_line(&mut answer).expect("the other end answers");
    }
}

fn fastest(mut work: impl FnMut()) -> Duration {
    let time = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..TRIES).map(|_| time(&mut work)).min().unwrap_or_default()
}

fn between_epochs(criterion: &mut Criterion) {
    let logits: Vec<f32> = (0..TEST_SAMPLES * CLASSES).map(|index| (index * 7919 % 1000) as f32).collect();
    let labels: Vec<u8> = (0..TEST_SAMPLES).map(|index| (index % CLASSES) as u8).collect();
    let mut echo = Echo::new();
    let mut epoch = 0;
    criterion.bench_function("shuffle of 60,000 samples", |bencher| {
        bencher.iter(|| {
            epoch += 1;
            workload::epoch_order(TRAIN_SAMPLES, 1, black_box(epoch))
        });
    });
    criterion.bench_function("accuracy over 10,000 samples", |bencher| {
        bencher.iter(|| score::accuracy(black_box(&logits), CLASSES, &labels));
    });
    criterion.bench_function("message to the harness and back", |bencher| {
        bencher.iter(|| echo.round_trip(black_box(1)));
    });

    let message = fastest(|| echo.round_trip(1));
    let all = message
        + fastest(|| drop(black_box(workload::epoch_order(TRAIN_SAMPLES, 1, 2))))
        + fastest(|| {
            black_box(score::accuracy(&logits, CLASSES, &labels));
        });
    println!("between epochs {all:?} (limit 5 ms), of which the message {message:?} (limit 1 ms)");
    assert!(message < Duration::from_millis(1), "a message took {message:?}");
    assert!(all < Duration::from_millis(5), "the harness took {all:?} between epochs");
}

criterion_group!(benches, between_epochs);
criterion_main!(benches);
