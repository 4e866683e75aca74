//! The operations of a workload that a user names: its step, its prediction, and each of its layers.

use std::collections::HashMap;

use trainmark_plugin::{Error, Layer, Model, Shape, Source};

use super::definition::{CLASSES, LEARNING_RATE, behind, describe, first, linear, output, term, whole};
use super::{Call, Data, Operation, Sign};
use crate::workload::Workload;

/// Features of the layer before one behind which a vector stands: enough to keep it busy.
const FRONT_FEATURES: usize = 256;

/// Every operation of a workload, its layers in their order; `flatten` computes nothing and has none.
///
/// # Errors
/// Where its shapes do not fit, which its file's reading has refused.
pub(super) fn all_of(workload: &Workload) -> Result<Vec<Operation>, Error> {
    let mut operations =
        vec![network(workload, "train_step", Call::TrainStep)?, network(workload, "predict", Call::Predict)?];
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let inputs = workload.model.input_shapes()?.into_iter().zip(workload.model.input_gradients()?);
    for (&layer, (input, is_behind)) in workload.model.layers.iter().zip(inputs) {
        if layer != Layer::Flatten {
            let count = counts.entry(layer.kind()).or_default();
            *count += 1;
            let name = format!("{}/{}{count}", workload.name, layer.kind());
            operations.push(single(name, input, layer, is_behind)?);
        }
    }
    Ok(operations)
}

fn network(workload: &Workload, call_name: &str, call: Call) -> Result<Operation, Error> {
    let Workload { model, learning_rate, .. } = workload;
    // The procedural data set where it has its shape, since a network learns on it as it is meant to.
    let is_synthetic = model.input == crate::workload::softmax().model.input && model.classes()? >= CLASSES;
    let (data, rate) =
        if is_synthetic { (Data::Synthetic, *learning_rate) } else { (Data::Random, LEARNING_RATE) };
    let name = format!("{}/{call_name}", workload.name);
    whole(name, workload, call, (data, rate))
}

/// A layer by itself. Behind a layer with weights it has an input whose gradient is needed.
fn single(name: String, input: Shape, layer: Layer, is_behind: bool) -> Result<Operation, Error> {
    if matches!(layer, Layer::Add { .. }) {
        return Ok(addition(name, input));
    }
    if matches!(layer, Layer::BatchNorm { .. }) {
        // The front has one too, so that both models are of one implementation.
        return behind(name, input, layer, layer);
    }
    if !is_behind {
        return match Model::new("layer", input, [layer]).parameters()?.is_empty() {
            true => without_gradients(name, input, layer),
            false => first(name, input, layer),
        };
    }
    match input {
        Shape::Image { channels, height, width } => {
            let front =
                Layer::Conv2d { out_channels: channels, kernel: 1, stride: 1, padding: 0, bias: true };
            behind(name, Shape::Image { channels: 1, height, width }, front, layer)
        }
        Shape::Vector(features) => {
            behind(name, Shape::Vector(features.min(FRONT_FEATURES)), linear(features), layer)
        }
    }
}

/// A sum: a way around a ReLU behind a layer with weights, less the same without the sum. The gradient
/// goes both ways, and is added where they part.
fn addition(name: String, input: Shape) -> Operation {
    // A vector comes as an image of one row, behind a `flatten`.
    let (start, from, front, parting) = match input {
        Shape::Image { channels, height, width } => (
            Shape::Image { channels: 1, height, width },
            "conv2d k1",
            Layer::Conv2d { out_channels: channels, kernel: 1, stride: 1, padding: 0, bias: true },
            0,
        ),
        Shape::Vector(features) => {
            (Shape::Vector(features.min(FRONT_FEATURES)), "linear", linear(features), 1)
        }
    };
    let add = Layer::Add { other: Source::Layer(parting) };
    Operation {
        name,
        summary: format!(
            "add, {input}: forward and backward; the step of [front, relu, it, head] − [front, relu, head], front: {from}"
        ),
        terms: vec![
            term(Sign::Plus, start, &[front, Layer::Relu, add]),
            term(Sign::Minus, start, &[front, Layer::Relu]),
        ],
        multiply_adds: None,
    }
}

