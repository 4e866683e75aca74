//! Convolution as matrix products, from operations that dfdx has on stable Rust.
//! What follows is how that is done on the CPU; `columns.rs` is for GPUs.
//!
//! The output is cut into tiles. A tile's outputs are one matrix times the
//! window of inputs that it sees: `matrix` (outputs × window), the same for all
//! tiles, holds each kernel weight wherever it applies and zero elsewhere. With
//! tiles of one position the windows are im2col's and the matrix is the weight
//! itself; larger tiles copy fewer values and multiply more zeros. dfdx copies
//! at about 2 ns a value and multiplies at 0.02 ns, so the best tile lies
//! between the two; [`Tiling::best`] finds it.

use dfdx::prelude::*;
use trainmark_plugin::{Error, Shape};

use crate::Values;
use crate::columns::Columns;
use crate::layout::{Layout, Windows};
use crate::machine::{Composition, Machine, values};

/// A stack of matrices.
type Batched<D, T = NoneTape> = Tensor<(usize, usize, usize), f32, D, T>;

/// Kernel, stride, padding and bias of a layer, and its output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    pub(crate) out_channels: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) bias: bool,
    pub(crate) out_height: usize,
    pub(crate) out_width: usize,
}

pub(crate) struct Convolution<D: Machine> {
    /// (out · in, k·k), which is row-major (out, in, k, k)
    pub(crate) weight: Values<D>,
    /// (out, 1); none where the layer adds none.
    pub(crate) bias: Option<Values<D>>,
    products: Products<D>,
}

enum Products<D: Machine> {
    Tiles(Tiles<D>),
    Columns(Columns<D>),
}

/// One product per tile of the output.
struct Tiles<D: Machine> {
    out_channels: usize,
    in_channels: usize,
    tiling: Tiling,
    /// (outputs of a tile, k·k, window): 1 where a tap of the kernel falls on
    /// that input of the window.
    taps: Batched<D>,
    /// Rows of the input, tile by tile: (channel, window), then the row of ones for a bias.
    gathered: Tensor<(usize,), usize, D>,
}

/// A tile's outputs and the window of inputs that they see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tiling {
    height: usize,
    width: usize,
    window_height: usize,
    window_width: usize,
    tiles_down: usize,
    tiles_across: usize,
}

impl<D: Machine> Convolution<D> {
    /// `pool` is the window of the pooling behind this layer, whose order the
    /// outputs then take.
    pub(crate) fn new(
        geometry: Geometry,
        input: &Layout,
        pool: Option<usize>,
        composition: Composition,
        device: &D,
    ) -> Result<(Self, Layout), Error> {
        let (in_channels, _, _) = input.image();
        let fits = |&window: &usize| {
            geometry.out_height.is_multiple_of(window) && geometry.out_width.is_multiple_of(window)
        };
        let pool = pool.filter(fits);
        let (products, layout) = match composition {
            Composition::Cpu => {
                let (tiles, layout) = Tiles::new(geometry, input, pool, device)?;
                (Products::Tiles(tiles), layout)
            }
            Composition::Gpu => {
                let (columns, layout) = Columns::new(geometry, input, pool, device)?;
                (Products::Columns(columns), layout)
            }
        };
        let shape = (geometry.out_channels * in_channels, geometry.kernel * geometry.kernel);
        let zeros = || device.try_zeros_like(&(geometry.out_channels, 1)).map_err(D::failure);
        let layer = Self {
            weight: device.try_zeros_like(&shape).map_err(D::failure)?,
            bias: geometry.bias.then(zeros).transpose()?,
            products,
        };
        Ok((layer, layout))
    }

    /// The input may be without a tape even in training: then no gradient is
    /// carried back to it.
    pub(crate) fn forward<T, U>(&self, x: Values<D, U>) -> Result<Values<D, T>, D::Err>
    where
        T: Tape<f32, D> + Merge<U>,
        U: Tape<f32, D>,
    {
        let bias = self.bias.as_ref();
        match &self.products {
            Products::Tiles(tiles) => tiles.forward(&self.weight, bias, x),
            Products::Columns(columns) => columns.forward(&self.weight, bias, x),
        }
    }
}

