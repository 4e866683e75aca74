//! Where decoded data sets are kept: `decoded/KEY/` in trainmark's cache, four
//! raw IDX files and `contents.json`. A folder appears whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use trainmark_reports::files;

use super::decoded_files::{self, DecodedFiles};
use super::error::{DataError, Mismatch};
use super::idx::{self, IdxImages};
use crate::file_version::FileVersion;
use crate::units::hexadecimal;

const FILES: [&str; 4] = ["train-images.idx", "train-labels.idx", "test-images.idx", "test-labels.idx"];
const CONTENTS: &str = "contents.json";

/// What a decoded folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contents {
    fingerprint: String,
    #[serde(default = "decoded_files::one")]
    channels: usize,
    height: usize,
    width: usize,
    #[serde(default = "decoded_files::ten")]
    classes: usize,
    train_samples: usize,
    test_samples: usize,
}

/// A data set in a cache.
pub(super) struct Kept<'k> {
    /// Its name.
    pub(super) name: &'k str,
    /// Its folder's.
    pub(super) key: &'k str,
    /// Its fingerprint, where it is known beforehand: then no folder's own word counts.
    pub(super) fingerprint: Option<&'k str>,
    /// Its number of classes, where it is known beforehand; else one more than the greatest label.
    pub(super) classes: Option<usize>,
    /// The cache, if there is one.
    pub(super) cache: Option<&'k Path>,
}

/// The data set from the cache; where it is not there whole, from
/// `make`, which gives the four IDX files, and into the cache. Without a cache
/// that can be written it goes into a temporary folder.
///
/// # Errors
/// Those of `make`; IDX files that are malformed or do not fit together; no
/// temporary folder either.
pub(super) fn store(
    &Kept { name, key, fingerprint, classes, cache }: &Kept<'_>,
    make: impl FnOnce() -> Result<[Vec<u8>; 4], DataError>,
) -> Result<DecodedFiles, DataError> {
    let kept = cache.map(|cache| cache.join("decoded").join(key));
    let found = kept.as_ref().and_then(|dir| Some((dir, reusable(dir, classes)?)));
    if let Some((dir, (contents, states))) =
        found.filter(|(_, (contents, _))| fingerprint.is_none_or(|known| known == contents.fingerprint))
    {
        return Ok(files_in(name, dir, contents, states, None));
    }
    let files = make()?;
    let contents = examine(&files, classes, |index| {
        let path = PathBuf::from(format!("{} of {name}", FILES[index]));
        (path, "the data set itself is wrong: use another one")
    })?;
    if let Some(dir) = kept.filter(|dir| keep(dir, &files, &contents, classes).is_ok()) {
        let states = states(&dir);
        return Ok(files_in(name, &dir, contents, states, None));
    }
    let dir = Arc::new(write_temporarily(&files, &contents).map_err(|cause| DataError::Io {
        action: "write the decoded data set to",
        path: std::env::temp_dir(),
        cause,
        remedy: "free some space there (55 MB), or set TMPDIR or XDG_CACHE_HOME to a folder that can be written",
    })?);
    let states = states(dir.path());
    Ok(files_in(name, dir.path(), contents, states, Some(Arc::clone(&dir))))
}

fn write_temporarily(files: &[Vec<u8>; 4], contents: &Contents) -> io::Result<TempDir> {
    let dir = tempfile::Builder::new().prefix("trainmark-data-").tempdir()?;
    write(dir.path(), files, contents)?;
    Ok(dir)
}

fn files_in(
    name: &str,
    dir: &Path,
    contents: Contents,
    states: Vec<FileVersion>,
    temporary: Option<Arc<TempDir>>,
) -> DecodedFiles {
    let paths = FILES.map(|file| dir.join(file));
    let held: Option<Vec<File>> = paths.iter().map(|path| File::open(path).ok()).collect();
    let held = held.and_then(|held| <[File; 4]>::try_from(held).ok()).map(Arc::new);
    let [train_images, train_labels, test_images, test_labels] = paths;
    DecodedFiles {
        name: name.into(),
        train_images,
        train_labels,
        test_images,
        test_labels,
        fingerprint: contents.fingerprint,
        channels: contents.channels,
        height: contents.height,
        width: contents.width,
        classes: contents.classes,
        train_samples: contents.train_samples,
        test_samples: contents.test_samples,
        notice: None,
        states,
        temporary,
        held,
    }
}

