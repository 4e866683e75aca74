//! Batch norm: composed from elementary operations, or dfdx's own layers.

use dfdx::nn::modules::{BatchNorm1D, BatchNorm2D};
use dfdx::prelude::*;
use trainmark_plugin::{Error, Shape};

use crate::Values;
use crate::layout::Layout;
use crate::machine::Machine;
use crate::optimiser::Updates;

type PerChannel<D, T = NoneTape> = Tensor<(usize,), f32, D, T>;

/// The tape of a training step.
pub(crate) type Recording<D> = OwnedTape<f32, D>;

/// A way through the network: with a tape (training) or without (prediction).
pub(crate) trait Pass<D: Machine>: Tape<f32, D> {
    fn batch_norm(layer: &mut BatchNorm<D>, x: Values<D, Self>) -> Result<Values<D, Self>, D::Err>;
}

impl<D: Machine> Pass<D> for Recording<D> {
    fn batch_norm(layer: &mut BatchNorm<D>, x: Values<D, Self>) -> Result<Values<D, Self>, D::Err> {
        match &mut layer.statistics {
            Statistics::Primitive(primitive) => primitive.train(x, layer.axes),
            Statistics::Builtin(builtin) => builtin.train(x, layer.axes),
        }
    }
}

impl<D: Machine> Pass<D> for NoneTape {
    fn batch_norm(layer: &mut BatchNorm<D>, x: Values<D>) -> Result<Values<D>, D::Err> {
        match &layer.statistics {
            Statistics::Primitive(primitive) => primitive.predict(x, layer.axes),
            Statistics::Builtin(builtin) => builtin.predict(x, layer.axes),
        }
    }
}

pub(crate) struct BatchNorm<D: Machine> {
    axes: Axes,
    statistics: Statistics<D>,
}

enum Statistics<D: Machine> {
    Primitive(Primitive<D>),
    Builtin(Box<dyn Builtin<D>>),
}

/// The rows of a batch as `outer × channels × inner`.
#[derive(Debug, Clone, Copy)]
struct Axes {
    outer: usize,
    channels: usize,
    inner: usize,
}

impl<D: Machine> BatchNorm<D> {
    /// # Errors
    /// `unsupported` where `builtin` was not compiled for that many channels.
    pub(crate) fn new(
        implementation: &str,
        layout: &Layout,
        epsilon: f64,
        momentum: f64,
        device: &D,
    ) -> Result<Self, Error> {
        let axes = Axes { outer: layout.outer, channels: layout.channels, inner: layout.inner };
        let statistics = if implementation == "builtin" {
            let vector = matches!(layout.shape, Shape::Vector(_));
            Statistics::Builtin(builtin(axes.channels, vector, epsilon, momentum, device)?)
        } else {
            Statistics::Primitive(
                Primitive::new(axes.channels, epsilon, momentum, device).map_err(D::failure)?,
            )
        };
        Ok(Self { axes, statistics })
    }

    pub(crate) fn load(&mut self, values: &[&[f32]]) {
        match &mut self.statistics {
            Statistics::Primitive(primitive) => {
                for (tensor, values) in primitive.tensors_mut().into_iter().zip(values) {
                    tensor.copy_from(values);
                }
            }
            Statistics::Builtin(builtin) => builtin.load(values),
        }
    }

    pub(crate) fn store(&self, values: &mut [&mut [f32]]) {
        match &self.statistics {
            Statistics::Primitive(primitive) => {
                let Primitive { gamma, beta, running_mean, running_variance, .. } = primitive;
                for (tensor, values) in [gamma, beta, running_mean, running_variance].into_iter().zip(values)
                {
                    tensor.copy_into(values);
                }
            }
            Statistics::Builtin(builtin) => builtin.store(values),
        }
    }

    /// A step of γ and β by their gradients.
    pub(crate) fn step(
        &mut self,
        gradients: &mut Gradients<f32, D>,
        updates: &mut Updates<D>,
    ) -> Result<(), D::Err> {
        match &mut self.statistics {
            Statistics::Primitive(Primitive { gamma, beta, .. }) => {
                updates.apply(gamma, gradients)?;
                updates.apply(beta, gradients)
            }
            Statistics::Builtin(builtin) => builtin.step(gradients, updates),
        }
    }
}

