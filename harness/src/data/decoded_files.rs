//! A decoded data set on disk, which workers map into their memory.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use trainmark_plugin::{Dataset, Samples};
use trainmark_reports::files;

use super::choice::SYNTHETIC;
use super::error::DataError;
use super::idx::{self, IdxImages, LABELS_HEADER};
use crate::file_version::FileVersion;
use crate::units::hexadecimal;

/// What to do with a decoded file that is wrong.
const REMEDY: &str = "delete its folder and run the command again, which decodes the data set anew";

/// A data set as raw IDX files on this machine. It travels to worker processes
/// as JSON. A copy that lies in a temporary folder is removed with the last
/// clone of the value that made it, not with one that was deserialised.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DecodedFiles {
    /// That of a published one, `synthetic`, or `idx:` with a folder's name.
    pub name: String,
    /// IDX file of the training images.
    #[serde(with = "crate::path_text")]
    pub train_images: PathBuf,
    /// IDX file of the training labels.
    #[serde(with = "crate::path_text")]
    pub train_labels: PathBuf,
    /// IDX file of the test images.
    #[serde(with = "crate::path_text")]
    pub test_images: PathBuf,
    /// IDX file of the test labels.
    #[serde(with = "crate::path_text")]
    pub test_labels: PathBuf,
    /// SHA-256 of the four IDX files, one behind the other in the order above,
    /// in hexadecimal digits.
    pub fingerprint: String,
    /// Channels of an image.
    #[serde(default = "one")]
    pub channels: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Labels are below this.
    #[serde(default = "ten")]
    pub classes: usize,
    /// Samples in the training split.
    pub train_samples: usize,
    /// Samples in the test split.
    pub test_samples: usize,
    /// What the user must know about this choice of data set, if anything.
    pub notice: Option<String>,
    /// What the four files were when the fingerprint was taken of them.
    #[serde(default)]
    pub(super) states: Vec<FileVersion>,
    #[serde(skip)]
    pub(super) temporary: Option<Arc<TempDir>>,
    /// The four files, open: what they hold outlives their names.
    #[serde(skip)]
    pub(super) held: Option<Arc<[File; 4]>>,
}

/// The four files of a [`DecodedFiles`] data set, mapped and checked.
#[derive(Debug)]
pub struct MappedDataset {
    train_images: MappedFile,
    train_labels: MappedFile,
    test_images: MappedFile,
    test_labels: MappedFile,
    /// What they are known to have been.
    states: Vec<FileVersion>,
    fingerprint: String,
    folder: PathBuf,
}

/// A file in memory, held open.
#[derive(Debug)]
struct MappedFile {
    map: Mmap,
    file: File,
}

/// Channels where what an earlier version wrote says nothing.
pub(super) fn one() -> usize {
    1
}

/// Classes where what an earlier version wrote says nothing.
pub(super) fn ten() -> usize {
    10
}

impl DecodedFiles {
    /// Channels, rows and columns of an image.
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// Whether the files lie in a temporary folder that goes with this value,
    /// because the cache could not be written.
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// Writes files that are gone again, as when somebody clears the cache during a benchmark. One
    /// that cannot be written is the worker's to miss, which says so.
    pub fn restore(&self) {
        let paths = [&self.train_images, &self.train_labels, &self.test_images, &self.test_labels];
        for (path, file) in paths.into_iter().zip(self.held.iter().flat_map(|held| held.iter())) {
            if !path.exists() {
                let _ = restore_file(path, file);
            }
        }
    }

    /// Whether it is the procedural data set, which says nothing of any other.
    pub fn is_synthetic(&self) -> bool {
        self.name.split(' ').next() == Some(SYNTHETIC)
    }

