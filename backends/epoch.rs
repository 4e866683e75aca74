//! Times training epochs of LeNet with batch norm on random pixels, without the
//! harness: the examples `epoch` of the backends.
//!
//! Pixels and labels are random, so the loss stays near ln 10 ≈ 2.30; the
//! arithmetic is the same as on real images. The fastest step and the CPU seconds,
//! summed over the threads, are the steadier figures where other work shares the
//! machine.

use std::time::Instant;

use trainmark_plugin::{
    Backend, Dataset, Error, Layer, Model, OpenRequest, ParameterSpec, Role, Samples, Session, Shape, Split,
};

const BATCH: usize = 256;

/// Takes the arguments `[implementation] [threads] [epochs] [samples]`, by default
/// `primitive 2 5 60000`.
///
/// # Errors
/// Whatever the backend reports.
pub(crate) fn run<B: Backend>() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let implementation = arguments.next().unwrap_or_else(|| "primitive".into());
    let mut next = |default| arguments.next().and_then(|argument| argument.parse().ok()).unwrap_or(default);
    let (threads, epochs, count): (usize, usize, usize) = (next(2), next(5), next(60_000));

    let mut random = Random(1);
    let pixels: Vec<u8> = (0..count * 784).map(|_| random.next() as u8).collect();
    let labels: Vec<u8> = (0..count).map(|_| (random.next() % 10) as u8).collect();
    let train = Samples { pixels: &pixels, labels: &labels };
    let model = lenet_with_batch_norm();
    let parameters: Vec<Vec<f32>> =
        model.parameters()?.iter().map(|spec| initial(spec, &mut random)).collect();
    let mut session = B::open(OpenRequest {
        model,
        dataset: Dataset { train, test: train },
        implementation,
        device: "cpu".into(),
        threads,
        learning_rate: 1.0,
        batch_size: BATCH,
    })?;
    session.set_parameters(&parameters.iter().map(Vec::as_slice).collect::<Vec<_>>())?;

    let order: Vec<u32> = (0..count as u32).collect();
    for epoch in 1..=epochs {
        time_epoch(epoch, &mut *session, &order)?;
    }
    Ok(())
}

fn time_epoch(epoch: usize, session: &mut dyn Session, order: &[u32]) -> Result<(), Error> {
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
