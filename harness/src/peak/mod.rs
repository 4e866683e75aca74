//! The processor's peak: how many float32 operations per second it does at most,
//! measured with nothing but multiply-adds in registers.

use std::io;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use trainmark_numerics::OPTIMISATION_LEVEL;
use trainmark_numerics::kernel::{self, Kernel};
use trainmark_reports::ceiling::Peak;
use trainmark_reports::statistics::median;

/// The best of these counts: other programs can only slow one down, and short ones fit
/// between two of them.
const REPETITIONS: usize = 30;
const REPETITION: Duration = Duration::from_millis(8);
/// Between two looks at whether to stop: some 40 µs.
const ROUNDS: u64 = 4096;

/// Why there is no peak.
#[derive(Debug, thiserror::Error)]
pub enum Unmeasured {
    /// Then registers are memory, and a backend may well be faster.
    #[error("the harness is built without optimisation")]
    NotOptimised,
    /// The system refuses a thread.
    #[error("a thread cannot be started: {0}")]
    NoThread(#[from] io::Error),
}

/// Measures the peak of that many threads together, for a quarter of a second.
///
/// # Errors
/// Where the number would be none of the machine's.
pub fn measure(threads: usize) -> Result<Peak, Unmeasured> {
    if OPTIMISATION_LEVEL == "0" {
        return Err(Unmeasured::NotOptimised);
    }
    let kernel = kernel::widest();
    let counts: Vec<f64> =
        (0..REPETITIONS).map(|_| repetition(&kernel, threads)).collect::<Result<_, _>>()?;
    Ok(Peak {
        operations_per_second: counts.iter().copied().fold(0.0, f64::max),
        threads,
        instructions: kernel.instructions.to_owned(),
        median_operations_per_second: median(counts),
    })
}

/// What one thread did, and when.
struct Span {
    start: Instant,
    end: Instant,
    rounds: u64,
}

/// Operations per second of all threads, from the first one's start to the last one's end.
fn repetition(kernel: &Kernel, threads: usize) -> io::Result<f64> {
    let (gate, stop) = (RwLock::new(()), AtomicBool::new(false));
    let spans = thread::scope(|scope| {
        let closed = gate.write();
        let wait_and_work = || {
            drop(gate.read());
            work(kernel, &stop)
        };
        let started: io::Result<Vec<_>> =
            (0..threads).map(|_| Builder::new().spawn_scoped(scope, wait_and_work)).collect();
        drop(closed);
        if started.is_ok() {
            thread::sleep(REPETITION);
        }
        stop.store(true, Ordering::Relaxed);
        let spans = started?.into_iter().map(|worker| worker.join());
        spans.map(|span| span.map_err(|_| io::Error::other("it panicked"))).collect::<io::Result<Vec<Span>>>()
    })?;
    Ok(rate(&spans) * kernel.operations_per_round)
}

fn work(kernel: &Kernel, stop: &AtomicBool) -> Span {
    let start = Instant::now();
    let mut rounds = 0;
    loop {
        (kernel.run)(ROUNDS);
        rounds += ROUNDS;
        if stop.load(Ordering::Relaxed) {
            return Span { start, end: Instant::now(), rounds };
        }
    }
}

/// Rounds per second over the whole time, so that threads which share a processor
/// one after the other do not count as two processors.
fn rate(spans: &[Span]) -> f64 {
    let start = spans.iter().map(|span| span.start).min();
    let end = spans.iter().map(|span| span.end).max();
    let rounds: u64 = spans.iter().map(|span| span.rounds).sum();
    start.zip(end).map_or(0.0, |(start, end)| rounds as f64 / (end - start).as_secs_f64().max(1e-9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_of_this_processor_reaches_something() {
        for kernel in kernel::all() {
            let operations = repetition(&kernel, 2).unwrap();
            assert!(operations.is_finite() && operations > 1e8, "{}: {operations}", kernel.instructions);
        }
    }

    #[test]
    fn the_peak_is_one_of_vectors_in_registers() {
        match measure(1) {
            Ok(peak) => {
                assert_eq!((peak.threads, &*peak.instructions), (1, kernel::widest().instructions));
                // Through memory, or a call each, it is no more than 4e9.
                let least = if peak.instructions.contains("fused") { 8e9 } else { 1e8 };
                assert!((least..1e13).contains(&peak.operations_per_second), "{peak}");
            }
            Err(why) => assert_eq!(OPTIMISATION_LEVEL, "0", "{why}"),
        }
    }

    #[test]
    fn threads_one_after_the_other_are_no_faster_than_one() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let one = Span { start: at(0), end: at(100), rounds: 500 };
        let other = Span { start: at(100), end: at(200), rounds: 500 };
        assert!((rate(&[one, other]) - 5000.0).abs() < 1e-6);
        assert_eq!(rate(&[]), 0.0);
    }
}
