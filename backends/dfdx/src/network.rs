//! A model's layers as dfdx computes them.

use dfdx::prelude::*;
use trainmark_plugin::{Branches, Error, Layer, Model, Shape};

use crate::Values;
use crate::batch_norm::{BatchNorm, Pass};
use crate::convolution::{Convolution, Geometry};
use crate::layout::Layout;
use crate::linear::Linear;
use crate::machine::{Composition, Machine};
use crate::optimiser::Updates;
use crate::pooling::{Pooling, Reduction, Rows};

pub(crate) struct Network<D: Machine> {
    /// One for each layer.
    stages: Vec<Stage<D>>,
    branches: Branches,
}

enum Stage<D: Machine> {
    Convolution(Convolution<D>),
    Linear(Linear<D>),
    BatchNorm(BatchNorm<D>),
    Sigmoid,
    Relu,
    Tanh,
    Pooling(Pooling<D>),
    /// Resize, and flatten where the rows are in another order than the contract's.
    Rows(Rows<D>),
    Dropout(f64),
    /// The sum of two values, which are first put into one order if theirs differ.
    Add(Option<[Option<Rows<D>>; 2]>),
    /// Flatten, where the rows are in the contract's order.
    Keep,
}

impl<D: Machine> Network<D> {
    /// # Errors
    /// `unsupported` where dfdx cannot do a layer.
    pub(crate) fn new(
        model: &Model,
        implementation: &str,
        composition: Composition,
        device: &D,
    ) -> Result<Self, Error> {
        // Of the model's input, and of each layer's output.
        let mut layouts = vec![Layout::row_major(model.input)];
        let mut stages = Vec::new();
        for (index, (layer, output)) in model.layers.iter().zip(model.shapes()?).enumerate() {
            let layout = &layouts[model.source(index).place()];
            // What is read elsewhere, too, keeps the contract's order.
            let behind = if model.is_sequential() { &model.layers[index + 1..] } else { &[] };
            let (stage, next) = match *layer {
                Layer::BatchNorm { epsilon, momentum } => {
                    let layer = BatchNorm::new(implementation, layout, epsilon, momentum, device);
                    (Stage::BatchNorm(layer.map_err(|error| at(index, error))?), layout.clone())
                }
                Layer::Sigmoid => (Stage::Sigmoid, layout.clone()),
                Layer::Relu => (Stage::Relu, layout.clone()),
                Layer::Tanh => (Stage::Tanh, layout.clone()),
                Layer::Dropout { rate } => (Stage::Dropout(rate), layout.clone()),
                Layer::Add { other } => sum([layout, &layouts[other.place()]], output, device)?,
                _ => reshaping(layer, layout, output, behind, composition, device)?,
            };
            layouts.push(next);
            stages.push(stage);
        }
        Ok(Self { stages, branches: model.branches()? })
    }

    /// Logits, (classes, batch), of inputs, (values of a sample, batch).
    pub(crate) fn forward<T: Pass<D>>(&mut self, inputs: Values<D>) -> Result<Values<D, T>, D::Err> {
        let Self { stages, branches } = self;
        // It records what is done to values, which know their gradients by their names.
        let mut tape = T::default();
        let logits = branches.pass(inputs, |index, x, added| {
            let before = std::mem::take(&mut tape);
            let stage = &mut stages[index];
            let y = match (stage, added) {
                // No gradient is wanted of the input.
                (Stage::Convolution(first), _) if index == 0 => first.forward(x)?,
                (Stage::Add(order), Some(added)) => add(order.as_ref(), x.put_tape(before), added)?,
                (stage, _) => stage.forward(x.put_tape(before))?,
            };
            let (y, after) = y.split_tape();
            tape = after;
            Ok::<_, D::Err>(y)
        })?;
        Ok(logits.put_tape(tape))
    }

    /// Sets every parameter, in the order of `Model::parameters`.
    pub(crate) fn load(&mut self, values: &[&[f32]]) {
        let mut rest = values;
        for stage in &mut self.stages {
            let (own, others) = rest.split_at(stage.parameters());
            rest = others;
            match stage {
                Stage::Convolution(Convolution { weight, bias, .. })
                | Stage::Linear(Linear { weight, bias }) => {
                    weight.copy_from(own[0]);
                    if let Some(bias) = bias {
                        bias.copy_from(own[1]);
                    }
                }
                Stage::BatchNorm(layer) => layer.load(own),
                _ => {}
            }
        }
    }

    /// Copies every parameter out, in the order of `Model::parameters`.
    pub(crate) fn store(&self, values: &mut [&mut [f32]]) {
        let mut rest = values;
        for stage in &self.stages {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(stage.parameters());
            rest = others;
            match stage {
                Stage::Convolution(Convolution { weight, bias, .. })
                | Stage::Linear(Linear { weight, bias }) => {
                    weight.copy_into(own[0]);
                    if let Some(bias) = bias {
                        bias.copy_into(own[1]);
                    }
                }
                Stage::BatchNorm(layer) => layer.store(own),
                _ => {}
            }
        }
    }

