//! Which files a published data set consists of, and how each is recognised.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use sha2::Sha256;
use trainmark_reports::files;

use super::error::Mismatch;

/// One file as its publisher offers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedFile {
    /// Its name, below the address.
    pub name: &'static str,
    /// MD5 sum of the compressed bytes, most significant byte first.
    pub md5: u128,
    /// Compressed length in bytes.
    pub bytes: u64,
    /// What it holds, however it is wrapped.
    pub decoded: Decoded,
}

/// A file by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// Length in bytes.
    pub bytes: usize,
    /// SHA-256, its first half and its second, most significant byte first.
    pub sha256: [u128; 2],
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
    /// What it is, in a few words.
    pub about: &'static str,
    /// Training images and labels, test images and labels.
    pub files: [PublishedFile; 4],
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Labels are below this.
    pub classes: usize,
    /// Images in the training split.
    pub train_samples: usize,
    /// Images in the test split.
    pub test_samples: usize,
    /// SHA-256 of the four decoded files, one behind the other, where it is known beforehand: a
    /// decoded copy with another one was altered, whatever it says of itself.
    pub decoded: Option<&'static str>,
}

/// Fashion-MNIST, with the sums that its publisher lists.
pub static FASHION_MNIST: Publication = Publication {
    name: "fashion-mnist",
    about: "Fashion-MNIST or an error",
    files: [
        PublishedFile {
            name: "train-images-idx3-ubyte.gz",
            md5: 0x8d4f_b7e6_c68d_591d_4c3d_fef9_ec88_bf0d,
            bytes: 26_421_880,
            decoded: Decoded {
                bytes: 47_040_016,
                sha256: [
                    0xc59f_468a_2f67_2dc8_1568_7fe0_f838_8776,
                    0x8d79_9fd8_a3f3_2761_45d2_0f83_aa44_d888,
                ],
            },
        },
        PublishedFile {
            name: "train-labels-idx1-ubyte.gz",
            md5: 0x25c8_1989_df18_3df0_1b3e_8a0a_ad5d_ffbe,
            bytes: 29_515,
            decoded: Decoded {
                bytes: 60_008,
                sha256: [
                    0xbad3_541b_69d9_1243_5c50_bb6b_a87b_ec29,
                    0x4ff4_f6a2_e124_6121_d863_3921_7604_43d9,
                ],
            },
        },
        PublishedFile {
            name: "t10k-images-idx3-ubyte.gz",
            md5: 0xbef4_ecab_320f_06d8_554e_a638_0940_ec79,
            bytes: 4_422_102,
            decoded: Decoded {
                bytes: 7_840_016,
                sha256: [
                    0x5b41_41f0_afba_d91e_debe_8549_f8fc_ffe0,
                    0x87ea_10ca_49f1_dbef_5c9a_5cd8_815c_e37b,
                ],
            },
        },
        PublishedFile {
            name: "t10k-labels-idx1-ubyte.gz",
            md5: 0xbb30_0cfd_ad3c_16e7_a12a_480e_e83c_d310,
            bytes: 5_148,
            decoded: Decoded {
                bytes: 10_008,
                sha256: [
                    0x0402_a96d_92fd_2663_9571_22ce_b108_a494,
                    0xc5af_83da_b82d_9272_9df9_17d7_dec3_8c34,
                ],
            },
        },
    ],
    height: 28,
    width: 28,
    classes: 10,
    train_samples: 60_000,
    test_samples: 10_000,
    decoded: Some("14410854cf7a289477dcfc7df3f8ec24741e281cdcc425ede0d9a748ca630214"),
};

/// Every data set that is known by name.
pub(super) fn all() -> [&'static Publication; 1] {
    [&FASHION_MNIST]
}

/// The one of this name.
pub(super) fn find(name: &str) -> Option<&'static Publication> {
    all().into_iter().find(|known| known.name == name)
}

