//! From the files of a publication, packed or not, to the bytes of four IDX files.

use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use trainmark_reports::files;

use super::error::{DataError, Mismatch};
use super::publication::{Packing, Publication, PublishedFile};
use super::{archives, idx};

/// Of a gzip so much is unpacked first, to see how long its content says it is.
const LONGEST_HEADER: u64 = 20;

/// With these bytes each gzip begins.
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads, decompresses and verifies the files of `dir`.
///
/// # Errors
/// A file that cannot be read, or whose content is not the published one.
pub(super) fn decode(publication: &Publication, dir: &Path) -> Result<[Vec<u8>; 4], DataError> {
    if publication.packing != Packing::Files {
        return archives::decode(publication, dir);
    }
    let mut decoded: [Vec<u8>; 4] = Default::default();
    for (bytes, file) in decoded.iter_mut().zip(publication.files) {
        let path = file.path_in(dir);
        let found = files::read(&path, file.most_bytes()).map_err(|cause| unreadable(&path, cause))?;
        *bytes = file.content(found).map_err(|mismatch| mismatch.in_file(&path, publication.remedy()))?;
    }
    Ok(decoded)
}

pub(super) fn unreadable(path: &Path, cause: io::Error) -> DataError {
    let remedy = "make it readable, or name another folder with --data-dir DIR";
    DataError::Io { action: "read", path: path.to_owned(), cause, remedy }
}

impl PublishedFile {
    /// What it holds, from the bytes of a file that is to be it: as they are, or unpacked where
    /// they are a gzip. Of one that holds more than it should no more than that is unpacked.
    ///
    /// # Errors
    /// Where that is another content.
    pub fn content(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Mismatch> {
        let Some(decoded) = self.decoded else {
            self.verify(&bytes).map_err(|mismatch| self.only_as_published(mismatch))?;
            return unpack_announced(&bytes);
        };
        let bytes = if bytes.starts_with(&GZIP) { unpack(&bytes[..], decoded.bytes)? } else { bytes };
        decoded.verify(&bytes)?;
        Ok(bytes)
    }
}

/// The bytes of a gzip that are to be so many.
fn unpack(compressed: impl Read, length: usize) -> Result<Vec<u8>, Mismatch> {
    let mut bytes = Vec::with_capacity(length);
    // One byte more than is wanted shows whether there is too much, and a
    // decompression bomb gets no further.
    let result = MultiGzDecoder::new(compressed).take(length as u64 + 1).read_to_end(&mut bytes);
    let found = match result {
        Err(error) => format!("broken gzip after {} bytes: {error}", bytes.len()),
        Ok(count) if count > length => "gzip of more bytes".into(),
        Ok(count) if count < length => format!("gzip of {count} bytes"),
        Ok(_) => return Ok(bytes),
    };
    Err(Mismatch::new(format!("gzip of {length} bytes"), found))
}

/// What a gzip of an IDX file holds, no further than to the length that it says it has.
pub(super) fn unpack_announced(bytes: &[u8]) -> Result<Vec<u8>, Mismatch> {
    let mut reader = MultiGzDecoder::new(bytes);
    let mut content = Vec::new();
    let broken =
        |error, length| Mismatch::new("a gzip", format!("broken gzip after {length} bytes: {error}"));
    if let Err(error) = reader.by_ref().take(LONGEST_HEADER).read_to_end(&mut content) {
        return Err(broken(error, content.len()));
    }
    let announced = idx::announced_length(&content)? as u64;
    if announced > files::RECORD_LIMIT {
        let most = format!("at most {} bytes", files::RECORD_LIMIT);
        return Err(Mismatch::new(most, format!("a header that announces {announced}")));
    }
    // One byte more shows that there are too many, as the check of the file's length says then.
    let rest = (announced + 1).saturating_sub(content.len() as u64);
    match reader.take(rest).read_to_end(&mut content) {
        Ok(_) => Ok(content),
        Err(error) => Err(broken(error, content.len())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::data::fixtures::{self, Published};

    fn decode_published(published: &Published) -> Result<[Vec<u8>; 4], DataError> {
        let dir = tempfile::tempdir().unwrap();
        published.write_to(dir.path());
        decode(published.publication, dir.path())
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
        for length in [5, whole.len() / 2, whole.len() - 1] {
            let message = message(whole[..length].to_vec());
            assert!(message.contains("expected gzip of 31376 bytes, found broken gzip after "), "{message}");
            assert!(message.contains("; name another folder with --data-dir DIR, or move "), "{message}");
        }
    }

    #[test]
    fn corrupt_gzip_is_an_error() {
        let mut bytes = fixtures::published().files[0].clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        let message_of_corrupt = message(bytes);
        let is_told = ["broken gzip after ", "SHA-256"].iter().any(|word| message_of_corrupt.contains(word));
        assert!(is_told, "{message_of_corrupt}");
        assert!(message(b"no gzip".to_vec()).contains("found content of 7 bytes with SHA-256 "));
        assert!(message(Vec::new()).contains("found content of 0 bytes with SHA-256 "));
    }

    #[test]
    fn a_gzip_of_several_members_is_one() {
        let [first, second] =
            [&fixtures::decoded()[0][..9], &fixtures::decoded()[0][9..]].map(fixtures::gzip);
        let [_, labels, test_images, test_labels] = fixtures::published().files;
        let published = fixtures::publish([[first, second].concat(), labels, test_images, test_labels]);
        assert!(decode_published(&published).unwrap() == fixtures::decoded());
    }

    #[test]
    fn another_length_is_an_error() {
        let idx = fixtures::decoded()[0].clone();
        let message_of = |bytes: &[u8]| message(fixtures::gzip(bytes));
        assert!(message_of(&idx[..100]).contains("expected gzip of 31376 bytes, found gzip of 100 bytes"));
        assert!(message_of(&[&idx[..], &[0]].concat()).contains("found gzip of more bytes"));
    }

    /// Zeros without end, compressed.
    struct Bomb(GzEncoder<Vec<u8>>);

    impl Read for Bomb {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            while self.0.get_ref().is_empty() {
                self.0.write_all(&[0; 1 << 16])?;
            }
            let count = self.0.get_ref().as_slice().read(buffer)?;
            self.0.get_mut().drain(..count);
            Ok(count)
        }
    }

    #[test]
    fn a_bomb_is_unpacked_no_further_than_to_the_length_that_is_wanted() {
        let bomb = Bomb(GzEncoder::new(Vec::new(), Compression::fast()));
        let mismatch = unpack(bomb, 1000).unwrap_err();
        assert_eq!(mismatch.to_string(), "expected gzip of 1000 bytes, found gzip of more bytes");
    }

    #[test]
    fn another_content_is_an_error() {
        let mut published = fixtures::published();
        published.change(3, |file| file.decoded.as_mut().unwrap().sha256[0] ^= 1);
        let message = decode_published(&published).unwrap_err().to_string();
        assert!(
            message.contains("t10k-labels-idx1-ubyte.gz: expected content of 17 bytes with SHA-256 "),
            "{message}"
        );
    }

    #[test]
    fn an_absent_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let message = decode(fixtures::published().publication, dir.path()).unwrap_err().to_string();
        assert!(message.starts_with("cannot read ") && message.contains("train-images"), "{message}");
    }
}