/// A layer before all that have weights: nothing needs a gradient there.
fn without_gradients(name: String, input: Shape, layer: Layer) -> Result<Operation, Error> {
    let output = output(input, layer)?;
    Ok(Operation {
        name,
        summary: format!(
            "{}: forward; the step of [it, head] − [head on {output}]",
            describe(input, layer, output)
        ),
        terms: vec![term(Sign::Plus, input, &[layer]), term(Sign::Minus, output, &[])],
        multiply_adds: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::BATCH;
    use crate::workload::{self, lenet, lenet_bn, multiply_adds};

    /// An input of another shape, layers before the first weights, a wide vector.
    const OTHER: &str = "name = \"other\"\ninput = \"3×32×32\"\nlayers = [\"resize 20×20\", \"avg_pool2d 2×2\", \
        \"entry: conv2d 8 channels, 3×3, stride 1, padding 1\", \"batch_norm\", \"relu\", \"add entry\", \"conv2d 8 channels, 3×3\", \
        \"flatten\", \"tanh\", \"linear 12\", \"batch_norm\", \"linear 7\"]\nlearning_rate = 30\nbatch_size = 16\n\
        targets.test_accuracy = 0.5\n";

    fn other() -> Workload {
        Workload::from_toml(OTHER).unwrap()
    }

    #[test]
    fn every_layer_of_a_network_is_an_operation() {
        let lines = |operation: Operation| {
            let terms = operation.terms.iter().map(|term| {
                let sign = if term.sign == Sign::Plus { '+' } else { '−' };
                format!("\n  {sign} {} on {}", term.model.name, term.model.input)
            });
            let terms = terms.collect::<String>();
            let work = operation.multiply_adds.map_or("none".to_owned(), |count| count.to_string());
            format!("{}, {work}: {}{terms}\n", operation.name, operation.summary)
        };
        insta::assert_snapshot!(all_of(&other()).unwrap().into_iter().map(lines).collect::<String>());
    }

    #[test]
    fn models_of_an_operation_are_of_one_implementation_and_fit() {
        for workload in workload::all().into_iter().chain([other()]) {
            for operation in all_of(&workload).unwrap() {
                let has_norm = operation.terms.iter().map(|term| term.model.has_batch_norm());
                let has_norm: Vec<bool> = has_norm.collect();
                assert!(has_norm.iter().all(|one| *one == has_norm[0]), "{}", operation.name);
                assert!(
                    operation.terms.iter().all(|term| term.model.classes().is_ok()),
                    "{}",
                    operation.name
                );
            }
        }
    }

    /// What a network multiplies is what its layers do, and the head that is measured by none.
    #[test]
    fn the_layers_are_those_of_the_network() {
        for workload in [lenet_bn(), lenet(), other()] {
            let operations = all_of(&workload).unwrap();
            let (step, layers) = (operations[0].multiply_adds.unwrap(), operations[2..].iter());
            assert_eq!(step, multiply_adds(&workload.model).unwrap().total() * BATCH as u64);
            assert_eq!(layers.filter_map(|one| one.multiply_adds).sum::<u64>(), step, "{}", workload.name);
        }
    }

    #[test]
    fn a_network_of_another_shape_is_trained_on_random_samples_at_a_rate_that_lasts() {
        let of = |workload: &Workload| {
            let step = all_of(workload).unwrap().remove(0).terms.remove(0);
            (step.data, step.learning_rate)
        };
        assert_eq!(of(&lenet_bn()), (Data::Synthetic, 1.0));
        assert_eq!(of(&other()), (Data::Random, LEARNING_RATE));
    }
}
