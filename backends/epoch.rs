//! Times training of LeNet with batch norm on random pixels, without the harness: the
//! examples `epoch` of the backends.
//!
//! Pixels and labels are random, so the loss stays near ln 10 ≈ 2.30; the arithmetic is the
//! same as on real images. On a processor that other work shares, the fastest step and the
//! CPU seconds, summed over the threads, are the steadier figures.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use trainmark_plugin::{
    Backend, Dataset, Error, Layer, Model, OpenRequest, ParameterSpec, Role, Samples, Session, Shape, Split,
};

const BATCH: usize = 256;

/// Steps of the epochs that `replays` times; the last is that of a whole epoch of 60,000
/// samples.
const LENGTHS: [usize; 5] = [1, 2, 10, 50, 235];

/// A device begins slowly: its clocks rise under load.
const WARM_UP: Duration = Duration::from_millis(300);

const USAGE: &str = "\
usage: epoch [--implementation NAME] [--device ID] [--threads N] [--mode MODE] [--epochs N] [--samples N] [--seed N]

  --implementation  primitive or builtin [default: primitive]
  --device          cpu, cuda:0, … as far as the backend was built for it [default: cpu]
  --threads         for a processor [default: 2]
  --mode            steps: epochs of single steps, with the fastest one, and prediction [default]
                    epochs: whole epochs, the milliseconds of each
                    replays: epochs of 1, 2, 10, 50 and 235 steps, and the line through their times
                    one-step: one step and nothing else, for profilers and checkers
  --epochs          how many; with replays, how many of each length [default: 5]
  --samples         how many there are [default: 60000]
  --seed            of pixels, initial values and order [default: 1]";

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Steps,
    Epochs,
    Replays,
    OneStep,
}

const MODES: [(&str, Mode); 4] = [
    ("steps", Mode::Steps),
    ("epochs", Mode::Epochs),
    ("replays", Mode::Replays),
    ("one-step", Mode::OneStep),
];

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arguments {
    implementation: String,
    device: String,
    threads: usize,
    mode: Mode,
    epochs: usize,
    samples: usize,
    seed: u64,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            implementation: "primitive".into(),
            device: "cpu".into(),
            threads: 2,
            mode: Mode::Steps,
            epochs: 5,
            samples: 60_000,
            seed: 1,
        }
    }
}

impl Arguments {
    /// The error says what is wrong with which word, and what is known.
    fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let mut arguments = Self::default();
        while let Some(name) = words.next() {
            let known =
                ["--implementation", "--device", "--threads", "--mode", "--epochs", "--samples", "--seed"];
            if !known.contains(&&*name) {
                return Err(format!("{name} is not known; known are {}", known.join(", ")));
            }
            let value = words.next().ok_or_else(|| format!("{name} lacks its value"))?;
            match &*name {
                "--implementation" => arguments.implementation = value,
                "--device" => arguments.device = value,
                "--threads" => arguments.threads = at_least_one(&name, &value)?,
                "--mode" => arguments.mode = mode(&value)?,
                "--epochs" => arguments.epochs = at_least_one(&name, &value)?,
                "--samples" => arguments.samples = at_least_one(&name, &value)?,
                _ => {
                    let wrong = |_| format!("{name} {value}: give a number from 0 on");
                    arguments.seed = value.parse().map_err(wrong)?;
                }
            }
        }
        Ok(arguments)
    }
}

fn at_least_one(name: &str, value: &str) -> Result<usize, String> {
    let number = value.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| format!("{name} {value}: give a number from 1 on"))
}