    /// Maps the files and checks headers, lengths and labels. The pixels are
    /// not read, unless a file is not as it was when they were hashed.
    ///
    /// # Errors
    /// A file that is absent, not of the shape that this value tells, or of another content.
    pub fn map(&self) -> Result<MappedDataset, DataError> {
        let images = |path: &Path, count| map_images(path, count, self.shape());
        let labels = |path: &Path, count| map_labels(path, count, self.classes);
        let mapped = MappedDataset {
            train_images: images(&self.train_images, self.train_samples)?,
            train_labels: labels(&self.train_labels, self.train_samples)?,
            test_images: images(&self.test_images, self.test_samples)?,
            test_labels: labels(&self.test_labels, self.test_samples)?,
            states: self.states.clone(),
            fingerprint: self.fingerprint.clone(),
            folder: self.train_images.parent().unwrap_or(&self.train_images).to_owned(),
        };
        mapped.check_unchanged()?;
        Ok(mapped)
    }
}

impl MappedDataset {
    /// Sees that the files still are what was hashed. What is written into one shows in the
    /// memory of every worker that has it mapped.
    ///
    /// # Errors
    /// Where the content is another one.
    pub fn check_unchanged(&self) -> Result<(), DataError> {
        let files = [&self.train_images, &self.train_labels, &self.test_images, &self.test_labels];
        let found: Vec<Metadata> = files.iter().filter_map(|file| file.file.metadata().ok()).collect();
        if found.iter().map(FileVersion::of).eq(self.states.iter().copied()) {
            return Ok(());
        }
        // Memory behind the end of a file that became shorter must not be read.
        let is_whole = found.iter().map(Metadata::len).eq(files.iter().map(|file| file.map.len() as u64));
        if is_whole {
            let mut digest = Sha256::new();
            files.iter().for_each(|file| digest.update(&file.map));
            if hexadecimal(&digest.finalize()) == self.fingerprint {
                return Ok(());
            }
        }
        Err(DataError::Changed { dir: self.folder.clone() })
    }

    /// Both splits, borrowed from the mapped files.
    pub fn dataset(&self) -> Dataset<'_> {
        Dataset::new(
            samples(&self.train_images, &self.train_labels),
            samples(&self.test_images, &self.test_labels),
        )
    }
}

fn samples<'m>(images: &'m MappedFile, labels: &'m MappedFile) -> Samples<'m> {
    Samples::new(&images.map[idx::images_header(&images.map)..], &labels.map[LABELS_HEADER..])
}

fn restore_file(path: &Path, file: &File) -> io::Result<()> {
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, 0)?;
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    files::replace(path, &bytes)
}

fn map_images(path: &Path, count: usize, shape: [usize; 3]) -> Result<MappedFile, DataError> {
    let file = map_file(path)?;
    IdxImages::parse(&file.map)
        .and_then(|images| images.expect(count, shape))
        .map_err(|error| error.in_file(path, REMEDY))?;
    Ok(file)
}

fn map_labels(path: &Path, count: usize, classes: usize) -> Result<MappedFile, DataError> {
    let file = map_file(path)?;
    idx::parse_labels(&file.map)
        .and_then(|labels| {
            idx::expect_labels(labels, count)?;
            idx::expect_classes(labels, classes)
        })
        .map_err(|error| error.in_file(path, REMEDY))?;
    Ok(file)
}

