//! The procedural data set `synthetic` as files ([`trainmark_numerics::synthetic`] draws it).

use std::path::Path;

use trainmark_numerics::images;
use trainmark_numerics::synthetic::{CLASSES, SIDE, Split, draw_test, draw_train};

use trainmark_plugin::{Dataset, Samples};
use trainmark_reports::files;

use super::choice::SYNTHETIC as NAME;
use super::decoded_files::DecodedFiles;
use super::error::DataError;
use super::idx::{self, IdxImages};
use super::store;

/// [`DecodedFiles::fingerprint`] of the data set on every platform.
pub(super) const FINGERPRINT: &str = "3a513b6ce00762049b5a587a3ef74f1c47c544f2adc461205cef8d1c9c5e652c";

/// The data set from the cache or, once, drawn into it; in another shape its images are resized, and
/// each further channel is a darker copy of the first.
///
/// # Errors
/// No place to write it to, or (a bug) other bytes than on every other platform.
pub(super) fn prepare(shape: Option<[usize; 3]>, cache: Option<&Path>) -> Result<DecodedFiles, DataError> {
    let original = drawn(cache)?;
    let is_of_use = |[channels, height, width]: &[usize; 3]| {
        let bytes = [*channels, *height, *width]
            .iter()
            .try_fold(original.train_samples, |all, &n| all.checked_mul(n));
        // What is too large for a cache is refused as images of another shape are.
        [*channels, *height, *width] != original.shape()
            && bytes.is_some_and(|bytes| (bytes as u64) < files::RECORD_LIMIT)
    };
    let Some(shape) = shape.filter(is_of_use) else { return Ok(original) };
    let [channels, height, width] = shape;
    let kept = store::Kept {
        name: &format!("{NAME} {channels}×{height}×{width}"),
        key: &format!("{NAME}-{channels}x{height}x{width}-{FINGERPRINT:.32}"),
        fingerprint: None,
        classes: Some(CLASSES),
        cache,
    };
    store::store(&kept, || {
        let mapped = original.map()?;
        let Dataset { train, test, .. } = mapped.dataset();
        let ([train_images, train_labels], [test_images, test_labels]) =
            (reshaped(train, shape), reshaped(test, shape));
        Ok([train_images, train_labels, test_images, test_labels])
    })
}

fn reshaped(samples: Samples<'_>, [channels, height, width]: [usize; 3]) -> [Vec<u8>; 2] {
    let planes = images::resize(samples.pixels, [SIDE, SIDE], [height, width]);
    let pixels = images::in_channels(&planes, height * width, channels);
    let images = IdxImages { count: samples.count(), channels, height, width, pixels: &pixels };
    [idx::encode_images(&images), idx::encode_labels(samples.labels)]
}

fn drawn(cache: Option<&Path>) -> Result<DecodedFiles, DataError> {
    let key = format!("{NAME}-{FINGERPRINT}");
    let fingerprint = Some(FINGERPRINT);
    let kept = store::Kept { name: NAME, key: &key, fingerprint, classes: Some(CLASSES), cache };
    let prepared = store::store(&kept, || Ok(generate()))?;
    if prepared.fingerprint != FINGERPRINT {
        return Err(DataError::SyntheticDiffers { expected: FINGERPRINT, found: prepared.fingerprint });
    }
    Ok(prepared)
}

/// The four IDX files: training images and labels, test images and labels.
fn generate() -> [Vec<u8>; 4] {
    let ([train_images, train_labels], [test_images, test_labels]) =
        (encode(&draw_train()), encode(&draw_test()));
    [train_images, train_labels, test_images, test_labels]
}

/// Images and labels.
fn encode(split: &Split) -> [Vec<u8>; 2] {
    let count = split.labels.len();
    let images = IdxImages { count, channels: 1, height: SIDE, width: SIDE, pixels: &split.pixels };
    [idx::encode_images(&images), idx::encode_labels(&split.labels)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_fingerprint_is_the_same_everywhere() {
        assert_eq!(store::fingerprint(&generate()), FINGERPRINT);
    }

    #[test]
    fn it_has_the_shapes_of_fashion_mnist() {
        let [train_images, train_labels, test_images, test_labels] = generate();
        let images = IdxImages::parse(&train_images).unwrap();
        assert!(images.expect(60_000, [1, 28, 28]).is_ok());
        assert!(IdxImages::parse(&test_images).unwrap().expect(10_000, [1, 28, 28]).is_ok());
        for (labels, of_each) in [(&train_labels, 6000), (&test_labels, 1000)] {
            let labels = idx::parse_labels(labels).unwrap();
            for class in 0..CLASSES as u8 {
                assert_eq!(labels.iter().filter(|&&label| label == class).count(), of_each);
            }
        }
        // Pool windows tie on the background, as in Fashion-MNIST (50% zeros).
        let zeros = images.pixels.iter().filter(|&&pixel| pixel == 0).count();
        let share = zeros as f64 / images.pixels.len() as f64;
        assert!((0.4..0.7).contains(&share), "{share}");
    }

    #[test]
    fn it_is_made_in_the_shape_of_a_network() {
        let cache = tempfile::tempdir().unwrap();
        let made = |shape| prepare(shape, Some(cache.path())).unwrap();
        let plain = made(None);
        let (same, vast) = (made(Some([1, 28, 28])), made(Some([3, 300, 300])));
        assert_eq!((&same.fingerprint, &vast.fingerprint), (&plain.fingerprint, &plain.fingerprint));
        let other = made(Some([3, 12, 10]));
        assert_eq!((&*other.name, other.shape(), other.classes), ("synthetic 3×12×10", [3, 12, 10], 10));
        assert!(other.is_synthetic());
        let (mapped, before) = (other.map().unwrap(), plain.map().unwrap());
        let (after, before) = (mapped.dataset(), before.dataset());
        assert_eq!(after.train.labels, before.train.labels);
        let first = images::resize(&before.test.pixels[..784], [28, 28], [12, 10]);
        assert_eq!(&after.test.pixels[..120], first);
        let darker: Vec<u8> = first.iter().map(|&pixel| (u16::from(pixel) * 2 / 3) as u8).collect();
        assert_eq!(&after.test.pixels[120..240], darker);
    }

    #[test]
    fn no_image_comes_twice() {
        let [train, _, test, _] = generate();
        let images = [&train, &test].map(|file| IdxImages::parse(file).unwrap().pixels);
        let mut seen = std::collections::HashSet::new();
        let repeated = images
            .iter()
            .flat_map(|pixels| pixels.chunks_exact(SIDE * SIDE))
            .filter(|image| !seen.insert(*image));
        assert_eq!(repeated.count(), 0);
    }
}
