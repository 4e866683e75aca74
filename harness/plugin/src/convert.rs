//! Between the C ABI's data and the safe types.

use std::ffi::CStr;

use crate::abi::{self, LayerData};
use crate::branches::Source;
use crate::error::{Error, ErrorKind};
use crate::layer::{Layer, Shape};
use crate::{RunningVariance, Split};

/// A layer in its place as the ABI carries it, and what it reads.
///
/// # Errors
/// `Invalid` where a size does not fit 32 bits.
#[cfg(feature = "host")]
pub(crate) fn layer_data(index: usize, layer: &Layer, source: Source) -> Result<LayerData, Error> {
    let mut data = LayerData {
        kind: 0,
        channels: 0,
        window: 0,
        stride: 0,
        padding: 0,
        height: 0,
        width: 0,
        reserved: 0,
        epsilon: 0.0,
        momentum: 0.0,
        rate: 0.0,
        input: source_data(index, source)?,
        other: 0,
        without_bias: layer.is_without_bias().into(),
        reserved_too: 0,
    };
    match *layer {
        Layer::Conv2d { out_channels, kernel, stride, padding, bias: _ } => {
            data.kind = abi::TM_CONV2D;
            data.channels = narrow(out_channels)?;
            data.window = narrow(kernel)?;
            data.stride = narrow(stride)?;
            data.padding = narrow(padding)?;
        }
        Layer::BatchNorm { epsilon, momentum } => {
            data.kind = abi::TM_BATCH_NORM;
            data.epsilon = epsilon;
            data.momentum = momentum;
        }
        Layer::Sigmoid => data.kind = abi::TM_SIGMOID,
        Layer::Relu => data.kind = abi::TM_RELU,
        Layer::Tanh => data.kind = abi::TM_TANH,
        Layer::MaxPool2d { window, stride } => {
            data.kind = abi::TM_MAX_POOL2D;
            data.window = narrow(window)?;
            data.stride = narrow(stride)?;
        }
        Layer::AvgPool2d { window, stride } => {
            data.kind = abi::TM_AVG_POOL2D;
            data.window = narrow(window)?;
            data.stride = narrow(stride)?;
        }
        Layer::Flatten => data.kind = abi::TM_FLATTEN,
        Layer::Linear { out_features, bias: _ } => {
            data.kind = abi::TM_LINEAR;
            data.channels = narrow(out_features)?;
        }
        Layer::Dropout { rate } => {
            data.kind = abi::TM_DROPOUT;
            data.rate = rate;
        }
        Layer::Resize { height, width } => {
            data.kind = abi::TM_RESIZE;
            data.height = narrow(height)?;
            data.width = narrow(width)?;
        }
        Layer::Add { other } => {
            data.kind = abi::TM_ADD;
            data.other = source_data(index, other)?;
        }
    }
    Ok(data)
}

#[cfg(feature = "host")]
fn source_data(index: usize, source: Source) -> Result<u32, Error> {
    match source {
        source if source == Source::before(index) => Ok(0),
        Source::Input => Ok(abi::TM_MODEL_INPUT),
        Source::Layer(_) => narrow(source.place()),
    }
}

/// What the layer with this index reads.
pub(crate) fn source(index: usize, data: u32) -> Source {
    match data {
        0 => Source::before(index),
        abi::TM_MODEL_INPUT => Source::Input,
        place => Source::before(place as usize),
    }
}

/// A layer from the ABI, with its index.
///
/// # Errors
/// `Unsupported` for a kind that this version does not know.
pub(crate) fn layer(index: usize, data: &LayerData) -> Result<Layer, Error> {
    let (window, stride) = (data.window as usize, data.stride as usize);
    let bias = data.without_bias == 0;
    Ok(match data.kind {
        abi::TM_CONV2D => Layer::Conv2d {
            out_channels: data.channels as usize,
            kernel: window,
            stride,
            padding: data.padding as usize,
            bias,
        },
        abi::TM_BATCH_NORM => Layer::BatchNorm { epsilon: data.epsilon, momentum: data.momentum },
        abi::TM_SIGMOID => Layer::Sigmoid,
        abi::TM_RELU => Layer::Relu,
        abi::TM_TANH => Layer::Tanh,
        abi::TM_MAX_POOL2D => Layer::MaxPool2d { window, stride },
        abi::TM_AVG_POOL2D => Layer::AvgPool2d { window, stride },
        abi::TM_FLATTEN => Layer::Flatten,
        abi::TM_LINEAR => Layer::Linear { out_features: data.channels as usize, bias },
        abi::TM_DROPOUT => Layer::Dropout { rate: data.rate },
        abi::TM_RESIZE => Layer::Resize { height: data.height as usize, width: data.width as usize },
        abi::TM_ADD => Layer::Add { other: source(index, data.other) },
        other => return Err(Error::unsupported(format!("layer kind {other} is newer than this plugin"))),
    })
}

