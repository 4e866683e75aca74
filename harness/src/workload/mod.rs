//! Workloads: a model, its hyper-parameters, targets and tolerances, as data.

mod initial;
mod inspect;
mod shuffle;
mod work;

pub use initial::{initial_parameters, uniform_generator};
pub use inspect::{inspect, layer_lines};
pub use shuffle::epoch_order;
pub use work::{MultiplyAdds, multiply_adds};

use trainmark_plugin::{Layer, Model, Shape};
use trainmark_reports::record::{Metric, Target, WorkloadInfo};

/// What is trained, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Name, such as `lenet-bn`.
    pub name: &'static str,
    /// One line on what it is.
    pub summary: &'static str,
    /// Name of the workload that it is held against to see what batch norm buys.
    pub control: Option<&'static str>,
    /// The network; its shapes fit.
    pub model: Model,
    /// Learning rate of plain stochastic gradient descent.
    pub learning_rate: f64,
    /// Samples per training step; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Epochs per run, unless the user says otherwise.
    pub epochs: u32,
    /// Values whose time to reach is reported; the first is the primary one.
    pub targets: Vec<Target>,
    /// How far a backend may be from the reference.
    pub tolerances: Tolerances,
}

/// How far a backend's float32 results may lie from the float64 reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerances {
    /// Relative error of a batch's training-mode loss.
    pub loss: f64,
    /// Relative L2 error of each tensor's change in one training step.
    pub gradients: f64,
    /// Relative error of running statistics after one training step.
    pub running_statistics: f64,
    /// Largest error of a prediction's logit, relative to the
    /// largest distance of a logit from its class's mean over the samples.
    pub logits: f64,
    /// The same between two predictions of one sample in different company.
    pub independence: f64,
    /// Relative error of the loss over the first five steps.
    pub trajectory: f64,
    /// Relative L2 difference of each tensor's change between an epoch and its
    /// steps. Not zero: a backend may sum in another order at every call, and
    /// five steps at a learning rate of 1 carry that rounding on.
    pub epoch: f64,
    /// Distance of a timed epoch's end from that of its steps made once more, relative to the
    /// way that the epoch leads, beyond which rounding explains nothing.
    pub audit: f64,
    /// Two logits closer than this (absolute) may change places.
    pub logit_margin: f64,
}

impl Default for Tolerances {
    fn default() -> Self {
        Self {
            loss: 1e-4,
            gradients: 1e-3,
            running_statistics: 1e-4,
            logits: 1e-3,
            independence: 1e-3,
            trajectory: 1e-3,
            epoch: 1e-2,
            audit: 1e-3,
            logit_margin: 1e-4,
        }
    }
}

/// No workload has the name that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no workload `{name}`; did you mean `{nearest}`? there are: {known}")]
pub struct UnknownWorkload {
    /// What was asked for.
    pub name: String,
    /// The existing name that is spelled most like it.
    pub nearest: String,
    /// Every name, separated by commas.
    pub known: String,
}

impl Workload {
    /// The parts that a record keeps.
    ///
    /// # Errors
    /// Where the model's shapes do not fit, as [`Model::shapes`].
    pub fn info(&self) -> Result<WorkloadInfo, trainmark_plugin::Error> {
        Ok(WorkloadInfo {
            name: self.name.into(),
            summary: self.summary.into(),
            control: self.control.map(Into::into),
            learning_rate: self.learning_rate,
            batch_size: self.batch_size,
            targets: self.targets.clone(),
            layers: layer_lines(&self.model)?,
            multiply_adds_per_sample: multiply_adds(&self.model)?.total(),
        })
    }
}

/// LeNet with batch norm before every sigmoid: the main workload.
///
/// The network of d2l.ai's chapter on batch normalization, with max pooling.
pub fn lenet_bn() -> Workload {
    Workload {
        name: "lenet-bn",
        summary: "LeNet with batch norm before every sigmoid, learning rate 1",
        control: Some("lenet"),
        model: image_model("lenet-bn", lenet_layers(true)),
        learning_rate: 1.0,
        batch_size: 256,
        epochs: 5,
        targets: targets(0.88, 0.80),
        // With batch norm a rounding error grows to a tenth of the way within an epoch.
        tolerances: Tolerances { audit: 0.3, ..Tolerances::default() },
    }
}

