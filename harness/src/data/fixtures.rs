//! A small data set and its published form, for tests.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use md5::{Digest, Md5};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::idx::{self, IdxImages};
use super::publication::{Decoded, Packing, Publication, PublishedFile};
use super::published::FASHION_MNIST;

pub(super) const SIDE: usize = 28;
pub(super) const TRAIN: usize = 40;
pub(super) const TEST: usize = 9;

/// A publication of random images, with its compressed files.
pub(super) struct Published {
    pub(super) publication: &'static Publication,
    pub(super) files: [Vec<u8>; 4],
}

impl Published {
    pub(super) fn write_to(&self, dir: &Path) {
        fs::create_dir_all(dir).unwrap();
        for (name, bytes) in self.named_files() {
            fs::write(dir.join(name), bytes).unwrap();
        }
    }

    /// Changes what is known of a file.
    pub(super) fn change(&mut self, index: usize, change: impl FnOnce(&mut PublishedFile)) {
        let mut files = self.publication.files.to_vec();
        change(&mut files[index]);
        self.publication = publication(files);
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
    let published = (0..4).map(|index| PublishedFile {
        name: FASHION_MNIST.files[index].name,
        md5: u128::from_be_bytes(Md5::digest(&files[index]).into()),
        bytes: files[index].len() as u64,
        decoded: Some(Decoded::of(&decoded[index])),
    });
    Published { publication: publication(published.collect()), files }
}

/// Four files; what is static elsewhere lives as long as the tests.
fn publication(files: Vec<PublishedFile>) -> &'static Publication {
    Box::leak(Box::new(Publication {
        name: "random",
        about: "random bytes",
        folder: "random",
        below: &["FashionMNIST/raw", "data/fashion"],
        addresses: &[],
        files: files.leak(),
        packing: Packing::Files,
        classes: 10,
        decoded: None,
    }))
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

/// A zip of members that are stored as they are.
pub(super) fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut sum = flate2::Crc::new();
        sum.update(content);
        let (place, length) = (zip.len() as u32, content.len() as u32);
        let numbers = [sum.sum(), length, length].map(u32::to_le_bytes).concat();
        let names = [name.len() as u16, 0].map(u16::to_le_bytes).concat();
        let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &numbers, &names].concat();
        zip.extend([b"PK\x03\x04", &common[..], name.as_bytes(), content].concat());
        let entry = [b"PK\x01\x02\x14\x00", &common[..], &[0; 10], &place.to_le_bytes(), name.as_bytes()];
        directory.extend(entry.concat());
    }
    let count = (members.len() as u16).to_le_bytes();
    let ends = [directory.len() as u32, zip.len() as u32].map(u32::to_le_bytes).concat();
    let end = [b"PK\x05\x06", &[0; 4][..], &count, &count, &ends, &[0; 2]].concat();
    [zip, directory, end].concat()
}

/// A tar of these files.
pub(super) fn tar(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, content) in members {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        tar.extend(header);
        tar.extend(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.extend([0; 1024]);
    tar
}