fn mode(value: &str) -> Result<Mode, String> {
    let known = MODES.iter().find(|(name, _)| *name == value);
    known.map(|&(_, mode)| mode).ok_or_else(|| {
        let names = MODES.map(|(name, _)| name).join(", ");
        format!("--mode {value} is not known; known are {names}")
    })
}

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
    let pixels: Vec<u8> = (0..count * 784).map(|_| random.next() as u8).collect();
    let labels: Vec<u8> = (0..count).map(|_| (random.next() % 10) as u8).collect();
    let train = Samples { pixels: &pixels, labels: &labels };
    let model = lenet_with_batch_norm();
    let parameters: Vec<Vec<f32>> =
        model.parameters()?.iter().map(|spec| initial(spec, &mut random)).collect();
    let order = shuffled(count, &mut random);
    let mut session = B::open(OpenRequest {
        model,
        dataset: Dataset { train, test: train },
        implementation: arguments.implementation.clone(),
        device: arguments.device.clone(),
        threads: arguments.threads,
        learning_rate: 1.0,
        batch_size: BATCH,
    })?;
    session.set_parameters(&parameters.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
    match arguments.mode {
        Mode::Steps => (1..=arguments.epochs).try_for_each(|epoch| time_steps(epoch, &mut *session, &order)),
        Mode::Epochs => time_epochs(arguments.epochs, &mut *session, &order),
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
    let start = Instant::now();
    // At least once: a length's first epoch may be recorded.
    loop {
        for steps in LENGTHS {
            time(steps)?;
        }
        if start.elapsed() >= WARM_UP {
            break;
        }
    }
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

fn minimum(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Not a number without values.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (length, half) if length % 2 == 1 => sorted[half],
        (_, half) => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// Intercept and slope of the line with the least squares of *relative* distances: a time is
/// off by a share of itself, and unweighted the longest alone would decide the intercept.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let mut sums = [0.0; 5];
    for &(x, y) in points {
        let weight = 1.0 / (y * y);
        let terms = [1.0, x, x * x, y, x * y];
        for (sum, term) in sums.iter_mut().zip(terms) {
            *sum += weight * term;
        }
    }
    let [weights, x, xx, y, xy] = sums;
    let slope = (weights * xy - x * y) / (weights * xx - x * x);
    ((y - slope * x) / weights, slope)
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

fn lenet_with_batch_norm() -> Model {
    let convolution = |out_channels| Layer::Conv2d { out_channels, kernel: 5, stride: 1, padding: 0 };
    let batch_norm = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };
    let pool = Layer::MaxPool2d { window: 2, stride: 2 };
    let linear = |out_features| Layer::Linear { out_features };
    Model {
        name: "lenet-bn".into(),
        input: Shape::Image { channels: 1, height: 28, width: 28 },
        layers: vec![
            convolution(6),
            batch_norm,
            Layer::Sigmoid,
            pool,
            convolution(16),
            batch_norm,
            Layer::Sigmoid,
            pool,
            Layer::Flatten,
            linear(120),
            batch_norm,
            Layer::Sigmoid,
            linear(84),
            batch_norm,
            Layer::Sigmoid,
            linear(10),
        ],
    }
}

/// Xavier-uniform weights, biases within ±1/√fan_in, γ = 1, β = 0.
fn initial(spec: &ParameterSpec, random: &mut Random) -> Vec<f32> {
    let bound = match spec.role {
        Role::Weight => (6.0 / (spec.fan_in + spec.fan_out) as f64).sqrt(),
        Role::Bias => 1.0 / (spec.fan_in as f64).sqrt(),
        Role::Gamma => return vec![1.0; spec.len()],
        Role::Beta | Role::RunningMean | Role::RunningVariance => return vec![0.0; spec.len()],
    };
    (0..spec.len()).map(|_| ((random.unit() * 2.0 - 1.0) * bound) as f32).collect()
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_argument_is_taken() {
        assert_eq!(parse(""), Ok(Arguments::default()));
        let asked = parse(
            "--implementation builtin --device cuda:0 --threads 3 --mode one-step --epochs 7 --samples 512 --seed 0",
        );
        let expected = Arguments {
            implementation: "builtin".into(),
            device: "cuda:0".into(),
            threads: 3,
            mode: Mode::OneStep,
            epochs: 7,
            samples: 512,
            seed: 0,
        };
        assert_eq!(asked, Ok(expected));
        for (name, mode) in MODES {
            assert_eq!(parse(&format!("--mode {name}")).unwrap().mode, mode);
            assert!(USAGE.contains(&format!("{name}: ")), "{name}");
        }
    }

    #[test]
    fn wrong_words_are_refused_with_what_is_known() {
        for (line, expected) in [
            (
                "builtin 2",
                "builtin is not known; known are --implementation, --device, --threads, --mode, --epochs, --samples, --seed",
            ),
            ("--mode fast", "--mode fast is not known; known are steps, epochs, replays, one-step"),
            ("--epochs", "--epochs lacks its value"),
            ("--epochs 0", "--epochs 0: give a number from 1 on"),
            ("--threads two", "--threads two: give a number from 1 on"),
            ("--seed -1", "--seed -1: give a number from 0 on"),
        ] {
            assert_eq!(parse(line), Err(expected.to_owned()), "{line}");
        }
    }

    #[test]
    fn a_line_is_found_in_its_points() {
        let points = LENGTHS.map(|steps| (steps as f64, 0.5 + 0.25 * steps as f64));
        let (intercept, slope) = line(&points);
        assert!((intercept - 0.5).abs() < 1e-12 && (slope - 0.25).abs() < 1e-12, "{intercept} {slope}");
    }

    /// By hand: weights 1, 1/4 and 1/4 of (0, 1), (1, 2) and (2, 2) give slope 4/7 and
    /// intercept 22/21.
    #[test]
    fn distances_from_a_line_are_relative() {
        let (intercept, slope) = line(&[(0.0, 1.0), (1.0, 2.0), (2.0, 2.0)]);
        assert!(
            (slope - 4.0 / 7.0).abs() < 1e-12 && (intercept - 22.0 / 21.0).abs() < 1e-12,
            "{intercept} {slope}"
        );
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        assert_eq!(minimum(&[3.0, 1.0, 2.0]), 1.0);
    }

    #[test]
    fn an_order_holds_every_sample_once() {
        let order = shuffled(1000, &mut Random(1));
        assert_ne!(order[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let mut sorted = order;
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..1000));
    }
}
