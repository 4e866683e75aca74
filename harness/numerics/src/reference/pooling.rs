//! Pooling over square windows without padding.

use super::{Backward, Differentiable, Gradients, Mode};

/// Where the windows of one channel lie.
pub struct Windows {
    /// Input height and width.
    pub input: (usize, usize),
    /// Output height and width.
    pub output: (usize, usize),
    /// Rows and columns of each.
    pub window: usize,
    /// From one to the next.
    pub stride: usize,
}

/// y = max x over the window. The whole gradient goes to the first maximum in
/// row-major order.
pub struct MaxPool {
    /// Of each channel.
    pub windows: Windows,
    /// Of input and output.
    pub channels: usize,
}

/// y = mean x over the window. Every input gets 1/window² of the gradient.
pub(crate) struct AvgPool(pub(crate) Windows);

impl Windows {
    /// Visits every window of a batch: the index of its output, and its first input.
    pub fn for_each(&self, length: usize, mut visit: impl FnMut(usize, usize)) {
        let ((height, width), (out_height, out_width)) = (self.input, self.output);
        let mut output = 0;
        for plane in (0..length).step_by(height * width) {
            for row in 0..out_height {
                for column in 0..out_width {
                    visit(output, plane + (row * width + column) * self.stride);
                    output += 1;
                }
            }
        }
    }

    /// The inputs of the window that begins at `first`, row-major.
    pub fn places(&self, first: usize) -> impl Iterator<Item = usize> + use<> {
        let (window, width) = (self.window, self.input.1);
        (0..window).flat_map(move |row| (0..window).map(move |column| first + row * width + column))
    }

    fn outputs(&self, length: usize) -> usize {
        length / (self.input.0 * self.input.1) * self.output.0 * self.output.1
    }
}

impl MaxPool {
    fn first_maximum(&self, input: &[f64], first: usize) -> usize {
        let places = self.windows.places(first);
        places.fold(first, |best, place| if input[place] > input[best] { place } else { best })
    }
}

impl Differentiable for MaxPool {
    fn forward(&self, _: &[Vec<f64>], input: &[f64], _: Mode) -> Vec<f64> {
        let mut output = vec![0.0; self.windows.outputs(input.len())];
        self.windows.for_each(input.len(), |index, first| {
            output[index] = input[self.first_maximum(input, first)];
        });
        output
    }

    fn backward(&self, pass: &Backward<'_>) -> Gradients {
        let mut d_input = vec![0.0; pass.input.len()];
        self.windows.for_each(pass.input.len(), |index, first| {
            d_input[self.first_maximum(pass.input, first)] += pass.gradient[index];
        });
        Gradients::of_input(d_input)
    }

    /// The gap between the two largest *distinct* values of a window. Exact ties
    /// do not count: they come from equal inputs, and any choice among them gives
    /// the parameters the same gradients.
    fn smallest_gaps(&self, input: &[f64]) -> Option<Vec<f64>> {
        let scale = input.iter().fold(f64::MIN_POSITIVE, |largest, x| largest.max(x.abs()));
        let sample_len = self.channels * self.windows.input.0 * self.windows.input.1;
        let mut gaps = vec![f64::INFINITY; input.len() / sample_len];
        self.windows.for_each(input.len(), |_, first| {
            let largest = input[self.first_maximum(input, first)];
            for place in self.windows.places(first).filter(|&place| input[place] < largest) {
                let gap = &mut gaps[place / sample_len];
                *gap = gap.min((largest - input[place]) / scale);
            }
        });
        Some(gaps)
    }

    fn computes_samples_alone(&self) -> bool {
        true
    }
}

impl Differentiable for AvgPool {
    fn forward(&self, _: &[Vec<f64>], input: &[f64], _: Mode) -> Vec<f64> {
        let mut output = vec![0.0; self.0.outputs(input.len())];
        let count = (self.0.window * self.0.window) as f64;
        self.0.for_each(input.len(), |index, first| {
            output[index] = self.0.places(first).map(|place| input[place]).sum::<f64>() / count;
        });
        output
    }

    fn backward(&self, pass: &Backward<'_>) -> Gradients {
        let mut d_input = vec![0.0; pass.input.len()];
        let count = (self.0.window * self.0.window) as f64;
        self.0.for_each(pass.input.len(), |index, first| {
            self.0.places(first).for_each(|place| d_input[place] += pass.gradient[index] / count);
        });
        Gradients::of_input(d_input)
    }

    fn computes_samples_alone(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows() -> Windows {
        Windows { input: (2, 4), output: (1, 2), window: 2, stride: 2 }
    }

    const INPUT: [f64; 8] = [1.0, 5.0, 2.0, 2.0, 5.0, 0.0, 1.0, 2.0];

    fn d_input(layer: &dyn Differentiable) -> Vec<f64> {
        let pass = Backward { parameters: &[], input: &INPUT, output: &[], gradient: &[1.0, 10.0] };
        layer.backward(&pass).input
    }

    #[test]
    fn a_tie_gives_its_gradient_to_the_first_maximum() {
        let pool = MaxPool { windows: windows(), channels: 1 };
        assert_eq!(pool.forward(&[], &INPUT, Mode::Training), [5.0, 2.0]);
        assert_eq!(d_input(&pool), [0.0, 1.0, 10.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn exact_ties_are_no_gap() {
        let pool = MaxPool { windows: windows(), channels: 1 };
        assert_eq!(pool.smallest_gaps(&INPUT), Some(vec![0.2]));
        assert_eq!(pool.smallest_gaps(&[3.0; 8]), Some(vec![f64::INFINITY]));
    }

    #[test]
    fn the_mean_shares_its_gradient() {
        let pool = AvgPool(windows());
        assert_eq!(pool.forward(&[], &INPUT, Mode::Training), [11.0 / 4.0, 7.0 / 4.0]);
        assert_eq!(d_input(&pool), [0.25, 0.25, 2.5, 2.5, 0.25, 0.25, 2.5, 2.5]);
    }

    #[test]
    fn overlapping_windows_add_up() {
        let pool =
            MaxPool { windows: Windows { input: (2, 3), output: (1, 2), window: 2, stride: 1 }, channels: 1 };
        let input = [0.0, 9.0, 0.0, 1.0, 2.0, 3.0];
        let pass = Backward { parameters: &[], input: &input, output: &[], gradient: &[1.0, 10.0] };
        assert_eq!(pool.backward(&pass).input[1], 11.0);
    }
}
