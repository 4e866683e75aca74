//! Which files a published data set consists of, and how each is recognised.

use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use sha2::Sha256;
use trainmark_reports::files;

use super::error::Mismatch;
use super::published;

/// One file as its publisher offers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedFile {
    /// Its name, below the address.
    pub name: &'static str,
    /// MD5 sum of the compressed bytes, most significant byte first.
    pub md5: u128,
    /// Compressed length in bytes.
    pub bytes: u64,
    /// What it holds, however it is wrapped, where that is known: else nothing but the file as it is
    /// published is taken.
    pub decoded: Option<Decoded>,
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

/// How the files of a publication hold the four IDX files of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Each is one of them: training images and labels, test images and labels.
    Files,
    /// They are members of a zip, each packed by itself; the images lie on their side.
    Emnist {
        /// How the members' names begin.
        member: &'static str,
        /// The label of the first class.
        first_label: u8,
    },
    /// Records of a label and an image in a tar.
    Cifar10,
}

/// A data set of two splits as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Name of the folder that its files are downloaded into.
    pub folder: &'static str,
    /// Folders that others make for it: torchvision's, or that of the publisher's repository.
    pub below: &'static [&'static str],
    /// Where it is downloaded, each with what that is: addresses of a folder, without a last slash.
    pub addresses: &'static [(&'static str, &'static str)],
    /// The files that are downloaded.
    pub files: &'static [PublishedFile],
    /// What these hold.
    pub packing: Packing,
    /// Labels are below this.
    pub classes: usize,
    /// SHA-256 of the four decoded files, one behind the other, where it is known beforehand: a
    /// decoded copy with another one was altered, whatever it says of itself.
    pub decoded: Option<&'static str>,
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
        let found = match published::with_content(found.sha256) {
            Some(other) => format!("that of {}, another data set with the same file names", other.name),
            None => found.to_string(),
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
        self.check_length(bytes.len() as u64)?;
        self.check_sum(md5_sum(bytes))
    }

    /// As [`Self::verify`], of a file, which need not fit into memory.
    ///
    /// # Errors
    /// Where it cannot be read; the inner error is what it is instead.
    pub(super) fn verify_file(&self, path: &Path) -> io::Result<Result<(), Mismatch>> {
        let file = files::open_regular(path)?;
        if let Err(mismatch) = self.check_length(file.metadata()?.len()) {
            return Ok(Err(mismatch));
        }
        let (mut digest, mut buffer) = (Md5::new(), vec![0; 1 << 20]);
        let mut file = file.take(self.bytes);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(self.check_sum(u128::from_be_bytes(digest.finalize().into()))),
                count => digest.update(&buffer[..count]),
            }
        }
    }

    fn check_length(&self, found: u64) -> Result<(), Mismatch> {
        if found == self.bytes {
            return Ok(());
        }
        let whose = published::with_length(found);
        let whose = whose.map_or_else(String::new, |other| format!(", as a file of {} has", other.name));
        Err(Mismatch::new(format!("{} bytes", self.bytes), format!("{found} bytes{whose}")))
    }

    fn check_sum(&self, found: u128) -> Result<(), Mismatch> {
        if found == self.md5 {
            return Ok(());
        }
        Err(Mismatch::new(format!("md5 {:032x}", self.md5), format!("md5 {found:032x}")))
    }

    /// That it must be the published file, of a file whose content is not known.
    pub(super) fn only_as_published(&self, mismatch: Mismatch) -> Mismatch {
        let expected = format!("{} as it is published, {}", self.name, mismatch.expected);
        Mismatch { expected, ..mismatch }
    }

    /// So many bytes are read of it at most: those of its content as it is with what a wrapping
    /// that does not compress adds, or those that are published.
    pub(super) fn most_bytes(&self) -> u64 {
        let Some(decoded) = self.decoded else { return self.bytes };
        let content = decoded.bytes as u64;
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
        let found = match self.decoded {
            Some(_) => files::read(&path, self.most_bytes()).map(|bytes| {
                // The sum of what is compressed is quicker, and as good.
                self.verify(&bytes).or_else(|_| self.content(bytes).map(drop))
            }),
            None => self.verify_file(&path).map(|found| found.map_err(|other| self.only_as_published(other))),
        };
        match found {
            Ok(Ok(())) => FileState::Good,
            Ok(Err(mismatch)) => FileState::Other(mismatch),
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
    pub fn inspect(&self, dir: &Path) -> Vec<FileState> {
        self.files.iter().map(|file| file.inspect(dir)).collect()
    }

    /// Whether each file is there, whatever it holds.
    pub(super) fn is_present(&self, dir: &Path) -> bool {
        self.files.iter().all(|file| file.path_in(dir).exists())
    }

    /// A name for what the files decode to: the data set's, and a sum of sums.
    pub(super) fn key(&self) -> String {
        let sums: Vec<u8> = self.files.iter().flat_map(|file| file.md5.to_be_bytes()).collect();
        format!("{}-{:032x}", self.name, md5_sum(&sums))
    }

    /// The folder that holds the files: one below `dir` that is named for them, or `dir` itself.
    /// Where none of them is in any: the one to put them into, which is `dir` unless other things
    /// are in it.
    pub fn folder_in(&self, dir: &Path) -> PathBuf {
        let holds_any =
            |dir: &PathBuf| self.files.iter().any(|file| file.path_in(dir).symlink_metadata().is_ok());
        let own = dir.join(self.folder);
        let named = self.below.iter().chain(&["", "raw"]).map(|below| dir.join(below));
        let found = [own.clone()].into_iter().chain(named).find(holds_any);
        let is_free =
            || dir.ends_with(self.folder) || dir.read_dir().is_ok_and(|mut dir| dir.next().is_none());
        found.unwrap_or_else(|| if !dir.exists() || is_free() { dir.to_owned() } else { own })
    }

    /// The command that downloads it.
    pub(super) fn fetch_command(&self) -> String {
        match self.name == published::FASHION_MNIST.name {
            true => "trainmark data fetch".to_owned(),
            false => format!("trainmark data fetch {}", self.name),
        }
    }

    /// What to do with a file that is not the published one.
    pub(super) fn remedy(&self) -> String {
        let fetch = self.fetch_command();
        format!("name another folder with --data-dir DIR, or move the file away and run `{fetch}`")
    }

    /// Bytes that are downloaded.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
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
        assert_eq!(fixture.publication.inspect(dir.path()), vec![FileState::Good; 4]);

        let paths: Vec<PathBuf> =
            fixture.publication.files.iter().map(|file| dir.path().join(file.name)).collect();
        let [images, labels, test_images, test_labels] = paths.try_into().unwrap();
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
        assert_eq!(fixture.publication.folder_in(dir.path()), subfolder);
        std::fs::remove_dir_all(subfolder).unwrap();
        assert_eq!(fixture.publication.folder_in(dir.path()), dir.path());
    }

    #[test]
    fn files_are_put_into_a_folder_of_their_own_where_other_things_are() {
        let publication = fixtures::published().publication;
        let dir = tempfile::tempdir().unwrap();
        let named = dir.path().join("random");
        assert_eq!(publication.folder_in(&named), named);
        std::fs::create_dir(dir.path().join("other")).unwrap();
        assert_eq!(publication.folder_in(dir.path()), named);
        std::fs::create_dir_all(named.join("other")).unwrap();
        assert_eq!(publication.folder_in(&named), named);
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
                assert_eq!(fixture.publication.inspect(&found), vec![FileState::Good; 4], "{below}");
                assert!(decode::decode(fixture.publication, &found).unwrap() == fixtures::decoded());
            }
        }
    }

    /// A folder with the files of one data set where another one is wanted.
    fn place_of(files: &[PublishedFile], wanted: &Publication) -> Place {
        let state = |(file, found): (&PublishedFile, &PublishedFile)| {
            let result = file.decoded.unwrap().check_found(&found.decoded.unwrap());
            (file.name.to_owned(), result.map_or_else(FileState::Other, |()| FileState::Good))
        };
        let (fetch, remedy) = (wanted.fetch_command(), wanted.remedy());
        let files = wanted.files.iter().zip(files).map(state).collect();
        Place { origin: Origin::Flag, dir: "/digits".into(), files, fetch, remedy }
    }

    /// Its files have the names and lengths of Fashion-MNIST's.
    #[test]
    fn another_data_set_is_called_by_its_name_and_not_overwritten() {
        let [clothes, digits] = ["fashion-mnist", "mnist"].map(|name| published::find(name).unwrap());
        for (wanted, other) in [(clothes, digits), (digits, clothes)] {
            let place = place_of(other.files, wanted);
            let name = format!("that of {}, another data set with the same file names", other.name);
            for (file, state) in &place.files {
                assert!(state.to_string().ends_with(&format!(", found {name}")), "{file} {state}");
            }
            let told = [place.check(), place.check_free()].map(|result| result.unwrap_err().to_string());
            assert!(told.iter().all(|error| error.contains(&name)), "{told:?}");
            assert!(told[1].ends_with("; name a folder without it: nothing is overwritten"), "{told:?}");
            assert!(place_of(wanted.files, wanted).is_complete());
        }
        let unknown =
            PublishedFile { decoded: Some(Decoded { bytes: 0, sha256: [0; 2] }), ..clothes.files[0] };
        let unknown = place_of(&[unknown; 4], clothes);
        assert!(!unknown.to_string().contains("another data set"), "{unknown}");
    }

    #[test]
    fn of_unknown_content_only_the_published_file_is_taken() {
        let known = fixtures::published();
        let file = PublishedFile { decoded: None, ..known.publication.files[0] };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(file.name);
        std::fs::write(&path, &known.files[0]).unwrap();
        assert_eq!(file.inspect(dir.path()), FileState::Good);
        assert!(file.content(known.files[0].clone()).unwrap() == fixtures::decoded()[0]);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(dir.path().join("train-images-idx3-ubyte"), &fixtures::decoded()[0]).unwrap();
        let told = file.inspect(dir.path()).to_string();
        let length = known.files[0].len();
        assert_eq!(
            told,
            format!(
                "is another file: expected train-images-idx3-ubyte.gz as it is published, {length} bytes, found 31376 bytes"
            )
        );
        let mut other = known.files[0].clone();
        *other.last_mut().unwrap() ^= 1;
        assert!(file.content(other).unwrap_err().to_string().contains("as it is published, md5 "));
        assert!(file.verify(&[0; 9_912_422]).unwrap_err().found.ends_with(" bytes, as a file of mnist has"));
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
