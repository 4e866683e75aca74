//! A model's layers as dfdx computes them.

use dfdx::prelude::*;
use trainmark_plugin::{Error, Layer, Model, Shape};

use crate::Values;
use crate::batch_norm::{BatchNorm, Pass};
use crate::convolution::{Convolution, Geometry};
use crate::layout::Layout;
use crate::linear::Linear;
use crate::machine::{Composition, Machine};
use crate::pooling::{Pooling, Reduction, Rows};

pub(crate) struct Network<D: Machine> {
    stages: Vec<Stage<D>>,
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
        let mut layout = Layout::row_major(model.input);
        let mut stages = Vec::new();
        for (index, (layer, output)) in model.layers.iter().zip(model.shapes()?).enumerate() {
            let behind = &model.layers[index + 1..];
            let stage = match *layer {
                Layer::BatchNorm { epsilon, momentum } => {
                    let layer = BatchNorm::new(implementation, &layout, epsilon, momentum, device);
                    Some(Stage::BatchNorm(layer.map_err(|error| at(index, error))?))
                }
                Layer::Sigmoid => Some(Stage::Sigmoid),
                Layer::Relu => Some(Stage::Relu),
                Layer::Tanh => Some(Stage::Tanh),
                Layer::Dropout { rate } => Some(Stage::Dropout(rate)),
                _ => {
                    let (stage, next) = reshaping(layer, &layout, output, behind, composition, device)?;
                    layout = next;
                    stage
                }
            };
            stages.extend(stage);
        }
        Ok(Self { stages })
    }

    /// Logits, (classes, batch), of inputs, (values of a sample, batch).
    pub(crate) fn forward<T: Pass<D>>(&mut self, inputs: Values<D>) -> Result<Values<D, T>, D::Err> {
        let mut stages = self.stages.iter_mut();
        // No gradient is wanted of the input.
        let mut x = match stages.as_slice() {
            [Stage::Convolution(first), ..] => {
                let x = first.forward(inputs)?;
                stages.next();
                x
            }
            _ => inputs.put_tape(T::default()),
        };
        for stage in stages {
            x = stage.forward(x)?;
        }
        Ok(x)
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
                    bias.copy_from(own[1]);
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
                    bias.copy_into(own[1]);
                }
                Stage::BatchNorm(layer) => layer.store(own),
                _ => {}
            }
        }
    }

    /// w ← w − rate · gradient, for every trainable parameter.
    pub(crate) fn descend(&mut self, gradients: &Gradients<f32, D>, rate: f64) -> Result<(), D::Err> {
        for stage in &mut self.stages {
            match stage {
                Stage::Convolution(Convolution { weight, bias, .. })
                | Stage::Linear(Linear { weight, bias }) => {
                    weight.try_axpy(1.0, &gradients.get(weight), -rate)?;
                    bias.try_axpy(1.0, &gradients.get(bias), -rate)?;
                }
                Stage::BatchNorm(layer) => layer.descend(gradients, rate)?,
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
            Self::Dropout(_) => Ok(x),
        }
    }

    /// How many tensors it has in `Model::parameters`.
    fn parameters(&self) -> usize {
        match self {
            Self::Convolution(_) | Self::Linear(_) => 2,
            Self::BatchNorm(_) => 4,
            _ => 0,
        }
    }
}

/// A layer whose output lies otherwise than its input, and how.
fn reshaping<D: Machine>(
    layer: &Layer,
    input: &Layout,
    output: Shape,
    behind: &[Layer],
    composition: Composition,
    device: &D,
) -> Result<(Option<Stage<D>>, Layout), Error> {
    let pooling = |reduction, window, stride| {
        let (layer, layout) = Pooling::new(reduction, window, stride, input, output, device)?;
        Ok((Some(Stage::Pooling(layer)), layout))
    };
    match (*layer, output) {
        (
            Layer::Conv2d { out_channels, kernel, stride, padding },
            Shape::Image { height: out_height, width: out_width, .. },
        ) => {
            let geometry = Geometry { out_channels, kernel, stride, padding, out_height, out_width };
            let (layer, layout) = Convolution::new(geometry, input, next_pool(behind), composition, device)?;
            Ok((Some(Stage::Convolution(layer)), layout))
        }
        (Layer::MaxPool2d { window, stride }, _) => pooling(Reduction::Maximum, window, stride),
        (Layer::AvgPool2d { window, stride }, _) => pooling(Reduction::Mean, window, stride),
        (Layer::Resize { .. }, _) => {
            let (rows, layout) = Rows::resize(input, output, device)?;
            Ok((Some(Stage::Rows(rows)), layout))
        }
        (Layer::Flatten, _) => {
            Ok((Rows::row_major(input, device)?.map(Stage::Rows), Layout::row_major(output)))
        }
        (Layer::Linear { out_features }, _) => {
            let layer = Linear::new(input.shape.len(), out_features, device)?;
            Ok((Some(Stage::Linear(layer)), Layout::row_major(output)))
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
