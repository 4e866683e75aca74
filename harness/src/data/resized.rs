//! A data set whose images are resized once, before anything is trained.

use std::path::Path;

use trainmark_numerics::images;
use trainmark_plugin::Samples;

use super::decoded_files::DecodedFiles;
use super::error::DataError;
use super::idx::{self, IdxImages};
use super::store;

/// The data set with images of so many rows and columns.
///
/// # Errors
/// Where the original cannot be read, or no place can be written to.
pub(super) fn prepare(
    original: DecodedFiles,
    to: [usize; 2],
    cache: Option<&Path>,
) -> Result<DecodedFiles, DataError> {
    let DecodedFiles { channels, height, width, .. } = original;
    if to == [height, width] {
        return Ok(original);
    }
    let [rows, columns] = to;
    let kept = store::Kept {
        name: &format!("{} resized to {rows}×{columns}", original.name),
        key: &format!("resized-{rows}x{columns}-{:.32}", original.fingerprint),
        fingerprint: None,
        classes: Some(original.classes),
        cache,
    };
    let split = |samples: Samples<'_>| {
        let pixels = images::resize(samples.pixels, [height, width], to);
        let images =
            IdxImages { count: samples.count(), channels, height: rows, width: columns, pixels: &pixels };
        [idx::encode_images(&images), idx::encode_labels(samples.labels)]
    };
    let made = store::store(&kept, || {
        let mapped = original.map()?;
        let dataset = mapped.dataset();
        let ([train_images, train_labels], [test_images, test_labels]) =
            (split(dataset.train), split(dataset.test));
        Ok([train_images, train_labels, test_images, test_labels])
    })?;
    Ok(DecodedFiles { notice: original.notice, ..made })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixtures;

    #[test]
    fn images_are_resized_labels_stay_and_the_name_tells_it() {
        let cache = tempfile::tempdir().unwrap();
        let kept =
            store::Kept { name: "random", key: "key", fingerprint: None, classes: Some(10), cache: None };
        let original = store::store(&kept, || Ok(fixtures::decoded())).unwrap();
        let same = prepare(original.clone(), [28, 28], Some(cache.path())).unwrap();
        assert_eq!(same.fingerprint, original.fingerprint);
        let resized = || prepare(original.clone(), [32, 20], Some(cache.path())).unwrap();
        let made = resized();
        assert_eq!((&*made.name, made.shape(), made.classes), ("random resized to 32×20", [1, 32, 20], 10));
        let (mapped, before) = (made.map().unwrap(), original.map().unwrap());
        let (after, before) = (mapped.dataset(), before.dataset());
        assert_eq!((after.train.labels, after.test.labels), (before.train.labels, before.test.labels));
        let last = images::resize(&before.test.pixels[8 * 784..], [28, 28], [32, 20]);
        assert_eq!(&after.test.pixels[8 * 640..], last);
        assert_ne!(made.fingerprint, original.fingerprint);
        assert_eq!(resized().train_images, made.train_images, "it is made once");
    }
}
