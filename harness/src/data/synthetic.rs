//! The procedural data set `synthetic` as files ([`trainmark_numerics::synthetic`] draws it).

use std::path::Path;

use trainmark_numerics::synthetic::{CLASSES, SIDE, Split, draw_test, draw_train};

use super::choice::SYNTHETIC as NAME;
use super::decoded_files::DecodedFiles;
use super::error::DataError;
use super::idx::{self, IdxImages};
use super::store;

/// [`DecodedFiles::fingerprint`] of the data set on every platform.
const FINGERPRINT: &str = "3a513b6ce00762049b5a587a3ef74f1c47c544f2adc461205cef8d1c9c5e652c";

/// The data set from the cache or, once, drawn into it.
///
/// # Errors
/// No place to write it to, or (a bug) other bytes than on every other platform.
pub(super) fn prepare(cache: Option<&Path>) -> Result<DecodedFiles, DataError> {
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
