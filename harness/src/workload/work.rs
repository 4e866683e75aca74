//! How much arithmetic a model's training is.

use trainmark_plugin::{Error, Layer, Model, Shape};

/// Multiply-adds per training sample, of convolution and linear layers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MultiplyAdds {
    /// Forward pass.
    pub forward: u64,
    /// Gradients of the weights.
    pub weight_gradients: u64,
    /// Gradients of the layers' inputs, where there are parameters before them: the first layer
    /// with parameters needs none.
    pub input_gradients: u64,
}

impl MultiplyAdds {
    /// Forward and backward together.
    pub fn total(self) -> u64 {
        self.forward + self.weight_gradients + self.input_gradients
    }
}

/// Counts a model's multiply-adds. Those with a padding's zeros are left out: a
/// backend need not do them.
///
/// # Errors
/// Where the model's shapes do not fit.
pub fn multiply_adds(model: &Model) -> Result<MultiplyAdds, Error> {
    let per_layer = layer_multiply_adds(model)?;
    let forward = per_layer.iter().sum();
    let needed = per_layer.iter().zip(model.input_gradients()?);
    let input_gradients = needed.filter_map(|(count, is_needed)| is_needed.then_some(count)).sum();
    Ok(MultiplyAdds { forward, weight_gradients: forward, input_gradients })
}

fn layer_multiply_adds(model: &Model) -> Result<Vec<u64>, Error> {
    let layers = model.layers.iter().zip(model.input_shapes()?).zip(model.shapes()?);
    Ok(layers.map(|((layer, input), output)| count(layer, input, output)).collect())
}

fn count(layer: &Layer, input: Shape, output: Shape) -> u64 {
    match (*layer, input, output) {
        (
            Layer::Conv2d { kernel, stride, padding, .. },
            Shape::Image { channels, height, width },
            Shape::Image { channels: out_channels, height: out_height, width: out_width },
        ) => {
            let links = |input, output| links(input, output, kernel, stride, padding);
            (channels * out_channels) as u64 * links(height, out_height) * links(width, out_width)
        }
        (Layer::Linear { out_features, .. }, ..) => (out_features * input.len()) as u64,
        _ => 0,
    }
}

/// Pairs of an output's place and a place of the input that it reads, along one axis.
fn links(input: usize, output: usize, kernel: usize, stride: usize, padding: usize) -> u64 {
    let of_place = |place: usize| {
        let start = place * stride;
        let end = (start + kernel).min(input + padding);
        end.saturating_sub(start.max(padding)) as u64
    };
    (0..output).map(of_place).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainmark_plugin::Source;

    use crate::workload::{lenet, lenet_bn, softmax};

    fn work(layers: Vec<Layer>) -> MultiplyAdds {
        let input = Shape::Image { channels: 2, height: 5, width: 4 };
        multiply_adds(&Model::new("m", input, layers)).unwrap()
    }

    fn convolution(kernel: usize, stride: usize, padding: usize) -> Layer {
        Layer::Conv2d { out_channels: 3, kernel, stride, padding, bias: true }
    }

    #[test]
    fn the_workloads_have_the_known_amount_of_work() {
        for workload in [lenet_bn(), lenet()] {
            let work = multiply_adds(&workload.model).unwrap();
            let parts = (work.forward, work.weight_gradients, work.input_gradients);
            assert_eq!(parts, (281_640, 281_640, 195_240));
            assert_eq!(workload.info().unwrap().multiply_adds_per_sample, 758_520);
        }
        assert_eq!(multiply_adds(&softmax().model).unwrap().total(), 2 * 7840);
    }

    #[test]
    fn a_padding_counts_only_what_lies_within_the_input() {
        // Along 5: 2 + 3 + 3 + 3 + 2 links, along 4: 2 + 3 + 3 + 2.
        assert_eq!(work(vec![convolution(3, 1, 1)]).forward, 2 * 3 * 13 * 10);
        // A padding wider than the kernel: the outermost outputs read nothing.
        assert_eq!(work(vec![convolution(1, 1, 2)]).forward, 2 * 3 * 5 * 4);
    }

    #[test]
    fn a_stride_counts_only_the_outputs_that_are_there() {
        // Along 5: places 0 and 2, along 4: place 0.
        assert_eq!(work(vec![convolution(3, 2, 0)]).forward, 2 * 3 * (2 * 3) * 3);
        // With padding 1 along 5: 2 + 3 + 2, along 4: 2 + 3.
        assert_eq!(work(vec![convolution(3, 2, 1)]).forward, 2 * 3 * 7 * 5);
    }

    #[test]
    fn links_are_those_that_a_plain_loop_finds() {
        for (input, kernel, stride, padding) in (1..7).flat_map(|n| {
            (1..5).flat_map(move |k| (1..4).flat_map(move |s| (0..4).map(move |p| (n, k, s, p))))
        }) {
            let padded = input + 2 * padding;
            let output = if padded < kernel { 0 } else { (padded - kernel) / stride + 1 };
            let reads = (0..output).flat_map(|place| (0..kernel).map(move |tap| place * stride + tap));
            let within = reads.filter(|read| (padding..padding + input).contains(read)).count();
            assert_eq!(links(input, output, kernel, stride, padding), within as u64);
        }
    }

    /// A convolution that reads the model's input needs no gradient of it wherever it stands.
    #[test]
    fn a_branch_from_the_input_has_no_gradient_of_it() {
        let input = Shape::Image { channels: 2, height: 5, width: 4 };
        let layers = [convolution(3, 1, 1), convolution(3, 1, 1), Layer::Add { other: Source::Layer(0) }];
        let branches = Model::new("m", input, layers).with_source(1, Source::Input);
        let work = multiply_adds(&branches).unwrap();
        assert_eq!((work.forward, work.input_gradients), (2 * 2 * 3 * 13 * 10, 0));
    }

    #[test]
    fn a_batch_norm_in_front_needs_its_outputs_gradient() {
        let batch_norm = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };
        let convolution = convolution(3, 1, 0);
        assert_eq!(work(vec![Layer::Sigmoid, convolution]).input_gradients, 0);
        let behind = work(vec![batch_norm, convolution]);
        assert_eq!(behind.input_gradients, behind.forward);
    }
}
