//! The float64 reference against what PyTorch computed (`tests/golden/README.md`).

#![expect(clippy::unwrap_used, reason = "in a test a panic is the way to fail")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};
use trainmark::reference::{Batch, Reference};
use trainmark_plugin::{Layer, Model, ParameterSpec, Role, RunningVariance, Samples, Shape, Source};

/// The golden tensors are rounded to float32, hence not finer.
const TOLERANCE: f64 = 1e-6;
/// Gradients that are zero in exact arithmetic come out as rounding.
const FLOOR: f64 = 1e-9;
/// Losses are stored in float64.
const LOSS_TOLERANCE: f64 = 1e-10;

fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

fn uniform(stream: usize, i: usize) -> f64 {
    f64::from(mix(mix(stream as u32).wrapping_add(i as u32))) / 2_f64.powi(32)
}

#[test]
fn the_generator_is_the_golden_one() {
    assert_eq!(mix(1), 0x6889_90c0);
    assert_eq!(uniform(1000, 0), 0.438_256_402_034_312_5);
}

fn images(count: usize) -> Vec<u8> {
    let mut pixels = vec![0; count * 784];
    for (n, image) in pixels.chunks_exact_mut(784).enumerate() {
        let side = |k: usize, range: f64| (uniform(2000, 4 * n + k) * range) as usize;
        let (top, left, height, width) = (side(0, 12.0), side(1, 12.0), 8 + side(2, 9.0), 8 + side(3, 9.0));
        for y in top..top + height {
            for x in left..left + width {
                image[28 * y + x] = (uniform(3000 + n, 28 * y + x) * 256.0) as u8;
            }
        }
    }
    pixels
}

fn labels(count: usize) -> Vec<u8> {
    (0..count).map(|n| (uniform(2001, n) * 10.0) as u8).collect()
}

fn parameter(number: usize, spec: &ParameterSpec) -> Vec<f32> {
    let value = |i: usize| {
        let u = uniform(1000 + number, i);
        let value = match spec.role {
            Role::Weight | Role::Bias => (2.0 * u - 1.0) / (spec.fan_in as f64).sqrt(),
            Role::Gamma if i % 3 == 2 => -(u * 1.5 + 0.25),
            Role::Gamma => u * 1.5 + 0.25,
            Role::Beta => u - 0.5,
            Role::RunningMean => 0.2 * (u - 0.5),
            Role::RunningVariance => 0.5 + u,
        };
        value as f32
    };
    (0..spec.len()).map(value).collect()
}

/// 32-bit FNV-1a.
fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> String {
    let hash = bytes.into_iter().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}

/// −1 is the model's input.
fn source(index: &serde_json::Value) -> Source {
    index.as_u64().map_or(Source::Input, |layer| Source::Layer(layer as usize))
}

fn layer(value: &serde_json::Value) -> Layer {
    let size = |key: &str| value[key].as_u64().unwrap() as usize;
    match value["kind"].as_str().unwrap() {
        "conv2d" => Layer::Conv2d {
            out_channels: size("out_channels"),
            kernel: size("kernel"),
            stride: size("stride"),
            padding: size("padding"),
            bias: true,
        },
        "batch_norm" => Layer::BatchNorm {
            epsilon: value["epsilon"].as_f64().unwrap(),
            momentum: value["momentum"].as_f64().unwrap(),
        },
        "max_pool2d" => Layer::MaxPool2d { window: size("window"), stride: size("stride") },
        "avg_pool2d" => Layer::AvgPool2d { window: size("window"), stride: size("stride") },
        "linear" => Layer::Linear { out_features: size("out_features"), bias: true },
        "sigmoid" => Layer::Sigmoid,
        "relu" => Layer::Relu,
        "tanh" => Layer::Tanh,
        "flatten" => Layer::Flatten,
        "add" => Layer::Add { other: source(&value["other"]) },
        other => panic!("the golden file holds an unknown layer {other}"),
    }
}

struct Case {
    bytes: Vec<u8>,
    metadata: BTreeMap<String, String>,
}

impl Case {
    fn read(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
        let path = folder.join(format!("{name}.safetensors"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap().into_iter().collect();
        Self { bytes, metadata }
    }

    fn tensors(&self) -> BTreeMap<String, Vec<f64>> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let values = |view: &safetensors::tensor::TensorView<'_>| -> Vec<f64> {
            let data = view.data();
            match view.dtype() {
                Dtype::F32 => data.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
                Dtype::F64 => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
                Dtype::I64 => data.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
                other => panic!("unexpected type {other:?}"),
            }
        };
        file.iter().map(|(name, view)| (name.to_owned(), values(&view))).collect()
    }