fn map_file(path: &Path) -> Result<MappedFile, DataError> {
    let error = |action| move |cause| DataError::Io { action, path: path.to_owned(), cause, remedy: REMEDY };
    let file = files::open_regular(path).map_err(error("open"))?;
    // SAFETY: the mapping is sound as long as nobody changes or truncates the
    // file. Decoded files are written under another name, renamed once, and
    // never written again; removing one leaves the mapping intact.
    let map = unsafe { Mmap::map(&file) }.map_err(error("map"))?;
    Ok(MappedFile { map, file })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixtures;
    use crate::data::store;

    fn prepared() -> DecodedFiles {
        let kept = store::Kept { name: "random", key: "key", fingerprint: None, classes: None, cache: None };
        store::store(&kept, || Ok(fixtures::decoded())).unwrap()
    }

    #[test]
    fn what_was_written_into_a_file_is_noticed_and_another_time_alone_is_none() {
        let prepared = prepared();
        let mapped = prepared.map().unwrap();
        let touched = fs::File::options().write(true).open(&prepared.train_labels).unwrap();
        touched.set_modified(std::time::SystemTime::now()).unwrap();
        mapped.check_unchanged().unwrap();
        prepared.map().unwrap();
        let mut labels = fs::read(&prepared.train_labels).unwrap();
        labels[20] ^= 1;
        fs::write(&prepared.train_labels, labels).unwrap();
        for error in [mapped.check_unchanged().unwrap_err(), prepared.map().unwrap_err()] {
            assert!(error.to_string().contains("has been written to since it was checked"), "{error}");
        }
        fs::write(&prepared.train_labels, "").unwrap();
        mapped.check_unchanged().expect_err("it is empty, and must not be read");
    }

    #[test]
    fn the_mapped_bytes_are_the_decoded_ones() {
        let [train_images, train_labels, test_images, test_labels] = fixtures::decoded();
        let mapped = prepared().map().unwrap();
        let dataset = mapped.dataset();
        assert!(dataset.train.pixels == &train_images[16..] && dataset.test.pixels == &test_images[16..]);
        assert_eq!(dataset.train.labels, &train_labels[8..]);
        assert_eq!(dataset.test.labels, &test_labels[8..]);
        assert_eq!((dataset.train.count(), dataset.test.count()), (fixtures::TRAIN, fixtures::TEST));
    }

    #[test]
    fn it_travels_as_json() {
        let prepared = prepared();
        let json = serde_json::to_string(&prepared).unwrap();
        let arrived: DecodedFiles = serde_json::from_str(&json).unwrap();
        assert!(arrived.map().is_ok());
        drop(arrived);
        assert!(prepared.train_images.exists(), "only the value that made a temporary folder removes it");
    }

    #[test]
    fn a_temporary_folder_goes_with_its_last_clone() {
        let prepared = prepared();
        let path = prepared.train_images.clone();
        let clone = prepared.clone();
        drop(prepared);
        assert!(path.exists());
        let mapped = clone.map().unwrap();
        drop(clone);
        assert!(!path.exists());
        assert_eq!(mapped.dataset().train.count(), fixtures::TRAIN, "a mapping outlives its file");
    }

    #[test]
    fn a_cache_that_is_cleared_comes_back() {
        let cache = tempfile::tempdir().unwrap();
        let cache_folder = Some(cache.path());
        let kept =
            store::Kept { name: "random", key: "key", fingerprint: None, classes: None, cache: cache_folder };
        let made = store::store(&kept, || Ok(fixtures::decoded())).unwrap();
        fs::remove_dir_all(cache.path()).unwrap();
        assert!(made.map().is_err());
        made.restore();
        assert!(made.map().unwrap().dataset().train.pixels == &fixtures::decoded()[0][16..]);
    }

    #[test]
    fn files_of_another_shape_are_refused() {
        let message = |change: &dyn Fn(&mut DecodedFiles)| {
            let mut prepared = prepared();
            change(&mut prepared);
            prepared.map().unwrap_err().to_string()
        };
        assert!(
            message(&|p| p.height = 14).contains("expected 40 images of 14×28, found 40 images of 28×28")
        );
        assert!(
            message(&|p| p.channels = 3).contains("expected 40 images of 3×28×28, found 40 images of 28×28")
        );
        assert!(message(&|p| p.classes = 9).contains("expected labels 0 to 8, found label 9 at sample 9"));
        assert!(message(&|p| p.test_samples = 8).contains("expected 8 images of 28×28, found 9 images"));
        assert!(
            message(&|p| p.train_labels = p.test_labels.clone())
                .contains("expected 40 labels, one per image")
        );
        assert!(message(&|p| p.test_images = p.test_labels.clone()).contains("found magic 2049"));
        assert!(message(&|p| fs::write(&p.test_images, [0; 20]).unwrap()).contains("found magic 0"));
        assert!(message(&|p| fs::write(&p.test_images, []).unwrap()).contains("test-images.idx"));
        assert!(message(&|p| fs::remove_file(&p.train_labels).unwrap()).starts_with("cannot open "));
    }
}
