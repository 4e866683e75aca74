//! Pooling, resizing and reordering: what picks rows.
//!
//! dfdx's `max` gives the full gradient to every maximum of a tie, so a window
//! is reduced pairwise with `maximum`, which halves it. Where the convolution in
//! front has sorted its outputs by place in the window, the operands are slices,
//! which do not overlap; else they are gathered (slice's backward overwrites the
//! gradient where slices overlap).

use dfdx::prelude::*;
use trainmark_plugin::{Error, Shape};

use crate::Values;
use crate::convolution::grid;
use crate::layout::{Layout, Windows};
use crate::machine::Machine;

/// What is made of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reduction {
    Maximum,
    Mean,
}

pub(crate) struct Pooling<D: Machine> {
    reduction: Reduction,
    operands: Operands<D>,
}

/// The values at one place of every window, for each place.
enum Operands<D: Machine> {
    Slices(Windows),
    Gathered(Vec<Rows<D>>),
}

impl<D: Machine> Pooling<D> {
    pub(crate) fn new(
        reduction: Reduction,
        window: usize,
        stride: usize,
        input: &Layout,
        output: Shape,
        device: &D,
    ) -> Result<(Self, Layout), Error> {
        if let Some(windows) = input.windows.filter(|windows| windows.window == window && stride == window) {
            let layout = sliced_layout(windows, input, output);
            return Ok((Self { reduction, operands: Operands::Slices(windows) }, layout));
        }
        let places = grid(window, window)
            .map(|(dy, dx)| Rows::picked(input, output, |y, x| (y * stride + dy, x * stride + dx), device));
        let operands = Operands::Gathered(places.collect::<Result<_, _>>()?);
        Ok((Self { reduction, operands }, Layout::row_major(output)))
    }

    pub(crate) fn forward<T: Tape<f32, D>>(&self, x: Values<D, T>) -> Result<Values<D, T>, D::Err> {
        let (x, tape) = x.split_tape();
        let mut tape = Some(tape);
        let mut taped = || x.clone().put_tape(tape.take().unwrap_or_default());
        match &self.operands {
            Operands::Slices(windows) => {
                let Windows { outer, window, inner } = *windows;
                let batch = x.shape().1;
                let places = (0..window * window).map(|place| {
                    let rows = taped().try_reshape_like(&(outer, window * window, inner * batch))?;
                    rows.try_slice((.., place..place + 1, ..))
                });
                self.reduce(places)?.try_reshape_like(&(outer * inner, batch))
            }
            Operands::Gathered(places) => self.reduce(places.iter().map(|rows| rows.forward(taped()))),
        }
    }

    fn reduce<S: dfdx::shapes::Shape, T: Tape<f32, D>>(
        &self,
        mut places: impl ExactSizeIterator<Item = Result<Tensor<S, f32, D, T>, D::Err>>,
    ) -> Result<Tensor<S, f32, D, T>, D::Err> {
        let share = 1.0 / places.len() as f32;
        #[expect(clippy::expect_used, reason = "the contract refuses windows without a place")]
        let first = places.next().expect("a window has a place");
        let combined = places.fold(first, |left, right| match self.reduction {
            Reduction::Maximum => left?.try_maximum(right?),
            Reduction::Mean => left?.try_add(right?),
        })?;
        match self.reduction {
            Reduction::Maximum => Ok(combined),
            Reduction::Mean => combined.try_mul(share),
        }
    }
}

/// Each window's first row says where the window's value goes.
fn sliced_layout(windows: Windows, input: &Layout, output: Shape) -> Layout {
    let Windows { window, inner, .. } = windows;
    let (channels, height, width) = image(output);
    let mut rows = Vec::with_capacity(output.len());
    for channel in 0..channels {
        rows.extend(grid(height, width).map(|(y, x)| {
            let first = input.row(channel, y * window, x * window);
            first / (window * window * inner) * inner + first % inner
        }));
    }
    // Channels lie side by side in the input, or else apart.
    let (outer, inner) = if input.inner == 1 { (height * width, 1) } else { (1, height * width) };
    Layout { shape: output, outer, channels, inner, rows, windows: None }
}

fn image(shape: Shape) -> (usize, usize, usize) {
    Layout::row_major(shape).image()
}

/// Rows picked from a batch by index.
pub(crate) struct Rows<D: Machine>(Tensor<(usize,), usize, D>);

impl<D: Machine> Rows<D> {
    /// Output (y, x) of each channel is the input at `source(y, x)`; row-major.
    fn picked(
        input: &Layout,
        output: Shape,
        source: impl Fn(usize, usize) -> (usize, usize),
        device: &D,
    ) -> Result<Self, Error> {
        let (channels, height, width) = image(output);
        let mut rows = Vec::with_capacity(output.len());
        for channel in 0..channels {
            rows.extend(grid(height, width).map(|(y, x)| {
                let (y, x) = source(y, x);
                input.row(channel, y, x)
            }));
        }
        Self::new(rows, device)
    }

    fn new(rows: Vec<usize>, device: &D) -> Result<Self, Error> {
        let count = rows.len();
        Ok(Self(device.try_tensor_from_vec(rows, (count,)).map_err(D::failure)?))
    }

    /// Nearest neighbour: out(y, x) = in(⌊y·H/h⌋, ⌊x·W/w⌋).
    pub(crate) fn resize(input: &Layout, output: Shape, device: &D) -> Result<(Self, Layout), Error> {
        let (_, height, width) = input.image();
        let (_, out_height, out_width) = image(output);
        let source = |y, x| (y * height / out_height, x * width / out_width);
        Ok((Self::picked(input, output, source, device)?, Layout::row_major(output)))
    }

    /// The contract's order; `None` where the rows have it already.
    pub(crate) fn row_major(input: &Layout, device: &D) -> Result<Option<Self>, Error> {
        if input.is_row_major() {
            return Ok(None);
        }
        Self::new(input.rows.clone(), device).map(Some)
    }

    pub(crate) fn forward<T: Tape<f32, D>>(&self, x: Values<D, T>) -> Result<Values<D, T>, D::Err> {
        x.try_gather(self.0.clone())
    }
}
