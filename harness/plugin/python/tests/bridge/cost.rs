//! What the bridge costs, beside the backend's own work.

use std::time::{Duration, Instant};

use trainmark_plugin::Session;

use crate::assembled::Assembled;
use crate::{child, training};

/// A backend that does nothing, so that all of its time is the bridge's.
const SOURCE: &str = "
import trainmark as tm

def describe():
    return tm.Description('nothing', [])

def open(request):
    return Nothing()

class Nothing:
    def set_parameters(self, values): pass
    def get_parameters(self, values): pass
    def train_step(self, batch): return 1.0, 0
    def predict(self, split, indices, batch_size, logits): pass
";

#[test]
fn a_step_costs_microseconds_and_an_epoch_less_than_a_millisecond() {
    let Some(backend) = Assembled::of(SOURCE) else { return };
    let output = child::succeeds("cost::measures", &backend.library);
    let costs = child::said(&output);
    println!("{}", costs.lines().filter(|line| line.contains("cost of ")).collect::<Vec<_>>().join("\n"));
}

#[test]
#[ignore = "called by another test"]
fn measures() {
    let plugin = child::plugin();
    let mut session = plugin.open(&training::request()).unwrap();
    session.set_parameters(&[&[0.0; 27], &[0.0; 3]]).unwrap();
    let batch: Vec<u32> = (0..256).map(|index| index % 7).collect();
    let step = quickest(100, || session.train_step(&batch).map(drop).unwrap()) / 100;
    println!("cost of train_step: {step:?}");
    assert!(step < Duration::from_micros(20), "{step:?}");
    let order: Vec<u32> = (0..60_000).map(|index| index % 7).collect();
    let epoch = quickest(1, || session.train_epoch(&order, 256).map(drop).unwrap());
    println!("cost of train_epoch, of 235 steps: {epoch:?}");
    assert!(epoch < Duration::from_millis(1), "{epoch:?}");
}

/// The least time of many that so many calls take: what others use the processor for is not in it.
fn quickest(calls: usize, mut call: impl FnMut()) -> Duration {
    let mut time = || {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed()
    };
    (0..50).map(|_| time()).min().unwrap()
}