    fn model(&self) -> Model {
        let layers: Vec<serde_json::Value> = serde_json::from_str(&self.metadata["model"]).unwrap();
        let model = Model::new(
            self.metadata["case"].clone(),
            Shape::Image { channels: 1, height: 28, width: 28 },
            layers.iter().map(layer).collect::<Vec<_>>(),
        );
        let from = layers.iter().enumerate().filter(|(_, layer)| layer["from"].is_i64());
        from.fold(model, |model, (index, layer)| model.with_source(index, source(&layer["from"])))
    }

    /// The reference with the generator's parameters, and the batch.
    fn build(&self) -> (Reference, Batch) {
        let rate = self.metadata["learning_rate"].parse().unwrap();
        let mut reference = Reference::new(&self.model(), RunningVariance::UnbiasedFromOne, rate).unwrap();
        let parameters: Vec<Vec<f32>> =
            reference.specs().iter().enumerate().map(|(number, spec)| parameter(number, spec)).collect();
        let bytes = parameters.iter().flatten().flat_map(|value| value.to_le_bytes());
        assert_eq!(fnv1a(bytes), self.metadata["fnv1a_parameters"], "the generator differs");
        reference.set_parameters(&parameters).unwrap();

        let count = self.metadata["batch"].parse().unwrap();
        let (pixels, labels) = (images(count), labels(count));
        assert_eq!(fnv1a(pixels.iter().copied()), self.metadata["fnv1a_images"]);
        assert_eq!(fnv1a(labels.iter().copied()), self.metadata["fnv1a_labels"]);
        let indices: Vec<u32> = (0..count as u32).collect();
        let batch = Batch::gather(Samples::new(&pixels, &labels), &indices);
        (reference, batch)
    }
}

/// Holds two tensors within a share of the larger's greatest magnitude.
fn assert_close(name: &str, ours: &[f64], golden: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), golden.len(), "{name}");
    let scale = golden.iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
    for (place, (a, b)) in ours.iter().zip(golden).enumerate() {
        let allowed = tolerance * scale + FLOOR;
        assert!((a - b).abs() <= allowed, "{name}[{place}]: {a:e} against {b:e} (scale {scale:e})");
    }
}

fn check(name: &str) {
    let case = Case::read(name);
    let golden = case.tensors();
    let (mut reference, batch) = case.build();
    if let Some(expected) = golden.get("eval_logits") {
        let samples = expected.len() / 10;
        let logits = reference.predict(&batch.inputs[..samples * 784]);
        assert_close("eval_logits", &logits, expected, TOLERANCE);
    }
    let mut compared = 0;
    let mut losses = Vec::new();
    for step in 0..golden["loss_steps"].len() {
        let pass = reference.train_step(&batch);
        losses.push(pass.score.loss);
        if step > 0 {
            continue;
        }
        assert_close("loss", &[pass.score.loss], &golden["loss"], LOSS_TOLERANCE);
        if let Some(logits) = golden.get("logits") {
            assert_close("logits", &pass.logits, logits, TOLERANCE);
            assert_eq!(pass.score.correct as f64, golden["correct"][0]);
        }
        for (slot, spec) in reference.specs().iter().enumerate() {
            let found = golden.get(&format!("grad.{}", spec.name)).map(|g| (g, &pass.gradients[slot]));
            let running = golden.get(&format!("running.{}", spec.name));
            let running = running.map(|r| (r, &reference.parameters()[slot]));
            for (expected, ours) in found.into_iter().chain(running) {
                assert_close(&spec.name, ours, expected, TOLERANCE);
                compared += 1;
            }
        }
    }
    assert_close("loss_steps", &losses, &golden["loss_steps"], 1e-8);
    let stored = golden.keys().filter(|key| key.starts_with("grad.") || key.starts_with("running."));
    assert_eq!(compared, stored.count(), "a stored tensor was not compared");
}

#[test]
fn lenet_bn_agrees_with_pytorch() {
    check("lenet-bn");
}

#[test]
fn lenet_bn_agrees_with_pytorch_on_a_batch_of_96() {
    check("lenet-bn-96");
}

#[test]
fn lenet_agrees_with_pytorch() {
    check("lenet");
}

#[test]
fn residual_blocks_agree_with_pytorch() {
    check("residual");
}

#[test]
fn strides_padding_average_pooling_relu_and_tanh_agree_with_pytorch() {
    check("zoo");
}