impl<D: Machine> Tiles<D> {
    fn new(
        geometry: Geometry,
        input: &Layout,
        pool: Option<usize>,
        device: &D,
    ) -> Result<(Self, Layout), Error> {
        let (in_channels, _, _) = input.image();
        let tiling = Tiling::best(geometry, in_channels, pool.unwrap_or(1));
        let taps = tiling.taps(geometry, pool.unwrap_or(1));
        let taps_shape = (tiling.outputs(), geometry.kernel * geometry.kernel, tiling.window());
        let rows = tiling.gathered_rows(geometry, input);
        let count = rows.len();
        let tiles = Self {
            out_channels: geometry.out_channels,
            in_channels,
            tiling,
            taps: device.try_tensor_from_vec(taps, taps_shape).map_err(D::failure)?,
            gathered: device.try_tensor_from_vec(rows, (count,)).map_err(D::failure)?,
        };
        Ok((tiles, tiling.output_layout(geometry, pool)))
    }

    fn forward<T, U>(
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
        let windows = self.windows(x, bias.is_some())?;
        let (tiles, columns, _) = *windows.shape();
        let matrix = self.matrix::<T>(weight, bias)?;
        let (outputs, _) = *matrix.shape();
        let matrix = matrix.try_broadcast_like::<_, Axis<0>>(&(tiles, outputs, columns))?;
        matrix.try_matmul(windows)?.try_reshape_like(&(tiles * outputs, batch))
    }

    /// (tiles, in · window, and 1 for a bias, batch)
    fn windows<U>(&self, x: Values<D, U>, bias: bool) -> Result<Batched<D, U>, D::Err>
    where
        U: Tape<f32, D>,
    {
        let (_, batch) = *x.shape();
        let device = x.device().clone();
        // Behind the input: a row of zeros for padding and one of ones for the bias.
        let mut constants = vec![0.0; 2 * batch];
        constants[batch..].fill(1.0);
        let constants = values(&device, &constants, (2, batch))?;
        let x = (x, constants).try_concat_along(Axis::<0>)?;
        let gathered: Values<D, U> = x.try_gather(self.gathered.clone())?;
        let columns = self.in_channels * self.tiling.window() + usize::from(bias);
        gathered.try_reshape_like(&(self.tiling.count(), columns, batch))
    }

    /// (outputs, in · window), outputs as (position, out channel); a bias is one
    /// more column, the last.
    fn matrix<T: Tape<f32, D>>(
        &self,
        weight: &Values<D>,
        bias: Option<&Values<D>>,
    ) -> Result<Values<D, T>, D::Err> {
        let (positions, taps, window) = *self.taps.shape();
        let rows = positions * self.out_channels;
        let (kernels, _) = *weight.shape();
        let weight = weight.retaped::<T>();
        let weight = weight.try_broadcast_like::<_, Axis<0>>(&(positions, kernels, taps))?;
        let matrix = weight.try_matmul(self.taps.clone())?;
        let matrix = matrix.try_reshape_like(&(rows, self.in_channels * window))?;
        let Some(bias) = bias else { return Ok(matrix) };
        let bias = bias.retaped::<T>();
        let bias = bias.try_broadcast_like::<_, Axis<0>>(&(positions, self.out_channels, 1))?;
        let bias = bias.try_reshape_like(&(rows, 1))?;
        (matrix, bias).try_concat_along(Axis::<1>)
    }
}

impl Tiling {
    fn new(geometry: Geometry, height: usize, width: usize) -> Self {
        let Geometry { kernel, stride, out_height, out_width, .. } = geometry;
        Self {
            height,
            width,
            window_height: (height - 1) * stride + kernel,
            window_width: (width - 1) * stride + kernel,
            tiles_down: out_height / height,
            tiles_across: out_width / width,
        }
    }