/// Input channels, height and width; a vector has height and width 0.
#[cfg(feature = "host")]
pub(crate) fn input_sizes(shape: Shape) -> Result<[u32; 3], Error> {
    Ok(match shape {
        Shape::Image { channels, height, width } => [narrow(channels)?, narrow(height)?, narrow(width)?],
        Shape::Vector(features) => [narrow(features)?, 0, 0],
    })
}

/// The inverse of [`input_sizes`].
pub(crate) fn input_shape([channels, height, width]: [u32; 3]) -> Shape {
    match (height, width) {
        (0, 0) => Shape::Vector(channels as usize),
        _ => Shape::Image { channels: channels as usize, height: height as usize, width: width as usize },
    }
}

#[cfg(feature = "host")]
pub(crate) fn narrow(size: usize) -> Result<u32, Error> {
    u32::try_from(size).map_err(|_| Error::invalid(format!("{size} does not fit 32 bits")))
}

pub(crate) fn status(kind: ErrorKind) -> abi::Status {
    match kind {
        ErrorKind::Invalid => abi::TM_INVALID,
        ErrorKind::Unsupported => abi::TM_UNSUPPORTED,
        ErrorKind::Failed => abi::TM_FAILED,
        ErrorKind::OutOfMemory => abi::TM_OUT_OF_MEMORY,
        ErrorKind::Device => abi::TM_DEVICE,
        ErrorKind::Panic => abi::TM_PANIC,
    }
}

/// The kind of a status other than `TM_OK`; an unknown one counts as a failure.
#[cfg(feature = "host")]
pub(crate) fn error_kind(status: abi::Status) -> ErrorKind {
    match status {
        abi::TM_INVALID => ErrorKind::Invalid,
        abi::TM_UNSUPPORTED => ErrorKind::Unsupported,
        abi::TM_OUT_OF_MEMORY => ErrorKind::OutOfMemory,
        abi::TM_DEVICE => ErrorKind::Device,
        abi::TM_PANIC => ErrorKind::Panic,
        _ => ErrorKind::Failed,
    }
}

pub(crate) fn running_variance_data(convention: RunningVariance) -> u32 {
    match convention {
        RunningVariance::UnbiasedFromOne => abi::TM_UNBIASED_FROM_ONE,
        RunningVariance::BiasedFromZero => abi::TM_BIASED_FROM_ZERO,
        RunningVariance::BiasedFromOne => abi::TM_BIASED_FROM_ONE,
    }
}

#[cfg(feature = "host")]
pub(crate) fn running_variance(data: u32) -> Result<RunningVariance, Error> {
    let found = RunningVariance::ALL.into_iter().find(|&known| running_variance_data(known) == data);
    found.ok_or_else(|| {
        let known =
            RunningVariance::ALL.map(|known| format!("{} ({})", running_variance_data(known), known.name()));
        Error::invalid(format!(
            "running-variance convention {data} is unknown; there are {}",
            known.join(", ")
        ))
    })
}

#[cfg(feature = "host")]
pub(crate) fn split_data(split: Split) -> u32 {
    match split {
        Split::Train => abi::TM_TRAIN,
        Split::Test => abi::TM_TEST,
    }
}

pub(crate) fn split(data: u32) -> Result<Split, Error> {
    match data {
        abi::TM_TRAIN => Ok(Split::Train),
        abi::TM_TEST => Ok(Split::Test),
        other => Err(Error::invalid(format!("split {other} is unknown"))),
    }
}

