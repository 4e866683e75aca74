//! Images and labels of a data set.

use trainmark::data::idx::{IdxImages, encode_images, encode_labels, parse_labels};

use super::assert_one_line;

pub(super) fn run(bytes: &[u8]) {
    match IdxImages::parse(bytes) {
        Ok(images) => assert!(encode_images(&images) == bytes, "images are not what was read"),
        Err(error) => assert_one_line(&error),
    }
    match parse_labels(bytes) {
        Ok(labels) => assert!(encode_labels(labels) == bytes, "labels are not what was read"),
        Err(error) => assert_one_line(&error),
    }
}
