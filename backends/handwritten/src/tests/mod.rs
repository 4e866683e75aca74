//! Tests of whole training sessions against an independent float64 reference.

#[cfg(target_os = "linux")]
mod cuda;
mod fused;
mod gradients;
mod reference;
mod sessions;

use trainmark_plugin::{
    Backend, Dataset, Error, Layer, Model, OpenRequest, Role, Samples, Session, Shape, Split,
};

use crate::Handwritten;

/// A model, samples for it, and parameters to start from.
#[derive(Debug, Clone)]
struct Case {
    model: Model,
    pixels: Vec<u8>,
    labels: Vec<u8>,
    parameters: Vec<Vec<f32>>,
}

impl Case {
    /// Random samples and parameters; γ is as often negative as positive.
    fn new(model: Model, samples: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let classes = model.classes().unwrap() as u64;
        let pixels = (0..samples * model.input.len()).map(|_| random.next() as u8).collect();
        let labels = (0..samples).map(|_| (random.next() % classes) as u8).collect();
        let specs = model.parameters().unwrap();
        let parameters = specs.iter().map(|spec| {
            let (low, high) = match spec.role {
                Role::Weight | Role::Bias => {
                    let bound = (3.0 / spec.fan_in as f64).sqrt();
                    (-bound, bound)
                }
                Role::RunningVariance => (0.2, 2.0),
                Role::Gamma | Role::Beta | Role::RunningMean => (-1.5, 1.5),
            };
            (0..spec.len()).map(|_| random.between(low, high) as f32).collect()
        });
        Self { parameters: parameters.collect(), pixels, labels, model }
    }

    fn samples(&self) -> Samples<'_> {
        Samples::new(&self.pixels, &self.labels)
    }

    fn indices(&self) -> Vec<u32> {
        (0..self.labels.len() as u32).collect()
    }

    fn request(&self, implementation: &str, threads: usize, learning_rate: f64) -> OpenRequest<'_> {
        OpenRequest::new(self.model.clone(), Dataset::new(self.samples(), self.samples()), 256, learning_rate)
            .with_implementation(implementation)
            .with_threads(threads)
    }

    /// A session with the case's parameters set.
    fn open(&self, implementation: &str, threads: usize, learning_rate: f64) -> Box<dyn Session + '_> {
        let implementation = if self.model.has_batch_norm() { implementation } else { "none" };
        self.start(Handwritten::open(self.request(implementation, threads, learning_rate)).unwrap())
    }

    /// The session with the case's parameters set.
    fn start<'d>(&self, mut session: Box<dyn Session + 'd>) -> Box<dyn Session + 'd> {
        session.set_parameters(&self.parameters.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        session
    }

    /// The session's parameters.
    fn parameters_of(&self, session: &mut dyn Session) -> Vec<Vec<f32>> {
        let mut values = self.parameters.clone();
        session.get_parameters(&mut values.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
        values
    }

    /// The network's input in float64, one vector per sample.
    fn input(&self) -> Vec<Vec<f64>> {
        let sample =
            |pixels: &[u8]| pixels.iter().map(|&pixel| f64::from(f32::from(pixel) / 255.0)).collect();
        self.pixels.chunks_exact(self.model.input.len()).map(sample).collect()
    }

    fn float64_parameters(&self) -> Vec<Vec<f64>> {
        self.parameters.iter().map(|values| values.iter().copied().map(f64::from).collect()).collect()
    }
}

fn image(channels: usize, height: usize, width: usize) -> Shape {
    Shape::Image { channels, height, width }
}

fn model(input: Shape, layers: Vec<Layer>) -> Model {
    Model::new("test", input, layers)
}

const BATCH_NORM: Layer = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };

/// Every kind of layer that matters to the threads, in little.
fn small_network() -> Model {
    model(
        image(1, 8, 8),
        vec![
            Layer::Conv2d { out_channels: 3, kernel: 3, stride: 1, padding: 0, bias: true },
            BATCH_NORM,
            Layer::Sigmoid,
            Layer::MaxPool2d { window: 2, stride: 2 },
            Layer::Flatten,
            Layer::Linear { out_features: 6, bias: true },
            BATCH_NORM,
            Layer::Sigmoid,
            Layer::Linear { out_features: 4, bias: true },
        ],
    )
}

/// ‖a − b‖₂
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// ‖a‖₂
fn norm(a: &[f64]) -> f64 {
    a.iter().map(|a| a * a).sum::<f64>().sqrt()
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

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (self.next() >> 11) as f64 / (1_u64 << 53) as f64 * (high - low)
    }
}
