//! A file of a data set, packed or not.

use flate2::{Crc, Decompress, FlushDecompress, Status};
use trainmark::data::{Decoded, FileState, PublishedFile};

use super::{assert_one_line, folder};

/// What the file should hold: three labels.
const CONTENT: &[u8] = b"\0\0\x08\x01\0\0\0\x03\x01\x02\x03";
/// Most bytes of what is packed here.
const MOST: usize = 1 << 16;

pub(super) fn run(bytes: &[u8]) {
    let file = published(CONTENT);
    let content = file.content(bytes.to_vec());
    folder::with(&[(file.name, bytes)], |folder| {
        assert_eq!(file.inspect(folder) == FileState::Good, content.is_ok(), "{content:?}");
    });
    match content {
        Ok(content) => assert!(content == CONTENT, "it is not what it should be: {content:?}"),
        Err(mismatch) => assert_one_line(&mismatch),
    }
    if let Some((gzip, content)) = packed(bytes) {
        hold(gzip, &content);
    }
}

fn published(content: &[u8]) -> PublishedFile {
    PublishedFile { name: "t10k-labels-idx1-ubyte.gz", md5: 0, bytes: 0, decoded: Some(Decoded::of(content)) }
}

/// A gzip of this body, and what it holds; at random its sum would never be right.
fn packed(body: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut content = Vec::with_capacity(MOST);
    let mut decompress = Decompress::new(false);
    let status = decompress.decompress_vec(body, &mut content, FlushDecompress::Finish);
    if !matches!(status, Ok(Status::StreamEnd)) {
        return None;
    }
    let end = usize::try_from(decompress.total_in()).ok()?;
    let mut sum = Crc::new();
    sum.update(&content);
    let mut gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    gzip.extend_from_slice(&body[..end]);
    gzip.extend([sum.sum(), sum.amount()].into_iter().flat_map(u32::to_le_bytes));
    Some((gzip, content))
}

/// A gzip is its content, twice it is that twice, and of what is too much nothing is taken.
fn hold(gzip: Vec<u8>, content: &[u8]) {
    let twice = published(&content.repeat(2)).content(gzip.repeat(2));
    assert!(twice.is_ok_and(|found| found == content.repeat(2)), "two members are not one file");
    assert!(published(content).content(gzip.clone()).is_ok_and(|found| found == content));
    if let Some((_, less)) = content.split_last() {
        let found = published(less).content(gzip).map_err(|mismatch| mismatch.found);
        assert_eq!(found, Err("gzip of more bytes".to_owned()));
    }
}
