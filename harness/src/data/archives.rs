//! Data sets that are published as one archive: EMNIST, a zip of gzips, and CIFAR-10, a tar of
//! records.
//!
//! Only the archive itself is read, once its sum has shown that it is the published one; so these
//! readers know what is in it, and no more of the two formats.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use flate2::read::{DeflateDecoder, MultiGzDecoder};
use trainmark_numerics::images;
use trainmark_reports::files;

use super::decode::{unpack_announced, unreadable};
use super::error::{DataError, Mismatch};
use super::idx::{self, IdxImages};
use super::publication::{Packing, Publication};

/// Rows and columns of an image of CIFAR-10.
const CIFAR_SIDE: usize = 32;
const CIFAR_IMAGE: usize = 3 * CIFAR_SIDE * CIFAR_SIDE;

/// The four IDX files of the publication whose archive is in `dir`.
///
/// # Errors
/// An archive that cannot be read, is another one, or holds something else.
pub(super) fn decode(publication: &Publication, dir: &Path) -> Result<[Vec<u8>; 4], DataError> {
    let mut decoded = Default::default();
    for archive in publication.files {
        let path = archive.path_in(dir);
        let other = |mismatch: Mismatch| mismatch.in_file(&path, publication.remedy());
        let verified = archive.verify_file(&path).map_err(|cause| unreadable(&path, cause))?;
        verified.map_err(|mismatch| other(archive.only_as_published(mismatch)))?;
        let file = files::open_regular(&path).map_err(|cause| unreadable(&path, cause))?;
        decoded = match publication.packing {
            Packing::Emnist { member, first_label } => emnist(&file, member, first_label),
            Packing::Cifar10 | Packing::Files => cifar10(MultiGzDecoder::new(io::BufReader::new(file))),
        }
        .map_err(other)?;
    }
    Ok(decoded)
}

/// Training and test split, images turned upright and labels from 0.
fn emnist(zip: &File, member: &str, first_label: u8) -> Result<[Vec<u8>; 4], Mismatch> {
    let names = ["train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"];
    let mut decoded: [Vec<u8>; 4] = Default::default();
    for (bytes, name) in decoded.iter_mut().zip(names) {
        let name = format!("gzip/{member}-{name}-ubyte.gz");
        let found = zip_member(zip, &name).map_err(|error| broken(&name, &error))?;
        *bytes = unpack_announced(&found)?;
        if name.contains("images") {
            let images = IdxImages::parse(bytes)?;
            let (height, width, header) = (images.height, images.width, idx::images_header(bytes));
            images::transpose(&mut bytes[header..], height, width);
        } else {
            let header = idx::LABELS_HEADER.min(bytes.len());
            bytes[header..].iter_mut().for_each(|label| *label = label.wrapping_sub(first_label));
        }
    }
    Ok(decoded)
}

fn broken(member: &str, error: &io::Error) -> Mismatch {
    Mismatch::new(format!("an archive with {member}"), error.to_string())
}

/// The content of a member of a zip.
fn zip_member(zip: &File, name: &str) -> io::Result<Vec<u8>> {
    let read = |from: u64, length: usize| {
        let mut bytes = vec![0; length];
        zip.read_exact_at(&mut bytes, from).map(|()| bytes)
    };
    let length = zip.metadata()?.len();
    // The archive's end has no comment behind it.
    let end = read(length.checked_sub(22).ok_or_else(no_zip)?, 22)?;
    if !end.starts_with(b"PK\x05\x06") {
        return Err(no_zip());
    }
    let directory = read(number(&end, 16, 4), number(&end, 12, 4) as usize)?;
    let mut rest = &directory[..];
    while rest.len() >= 46 && rest.starts_with(b"PK\x01\x02") {
        let [name_length, extra, comment] = [28, 30, 32].map(|place| number(rest, place, 2) as usize);
        let found = rest.get(46..46 + name_length).ok_or_else(no_zip)?;
        if found == name.as_bytes() {
            let (method, sum) = (number(rest, 10, 2), number(rest, 16, 4));
            let [packed, length, local] = [20, 24, 42].map(|place| number(rest, place, 4));
            let header = read(local, 30)?;
            let content = local + 30 + number(&header, 26, 2) + number(&header, 28, 2);
            return unpack_member(method, read(content, packed as usize)?, length, sum);
        }
        rest = rest.get(46 + name_length + extra + comment..).unwrap_or_default();
    }
    Err(io::Error::other(format!("a zip without {name}")))
}

fn no_zip() -> io::Error {
    io::Error::other("no zip")
}

