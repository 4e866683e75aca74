//! What is trained: LeNet with batch norm on random pixels.
//!
//! Labels are random, too, so the loss stays near ln 10 ≈ 2.30; the arithmetic is the same as
//! on real images.

use trainmark_plugin::{Dataset, Error, Layer, Model, OpenRequest, ParameterSpec, Role, Samples, Shape};

pub(crate) const BATCH: usize = 256;

/// A model with initial values, and samples to train it on.
pub(crate) struct Training {
    model: Model,
    pixels: Vec<u8>,
    labels: Vec<u8>,
    parameters: Vec<Vec<f32>>,
}

impl Training {
    /// # Errors
    /// Where the shapes of the model do not fit, which they do.
    pub(crate) fn random(samples: usize, random: &mut Random) -> Result<Self, Error> {
        let model = lenet_with_batch_norm();
        Ok(Self {
            pixels: (0..samples * 784).map(|_| random.next() as u8).collect(),
            labels: (0..samples).map(|_| (random.next() % 10) as u8).collect(),
            parameters: model.parameters()?.iter().map(|spec| initial(spec, random)).collect(),
            model,
        })
    }

    /// To open a session with, whose test set is the training set.
    pub(crate) fn request(&self, implementation: &str, device: &str, threads: usize) -> OpenRequest<'_> {
        let train = Samples::new(&self.pixels, &self.labels);
        OpenRequest::new(self.model.clone(), Dataset::new(train, train), BATCH, 1.0)
            .with_implementation(implementation)
            .with_device(device)
            .with_threads(threads)
    }

    /// Initial values, in the order of the model's parameters.
    pub(crate) fn parameters(&self) -> Vec<&[f32]> {
        self.parameters.iter().map(Vec::as_slice).collect()
    }
}

fn lenet_with_batch_norm() -> Model {
    let convolution =
        |out_channels| Layer::Conv2d { out_channels, kernel: 5, stride: 1, padding: 0, bias: true };
    let batch_norm = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };
    let pool = Layer::MaxPool2d { window: 2, stride: 2 };
    let linear = |out_features| Layer::Linear { out_features, bias: true };
    Model::new(
        "lenet-bn",
        Shape::Image { channels: 1, height: 28, width: 28 },
        [
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
    )
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
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
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
