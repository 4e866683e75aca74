//! Times training of LeNet with batch norm on random pixels, without the harness: the
//! examples `epoch` of the backends.
//!
//! On a processor that other work shares, the fastest step and the CPU seconds, summed over the
//! threads, are the steadier figures.

mod arguments;
mod times;
mod training;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use trainmark_plugin::{Backend, Error, Session, Split};

use arguments::{Arguments, Mode, USAGE};
use times::{line, median, minimum};
use training::{BATCH, Random, Training};

/// Steps of the epochs that `replays` times; the last is that of a whole epoch of 60,000
/// samples.
const LENGTHS: [usize; 5] = [1, 2, 10, 50, 235];

/// A device begins slowly: its clocks rise under load.
const WARM_UP: Duration = Duration::from_millis(300);

/// Does what the command line asks for. Exit code 2 where that cannot be understood, 1 where
/// the backend reports an error.
pub(crate) fn run<B: Backend>() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let arguments = match Arguments::parse(words) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("error: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match time::<B>(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let Arguments { implementation, device, .. } = arguments;
            eprintln!("error: {}/{implementation} on {device}: {error}", B::NAME);
            ExitCode::FAILURE
        }
    }
}

fn time<B: Backend>(arguments: &Arguments) -> Result<(), Error> {
    let mut random = Random(arguments.seed);
    let count = arguments.samples;
    let training = Training::random(count, &mut random)?;
    let order = shuffled(count, &mut random);
    let mut session =
        B::open(training.request(&arguments.implementation, &arguments.device, arguments.threads))?;
    session.set_parameters(&training.parameters())?;
    match arguments.mode {
        Mode::Steps => (1..=arguments.epochs).try_for_each(|epoch| time_steps(epoch, &mut *session, &order)),
        Mode::Epochs => {
            warm_up(|| session.train_epoch(&order, BATCH).map(drop))?;
            session.set_parameters(&training.parameters())?;
            time_epochs(arguments.epochs, &mut *session, &order)
        }
        Mode::Replays => time_replays(arguments.epochs, &mut *session, &order),
        Mode::OneStep => {
            let outcome = session.train_step(&order[..BATCH.min(count)])?;
            println!("one step: loss {:.9}", outcome.loss);
            Ok(())
        }
    }
}

fn time_steps(epoch: usize, session: &mut dyn Session, order: &[u32]) -> Result<(), Error> {
    let (start, start_cpu, mut fastest) = (Instant::now(), cpu_seconds(), f64::INFINITY);
    for batch in order.chunks(BATCH) {
        let start = Instant::now();
        session.train_step(batch)?;
        // The tail of an epoch is quicker for being smaller.
        if batch.len() == BATCH {
            fastest = fastest.min(start.elapsed().as_secs_f64());
        }
    }
    let (trained, trained_cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - start_cpu);
    session.predict(Split::Train, order, BATCH, &mut vec![0.0; order.len() * 10])?;
    let predicted = start.elapsed().as_secs_f64() - trained;
    println!(
        "epoch {epoch}: trained {trained:.2} s ({trained_cpu:.2} s CPU), fastest step {:.2} ms, predicted {predicted:.2} s",
        1e3 * fastest
    );
    Ok(())
}

/// Does something again and again until the device is warm, and once at least.
fn warm_up(mut work: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
    let start = Instant::now();
    work()?;
    while start.elapsed() < WARM_UP {
        work()?;
    }
    Ok(())
}

/// The loss has digits enough to tell whether two programs compute the same.
fn time_epochs(epochs: usize, session: &mut dyn Session, order: &[u32]) -> Result<(), Error> {
    let mut times = Vec::with_capacity(epochs);
    for epoch in 1..=epochs {
        let start = Instant::now();
        let outcome = session.train_epoch(order, BATCH)?;
        let milliseconds = 1e3 * start.elapsed().as_secs_f64();
        println!("epoch {epoch}: {milliseconds:.3} ms, loss {:.9}", outcome.loss);
        times.push(milliseconds);
    }
    println!("{epochs} epochs: minimum {:.3} ms, median {:.3} ms", minimum(&times), median(&times));
    Ok(())
}

/// Every batch is full, so that steps are equal and their times lie on a line: samples recur
/// where there are too few.
fn time_replays(rounds: usize, session: &mut dyn Session, order: &[u32]) -> Result<(), Error> {
    let order: Vec<u32> = order.iter().copied().cycle().take(LENGTHS[LENGTHS.len() - 1] * BATCH).collect();
    let mut time = |steps: usize| -> Result<f64, Error> {
        let start = Instant::now();
        session.train_epoch(&order[..steps * BATCH], BATCH)?;
        Ok(1e3 * start.elapsed().as_secs_f64())
    };
    // A length's first epoch may be recorded.
    warm_up(|| LENGTHS.into_iter().try_for_each(|steps| time(steps).map(drop)))?;
    // Round by round, so that whatever drifts meets all lengths.
    let mut times = [const { Vec::new() }; LENGTHS.len()];
    for _ in 0..rounds {
        for (steps, times) in LENGTHS.iter().zip(&mut times) {
            times.push(time(*steps)?);
        }
    }
    for (steps, times) in LENGTHS.iter().zip(&times) {
        println!(
            "{steps} steps: minimum {:.4} ms, median {:.4} ms of {rounds}",
            minimum(times),
            median(times)
        );
    }
    let points: Vec<(f64, f64)> =
        LENGTHS.iter().zip(&times).map(|(&steps, times)| (steps as f64, minimum(times))).collect();
    let (intercept, slope) = line(&points);
    println!("line: {:.1} µs per epoch and {:.2} µs per step", 1e3 * intercept, 1e3 * slope);
    Ok(())
}

/// 0, 1, 2, … in a random order (Fisher and Yates).
fn shuffled(count: usize, random: &mut Random) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count as u32).collect();
    for last in (1..count).rev() {
        order.swap(last, (random.next() % (last as u64 + 1)) as usize);
    }
    order
}

/// CPU seconds of this process's threads so far, in steps of 0.01; not a number
/// where the system does not say (it is read from Linux's `/proc`).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name in brackets, which may hold spaces: user and system time
    // are the 12th and 13th field, in hundredths of a second.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let times: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    if times.len() == 2 { times.iter().sum::<f64>() / 100.0 } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_holds_every_sample_once() {
        let order = shuffled(1000, &mut Random(1));
        assert_ne!(order[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let mut sorted = order;
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..1000));
    }
}
