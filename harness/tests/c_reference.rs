//! The complete plugin in C against the reference, with every layer that there is: the
//! workloads have but some of them.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the way to fail")]

use std::path::{Path, PathBuf};
use std::process::Command;

use trainmark::conformance::{self, Subject};
use trainmark::workload::{Workload, lenet_bn, parse_optimiser};
use trainmark_plugin::host::Plugin;
use trainmark_plugin::{Dataset, Layer, Model, RunningVariance, Samples, Session, Shape, Source};

const SIDE: usize = 14;

/// The library, or nothing where there is no C compiler and one need not be.
fn library(folder: &Path) -> Option<PathBuf> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    if Command::new(&compiler).arg("--version").output().is_err() {
        let required = std::env::var("TRAINMARK_REQUIRE").is_ok_and(|required| required == "all");
        assert!(!required, "{compiler} cannot be run, and TRAINMARK_REQUIRE=all");
        eprintln!("skipped: {compiler} cannot be run; install a C compiler or set CC");
        return None;
    }
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugin");
    let sources = std::fs::read_dir(plugin.join("examples/c-reference")).unwrap();
    let sources = sources.map(|entry| entry.unwrap().path());
    let made = folder.join("libc_reference.so");
    let output = Command::new(compiler)
        .args(["-std=c11", "-O2", "-shared", "-fPIC", "-I"])
        .arg(plugin.join("include"))
        .args(sources.filter(|file| file.extension().is_some_and(|extension| extension == "c")))
        .arg("-o")
        .arg(&made)
        .arg("-lm")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(made)
}

/// Each layer at least once: padding, strides, overlapping windows, edges left over,
/// an image that grows and one that shrinks.
fn every_layer() -> Workload {
    let norm = Layer::BatchNorm { epsilon: 1e-3, momentum: 0.2 };
    let layers = vec![
        Layer::Resize { height: 17, width: 11 },
        Layer::Conv2d { out_channels: 3, kernel: 3, stride: 2, padding: 2, bias: true },
        norm,
        Layer::Tanh,
        Layer::AvgPool2d { window: 3, stride: 1 },
        Layer::Conv2d { out_channels: 4, kernel: 2, stride: 1, padding: 1, bias: false },
        norm,
        Layer::MaxPool2d { window: 3, stride: 2 },
        Layer::Sigmoid,
        Layer::Add { other: Source::Layer(7) },
        Layer::Resize { height: 2, width: 3 },
        Layer::Flatten,
        Layer::Linear { out_features: 12, bias: false },
        Layer::Relu,
        norm,
        Layer::Tanh,
        Layer::Add { other: Source::Layer(14) },
        Layer::Linear { out_features: 10, bias: true },
    ];
    let input = Shape::Image { channels: 2, height: SIDE, width: SIDE };
    // The last tanh stands beside the batch norm to which it is added: both read the ReLU.
    let model = Model::new("every-layer", input, layers).with_source(15, Source::Layer(13));
    Workload { name: "every-layer".to_owned(), model, batch_size: 40, ..lenet_bn() }
}

/// Bytes that tell the classes apart: a bright square whose place is the label's.
fn samples(count: usize) -> (Vec<u8>, Vec<u8>) {
    let labels: Vec<u8> = (0..count).map(|n| (n * 7 % 10) as u8).collect();
    let mut pixels = Vec::with_capacity(count * 2 * SIDE * SIDE);
    let mut noise = 1_u32;
    for &label in &labels {
        for place in 0..2 * SIDE * SIDE {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let is_bright = place / SIDE % SIDE / 2 == usize::from(label) % 7;
            pixels.push((noise >> 26) as u8 + if is_bright { 150 } else { 0 });
        }
    }
    (pixels, labels)
}

#[test]
fn every_layer_agrees_with_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = library(folder.path()) else { return };
    // SAFETY: the test has just built it.
    let plugin = unsafe { Plugin::load(&library) }.unwrap();
    let ((train, train_labels), (test, test_labels)) = (samples(500), samples(90));
    let dataset = Dataset::new(Samples::new(&train, &train_labels), Samples::new(&test, &test_labels));
    // The harness sets the start, so the loops of `primitive` do for either biased convention.
    for (implementation, running_variance, optimiser, rate) in [
        ("primitive", RunningVariance::BiasedFromZero, "sgd", 1.0),
        ("primitive", RunningVariance::BiasedFromOne, "momentum 0.9, weight decay 5e-4", 0.1),
        ("builtin", RunningVariance::UnbiasedFromOne, "adam", 1e-3),
    ] {
        let optimiser = parse_optimiser(optimiser).unwrap();
        let workload = Workload { optimiser, learning_rate: rate, ..every_layer() };
        let foreseen = conformance::Foreseen::of(&workload, dataset, 1).unwrap();
        let subject = Subject {
            workload,
            dataset,
            implementation: implementation.into(),
            running_variance,
            device: "cpu".into(),
            threads: 1,
            seed: 1,
        };
        let mut open = |request| Ok(Box::new(plugin.open(&request)?) as Box<dyn Session + '_>);
        let conformance = conformance::run(&subject, &foreseen, &mut open, &mut |_| {}).unwrap();
        assert!(conformance.passed, "{implementation}\n{}", conformance::render(&conformance));
    }
}