    /// The cheapest tiling whose sides are multiples of `multiple`.
    fn best(geometry: Geometry, in_channels: usize, multiple: usize) -> Self {
        let Geometry { out_channels, kernel, out_height, out_width, .. } = geometry;
        let sides = |length: usize| {
            (multiple..=length).step_by(multiple).filter(move |&side| length.is_multiple_of(side))
        };
        let candidates = sides(out_height)
            .flat_map(|height| sides(out_width).map(move |width| Self::new(geometry, height, width)));
        // Nanoseconds per sample, forward and backward, from measurements.
        let cost = |tiling: &Self| {
            let columns = in_channels * tiling.window() + 1;
            let copied = tiling.count() * columns;
            let matrix = tiling.outputs() * out_channels * columns;
            let filling = matrix * kernel * kernel / TYPICAL_BATCH;
            4 * copied + (3 * matrix * tiling.count() + 3 * filling) / 60
        };
        candidates.min_by_key(cost).unwrap_or_else(|| Self::new(geometry, 1, 1))
    }

    /// Positions of a tile.
    fn outputs(self) -> usize {
        self.height * self.width
    }

    /// Positions of a tile's window.
    fn window(self) -> usize {
        self.window_height * self.window_width
    }

    fn count(self) -> usize {
        self.tiles_down * self.tiles_across
    }

    /// Index within a tile of output (y, x): by place in the pooling window, then row-major.
    fn output(self, pool: usize, y: usize, x: usize) -> usize {
        let place = (y % pool) * pool + x % pool;
        (place * (self.height / pool) + y / pool) * (self.width / pool) + x / pool
    }

    fn taps(self, geometry: Geometry, pool: usize) -> Vec<f32> {
        let Geometry { kernel, stride, .. } = geometry;
        let mut taps = vec![0.0; self.outputs() * kernel * kernel * self.window()];
        for (y, x) in grid(self.height, self.width) {
            for (tap, (dy, dx)) in grid(kernel, kernel).enumerate() {
                let input = (y * stride + dy) * self.window_width + x * stride + dx;
                let output = self.output(pool, y, x);
                taps[(output * kernel * kernel + tap) * self.window() + input] = 1.0;
            }
        }
        taps
    }

    fn gathered_rows(self, geometry: Geometry, input: &Layout) -> Vec<usize> {
        let (channels, height, width) = input.image();
        let (zeros, ones) = (input.rows.len(), input.rows.len() + 1);
        let Geometry { stride, padding, bias, .. } = geometry;
        let mut rows = Vec::with_capacity(self.count() * (channels * self.window() + 1));
        for (down, across) in grid(self.tiles_down, self.tiles_across) {
            let (top, left) = (down * self.height * stride, across * self.width * stride);
            for channel in 0..channels {
                rows.extend(grid(self.window_height, self.window_width).map(|(y, x)| {
                    let y = (top + y).checked_sub(padding).filter(|&y| y < height);
                    let x = (left + x).checked_sub(padding).filter(|&x| x < width);
                    y.zip(x).map_or(zeros, |(y, x)| input.row(channel, y, x))
                }));
            }
            rows.extend(bias.then_some(ones));
        }
        rows
    }

    /// Rows are (tile, position in the tile, out channel).
    fn output_layout(self, geometry: Geometry, pool: Option<usize>) -> Layout {
        let Geometry { out_channels, out_height, out_width, .. } = geometry;
        let mut rows = Vec::with_capacity(out_channels * out_height * out_width);
        for channel in 0..out_channels {
            rows.extend(grid(out_height, out_width).map(|(y, x)| {
                let tile = y / self.height * self.tiles_across + x / self.width;
                let output = self.output(pool.unwrap_or(1), y % self.height, x % self.width);
                (tile * self.outputs() + output) * out_channels + channel
            }));
        }
        Layout {
            shape: Shape::Image { channels: out_channels, height: out_height, width: out_width },
            outer: out_height * out_width,
            channels: out_channels,
            inner: 1,
            rows,
            windows: pool.map(|window| Windows {
                window,
                outer: self.count(),
                inner: self.outputs() / (window * window) * out_channels,
            }),
        }
    }
}

/// The batch over which filling the matrix is shared, for choosing a tile only.
const TYPICAL_BATCH: usize = 256;

/// (y, x), row by row.
pub(crate) fn grid(height: usize, width: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..height).flat_map(move |y| (0..width).map(move |x| (y, x)))
}
