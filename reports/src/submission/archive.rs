//! A folder as one file: tar, packed by gzip.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Component, Path};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::excerpt;
use crate::files::RECORD_LIMIT;

/// Files that are read of one pack at most.
const MOST_FILES: usize = 20_000;

/// Longest path of a file, and longest part of one, in bytes, that are unpacked.
const LONGEST_NAME: usize = 1024;
const LONGEST_PART: usize = 255;

/// The bytes of an archive of these files, all below one folder. The same files give the same bytes: it
/// names no user, group or time.
pub(super) fn write<'f>(
    folder: &str,
    files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        archive.append_data(&mut header, format!("{folder}/{name}"), bytes)?;
    }
    archive.into_inner()?.finish()
}

/// The files of an archive, by their paths below its one folder. All else than regular files is refused, and
/// so are more bytes than a record may have.
pub(super) fn read(packed: impl Read) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut archive = tar::Archive::new(GzDecoder::new(packed).take(RECORD_LIMIT));
    let mut files = BTreeMap::new();
    let mut left = RECORD_LIMIT;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        if entry.header().entry_type().is_dir() {
            continue;
        }
        let name = name_of(&path).filter(|_| entry.header().entry_type().is_file());
        let name = name.ok_or_else(|| {
            let name = excerpt(&path.to_string_lossy());
            other(format!("{name} is no plain file below one folder"))
        })?;
        left = left
            .checked_sub(entry.size())
            .ok_or_else(|| other(format!("it holds more than {RECORD_LIMIT} bytes")))?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if files.insert(name.clone(), bytes).is_some() || files.len() > MOST_FILES {
            return Err(other(format!("it holds {name} twice, or more than {MOST_FILES} files")));
        }
    }
    Ok(files)
}

/// The path below the first folder; `None` where it leads elsewhere.
fn name_of(path: &Path) -> Option<String> {
    let mut parts = path.components().map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    parts.next()??;
    let name = parts.collect::<Option<Vec<&str>>>()?.join("/");
    let is_short = name.len() <= LONGEST_NAME && name.split('/').all(|part| part.len() <= LONGEST_PART);
    (!name.is_empty() && is_short).then_some(name)
}

fn other(why: String) -> io::Error {
    io::Error::other(why)
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    fn packed(path: &str, kind: tar::EntryType) -> Vec<u8> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        // The checked way would refuse what is tried here.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_cksum();
        archive.append(&header, io::empty()).unwrap();
        archive.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_the_same_twice() {
        let files = [("a", b"one".as_slice()), ("logs/b.log", b"two")];
        let bytes = write("run", files).unwrap();
        let found = read(&bytes[..]).unwrap();
        assert!(found.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).eq(files));
        assert_eq!(write("run", files).unwrap(), bytes);
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        use tar::EntryType;
        for (path, kind) in [
            ("run/../../a", EntryType::Regular),
            ("/etc/a", EntryType::Regular),
            ("a", EntryType::Regular),
            ("run/a", EntryType::Symlink),
            ("run/a", EntryType::Fifo),
        ] {
            let error = read(&packed(path, kind)[..]).unwrap_err().to_string();
            assert!(error.ends_with(" is no plain file below one folder"), "{error}");
        }
        let mut long = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        long.append_data(&mut header, format!("run/{}", "a".repeat(5000)), io::empty()).unwrap();
        let error = read(&long.into_inner().unwrap().finish().unwrap()[..]).unwrap_err().to_string();
        assert!(error.len() < 120 && error.ends_with("… is no plain file below one folder"), "{error}");
        assert!(read(&packed("run/a", EntryType::Regular)[..]).is_ok());
        assert!(read(&b"no archive"[..]).is_err());
    }
}