    /// A step by these gradients of every trainable parameter.
    pub(crate) fn step(
        &mut self,
        gradients: &mut Gradients<f32, D>,
        updates: &mut Updates<D>,
    ) -> Result<(), D::Err> {
        updates.begin();
        for stage in &mut self.stages {
            match stage {
                Stage::Convolution(Convolution { weight, bias, .. })
                | Stage::Linear(Linear { weight, bias }) => {
                    updates.apply(weight, gradients)?;
                    if let Some(bias) = bias {
                        updates.apply(bias, gradients)?;
                    }
                }
                Stage::BatchNorm(layer) => layer.step(gradients, updates)?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl<D: Machine> Stage<D> {
    fn forward<T: Pass<D>>(&mut self, x: Values<D, T>) -> Result<Values<D, T>, D::Err> {
        match self {
            Self::Convolution(layer) => layer.forward(x),
            Self::Linear(layer) => layer.forward(x),
            Self::BatchNorm(layer) => T::batch_norm(layer, x),
            Self::Sigmoid => x.try_sigmoid(),
            Self::Relu => x.try_relu(),
            Self::Tanh => x.try_tanh(),
            Self::Pooling(layer) => layer.forward(x),
            Self::Rows(layer) => layer.forward(x),
            Self::Dropout(rate) if T::OWNS_TAPE => x.try_dropout(*rate),
            Self::Dropout(_) | Self::Add(_) | Self::Keep => Ok(x),
        }
    }

    /// How many tensors it has in `Model::parameters`.
    fn parameters(&self) -> usize {
        match self {
            Self::Convolution(Convolution { bias, .. }) | Self::Linear(Linear { bias, .. }) => {
                1 + usize::from(bias.is_some())
            }
            Self::BatchNorm(_) => 4,
            _ => 0,
        }
    }
}

/// A sum, of values in one order.
fn add<D: Machine, T: Pass<D>>(
    order: Option<&[Option<Rows<D>>; 2]>,
    x: Values<D, T>,
    added: Values<D>,
) -> Result<Values<D, T>, D::Err> {
    let Some([of_x, of_added]) = order else { return x.try_add(added) };
    let x = match of_x {
        Some(rows) => rows.forward(x)?,
        None => x,
    };
    let (x, tape) = x.split_tape();
    let added = added.put_tape(tape);
    let added = match of_added {
        Some(rows) => rows.forward(added)?,
        None => added,
    };
    added.try_add(x)
}

fn sum<D: Machine>(layouts: [&Layout; 2], output: Shape, device: &D) -> Result<(Stage<D>, Layout), Error> {
    let [first, second] = layouts;
    if first == second {
        return Ok((Stage::Add(None), first.clone()));
    }
    let order = [Rows::row_major(first, device)?, Rows::row_major(second, device)?];
    Ok((Stage::Add(Some(order)), Layout::row_major(output)))
}

/// A layer whose output lies otherwise than its input, and how.
fn reshaping<D: Machine>(
    layer: &Layer,
    input: &Layout,
    output: Shape,
    behind: &[Layer],
    composition: Composition,
    device: &D,
) -> Result<(Stage<D>, Layout), Error> {
    let pooling = |reduction, window, stride| {
        let (layer, layout) = Pooling::new(reduction, window, stride, input, output, device)?;
        Ok((Stage::Pooling(layer), layout))
    };
    match (*layer, output) {
        (
            Layer::Conv2d { out_channels, kernel, stride, padding, bias },
            Shape::Image { height: out_height, width: out_width, .. },
        ) => {
            let geometry = Geometry { out_channels, kernel, stride, padding, bias, out_height, out_width };
            let (layer, layout) = Convolution::new(geometry, input, next_pool(behind), composition, device)?;
            Ok((Stage::Convolution(layer), layout))
        }
        (Layer::MaxPool2d { window, stride }, _) => pooling(Reduction::Maximum, window, stride),
        (Layer::AvgPool2d { window, stride }, _) => pooling(Reduction::Mean, window, stride),
        (Layer::Resize { .. }, _) => {
            let (rows, layout) = Rows::resize(input, output, device)?;
            Ok((Stage::Rows(rows), layout))
        }
        (Layer::Flatten, _) => {
            let stage = Rows::row_major(input, device)?.map_or(Stage::Keep, Stage::Rows);
            Ok((stage, Layout::row_major(output)))
        }
        (Layer::Linear { out_features, bias }, _) => {
            let layer = Linear::new(input.shape.len(), out_features, bias, device)?;
            Ok((Stage::Linear(layer), Layout::row_major(output)))
        }
        _ => Err(Error::unsupported(format!("{}: not one of this backend's layers", layer.kind()))),
    }
}

/// Window of the pooling that comes next, where it tiles the image and nothing
/// but layers that keep the order stands before it.
fn next_pool(behind: &[Layer]) -> Option<usize> {
    let keeps_order = |layer: &&Layer| {
        matches!(
            layer,
            Layer::BatchNorm { .. } | Layer::Sigmoid | Layer::Relu | Layer::Tanh | Layer::Dropout { .. }
        )
    };
    match behind.iter().find(|layer| !keeps_order(layer)) {
        Some(&(Layer::MaxPool2d { window, stride } | Layer::AvgPool2d { window, stride }))
            if window == stride =>
        {
            Some(window)
        }
        _ => None,
    }
}

fn at(index: usize, mut error: Error) -> Error {
    error.message = format!("layer {index}: {}", error.message);
    error
}
