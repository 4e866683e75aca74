//! Samples that a layer computes by themselves are computed in parts, on all processors.

use std::ops::Range;

use super::{Backward, Differentiable, Gradients, Mode};
use crate::threads::{logical_cpus, on_threads};

/// Samples of a part: as many on every machine, so that sums over the batch are the same on each,
/// to the bit.
const SAMPLES: usize = 16;

/// What a layer makes of a batch of so many samples.
pub(super) fn forward(
    layer: &dyn Differentiable,
    parameters: &[Vec<f64>],
    input: &[f64],
    samples: usize,
    mode: Mode,
) -> Vec<f64> {
    if !is_parted(layer, samples) {
        return layer.forward(parameters, input, mode);
    }
    let outputs = of_parts(samples, |part| layer.forward(parameters, of(input, samples, part), mode));
    outputs.concat()
}

/// A layer's gradients over a batch of so many samples: those of its parameters summed part by
/// part.
pub(super) fn backward(layer: &dyn Differentiable, pass: &Backward<'_>, samples: usize) -> Gradients {
    if !is_parted(layer, samples) {
        return layer.backward(pass);
    }
    let gradients = of_parts(samples, |part| {
        layer.backward(&Backward {
            parameters: pass.parameters,
            input: of(pass.input, samples, part),
            output: of(pass.output, samples, part),
            gradient: of(pass.gradient, samples, part),
        })
    });
    let mut sum = Gradients::of_input(Vec::with_capacity(pass.input.len()));
    for part in gradients {
        sum.input.extend(part.input);
        if sum.parameters.is_empty() {
            sum.parameters = part.parameters;
            continue;
        }
        for (tensor, more) in sum.parameters.iter_mut().zip(part.parameters) {
            tensor.iter_mut().zip(more).for_each(|(total, value)| *total += value);
        }
    }
    sum
}

fn is_parted(layer: &dyn Differentiable, samples: usize) -> bool {
    layer.computes_samples_alone() && samples > SAMPLES
}

fn of_parts<R: Send>(samples: usize, compute: impl Fn(&Range<usize>) -> R + Sync) -> Vec<R> {
    let starts = (0..samples).step_by(SAMPLES);
    let parts: Vec<Range<usize>> = starts.map(|start| start..samples.min(start + SAMPLES)).collect();
    on_threads(logical_cpus(), &parts, compute)
}

/// The values of some samples of a batch.
fn of<'v>(values: &'v [f64], samples: usize, part: &Range<usize>) -> &'v [f64] {
    let features = values.len() / samples;
    &values[part.start * features..part.end * features]
}

#[cfg(test)]
mod tests {
    use super::super::convolution::Convolution;
    use super::*;

    const CONVOLUTION: Convolution = Convolution {
        in_channels: 2,
        input: (6, 5),
        out_channels: 3,
        output: (6, 5),
        kernel: 3,
        stride: 1,
        padding: 1,
        input_gradient: true,
    };

    /// Values between -1 and 1 without a pattern.
    fn values(count: usize) -> Vec<f64> {
        (0..count).map(|index| (index as f64 * 1.7).sin()).collect()
    }

    /// The last part is a short one.
    #[test]
    fn a_batch_in_parts_is_the_batch() {
        let samples = 2 * SAMPLES + 3;
        let (parameters, input) = (vec![values(54), values(3)], values(samples * 60));
        let whole = CONVOLUTION.forward(&parameters, &input, Mode::Training);
        let output = forward(&CONVOLUTION, &parameters, &input, samples, Mode::Training);
        assert_eq!(output, whole, "samples know nothing of each other");
        let gradient = values(samples * 90);
        let pass = Backward { parameters: &parameters, input: &input, output: &output, gradient: &gradient };
        let (whole, parted) = (CONVOLUTION.backward(&pass), backward(&CONVOLUTION, &pass, samples));
        assert_eq!(parted.input, whole.input);
        for (tensor, of_whole) in parted.parameters.iter().zip(&whole.parameters) {
            assert_eq!(tensor.len(), of_whole.len());
            assert!(tensor.iter().zip(of_whole).all(|(a, b)| (a - b).abs() < 1e-12), "{tensor:?}");
        }
        assert_eq!(backward(&CONVOLUTION, &pass, samples).parameters, parted.parameters, "to the bit");
    }
}