/// What a folder's files are at this moment.
fn states(dir: &Path) -> Vec<FileVersion> {
    let found = FILES.iter().filter_map(|file| fs::metadata(dir.join(file)).ok());
    found.map(|metadata| FileVersion::of(&metadata)).collect()
}

/// The contents of a folder that holds what it tells, and what its files were before they were
/// read.
fn reusable(dir: &Path, classes: Option<usize>) -> Option<(Contents, Vec<FileVersion>)> {
    let states = states(dir);
    let read = |name, limit| files::read(&dir.join(name), limit).ok();
    let told: Contents = serde_json::from_slice(&read(CONTENTS, files::TEXT_LIMIT)?).ok()?;
    let found: Option<Vec<Vec<u8>>> = FILES.iter().map(|name| read(name, files::RECORD_LIMIT)).collect();
    let in_cache = |index: usize| (dir.join(FILES[index]), "");
    let found = examine(found?.as_slice().try_into().ok()?, classes, in_cache).ok()?;
    (found == told).then_some((told, states))
}

/// Checks that the four files are a data set of so many classes, and takes their fingerprint.
/// `told` says how each of them is called, and what to do about one that is wrong.
pub(super) fn examine(
    files: &[Vec<u8>; 4],
    classes: Option<usize>,
    told: impl Fn(usize) -> (PathBuf, &'static str),
) -> Result<Contents, DataError> {
    let told = &told;
    let in_file = |index: usize| {
        move |error: Mismatch| {
            let (path, remedy) = told(index);
            error.in_file(&path, remedy)
        }
    };
    let train = IdxImages::parse(&files[0]).map_err(in_file(0))?;
    let train_labels = idx::parse_labels(&files[1]).map_err(in_file(1))?;
    idx::expect_labels(train_labels, train.count).map_err(in_file(1))?;
    let test = IdxImages::parse(&files[2]).map_err(in_file(2))?;
    test.expect(test.count, train.shape()).map_err(in_file(2))?;
    let test_labels = idx::parse_labels(&files[3]).map_err(in_file(3))?;
    idx::expect_labels(test_labels, test.count).map_err(in_file(3))?;
    let greatest = train_labels.iter().chain(test_labels).max();
    let classes = classes.unwrap_or(greatest.map_or(0, |&label| usize::from(label) + 1));
    idx::expect_classes(train_labels, classes).map_err(in_file(1))?;
    idx::expect_classes(test_labels, classes).map_err(in_file(3))?;
    Ok(Contents {
        fingerprint: fingerprint(files),
        channels: train.channels,
        classes,
        height: train.height,
        width: train.width,
        train_samples: train.count,
        test_samples: test.count,
    })
}

/// SHA-256 of the files, one behind the other, in hexadecimal digits.
pub(super) fn fingerprint(files: &[Vec<u8>; 4]) -> String {
    let mut digest = Sha256::new();
    for file in files {
        digest.update(file);
    }
    hexadecimal(&digest.finalize())
}

/// Puts the folder in place as a whole. Another process may do the same at the
/// same time: whoever comes second finds a folder that is whole, and uses it.
fn keep(dir: &Path, files: &[Vec<u8>; 4], contents: &Contents, classes: Option<usize>) -> io::Result<()> {
    let parent = dir.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(parent)?;
    let fresh = tempfile::Builder::new().prefix(".new-").tempdir_in(parent)?;
    write(fresh.path(), files, contents)?;
    if fs::rename(fresh.path(), dir).is_ok() {
        // The folder has another name now; nothing is left to remove.
        let _ = fresh.keep();
        return Ok(());
    }
    if reusable(dir, classes).is_some_and(|(found, _)| found == *contents) {
        return Ok(());
    }
    let broken = tempfile::Builder::new().prefix(".broken-").tempdir_in(parent)?;
    fs::rename(dir, broken.path().join("folder"))?;
    fs::rename(fresh.path(), dir)?;
    let _ = fresh.keep();
    Ok(())
}

fn write(dir: &Path, files: &[Vec<u8>; 4], contents: &Contents) -> io::Result<()> {
    for (name, bytes) in FILES.iter().zip(files) {
        fs::write(dir.join(name), bytes)?;
    }
    fs::write(dir.join(CONTENTS), serde_json::to_vec_pretty(contents)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixtures;

    fn never() -> Result<[Vec<u8>; 4], DataError> {
        panic!("the kept folder should have been used")
    }

    fn kept(cache: Option<&Path>) -> Kept<'_> {
        Kept { name: "random", key: "key", fingerprint: None, classes: Some(10), cache }
    }

    fn entries(dir: &Path) -> Vec<String> {
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_is_kept_is_used_again() {
        let cache = tempfile::tempdir().unwrap();
        let first = store(&kept(Some(cache.path())), || Ok(fixtures::decoded())).unwrap();
        assert_eq!(first.fingerprint, fingerprint(&fixtures::decoded()));
        assert_eq!(
            (first.height, first.width, first.train_samples, first.test_samples),
            (fixtures::SIDE, fixtures::SIDE, fixtures::TRAIN, fixtures::TEST)
        );
        assert!(first.train_images.starts_with(cache.path()));
        let second = store(&kept(Some(cache.path())), never).unwrap();
        assert_eq!(second.fingerprint, first.fingerprint);
        assert_eq!(entries(&cache.path().join("decoded")), ["key"], "no temporary folder is left");
    }

    #[test]
    fn a_damaged_folder_is_made_anew() {
        let cache = tempfile::tempdir().unwrap();
        let again = || store(&kept(Some(cache.path())), || Ok(fixtures::decoded())).unwrap();
        let dir = cache.path().join("decoded/key");
        again();
        let damages: [&dyn Fn(); 5] = [
            &|| fs::write(dir.join(FILES[0]), b"short").unwrap(),
            &|| {
                // The right length, and still wrong.
                let mut bytes = fs::read(dir.join(FILES[2])).unwrap();
                bytes[100] ^= 1;
                fs::write(dir.join(FILES[2]), bytes).unwrap();
            },
            &|| fs::remove_file(dir.join(FILES[3])).unwrap(),
            &|| fs::write(dir.join(CONTENTS), b"{").unwrap(),
            &|| fs::remove_file(dir.join(CONTENTS)).unwrap(),
        ];
        for damage in damages {
            damage();
            assert!(reusable(&dir, Some(10)).is_none());
            assert!(again().map().is_ok());
            assert!(reusable(&dir, Some(10)).is_some());
        }
        assert_eq!(entries(&cache.path().join("decoded")), ["key"]);
    }

    #[test]
    fn a_folder_that_vouches_for_altered_labels_is_made_anew_where_they_are_known() {
        let cache = tempfile::tempdir().unwrap();
        let known = fingerprint(&fixtures::decoded());
        let kept = Kept { fingerprint: Some(&known), ..kept(Some(cache.path())) };
        let again = || store(&kept, || Ok(fixtures::decoded())).unwrap();
        again();
        let dir = cache.path().join("decoded/key");
        let mut files = fixtures::decoded();
        files[1][20] ^= 1;
        let contents = examine(&files, Some(10), |_| (PathBuf::new(), "")).unwrap();
        write(&dir, &files, &contents).unwrap();
        assert_eq!(reusable(&dir, Some(10)).unwrap().0, contents, "it is whole by its own word");
        assert_eq!(again().fingerprint, known);
        assert_eq!(again().map().unwrap().dataset().train.labels, &fixtures::decoded()[1][8..]);
    }

    #[test]
    fn many_at_once_get_along() {
        let cache = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let made = store(&kept(Some(cache.path())), || Ok(fixtures::decoded())).unwrap();
                    assert!(!made.is_temporary());
                    assert!(made.map().is_ok());
                });
            }
        });
        assert_eq!(entries(&cache.path().join("decoded")), ["key"]);
    }

    #[test]
    fn a_cache_that_cannot_be_written_gives_a_temporary_folder() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"").unwrap();
        let made = store(&kept(Some(&file)), || Ok(fixtures::decoded())).unwrap();
        assert!(made.is_temporary());
        assert!(made.map().is_ok());
    }

    #[test]
    fn files_that_do_not_fit_together_are_refused() {
        let message = |change: &dyn Fn(&mut [Vec<u8>; 4])| {
            let mut files = fixtures::decoded();
            change(&mut files);
            store(&kept(None), || Ok(files)).unwrap_err().to_string()
        };
        let text = message(&|files| files[1] = files[3].clone());
        assert_eq!(
            text,
            "train-labels.idx of random: expected 40 labels, one per image, found 9 labels; \
             the data set itself is wrong: use another one"
        );
        assert!(message(&|files| files[3][8] = 10).contains("found label 10 at sample 0"));
        assert!(message(&|files| files.swap(0, 1)).contains("expected IDX images"));
        assert!(message(&|files| files[2][11..16].copy_from_slice(&[14, 0, 0, 0, 56])).contains("28×28"));
    }
}
