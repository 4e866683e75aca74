//! Images and labels of a data set.

use trainmark::data::idx::{IdxImages, announced_length, encode_images, encode_labels, parse_labels};

use super::assert_one_line;

pub(super) fn run(bytes: &[u8]) {
    match IdxImages::parse(bytes) {
        Ok(images) => {
            let again = encode_images(&images);
            // A single channel need not be told.
            assert!(again == bytes || images.channels == 1, "images are not what was read");
            assert_eq!(IdxImages::parse(&again), Ok(images));
            assert_eq!(announced_length(bytes), Ok(bytes.len()));
        }
        Err(error) => assert_one_line(&error),
    }
    match parse_labels(bytes) {
        Ok(labels) => assert!(encode_labels(labels) == bytes, "labels are not what was read"),
        Err(error) => assert_one_line(&error),
    }
}
