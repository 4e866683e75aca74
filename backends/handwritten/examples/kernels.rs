//! Times each kernel of a training step alone, and the whole step; with the switches that
//! `TRAINMARK_CUDA` names:
//!
//! ```text
//! sh build-cuda.sh run --release --example kernels -- --device cuda:0 --repeats 200
//! ```

#[path = "../../epoch/training.rs"]
mod training;

use std::process::ExitCode;

use training::{BATCH, Random, Training};
use trainmark_handwritten::{KernelTime, time_kernels};
use trainmark_plugin::Error;

const USAGE: &str = "usage: kernels [--device cuda:N] [--repeats N]";

fn main() -> ExitCode {
    let (mut device, mut repeats) = ("cuda:0".to_owned(), 200);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (&*word, words.next()) {
            ("--device", Some(value)) => device = value,
            ("--repeats", Some(value)) => match value.parse() {
                Ok(number @ 1..=10_000) => repeats = number,
                _ => return refuse(&format!("--repeats {value}: give a number from 1 to 10000")),
            },
            _ => return refuse(&format!("{word} is not known, or lacks its value")),
        }
    }
    match time(&device, repeats) {
        Ok(times) => {
            print(&times, repeats);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: handwritten/builtin on {device}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn refuse(message: &str) -> ExitCode {
    eprintln!("error: {message}\n{USAGE}");
    ExitCode::from(2)
}

fn time(device: &str, repeats: usize) -> Result<Vec<KernelTime>, Error> {
    let training = Training::random(BATCH, &mut Random(1))?;
    time_kernels(&training.request("builtin", device, 1), &training.parameters(), repeats)
}

/// The step is the last.
fn print(times: &[KernelTime], repeats: usize) {
    let Some((step, kernels)) = times.split_last() else { return };
    for KernelTime { kernel, seconds } in kernels {
        println!("{kernel}: {:.2} µs", 1e6 * seconds);
    }
    let sum: f64 = kernels.iter().map(|time| time.seconds).sum();
    println!("all of them: {:.2} µs", 1e6 * sum);
    println!("{}: {:.2} µs, {repeats} behind each other", step.kernel, 1e6 * step.seconds);
}