/// The content of MNIST's files, which bear the same names and have the same lengths.
const MNIST: [[u128; 2]; 4] = [
    [0xba89_1046_e650_5d7a_adcb_be25_680a_0738, 0xad16_aec9_3bde_7f9b_65e8_7a2f_c257_76db],
    [0x65a5_0cbb_f4e9_06d7_0832_878a_d85c_cda5, 0x333a_97f0_f4c3_dd2e_f09a_8a9e_ef71_01c5],
    [0x0fa7_898d_5092_79e4_8295_8e8c_e81c_8e77, 0xdb3f_2f82_54e2_6661_ceb7_762c_4d49_4ce7],
    [0xff7b_cfd4_16de_3373_1a30_8c3f_266c_c351, 0x222c_3489_8ecb_eaf8_47f0_6e48_f7ec_33f2],
];

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
    /// The file, by its content.
    Good,
    /// Nothing.
    Missing,
    /// Another file.
    Other(Mismatch),
    /// A file that cannot be read, with the system's reason.
    Unreadable(String),
}

impl fmt::Display for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("good"),
            Self::Missing => f.write_str("missing"),
            Self::Other(mismatch) => write!(f, "is another file: {mismatch}"),
            Self::Unreadable(reason) => write!(f, "unreadable: {reason}"),
        }
    }
}

impl Decoded {
    /// That which these bytes are.
    pub fn of(bytes: &[u8]) -> Self {
        let sum: [u8; 32] = Sha256::digest(bytes).into();
        let half = |range: std::ops::Range<usize>| {
            sum[range].iter().fold(0, |number, &byte| number << 8 | u128::from(byte))
        };
        Self { bytes: bytes.len(), sha256: [half(0..16), half(16..32)] }
    }

    /// Whether `bytes` are this content.
    pub(super) fn verify(&self, bytes: &[u8]) -> Result<(), Mismatch> {
        self.check_found(&Self::of(bytes))
    }

    fn check_found(&self, found: &Self) -> Result<(), Mismatch> {
        if found == self {
            return Ok(());
        }
        let found = match MNIST.contains(&found.sha256) {
            true => "that of MNIST, handwritten digits, another data set with the same file names".into(),
            false => found.to_string(),
        };
        Err(Mismatch::new(self.to_string(), found))
    }
}

impl fmt::Display for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.sha256;
        write!(f, "content of {} bytes with SHA-256 {high:032x}{low:032x}", self.bytes)
    }
}

impl PublishedFile {
    /// Whether `bytes` are this file as it is published.
    pub(super) fn verify(&self, bytes: &[u8]) -> Result<(), Mismatch> {
        let (expected, found) = if bytes.len() as u64 != self.bytes {
            (format!("{} bytes", self.bytes), format!("{} bytes", bytes.len()))
        } else {
            (format!("md5 {:032x}", self.md5), format!("md5 {:032x}", md5_sum(bytes)))
        };
        if expected == found { Ok(()) } else { Err(Mismatch::new(expected, found)) }
    }

    /// So many bytes are read of it at most: those of its content as it is with what a wrapping
    /// that does not compress adds, or those that are published.
    pub(super) fn most_bytes(&self) -> u64 {
        let content = self.decoded.bytes as u64;
        self.bytes.max(content + content / 50 + (64 << 10))
    }

    /// The names that it goes by: as published, unpacked, and both as of older copies.
    fn names(&self) -> [String; 4] {
        let plain = self.name.trim_end_matches(".gz");
        let dotted = plain.replacen("-idx", ".idx", 1);
        [self.name.to_owned(), plain.to_owned(), dotted.clone(), format!("{dotted}.gz")]
    }

    /// Where it lies in `dir`: under the first of its names that holds anything, else under the
    /// name that it is published by.
    pub(super) fn path_in(&self, dir: &Path) -> PathBuf {
        let mut paths = self.names().map(|name| dir.join(name)).into_iter();
        paths.find(|path| path.symlink_metadata().is_ok()).unwrap_or_else(|| dir.join(self.name))
    }