/// Batch norm from elementary operations; running variance as in the d2l.ai
/// chapter: the biased variance of the batch, from 0.
struct Primitive<D: Machine> {
    gamma: PerChannel<D>,
    beta: PerChannel<D>,
    running_mean: PerChannel<D>,
    running_variance: PerChannel<D>,
    epsilon: f32,
    momentum: f64,
}

impl<D: Machine> Primitive<D> {
    fn new(channels: usize, epsilon: f64, momentum: f64, device: &D) -> Result<Self, D::Err> {
        Ok(Self {
            gamma: device.try_ones_like(&(channels,))?,
            beta: device.try_zeros_like(&(channels,))?,
            running_mean: device.try_zeros_like(&(channels,))?,
            running_variance: device.try_zeros_like(&(channels,))?,
            epsilon: epsilon as f32,
            momentum,
        })
    }

    fn tensors_mut(&mut self) -> [&mut PerChannel<D>; 4] {
        let Self { gamma, beta, running_mean, running_variance, .. } = self;
        [gamma, beta, running_mean, running_variance]
    }

    fn train(&mut self, x: Values<D, Recording<D>>, axes: Axes) -> Result<Values<D, Recording<D>>, D::Err> {
        let rows = *x.shape();
        let shape = (axes.outer, axes.channels, axes.inner * rows.1);
        let x = x.try_reshape_like(&shape)?;
        let mean = x.retaped::<Recording<D>>().try_mean::<(usize,), Axes2<0, 2>>()?;
        // `try_axpy` knows no tape: the running statistics hold no graph.
        self.running_mean.try_axpy(1.0 - self.momentum, &mean, self.momentum)?;
        let centred = x.try_sub(mean.try_broadcast_like::<_, Axes2<0, 2>>(&shape)?)?;
        let square = centred.retaped::<Recording<D>>().try_square()?;
        let variance = square.try_mean::<(usize,), Axes2<0, 2>>()?;
        self.running_variance.try_axpy(1.0 - self.momentum, &variance, self.momentum)?;
        let deviation = variance.try_add(self.epsilon)?.try_sqrt()?;
        let scale = self.gamma.retaped::<Recording<D>>().try_div(deviation)?;
        let scaled = centred.try_mul(scale.try_broadcast_like::<_, Axes2<0, 2>>(&shape)?)?;
        let beta = self.beta.retaped::<Recording<D>>();
        scaled.try_add(beta.try_broadcast_like::<_, Axes2<0, 2>>(&shape)?)?.try_reshape_like(&rows)
    }

    /// x · γ/σ + (β − mean · γ/σ)
    fn predict(&self, x: Values<D>, axes: Axes) -> Result<Values<D>, D::Err> {
        let rows = *x.shape();
        let shape = (axes.outer, axes.channels, axes.inner * rows.1);
        let deviation = self.running_variance.clone().try_add(self.epsilon)?.try_sqrt()?;
        let scale = self.gamma.clone().try_div(deviation)?;
        let shift = self.beta.clone().try_sub(self.running_mean.clone().try_mul(scale.clone())?)?;
        let x = x.try_reshape_like(&shape)?;
        let scaled = x.try_mul(scale.try_broadcast_like::<_, Axes2<0, 2>>(&shape)?)?;
        scaled.try_add(shift.try_broadcast_like::<_, Axes2<0, 2>>(&shape)?)?.try_reshape_like(&rows)
    }
}

/// dfdx's layer behind a face without its number of channels, which is part of
/// its type.
trait Builtin<D: Machine> {
    fn train(&mut self, x: Values<D, Recording<D>>, axes: Axes) -> Result<Values<D, Recording<D>>, D::Err>;
    fn predict(&self, x: Values<D>, axes: Axes) -> Result<Values<D>, D::Err>;
    fn load(&mut self, values: &[&[f32]]);
    fn store(&self, values: &mut [&mut [f32]]);
    fn step(&mut self, gradients: &mut Gradients<f32, D>, updates: &mut Updates<D>) -> Result<(), D::Err>;
}

