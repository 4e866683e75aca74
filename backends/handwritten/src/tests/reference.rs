//! A second, independent description of every layer: one sample, one value at
//! a time, in float64, forward only. Gradients come from it by differences.

use trainmark_plugin::{Layer, Model, Shape};

/// Values of every sample of a batch.
type Batch = Vec<Vec<f64>>;

/// Whose statistics batch norm uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Mode {
    Training,
    Prediction,
}

/// Mean, biased variance and count of values per channel of one batch norm.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    pub(super) layer: usize,
    pub(super) mean: Vec<f64>,
    pub(super) variance: Vec<f64>,
    pub(super) count: usize,
}

/// Logits, and in training what each batch norm saw.
pub(super) fn forward(
    model: &Model,
    parameters: &[Vec<f64>],
    input: &[Vec<f64>],
    mode: Mode,
) -> (Batch, Vec<Moments>) {
    let (inputs, outputs) = (model.input_shapes().unwrap(), model.shapes().unwrap());
    let specs = model.parameters().unwrap();
    let mut values: Vec<Batch> = vec![input.to_vec()];
    let mut moments = Vec::new();
    for (index, layer) in model.layers.iter().enumerate() {
        let own: Vec<&[f64]> = specs
            .iter()
            .zip(parameters)
            .filter(|(spec, _)| spec.layer == index)
            .map(|(_, values)| values.as_slice())
            .collect();
        let mut batch = values[model.source(index).place()].clone();
        if let Layer::Add { other } = *layer {
            let added = values[other.place()].iter().flatten();
            batch.iter_mut().flatten().zip(added).for_each(|(sum, x)| *sum += x);
        } else if let Layer::BatchNorm { epsilon, .. } = *layer {
            let channels = inputs[index].channels();
            let batch_moments = moments_of(index, &batch, channels);
            let (mean, variance) = match mode {
                Mode::Training => (&batch_moments.mean[..], &batch_moments.variance[..]),
                Mode::Prediction => (own[2], own[3]),
            };
            for sample in &mut batch {
                let area = sample.len() / channels;
                for (k, x) in sample.iter_mut().enumerate() {
                    let c = k / area;
                    *x = own[0][c] * (*x - mean[c]) / (variance[c] + epsilon).sqrt() + own[1][c];
                }
            }
            moments.push(batch_moments);
        } else {
            for sample in &mut batch {
                *sample = forward_sample(layer, inputs[index], outputs[index], &own, sample);
            }
        }
        values.push(batch);
    }
    (values.pop().unwrap(), moments)
}

/// Mean cross-entropy.
pub(super) fn loss(logits: &[Vec<f64>], labels: &[u8]) -> f64 {
    let total: f64 = logits
        .iter()
        .zip(labels)
        .map(|(z, &label)| z.iter().map(|z| z.exp()).sum::<f64>().ln() - z[usize::from(label)])
        .sum();
    total / labels.len() as f64
}

fn moments_of(layer: usize, batch: &[Vec<f64>], channels: usize) -> Moments {
    let area = batch[0].len() / channels;
    let of_channel = |c: usize| batch.iter().flat_map(move |sample| &sample[c * area..][..area]);
    let count = batch.len() * area;
    let mean: Vec<f64> = (0..channels).map(|c| of_channel(c).sum::<f64>() / count as f64).collect();
    let variance = (0..channels)
        .map(|c| of_channel(c).map(|x| (x - mean[c]).powi(2)).sum::<f64>() / count as f64)
        .collect();
    Moments { layer, mean, variance, count }
}

fn forward_sample(layer: &Layer, input: Shape, output: Shape, own: &[&[f64]], x: &[f64]) -> Vec<f64> {
    let map = |f: fn(f64) -> f64| x.iter().map(|&x| f(x)).collect();
    match *layer {
        Layer::Sigmoid => map(|x| 1.0 / (1.0 + (-x).exp())),
        Layer::Relu => map(|x| x.max(0.0)),
        Layer::Tanh => map(f64::tanh),
        Layer::Flatten => x.to_vec(),
        Layer::Linear { out_features, bias } => (0..out_features)
            .map(|o| if bias { own[1][o] } else { 0.0 } + (0..x.len()).map(|i| own[0][o * x.len() + i] * x[i]).sum::<f64>())
            .collect(),
        Layer::BatchNorm { .. } | Layer::Dropout { .. } => panic!("{} is not done here", layer.kind()),
        _ => forward_image(layer, input, output, own, x),
    }
}

fn forward_image(layer: &Layer, input: Shape, output: Shape, own: &[&[f64]], x: &[f64]) -> Vec<f64> {
    let Shape::Image { channels, height, width } = input else { panic!("{input} is no image") };
    let Shape::Image { channels: out_channels, height: out_height, width: out_width } = output else {
        panic!("{output} is no image")
    };
    // Zero outside the image, as the padding is.
    let pixel = |channel: usize, row: isize, column: isize| {
        let inside = (0..height as isize).contains(&row) && (0..width as isize).contains(&column);
        if inside { x[(channel * height + row as usize) * width + column as usize] } else { 0.0 }
    };
    let window = |channel: usize, row: usize, column: usize, side: usize, stride: usize| {
        (0..side * side)
            .map(move |k| (row * stride + k / side, column * stride + k % side))
            .map(move |(row, column)| pixel(channel, row as isize, column as isize))
    };
    let value = |channel: usize, row: usize, column: usize| match *layer {
        Layer::Conv2d { kernel, stride, padding, bias, .. } => {
            let mut sum = if bias { own[1][channel] } else { 0.0 };
            for i in 0..channels {
                for u in 0..kernel {
                    for v in 0..kernel {
                        let weight = own[0][((channel * channels + i) * kernel + u) * kernel + v];
                        let from =
                            |at: usize, place: usize| (at * stride + place) as isize - padding as isize;
                        sum += weight * pixel(i, from(row, u), from(column, v));
                    }
                }
            }
            sum
        }
        Layer::MaxPool2d { window: side, stride } => {
            window(channel, row, column, side, stride).fold(f64::NEG_INFINITY, f64::max)
        }
        Layer::AvgPool2d { window: side, stride } => {
            window(channel, row, column, side, stride).sum::<f64>() / (side * side) as f64
        }
        Layer::Resize { .. } => {
            let (row, column) = (row * height / out_height, column * width / out_width);
            pixel(channel, row as isize, column as isize)
        }
        _ => panic!("{} is not done here", layer.kind()),
    };
    let mut y = Vec::with_capacity(output.len());
    for channel in 0..out_channels {
        for row in 0..out_height {
            for column in 0..out_width {
                y.push(value(channel, row, column));
            }
        }
    }
    y
}