/// A number of so many bytes, the least significant first.
fn number(bytes: &[u8], from: usize, length: usize) -> u64 {
    bytes[from..from + length].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn unpack_member(method: u64, packed: Vec<u8>, length: u64, sum: u64) -> io::Result<Vec<u8>> {
    const STORED: u64 = 0;
    const DEFLATED: u64 = 8;
    let content = match method {
        STORED => packed,
        DEFLATED => {
            let mut content = Vec::new();
            DeflateDecoder::new(&packed[..]).take(length + 1).read_to_end(&mut content)?;
            content
        }
        other => return Err(io::Error::other(format!("a member packed by method {other}"))),
    };
    let mut found = flate2::Crc::new();
    found.update(&content);
    match content.len() as u64 == length && u64::from(found.sum()) == sum {
        true => Ok(content),
        false => Err(io::Error::other("a broken member")),
    }
}

/// Five batches to train on and one to test on, in the order of their names.
fn cifar10(tar: impl Read) -> Result<[Vec<u8>; 4], Mismatch> {
    let in_archive = |error: io::Error| broken("cifar-10-batches-bin", &error);
    let mut splits = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    let mut batches = tar_members(tar, ".bin").map_err(in_archive)?;
    batches.sort();
    for (name, records) in &batches {
        let (pixels, labels) = &mut splits[usize::from(name.ends_with("test_batch.bin"))];
        let records = records.chunks_exact(1 + CIFAR_IMAGE);
        if !records.remainder().is_empty() {
            return Err(Mismatch::new(
                format!("records of {} bytes in {name}", 1 + CIFAR_IMAGE),
                "a part of one",
            ));
        }
        for record in records {
            labels.push(record[0]);
            pixels.extend_from_slice(&record[1..]);
        }
    }
    let [train, test] = splits.map(|(pixels, labels)| {
        let count = labels.len();
        let images = IdxImages { count, channels: 3, height: CIFAR_SIDE, width: CIFAR_SIDE, pixels: &pixels };
        (idx::encode_images(&images), idx::encode_labels(&labels))
    });
    Ok([train.0, train.1, test.0, test.1])
}

/// Names and contents of the files of a tar whose names end so.
fn tar_members(mut tar: impl Read, ending: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let (mut members, mut header) = (Vec::new(), [0; 512]);
    loop {
        tar.read_exact(&mut header)?;
        if header == [0; 512] {
            return Ok(members);
        }
        let text = |from: usize, length: usize| {
            let field = &header[from..from + length];
            String::from_utf8_lossy(field.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
        };
        let (name, length) = (text(0, 100), text(124, 12));
        let length = u64::from_str_radix(length.trim(), 8).map_err(|_| io::Error::other("no tar"))?;
        let mut content = tar.by_ref().take(length.next_multiple_of(512));
        if name.ends_with(ending) && length <= files::RECORD_LIMIT {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            if (bytes.len() as u64) < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes.truncate(length as usize);
            members.push((name, bytes));
        } else {
            io::copy(&mut content, &mut io::sink())?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::*;
    use crate::data::fixtures;

    /// Of Python's `zipfile`: a stored member and a deflated one.
    const ZIP: &str = "UEsDBBQAAAAAAAAAIVCzJE6WCAAAAAgAAAAPAAAAZ3ppcC9zdG9yZWQuYmluYXMgaXQgaXNQSwMEFAAAAAgAAAAhUGmuxXwM\
        AAAAjAAAAA8AAABnemlwL3BhY2tlZC5iaW4rSEzOTk1RKBgMFABQSwECFAMUAAAAAAAAACFQsyROlggAAAAIAAAADwAAAAAAAAAAAAAA\
        gAEAAAAAZ3ppcC9zdG9yZWQuYmluUEsBAhQDFAAAAAgAAAAhUGmuxXwMAAAAjAAAAA8AAAAAAAAAAAAAAIABNQAAAGd6aXAvcGFja2Vk\
        LmJpblBLBQYAAAAAAgACAHoAAABuAAAAAAA=";
    /// Of Python's `tarfile`: a folder and two files.
    const TAR: &str = "H4sIAAAAAAACA+3UQQ7CIBCF4TkKJ1BIAc9TKsZuICkYr281rkiXtk3j/y1mJmH5wgt9He6xnGVFeuat/exZuxfuS2c6UU42\
        8Ci1n5SSPxW++ecUT2FMe+RvTNfkb7TzVpQm/9XdxqlUxWT+dgoO1f/1mffq//dr2//eOPp/CyUOOV35BwAAAAAAAAAAAABwdC+ULUcxACgA\
        AA==";

    fn file_of(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn members_of_a_zip_are_found_by_name() {
        let bytes = BASE64_STANDARD.decode(ZIP).unwrap();
        let file = file_of(&bytes);
        assert_eq!(zip_member(&file, "gzip/stored.bin").unwrap(), b"as it is");
        assert_eq!(zip_member(&file, "gzip/packed.bin").unwrap(), b"packed ".repeat(20));
        let told = |file: &File, name: &str| zip_member(file, name).unwrap_err().to_string();
        assert_eq!(told(&file, "gzip/other.bin"), "a zip without gzip/other.bin");
        assert_eq!(told(&file_of(b"short"), "x"), "no zip");
        assert_eq!(told(&file_of(&bytes[..bytes.len() - 1]), "x"), "no zip");
        let mut changed = bytes.clone();
        changed[46] ^= 1;
        assert_eq!(told(&file_of(&changed), "gzip/stored.bin"), "a broken member");
        for end in 0..bytes.len() {
            // A part of it is an error, and no panic.
            let cut = [&bytes[..end], &bytes[bytes.len() - 22..]].concat();
            let _ = zip_member(&file_of(&cut), "gzip/packed.bin");
        }
    }

    #[test]
    fn files_of_a_tar_are_read_in_order() {
        let bytes = BASE64_STANDARD.decode(TAR).unwrap();
        let members = tar_members(MultiGzDecoder::new(&bytes[..]), ".bin").unwrap();
        assert_eq!(
            members,
            [
                ("batches/one.bin".to_owned(), b"first ".repeat(100)),
                ("batches/two.bin".to_owned(), b"second".to_vec())
            ]
        );
        assert_eq!(tar_members(MultiGzDecoder::new(&bytes[..]), "two.bin").unwrap().len(), 1);
        assert!(tar_members(&b"no tar"[..], "").is_err());
        assert_eq!(tar_members(&[b'x'; 512][..], "").unwrap_err().to_string(), "no tar");
    }

    #[test]
    fn emnist_is_turned_upright_and_its_letters_count_from_0() {
        let images =
            IdxImages { count: 2, channels: 1, height: 2, width: 2, pixels: &[1, 2, 3, 4, 5, 6, 7, 8] };
        let (images, labels) = (idx::encode_images(&images), idx::encode_labels(&[1, 26]));
        let members =
            ["train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"].map(|name| {
                let content = if name.contains("images") { &images } else { &labels };
                (format!("gzip/emnist-letters-{name}-ubyte.gz"), fixtures::gzip(content))
            });
        let file = file_of(&fixtures::zip(&members));
        let [train, labels, test, _] = emnist(&file, "emnist-letters", 1).unwrap();
        assert_eq!(IdxImages::parse(&train).unwrap().pixels, [1, 3, 2, 4, 5, 7, 6, 8]);
        assert_eq!(train, test);
        assert_eq!(idx::parse_labels(&labels).unwrap(), [0, 25]);
        let missing = emnist(&file, "emnist-digits", 0).unwrap_err().to_string();
        assert!(
            missing.ends_with("found a zip without gzip/emnist-digits-train-images-idx3-ubyte.gz"),
            "{missing}"
        );
    }

    #[test]
    fn cifar_10_is_put_together_of_its_batches() {
        let record = |label: u8| [vec![label], vec![label * 10; CIFAR_IMAGE]].concat();
        let members = [
            ("cifar-10-batches-bin/data_batch_2.bin", record(3)),
            ("cifar-10-batches-bin/readme.html", b"words".to_vec()),
            ("cifar-10-batches-bin/data_batch_1.bin", [record(1), record(2)].concat()),
            ("cifar-10-batches-bin/test_batch.bin", record(9)),
        ];
        let decoded = cifar10(&fixtures::tar(&members)[..]).unwrap();
        assert_eq!(idx::parse_labels(&decoded[1]).unwrap(), [1, 2, 3]);
        assert_eq!(idx::parse_labels(&decoded[3]).unwrap(), [9]);
        let images = IdxImages::parse(&decoded[0]).unwrap();
        assert!(images.expect(3, [3, 32, 32]).is_ok() && images.pixels[CIFAR_IMAGE] == 20);
        let torn = [("cifar-10-batches-bin/test_batch.bin", record(9)[1..].to_vec())];
        let told = cifar10(&fixtures::tar(&torn)[..]).unwrap_err().to_string();
        assert!(told.starts_with("expected records of 3073 bytes in "), "{told}");
    }
}
