//! Where the values of a sample lie among the rows of a [`Values`](crate::Values).

use trainmark_plugin::Shape;

/// The order of a sample's values.
///
/// The rows are `outer × channels × inner`: one (channel) after the other where
/// `outer` is 1, channels side by side at each position where `inner` is 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) shape: Shape,
    pub(crate) outer: usize,
    pub(crate) channels: usize,
    pub(crate) inner: usize,
    /// Row of each value, in the contract's order (channel, y, x).
    pub(crate) rows: Vec<usize>,
    /// Set where the rows are sorted by place within a pooling window.
    pub(crate) windows: Option<Windows>,
}

/// Rows as `outer × window² × inner`: value (o, w, i) is the w-th of its
/// window, in row-major order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(crate) window: usize,
    pub(crate) outer: usize,
    pub(crate) inner: usize,
}

impl Layout {
    /// The contract's own order: row-major (channel, y, x).
    pub(crate) fn row_major(shape: Shape) -> Self {
        let channels = shape.channels();
        Self {
            shape,
            outer: 1,
            channels,
            inner: shape.len() / channels,
            rows: (0..shape.len()).collect(),
            windows: None,
        }
    }

    pub(crate) fn is_row_major(&self) -> bool {
        self.rows.iter().enumerate().all(|(index, &row)| index == row)
    }

    /// Channels, height and width; a vector is as many channels of one position.
    pub(crate) fn image(&self) -> (usize, usize, usize) {
        match self.shape {
            Shape::Image { channels, height, width } => (channels, height, width),
            Shape::Vector(features) => (features, 1, 1),
        }
    }

    /// Row of one value.
    pub(crate) fn row(&self, channel: usize, y: usize, x: usize) -> usize {
        let (_, height, width) = self.image();
        self.rows[(channel * height + y) * width + x]
    }
}