/// A name as a zero-terminated array that a static table can point to.
///
/// # Panics
/// At compile time, where the name is longer than 63 bytes or holds a zero.
pub(crate) const fn c_name(name: &str) -> [u8; 64] {
    let bytes = name.as_bytes();
    assert!(bytes.len() < 64, "a backend's name and version have at most 63 bytes");
    let mut out = [0; 64];
    let mut index = 0;
    while index < bytes.len() {
        assert!(bytes[index] != 0, "a backend's name and version hold no zero byte");
        out[index] = bytes[index];
        index += 1;
    }
    assert!(CStr::from_bytes_until_nul(&out).is_ok());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a library says that was built against an earlier ABI means the same for ever.
    #[test]
    fn each_convention_keeps_its_number() {
        let numbers = RunningVariance::ALL.map(running_variance_data);
        assert_eq!(numbers, [0, 1, 2]);
        for (convention, number) in RunningVariance::ALL.into_iter().zip(numbers) {
            assert_eq!(running_variance(number), Ok(convention));
        }
        assert!(running_variance(3).is_err());
    }

    fn any_layer() -> impl Strategy<Value = Layer> {
        let size = || any::<u32>().prop_map(|size| size as usize);
        let real = || -1e300_f64..1e300;
        prop_oneof![
            (size(), size(), size(), size(), any::<bool>()).prop_map(
                |(out_channels, kernel, stride, padding, bias)| {
                    Layer::Conv2d { out_channels, kernel, stride, padding, bias }
                }
            ),
            (real(), real()).prop_map(|(epsilon, momentum)| Layer::BatchNorm { epsilon, momentum }),
            Just(Layer::Sigmoid),
            Just(Layer::Relu),
            Just(Layer::Tanh),
            (size(), size()).prop_map(|(window, stride)| Layer::MaxPool2d { window, stride }),
            (size(), size()).prop_map(|(window, stride)| Layer::AvgPool2d { window, stride }),
            Just(Layer::Flatten),
            (size(), any::<bool>()).prop_map(|(out_features, bias)| Layer::Linear { out_features, bias }),
            real().prop_map(|rate| Layer::Dropout { rate }),
            (size(), size()).prop_map(|(height, width)| Layer::Resize { height, width }),
            any_source().prop_map(|other| Layer::Add { other }),
        ]
    }

    fn any_source() -> impl Strategy<Value = Source> {
        prop_oneof![Just(Source::Input), (0_usize..10).prop_map(Source::Layer)]
    }

    proptest! {
        #[test]
        fn every_layer_survives_the_boundary(index in 0_usize..12, original in any_layer(), from in any_source()) {
            let data = layer_data(index, &original, from).unwrap();
            prop_assert_eq!([data.reserved, data.reserved_too], [0; 2]);
            prop_assert_eq!(data.without_bias, u32::from(original.is_without_bias()));
            prop_assert_eq!(layer(index, &data).unwrap(), original);
            prop_assert_eq!(source(index, data.input), from);
            prop_assert_eq!(data.input == 0, from == Source::before(index));
        }

        #[test]
        fn only_the_twelve_kinds_are_known(kind in prop_oneof![0_u32..20, any::<u32>()]) {
            let data = LayerData { kind, ..layer_data(0, &Layer::Flatten, Source::Input).unwrap() };
            match layer(0, &data) {
                Ok(layer) => prop_assert_eq!(layer_data(0, &layer, Source::Input).unwrap().kind, kind),
                Err(error) => {
                    prop_assert!(!(abi::TM_CONV2D..=abi::TM_ADD).contains(&kind));
                    prop_assert_eq!(error.kind, ErrorKind::Unsupported);
                }
            }
        }

        #[test]
        fn input_shapes_survive(sizes in any::<[u32; 3]>()) {
            prop_assert_eq!(input_sizes(input_shape(sizes)).unwrap(), sizes);
        }
    }

    #[test]
    fn sizes_over_32_bits_are_refused() {
        let error = layer_data(1, &Layer::Linear { out_features: 1 << 32, bias: true }, Source::Layer(0))
            .unwrap_err();
        assert_eq!(error, Error::invalid("4294967296 does not fit 32 bits"));
    }
}
