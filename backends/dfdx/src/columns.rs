//! Convolution as one matrix product over all positions, for GPUs.
//!
//! The input is gathered so that a row holds one tap of one channel for every position
//! and sample (im2col); the weight times that is the output, (channel, position · sample).

use dfdx::prelude::*;
use trainmark_plugin::{Error, Shape};

use crate::Values;
use crate::convolution::{Geometry, grid};
use crate::layout::{Layout, Windows};
use crate::linear::affine;
use crate::machine::Machine;

pub(crate) struct Columns<D: Machine> {
    /// Taps of all channels.
    rows: usize,
    positions: usize,
    /// Row of the input under each tap at each position.
    gathered: Tensor<(usize,), usize, D>,
    /// 0 where a tap lies in the padding, else 1. None without padding.
    inside: Option<Tensor<(usize,), f32, D>>,
}

impl<D: Machine> Columns<D> {
    /// `pool` is the window of the pooling behind this layer, whose order the
    /// outputs then take.
    pub(crate) fn new(
        geometry: Geometry,
        input: &Layout,
        pool: Option<usize>,
        device: &D,
    ) -> Result<(Self, Layout), Error> {
        let Geometry { kernel, stride, padding, out_height, out_width, .. } = geometry;
        let (in_channels, height, width) = input.image();
        let positions = positions(out_height, out_width, pool.unwrap_or(1));
        let inside = |place: usize, size: usize| place.checked_sub(padding).filter(|&place| place < size);
        let mut rows = Vec::with_capacity(in_channels * kernel * kernel * positions.len());
        for channel in 0..in_channels {
            for (dy, dx) in grid(kernel, kernel) {
                rows.extend(positions.iter().map(|&(y, x)| {
                    let (y, x) = (inside(y * stride + dy, height)?, inside(x * stride + dx, width)?);
                    Some(input.row(channel, y, x))
                }));
            }
        }
        let mask: Vec<f32> = rows.iter().map(|row| if row.is_some() { 1.0 } else { 0.0 }).collect();
        let shape = (rows.len(),);
        let mask = (padding > 0).then(|| device.try_tensor_from_vec(mask, shape));
        let gathered: Vec<usize> = rows.into_iter().map(Option::unwrap_or_default).collect();
        let layer = Self {
            rows: in_channels * kernel * kernel,
            positions: positions.len(),
            gathered: device.try_tensor_from_vec(gathered, shape).map_err(D::failure)?,
            inside: mask.transpose().map_err(D::failure)?,
        };
        Ok((layer, output_layout(geometry, &positions, pool)))
    }

    /// The input may be without a tape even in training: then no gradient is
    /// carried back to it. `weight` is row-major (out, in, k, k), `bias` (out, 1), if there is one.
    pub(crate) fn forward<T, U>(
        &self,
        weight: &Values<D>,
        bias: Option<&Values<D>>,
        x: Values<D, U>,
    ) -> Result<Values<D, T>, D::Err>
    where
        T: Tape<f32, D> + Merge<U>,
        U: Tape<f32, D>,
    {
        let (_, batch) = *x.shape();
        let mut columns: Values<D, U> = x.try_gather(self.gathered.clone())?;
        if let Some(inside) = &self.inside {
            let inside = inside.clone().try_broadcast_like::<_, Axis<1>>(columns.shape())?;
            columns = columns.try_mul(inside)?;
        }
        let columns = columns.try_reshape_like(&(self.rows, self.positions * batch))?;
        let (kernels, taps) = *weight.shape();
        let out_channels = kernels * taps / self.rows;
        let weight = weight.clone().try_reshape_like(&(out_channels, self.rows))?;
        let y: Values<D, T> = affine(&weight, bias, columns)?;
        y.try_reshape_like(&(out_channels * self.positions, batch))
    }
}

/// Every position, by place in the pooling window, then row-major.
fn positions(height: usize, width: usize, pool: usize) -> Vec<(usize, usize)> {
    let window =
        |(dy, dx)| grid(height / pool, width / pool).map(move |(y, x)| (y * pool + dy, x * pool + dx));
    grid(pool, pool).flat_map(window).collect()
}

/// Rows are (out channel, position).
fn output_layout(geometry: Geometry, positions: &[(usize, usize)], pool: Option<usize>) -> Layout {
    let Geometry { out_channels, out_height, out_width, .. } = geometry;
    let count = positions.len();
    let mut rows = vec![0; out_channels * count];
    for (index, &(y, x)) in positions.iter().enumerate() {
        for channel in 0..out_channels {
            rows[(channel * out_height + y) * out_width + x] = channel * count + index;
        }
    }
    Layout {
        shape: Shape::Image { channels: out_channels, height: out_height, width: out_width },
        outer: 1,
        channels: out_channels,
        inner: count,
        rows,
        windows: pool.map(|window| Windows { window, outer: out_channels, inner: count / (window * window) }),
    }
}
