//! Layers against loops.

use trainmark_plugin::{Layer, Model, Shape};

use super::{image, model, outputs, parameters, pixels};

#[track_caller]
fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= 1e-5 * expected.abs().max(1.0), "value {index}: {found}, expected {expected}");
    }
}

/// One layer, flattened.
fn single(input: Shape, layer: Layer) -> Model {
    model(input, &[layer, Layer::Flatten])
}

/// Inputs of `count` samples and a look at one value: (sample, channel, y, x).
fn inputs(model: &Model, count: usize) -> impl Fn(usize, usize, usize, usize) -> f64 {
    let pixels = pixels(count * model.input.len());
    let Shape::Image { channels, height, width } = model.input else { panic!("an image") };
    move |sample, channel, y, x| {
        f64::from(pixels[((sample * channels + channel) * height + y) * width + x]) / 255.0
    }
}

#[test]
fn convolution_with_any_kernel_stride_and_padding() {
    for (kernel, stride, padding, height, width) in
        [(3, 1, 0, 6, 9), (3, 2, 1, 7, 8), (1, 1, 0, 5, 5), (5, 3, 2, 11, 9), (2, 2, 0, 8, 8)]
    {
        let (channels, out_channels) = (2, 3);
        let model = single(
            image(channels, height, width),
            Layer::Conv2d { out_channels, kernel, stride, padding, bias: true },
        );
        let (parameters, input) = (parameters(&model), inputs(&model, 4));
        let Shape::Image { height: out_height, width: out_width, .. } = model.shapes().unwrap()[0] else {
            panic!("an image")
        };
        let mut expected = Vec::new();
        for (sample, out) in (0..4).flat_map(|s| (0..out_channels).map(move |o| (s, o))) {
            for (y, x) in crate::convolution::grid(out_height, out_width) {
                let mut sum = f64::from(parameters[1][out]);
                for (channel, dy, dx) in (0..channels)
                    .flat_map(|c| crate::convolution::grid(kernel, kernel).map(move |(y, x)| (c, y, x)))
                {
                    let (y, x) = (y * stride + dy, x * stride + dx);
                    if (padding..height + padding).contains(&y) && (padding..width + padding).contains(&x) {
                        let tap = ((out * channels + channel) * kernel + dy) * kernel + dx;
                        sum +=
                            f64::from(parameters[0][tap]) * input(sample, channel, y - padding, x - padding);
                    }
                }
                expected.push(sum);
            }
        }
        assert_close(&outputs(&model, &parameters, 4), &expected);
    }
}

#[test]
fn pooling_with_windows_that_tile_overlap_or_leave_a_rest() {
    for (window, stride, height, width) in
        [(2, 2, 4, 6), (3, 2, 7, 7), (2, 2, 5, 5), (2, 1, 4, 4), (3, 3, 9, 6)]
    {
        let (channels, out_height, out_width) =
            (3, (height - window) / stride + 1, (width - window) / stride + 1);
        for maximum in [true, false] {
            let layer = if maximum {
                Layer::MaxPool2d { window, stride }
            } else {
                Layer::AvgPool2d { window, stride }
            };
            let model = single(image(channels, height, width), layer);
            let input = inputs(&model, 2);
            let mut expected = Vec::new();
            for (sample, channel) in (0..2).flat_map(|s| (0..channels).map(move |c| (s, c))) {
                for (y, x) in crate::convolution::grid(out_height, out_width) {
                    let seen: Vec<f64> = crate::convolution::grid(window, window)
                        .map(|(dy, dx)| input(sample, channel, y * stride + dy, x * stride + dx))
                        .collect();
                    expected.push(if maximum {
                        seen.iter().copied().fold(f64::MIN, f64::max)
                    } else {
                        seen.iter().sum::<f64>() / seen.len() as f64
                    });
                }
            }
            assert_close(&outputs(&model, &[], 2), &expected);
        }
    }
}

#[test]
fn pooling_behind_a_convolution_takes_its_order() {
    // The same numbers whether the pooling's rows are slices or gathered: a
    // resize to the same size puts the rows back in the contract's order.
    let convolution = Layer::Conv2d { out_channels: 4, kernel: 3, stride: 1, padding: 0, bias: true };
    for pool in [Layer::MaxPool2d { window: 2, stride: 2 }, Layer::AvgPool2d { window: 2, stride: 2 }] {
        let sliced = model(image(2, 10, 14), &[convolution, Layer::Tanh, pool, Layer::Flatten]);
        let gathered = model(
            image(2, 10, 14),
            &[convolution, Layer::Resize { height: 8, width: 12 }, Layer::Tanh, pool, Layer::Flatten],
        );
        let parameters = parameters(&sliced);
        let expected: Vec<f64> = outputs(&gathered, &parameters, 3).into_iter().map(f64::from).collect();
        assert_close(&outputs(&sliced, &parameters, 3), &expected);
    }
}

#[test]
fn resize_takes_the_nearest_above_and_left() {
    for (height, width, out_height, out_width) in [(3, 5, 7, 4), (4, 4, 2, 8), (28, 28, 32, 32)] {
        let model = single(image(2, height, width), Layer::Resize { height: out_height, width: out_width });
        let input = inputs(&model, 2);
        let mut expected = Vec::new();
        for (sample, channel) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            for (y, x) in crate::convolution::grid(out_height, out_width) {
                expected.push(input(sample, channel, y * height / out_height, x * width / out_width));
            }
        }
        assert_close(&outputs(&model, &[], 2), &expected);
    }
}

#[test]
fn dropout_is_identity_in_prediction() {
    let model = single(image(1, 3, 3), Layer::Dropout { rate: 0.5 });
    let expected: Vec<f64> = pixels(18).into_iter().map(|byte| f64::from(byte) / 255.0).collect();
    assert_close(&outputs(&model, &[], 2), &expected);
}
