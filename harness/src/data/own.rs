//! A data set of the user's own: four IDX files of a folder, `--dataset idx:DIR`.

use std::path::{Path, PathBuf};

use trainmark_reports::files;

use super::choice::OWN;
use super::decode::{GZIP, unpack_announced};
use super::decoded_files::DecodedFiles;
use super::error::DataError;
use super::store;

/// What of the name comes before and behind the kind, of each of the four files.
const SPLITS: [(&[&str], &str); 4] = [
    (&["train"], "images"),
    (&["train"], "labels"),
    (&["t10k", "test"], "images"),
    (&["t10k", "test"], "labels"),
];
/// How the names end; that of a file without channels comes first.
const ENDINGS: [&str; 5] = ["-idx3-ubyte", "-idx4-ubyte", "-idx1-ubyte", ".idx", "-ubyte"];
/// What to do about a file that is wrong.
const REMEDY: &str =
    "write it anew (docs/workloads.md has ten lines of Python for it), or name another folder";
/// The data set of the folder.
///
/// # Errors
/// Files that are missing, there under two names, no IDX, or do not fit together; no place to
/// write the decoded ones to.
pub(super) fn obtain(folder: &Path, cache: Option<&Path>) -> Result<DecodedFiles, DataError> {
    let paths = find(folder)?;
    let mut files: [Vec<u8>; 4] = Default::default();
    for (bytes, path) in files.iter_mut().zip(&paths) {
        *bytes = read(path)?;
    }
    store::examine(&files, None, |index| (paths[index].clone(), REMEDY))?;
    let fingerprint = store::fingerprint(&files);
    let kept = store::Kept {
        name: &name(folder),
        key: &format!("idx-{fingerprint:.32}"),
        fingerprint: Some(&fingerprint),
        classes: None,
        cache,
    };
    store::store(&kept, || Ok(files))
}

/// As it is told and recorded: its folder's own name says enough, and nothing of the machine.
fn name(folder: &Path) -> String {
    let absolute = std::path::absolute(folder).unwrap_or_default();
    let canonical = absolute.canonicalize().unwrap_or(absolute);
    let last = canonical.file_name().unwrap_or_default().to_string_lossy();
    format!("{OWN}{}", trainmark_reports::text::one_line(&last))
}

/// Where the four files lie.
fn find(folder: &Path) -> Result<[PathBuf; 4], DataError> {
    let mut paths: [PathBuf; 4] = Default::default();
    let mut missing = Vec::new();
    for (path, (splits, kind)) in paths.iter_mut().zip(SPLITS) {
        let names = names(splits, kind);
        let mut found = names.iter().map(|name| folder.join(name)).filter(|path| path.exists());
        match (found.next(), found.next()) {
            (Some(one), None) => *path = one,
            (Some(one), Some(other)) => return Err(DataError::Ambiguous { one, other }),
            (None, _) => missing.push(names[0].clone()),
        }
    }
    if missing.is_empty() {
        return Ok(paths);
    }
    let folder = folder.to_owned();
    Err(DataError::OwnMissing { is_folder: folder.is_dir(), folder, files: missing })
}

