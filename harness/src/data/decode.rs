//! From the four gzipped files of a publication to the bytes of four IDX files.

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use super::error::DataError;
use super::idx::{IMAGES_HEADER, LABELS_HEADER};
use super::publication::{Publication, PublishedFile};

/// What to do with a file that is not the published one.
const REMEDY: &str = "delete the file and run `trainmark data fetch`";

/// Reads, verifies and decompresses the files of `dir`.
///
/// # Errors
/// A file that cannot be read, differs from the published one, or does not
/// decompress to the length that the publication's shape asks for.
pub(super) fn decode(publication: &Publication, dir: &Path) -> Result<[Vec<u8>; 4], DataError> {
    let image = publication.height * publication.width;
    let lengths = [
        IMAGES_HEADER + publication.train_samples * image,
        LABELS_HEADER + publication.train_samples,
        IMAGES_HEADER + publication.test_samples * image,
        LABELS_HEADER + publication.test_samples,
    ];
    let mut decoded: [Vec<u8>; 4] = Default::default();
    for ((bytes, file), length) in decoded.iter_mut().zip(&publication.files).zip(lengths) {
        *bytes = decode_file(file, dir, length)?;
    }
    Ok(decoded)
}

fn decode_file(file: &PublishedFile, dir: &Path, length: usize) -> Result<Vec<u8>, DataError> {
    let path = dir.join(file.name);
    let compressed = match fs::read(&path) {
        Ok(compressed) => compressed,
        Err(cause) => return Err(DataError::Io { action: "read", path, cause, remedy: REMEDY }),
    };
    file.verify(&compressed)
        .and_then(|()| unpack(&compressed, length))
        .map_err(|(expected, found)| DataError::Malformed { path, expected, found, remedy: REMEDY.into() })
}

/// The bytes of a gzip that are to be so many, or what was expected and what was found.
fn unpack(compressed: &[u8], length: usize) -> Result<Vec<u8>, (String, String)> {
    let mut bytes = Vec::with_capacity(length);
    // One byte more than is wanted shows whether there is too much, and a
    // decompression bomb gets no further.
    let result = GzDecoder::new(compressed).take(length as u64 + 1).read_to_end(&mut bytes);
    let found = match result {
        Err(error) => format!("broken gzip after {} bytes: {error}", bytes.len()),
        Ok(count) if count > length => "gzip of more bytes".into(),
        Ok(count) if count < length => format!("gzip of {count} bytes"),
        Ok(_) => return Ok(bytes),
    };
    Err((format!("gzip of {length} bytes"), found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixtures::{self, Published};

    fn decode_published(published: &Published) -> Result<[Vec<u8>; 4], DataError> {
        let dir = tempfile::tempdir().unwrap();
        published.write_to(dir.path());
        decode(&published.publication, dir.path())
    }

    /// The error where the first file, with the right sum, is this.
    fn message(first: Vec<u8>) -> String {
        let [_, labels, test_images, test_labels] = fixtures::published().files;
        let published = fixtures::publish([first, labels, test_images, test_labels]);
        decode_published(&published).unwrap_err().to_string()
    }

    #[test]
    fn the_files_come_out_as_they_were() {
        assert!(decode_published(&fixtures::published()).unwrap() == fixtures::decoded());
    }

    #[test]
    fn truncated_gzip_is_an_error() {
        let whole = fixtures::published().files[0].clone();
        for length in [0, 5, whole.len() / 2, whole.len() - 1] {
            let message = message(whole[..length].to_vec());
            assert!(message.contains("expected gzip of 31376 bytes, found broken gzip after "), "{message}");
            assert!(message.ends_with("delete the file and run `trainmark data fetch`"), "{message}");
        }
    }

    #[test]
    fn corrupt_gzip_is_an_error() {
        let mut bytes = fixtures::published().files[0].clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        assert!(message(bytes).contains("found broken gzip after "));
        assert!(message(b"no gzip at all".to_vec()).contains("found broken gzip after 0 bytes: "));
    }

    #[test]
    fn another_length_is_an_error() {
        let idx = fixtures::decoded()[0].clone();
        let message_of = |bytes: &[u8]| message(fixtures::gzip(bytes));
        assert!(message_of(&idx[..100]).contains("expected gzip of 31376 bytes, found gzip of 100 bytes"));
        assert!(message_of(&[&idx[..], &[0]].concat()).contains("found gzip of more bytes"));
    }

    #[test]
    fn a_file_with_another_sum_is_an_error() {
        let mut published = fixtures::published();
        published.publication.files[3].md5 ^= 1;
        let message = decode_published(&published).unwrap_err().to_string();
        assert!(message.contains("t10k-labels-idx1-ubyte.gz: expected md5 "), "{message}");
    }

    #[test]
    fn an_absent_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let message = decode(&fixtures::published().publication, dir.path()).unwrap_err().to_string();
        assert!(message.starts_with("cannot read ") && message.contains("train-images"), "{message}");
    }
}