    /// What stands in place of this file in `dir`.
    pub fn inspect(&self, dir: &Path) -> FileState {
        let path = self.path_in(dir);
        let bytes = match files::read(&path, self.most_bytes()) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return FileState::Missing,
            Err(error) => return FileState::Unreadable(error.to_string()),
        };
        // The sum of what is compressed is quicker, and as good.
        match self.verify(&bytes).or_else(|_| self.content(bytes).map(drop)) {
            Ok(()) => FileState::Good,
            Err(mismatch) => FileState::Other(mismatch),
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

    /// The folder that holds the files: `dir`, or where none of them is in it the folder below
    /// that holds one: a download's, torchvision's, or that of the publisher's repository.
    pub fn folder_in(&self, dir: &Path) -> PathBuf {
        let holds_any =
            |dir: &PathBuf| self.files.iter().any(|file| file.path_in(dir).symlink_metadata().is_ok());
        let below = ["", self.name, "FashionMNIST/raw", "raw", "data/fashion"].map(|below| dir.join(below));
        below.into_iter().find(holds_any).unwrap_or_else(|| dir.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Origin, Place, decode, fixtures};

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
            matches!(&states[1], FileState::Other(how) if how.found.starts_with("broken gzip ")),
            "{states:?}"
        );
        assert!(
            matches!(&states[2], FileState::Other(how) if how.found.starts_with("content of 5 bytes")),
            "{states:?}"
        );
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

    #[test]
    fn the_content_decides_and_not_the_wrapping() {
        type Wrapping = (&'static str, &'static str, fn(&[u8]) -> Vec<u8>);
        let fixture = fixtures::published();
        let wrappings: [Wrapping; 6] = [
            ("-idx", ".gz", fixtures::gzip_loosely),
            ("-idx", "", <[u8]>::to_vec),
            (".idx", "", <[u8]>::to_vec),
            (".idx", ".gz", fixtures::gzip),
            // Named as if it were compressed, and the other way round.
            ("-idx", ".gz", <[u8]>::to_vec),
            (".idx", "", fixtures::gzip_loosely),
        ];
        for below in ["", "random", "FashionMNIST/raw", "raw", "data/fashion"] {
            for (infix, ending, wrap) in wrappings {
                let dir = tempfile::tempdir().unwrap();
                let folder = dir.path().join(below);
                std::fs::create_dir_all(&folder).unwrap();
                for (file, bytes) in fixture.publication.files.iter().zip(fixtures::decoded()) {
                    let name = file.name.trim_end_matches(".gz").replacen("-idx", infix, 1) + ending;
                    std::fs::write(folder.join(name), wrap(&bytes)).unwrap();
                }
                let found = fixture.publication.folder_in(dir.path());
                assert_eq!(fixture.publication.inspect(&found), [const { FileState::Good }; 4], "{below}");
                assert!(decode::decode(&fixture.publication, &found).unwrap() == fixtures::decoded());
            }
        }
    }

    /// A folder that holds the files of these contents.
    fn place_of(contents: [[u128; 2]; 4]) -> Place {
        let state = |(file, sha256): (PublishedFile, _)| {
            let found = file.decoded.check_found(&Decoded { sha256, ..file.decoded });
            (file.name.to_owned(), found.map_or_else(FileState::Other, |()| FileState::Good))
        };
        let files = std::array::from_fn(|index| state((FASHION_MNIST.files[index], contents[index])));
        Place { origin: Origin::Flag, dir: "/digits".into(), files }
    }

    /// Its files have the names and lengths of Fashion-MNIST's.
    #[test]
    fn mnist_is_called_by_its_name_and_not_overwritten() {
        let digits = place_of(MNIST);
        let mnist = "that of MNIST, handwritten digits, another data set with the same file names";
        for (name, state) in &digits.files {
            assert!(state.to_string().ends_with(&format!(", found {mnist}")), "{name} {state}");
        }
        let told = [digits.check(), digits.check_free()].map(|result| result.unwrap_err().to_string());
        assert!(told.iter().all(|error| error.contains(mnist)), "{told:?}");
        assert!(told[1].ends_with("; name a folder without it: nothing is overwritten"), "{told:?}");
        assert!(place_of(FASHION_MNIST.files.map(|file| file.decoded.sha256)).is_complete());
        let unknown = place_of([[0; 2]; 4]);
        assert!(!unknown.to_string().contains("MNIST"), "{unknown}");
    }

    #[test]
    fn what_is_no_file_or_has_no_end_is_refused_at_once() {
        let file = &fixtures::published().publication.files[0];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(file.name);
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(matches!(file.inspect(dir.path()), FileState::Unreadable(why) if why.contains("a device")));
        std::fs::remove_file(&path).unwrap();
        std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(matches!(file.inspect(dir.path()), FileState::Unreadable(why) if why.contains("at most")));
    }
}
