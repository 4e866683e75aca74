//! Nearest-neighbour resize.

use super::{Backward, Differentiable, Gradients, Mode};

/// y(i, j) = x(⌊i·H/h⌋, ⌊j·W/w⌋) from H×W to h×w; dx adds up what was copied.
pub(crate) struct Resize {
    /// Input height and width.
    pub(crate) input: (usize, usize),
    /// Output height and width.
    pub(crate) output: (usize, usize),
}

impl Resize {
    /// The input of every output of one channel.
    fn sources(&self) -> Vec<usize> {
        let ((height, width), (out_height, out_width)) = (self.input, self.output);
        let row = |i: usize| i * height / out_height;
        let column = |j: usize| j * width / out_width;
        (0..out_height).flat_map(|i| (0..out_width).map(move |j| row(i) * width + column(j))).collect()
    }

    fn area(&self) -> usize {
        self.input.0 * self.input.1
    }
}

impl Differentiable for Resize {
    fn forward(&self, _: &[Vec<f64>], input: &[f64], _: Mode) -> Vec<f64> {
        let sources = self.sources();
        let planes = input.chunks_exact(self.area());
        planes.flat_map(|plane| sources.iter().map(|&source| plane[source])).collect()
    }

    fn backward(&self, pass: &Backward<'_>) -> Gradients {
        let sources = self.sources();
        let mut d_input = vec![0.0; pass.input.len()];
        let planes = d_input.chunks_exact_mut(self.area());
        for (plane, gradients) in planes.zip(pass.gradient.chunks_exact(sources.len())) {
            sources.iter().zip(gradients).for_each(|(&source, dy)| plane[source] += dy);
        }
        Gradients::of_input(d_input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_output_takes_the_pixel_above_and_left() {
        let resize = Resize { input: (2, 2), output: (3, 3) };
        let output = resize.forward(&[], &[1.0, 2.0, 3.0, 4.0], Mode::Training);
        assert_eq!(output, [1.0, 1.0, 2.0, 1.0, 1.0, 2.0, 3.0, 3.0, 4.0]);
        let pass = Backward { parameters: &[], input: &[0.0; 4], output: &output, gradient: &[1.0; 9] };
        assert_eq!(resize.backward(&pass).input, [4.0, 2.0, 2.0, 1.0]);
    }
}
