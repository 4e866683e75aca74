//! Which files a published data set consists of, and how each is recognised.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

/// One file as its publisher offers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedFile {
    /// Its name, below the address.
    pub name: &'static str,
    /// MD5 sum of the compressed bytes, most significant byte first.
    pub md5: u128,
    /// Compressed length in bytes.
    pub bytes: u64,
}

/// Where a publication can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `publisher`, `fallback` or the variable that names it.
    pub label: String,
    /// The address of the folder that holds the files, without a last slash.
    pub base: String,
}

/// A data set of two splits with ten classes, in four gzipped IDX files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Its name on the command line, and of its folders.
    pub name: &'static str,
    /// Training images and labels, test images and labels.
    pub files: [PublishedFile; 4],
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Images in the training split.
    pub train_samples: usize,
    /// Images in the test split.
    pub test_samples: usize,
    /// SHA-256 of the four decoded files, one behind the other, where it is known beforehand: a
    /// decoded copy with another one was altered, whatever it says of itself.
    pub decoded: Option<&'static str>,
}

/// Fashion-MNIST, with the sums that its publisher lists.
pub const FASHION_MNIST: Publication = Publication {
    name: "fashion-mnist",
    files: [
        PublishedFile {
            name: "train-images-idx3-ubyte.gz",
            md5: 0x8d4f_b7e6_c68d_591d_4c3d_fef9_ec88_bf0d,
            bytes: 26_421_880,
        },
        PublishedFile {
            name: "train-labels-idx1-ubyte.gz",
            md5: 0x25c8_1989_df18_3df0_1b3e_8a0a_ad5d_ffbe,
            bytes: 29_515,
        },
        PublishedFile {
            name: "t10k-images-idx3-ubyte.gz",
            md5: 0xbef4_ecab_320f_06d8_554e_a638_0940_ec79,
            bytes: 4_422_102,
        },
        PublishedFile {
            name: "t10k-labels-idx1-ubyte.gz",
            md5: 0xbb30_0cfd_ad3c_16e7_a12a_480e_e83c_d310,
            bytes: 5_148,
        },
    ],
    height: 28,
    width: 28,
    train_samples: 60_000,
    test_samples: 10_000,
    decoded: Some("14410854cf7a289477dcfc7df3f8ec24741e281cdcc425ede0d9a748ca630214"),
};

/// Where Zalando Research publishes Fashion-MNIST, and its repository.
pub fn fashion_mnist_addresses() -> Vec<Address> {
    [
        ("publisher", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"),
        ("fallback", "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"),
    ]
    .map(|(label, base)| Address { label: label.into(), base: base.into() })
    .into()
}

/// What stands in place of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileState {
    /// The file, with the right sum.
    Good,
    /// Nothing.
    Missing,
    /// Another file.
    Corrupt {
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A file that cannot be read, with the system's reason.
    Unreadable(String),
}

impl fmt::Display for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("good"),
            Self::Missing => f.write_str("missing"),
            Self::Corrupt { expected, found } => write!(f, "corrupt: expected {expected}, found {found}"),
            Self::Unreadable(reason) => write!(f, "unreadable: {reason}"),
        }
    }
}

impl PublishedFile {
    /// Whether `bytes` are this file; otherwise what was expected and found.
    pub(super) fn verify(&self, bytes: &[u8]) -> Result<(), (String, String)> {
        if bytes.len() as u64 != self.bytes {
            return Err((format!("{} bytes", self.bytes), format!("{} bytes", bytes.len())));
        }
        let found = md5_sum(bytes);
        if found != self.md5 {
            return Err((format!("md5 {:032x}", self.md5), format!("md5 {found:032x}")));
        }
        Ok(())
    }

    /// What stands in place of this file in `dir`.
    pub fn inspect(&self, dir: &Path) -> FileState {
        let path = dir.join(self.name);
        let read = match std::fs::metadata(&path) {
            // Another length needs no reading, however long the file is.
            Ok(metadata) if metadata.is_file() && metadata.len() != self.bytes => {
                return FileState::Corrupt {
                    expected: format!("{} bytes", self.bytes),
                    found: format!("{} bytes", metadata.len()),
                };
            }
            Ok(_) => std::fs::read(&path),
            Err(error) => Err(error),
        };
        match read.map(|bytes| self.verify(&bytes)) {
            Ok(Ok(())) => FileState::Good,
            Ok(Err((expected, found))) => FileState::Corrupt { expected, found },
            Err(error) if error.kind() == io::ErrorKind::NotFound => FileState::Missing,
            Err(error) => FileState::Unreadable(error.to_string()),
        }
    }
}

fn md5_sum(bytes: &[u8]) -> u128 {
    u128::from_be_bytes(Md5::digest(bytes).into())
}

impl Publication {
    /// The state of each file in `dir`.
    pub fn inspect(&self, dir: &Path) -> [FileState; 4] {
        std::array::from_fn(|index| self.files[index].inspect(dir))
    }

    /// A name for what the files decode to: the data set's, and a sum of sums.
    pub(super) fn key(&self) -> String {
        let sums: Vec<u8> = self.files.iter().flat_map(|file| file.md5.to_be_bytes()).collect();
        format!("{}-{:032x}", self.name, md5_sum(&sums))
    }

    /// The folder that holds the files: `dir`, or its subfolder of the data
    /// set's name where only that one holds any.
    pub fn folder_in(&self, dir: &Path) -> PathBuf {
        let subfolder = dir.join(self.name);
        let holds_any = |dir: &Path| self.files.iter().any(|file| dir.join(file.name).exists());
        if !holds_any(dir) && holds_any(&subfolder) { subfolder } else { dir.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixtures;

    #[test]
    fn each_state_is_told_apart() {
        let fixture = fixtures::published();
        let dir = tempfile::tempdir().unwrap();
        fixture.write_to(dir.path());
        assert_eq!(fixture.publication.inspect(dir.path()), [const { FileState::Good }; 4]);

        let [images, labels, test_images, test_labels] =
            fixture.publication.files.map(|file| dir.path().join(file.name));
        std::fs::remove_file(images).unwrap();
        let mut bytes = std::fs::read(&labels).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&labels, &bytes).unwrap();
        std::fs::write(test_images, b"short").unwrap();
        std::fs::remove_file(&test_labels).unwrap();
        std::fs::create_dir(test_labels).unwrap();

        let states = fixture.publication.inspect(dir.path());
        assert_eq!(states[0], FileState::Missing);
        assert!(
            matches!(&states[1], FileState::Corrupt { found, .. } if found.starts_with("md5 ")),
            "{states:?}"
        );
        assert!(matches!(&states[2], FileState::Corrupt { found, .. } if found == "5 bytes"), "{states:?}");
        assert!(matches!(&states[3], FileState::Unreadable(_)), "{states:?}");
    }

    #[test]
    fn the_files_may_lie_in_a_subfolder() {
        let fixture = fixtures::published();
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(fixture.publication.folder_in(dir.path()), dir.path());
        let subfolder = dir.path().join(fixture.publication.name);
        fixture.write_to(&subfolder);
        assert_eq!(fixture.publication.folder_in(dir.path()), subfolder);
        fixture.write_to(dir.path());
        assert_eq!(fixture.publication.folder_in(dir.path()), dir.path());
    }
}