/// The names that one file may have.
fn names(splits: &[&str], kind: &str) -> Vec<String> {
    let of_labels =
        |ending: &&&str| ending.contains("idx1") == (kind == "labels") || !ending.contains("-idx");
    let endings = || ENDINGS.iter().filter(of_labels);
    let plain =
        splits.iter().flat_map(|split| endings().map(move |ending| format!("{split}-{kind}{ending}")));
    plain.flat_map(|name| [name.clone(), name + ".gz"]).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let bytes = files::read(path, files::RECORD_LIMIT).map_err(|cause| DataError::Io {
        action: "read",
        path: path.to_owned(),
        cause,
        remedy: REMEDY,
    })?;
    let bytes = if bytes.starts_with(&GZIP) { unpack_announced(&bytes) } else { Ok(bytes) };
    bytes.map_err(|mismatch| mismatch.in_file(path, REMEDY))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::fixtures;
    use crate::data::idx::{self, IdxImages};

    /// Images of three channels with more than ten classes.
    fn colours() -> [Vec<u8>; 4] {
        let split = |count: usize| {
            let pixels: Vec<u8> = (0..count * 3 * 4 * 5).map(|index| (index % 251) as u8).collect();
            let images = IdxImages { count, channels: 3, height: 4, width: 5, pixels: &pixels };
            let labels: Vec<u8> = (0..count).map(|index| (index * 37 % 256) as u8).collect();
            [idx::encode_images(&images), idx::encode_labels(&labels)]
        };
        let ([train_images, train_labels], [test_images, test_labels]) = (split(300), split(7));
        [train_images, train_labels, test_images, test_labels]
    }

    fn write(folder: &Path, names: [&str; 4], files: &[Vec<u8>; 4]) {
        for (name, bytes) in names.iter().zip(files) {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }

    const NAMES: [&str; 4] = [
        "train-images-idx4-ubyte",
        "train-labels-idx1-ubyte",
        "test-images-idx4-ubyte",
        "test-labels-idx1-ubyte",
    ];

    #[test]
    fn images_of_any_shape_and_up_to_256_classes_are_taken() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("pets");
        fs::create_dir(&folder).unwrap();
        write(&folder, NAMES, &colours());
        let cache = root.path().join("cache");
        let made = obtain(&folder, Some(&cache)).unwrap();
        assert_eq!((&*made.name, made.shape(), made.classes), ("idx:pets", [3, 4, 5], 256));
        assert_eq!((made.train_samples, made.test_samples), (300, 7));
        assert_eq!(made.fingerprint, store::fingerprint(&colours()));
        let mapped = made.map().unwrap();
        assert!(mapped.dataset().train.pixels == &colours()[0][20..]);
        assert_eq!(mapped.dataset().test.sample_len(), 60);
        // What changes is another data set, and the one that is in use stays.
        let mut other = colours();
        other[0][99] ^= 1;
        write(&folder, NAMES, &other);
        assert_ne!(obtain(&folder, Some(&cache)).unwrap().fingerprint, made.fingerprint);
        assert!(made.map().is_ok());
    }

    #[test]
    fn the_usual_names_packed_or_not() {
        let namings = [
            NAMES,
            ["train-images.idx", "train-labels.idx", "test-images.idx", "test-labels.idx"],
            [
                "train-images-idx4-ubyte.gz",
                "train-labels-idx1-ubyte.gz",
                "t10k-images-idx3-ubyte",
                "t10k-labels.idx.gz",
            ],
        ];
        for names in namings {
            let folder = tempfile::tempdir().unwrap();
            let files: [Vec<u8>; 4] = std::array::from_fn(|index| match names[index].ends_with(".gz") {
                true => fixtures::gzip(&colours()[index]),
                false => colours()[index].clone(),
            });
            write(folder.path(), names, &files);
            assert_eq!(obtain(folder.path(), None).unwrap().fingerprint, store::fingerprint(&colours()));
        }
    }

    /// The message where one file is changed so.
    fn message(change: impl FnOnce(&Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), NAMES, &colours());
        change(folder.path());
        let message = obtain(folder.path(), None).unwrap_err().to_string();
        message.replace(&folder.path().display().to_string(), "DIR")
    }

    fn with(name: &'static str, bytes: Vec<u8>) -> String {
        message(|folder| fs::write(folder.join(name), bytes).unwrap())
    }

    #[test]
    fn what_is_wrong_is_told_with_its_file() {
        let [_, labels, test, _] = colours();
        let lines = [
            message(|folder| fs::remove_file(folder.join(NAMES[1])).unwrap()),
            message(|folder| fs::remove_dir_all(folder).unwrap()),
            with("train-images.idx.gz", Vec::new()),
            with(NAMES[0], labels.clone()),
            with(NAMES[0], test),
            with(NAMES[1], labels[..200].to_vec()),
            with(
                NAMES[2],
                idx::encode_images(&IdxImages {
                    count: 7,
                    channels: 1,
                    height: 4,
                    width: 5,
                    pixels: &[0; 140],
                }),
            ),
            with(NAMES[3], idx::encode_labels(&[0; 6])),
            with(NAMES[3], idx::encode_labels(&[])),
            with(NAMES[0], b"GIF89a, which is something else".to_vec()),
            with(NAMES[0], b"\x1f\x8b, which is something else".to_vec()),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_gzip_is_unpacked_no_further_than_its_header_announces() {
        let header = [2052_u32, 300, 3, 4, 5].map(u32::to_be_bytes).concat();
        let bomb = fixtures::gzip(&[header, vec![0; 64 << 20]].concat());
        let told = with(NAMES[0], bomb);
        assert!(
            told.contains("expected 18000 bytes after the header (300×3×4×5), found 18001 bytes"),
            "{told}"
        );
        let vast = [2052_u32, 1 << 20, 3, 1 << 10, 1 << 10].map(u32::to_be_bytes).concat();
        let told = with(NAMES[0], fixtures::gzip(&vast));
        assert!(
            told.contains("expected at most 1073741824 bytes, found a header that announces 3298534883348"),
            "{told}"
        );
    }
}