/// The same network without batch norm: the control.
pub fn lenet() -> Workload {
    Workload {
        name: "lenet",
        summary: "lenet-bn without batch norm, its control; the learning rate is its own best of 0.25, 0.5, 1, 2, 4",
        control: None,
        model: image_model("lenet", lenet_layers(false)),
        tolerances: Tolerances::default(),
        ..lenet_bn()
    }
}

/// Softmax regression: the smallest workload, for quick tries.
pub fn softmax() -> Workload {
    Workload {
        name: "softmax",
        summary: "softmax regression: one linear layer, for quick tries",
        control: None,
        model: image_model("softmax", vec![Layer::Flatten, Layer::Linear { out_features: 10 }]),
        learning_rate: 0.1,
        batch_size: 256,
        epochs: 5,
        targets: targets(0.80, 0.80),
        tolerances: Tolerances::default(),
    }
}

/// Every workload, the main one first.
pub fn all() -> Vec<Workload> {
    vec![lenet_bn(), lenet(), softmax()]
}

/// The workload of that name.
///
/// # Errors
/// Where there is none, naming the nearest.
pub fn find(name: &str) -> Result<Workload, UnknownWorkload> {
    let workloads = all();
    if let Some(workload) = workloads.iter().find(|workload| workload.name == name) {
        return Ok(workload.clone());
    }
    let nearest = workloads.iter().min_by_key(|workload| strsim::damerau_levenshtein(workload.name, name));
    Err(UnknownWorkload {
        name: name.into(),
        nearest: nearest.map_or_else(String::new, |workload| workload.name.into()),
        known: workloads.iter().map(|workload| workload.name).collect::<Vec<_>>().join(", "),
    })
}

fn targets(train: f64, test: f64) -> Vec<Target> {
    vec![
        Target { metric: Metric::TrainAccuracy, at_least: train },
        Target { metric: Metric::TestAccuracy, at_least: test },
    ]
}

fn image_model(name: &str, layers: Vec<Layer>) -> Model {
    Model::new(name, Shape::Image { channels: 1, height: 28, width: 28 }, layers)
}

fn lenet_layers(batch_norm: bool) -> Vec<Layer> {
    let convolution = |out_channels| Layer::Conv2d { out_channels, kernel: 5, stride: 1, padding: 0 };
    let pool = Layer::MaxPool2d { window: 2, stride: 2 };
    let activation = || {
        let norm = batch_norm.then_some(Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 });
        norm.into_iter().chain([Layer::Sigmoid])
    };
    let mut layers = Vec::new();
    for out_channels in [6, 16] {
        layers.push(convolution(out_channels));
        layers.extend(activation());
        layers.push(pool);
    }
    layers.push(Layer::Flatten);
    for out_features in [120, 84] {
        layers.push(Layer::Linear { out_features });
        layers.extend(activation());
    }
    layers.push(Layer::Linear { out_features: 10 });
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_fits_and_is_found_by_name() {
        for workload in all() {
            assert_eq!(workload.model.classes(), Ok(10));
            assert_eq!(workload.model.name, workload.name);
            assert_eq!(find(workload.name).as_ref(), Ok(&workload));
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = find("lenet_bn").unwrap_err();
        assert_eq!(
            error.to_string(),
            "no workload `lenet_bn`; did you mean `lenet-bn`? there are: lenet-bn, lenet, softmax"
        );
    }

    #[test]
    fn the_control_differs_only_by_its_batch_norm() {
        let with = lenet_bn();
        let without = find(with.control.unwrap()).unwrap();
        let kept: Vec<_> =
            with.model.layers.into_iter().filter(|l| !matches!(l, Layer::BatchNorm { .. })).collect();
        assert_eq!(kept, without.model.layers);
        assert_eq!(
            (with.learning_rate, with.batch_size, with.epochs),
            (without.learning_rate, without.batch_size, without.epochs)
        );
    }
}
