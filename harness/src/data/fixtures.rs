//! A small data set and its published form, for tests.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use md5::{Digest, Md5};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::idx::{self, IdxImages};
use super::publication::{Decoded, FASHION_MNIST, Publication, PublishedFile};

pub(super) const SIDE: usize = 28;
pub(super) const TRAIN: usize = 40;
pub(super) const TEST: usize = 9;

/// A publication of random images, with its compressed files.
pub(super) struct Published {
    pub(super) publication: Publication,
    pub(super) files: [Vec<u8>; 4],
}

impl Published {
    pub(super) fn write_to(&self, dir: &Path) {
        fs::create_dir_all(dir).unwrap();
        for (name, bytes) in self.named_files() {
            fs::write(dir.join(name), bytes).unwrap();
        }
    }

    pub(super) fn named_files(&self) -> Vec<(&'static str, Vec<u8>)> {
        self.publication.files.iter().map(|file| file.name).zip(self.files.clone()).collect()
    }
}

/// The four IDX files: 40 training and 9 test images of 28×28 random bytes.
pub(super) fn decoded() -> [Vec<u8>; 4] {
    let mut random = ChaCha8Rng::from_seed([7; 32]);
    let mut split = |count: usize| {
        let mut pixels = vec![0; count * SIDE * SIDE];
        random.fill_bytes(&mut pixels);
        let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
        let images = IdxImages { count, channels: 1, height: SIDE, width: SIDE, pixels: &pixels };
        (idx::encode_images(&images), idx::encode_labels(&labels))
    };
    let ((train_images, train_labels), (test_images, test_labels)) = (split(TRAIN), split(TEST));
    [train_images, train_labels, test_images, test_labels]
}

/// [`decoded`], published.
pub(super) fn published() -> Published {
    publish(decoded().map(|bytes| gzip(&bytes)))
}

/// A publication whose compressed files are these.
pub(super) fn publish(files: [Vec<u8>; 4]) -> Published {
    let decoded = decoded();
    let published = std::array::from_fn(|index| PublishedFile {
        name: FASHION_MNIST.files[index].name,
        md5: u128::from_be_bytes(Md5::digest(&files[index]).into()),
        bytes: files[index].len() as u64,
        decoded: Decoded::of(&decoded[index]),
    });
    let publication = Publication {
        name: "random",
        about: "random bytes",
        files: published,
        height: SIDE,
        width: SIDE,
        classes: 10,
        train_samples: TRAIN,
        test_samples: TEST,
        decoded: None,
    };
    Published { publication, files }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    compress(bytes, Compression::fast())
}

/// Other bytes of the same content.
pub(super) fn gzip_loosely(bytes: &[u8]) -> Vec<u8> {
    compress(bytes, Compression::none())
}

fn compress(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An address of this machine where nothing listens.
pub(super) fn closed_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