macro_rules! builtin_layer {
    ($Layer:ident, $axes:ident, $batch:ident => $shape:expr) => {
        impl<const C: usize, D: Machine> Builtin<D> for $Layer<C, f32, D> {
            fn train(
                &mut self,
                x: Values<D, Recording<D>>,
                $axes: Axes,
            ) -> Result<Values<D, Recording<D>>, D::Err> {
                let rows = *x.shape();
                let (_, $batch) = rows;
                let single = $axes.outer * $axes.inner * $batch == 1;
                let before = single.then(|| self.running_var.clone());
                let y = self.try_forward_mut(x.try_reshape_like(&$shape)?)?;
                if let Some(before) = before {
                    // dfdx scales the variance, 0, by n/(n − 1): NaN. By n, it is 0.
                    self.running_var = before.try_mul((1.0 - self.momentum) as f32)?;
                }
                y.try_reshape_like(&rows)
            }

            fn predict(&self, x: Values<D>, $axes: Axes) -> Result<Values<D>, D::Err> {
                let rows = *x.shape();
                let (_, $batch) = rows;
                self.try_forward(x.try_reshape_like(&$shape)?)?.try_reshape_like(&rows)
            }

            fn load(&mut self, values: &[&[f32]]) {
                let Self { scale, bias, running_mean, running_var, .. } = self;
                for (tensor, values) in [scale, bias, running_mean, running_var].into_iter().zip(values) {
                    tensor.copy_from(values);
                }
            }

            fn store(&self, values: &mut [&mut [f32]]) {
                let Self { scale, bias, running_mean, running_var, .. } = self;
                for (tensor, values) in [scale, bias, running_mean, running_var].into_iter().zip(values) {
                    tensor.copy_into(values);
                }
            }

            fn step(
                &mut self,
                gradients: &mut Gradients<f32, D>,
                updates: &mut Updates<D>,
            ) -> Result<(), D::Err> {
                let Self { scale, bias, .. } = self;
                updates.apply(scale, gradients)?;
                updates.apply(bias, gradients)
            }
        }
    };
}

builtin_layer!(BatchNorm2D, axes, batch => (axes.outer, Const::<C>, axes.inner, batch));
// Samples take the axis that a sequence would: both are averaged over.
builtin_layer!(BatchNorm1D, axes, batch => (axes.outer, Const::<C>, axes.inner * batch));

fn layer<const C: usize, D: Machine>(
    vector: bool,
    epsilon: f64,
    momentum: f64,
    device: &D,
) -> Result<Box<dyn Builtin<D>>, D::Err> {
    if vector {
        let mut layer = device.try_build_module::<builders::BatchNorm1D<C>, f32>()?;
        (layer.epsilon, layer.momentum) = (epsilon, momentum);
        return Ok(Box::new(layer));
    }
    let mut layer = device.try_build_module::<builders::BatchNorm2D<C>, f32>()?;
    (layer.epsilon, layer.momentum) = (epsilon, momentum);
    Ok(Box::new(layer))
}

macro_rules! widths {
    ($($width:literal)*) => {
        const WIDTHS: &[usize] = &[$($width),*];

        fn builtin<D: Machine>(
            channels: usize,
            vector: bool,
            epsilon: f64,
            momentum: f64,
            device: &D,
        ) -> Result<Box<dyn Builtin<D>>, Error> {
            match channels {
                $($width => layer::<$width, D>(vector, epsilon, momentum, device).map_err(D::failure),)*
                _ => Err(Error::unsupported(format!(
                    "batch norm over {channels} channels: dfdx's layer needs their number when it is \
                     compiled; compiled are {WIDTHS:?}; use primitive, or add it in batch_norm.rs",
                ))),
            }
        }
    };
}

widths!(1 2 3 4 5 6 8 10 16 32 64 84 120 128 256);
