//! What stands at the library's end: a zip archive of the backend's Python files, which the
//! interpreter imports from the library itself. So one file, and one hash of it, is all of a
//! backend. The archive's comment, the file's last bytes, says in JSON which backend it is and
//! which Python serves it.

use std::ffi::{CStr, OsStr, c_void};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Deserialize;

/// The archive's comment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Manifest {
    /// The backend's name.
    pub(crate) name: String,
    /// The backend's version.
    pub(crate) version: String,
    /// The environment's `bin/python`; by its place the interpreter finds its packages.
    pub(crate) python: PathBuf,
    /// That Python as a dynamic library.
    pub(crate) libpython: PathBuf,
    /// The module that has `describe` and `open`.
    pub(crate) module: String,
    /// The folder in which its files lay when the library was built, for messages.
    #[serde(default)]
    pub(crate) folder: String,
}

/// What every format of the comment has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// The format that this bridge reads.
const FORMAT: u32 = 1;

/// A library with a backend at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    /// The library's own path, absolute.
    pub(crate) library: PathBuf,
    /// The archive's comment.
    pub(crate) manifest: Manifest,
}

/// The archive of this library, read once.
///
/// # Errors
/// Where there is none, or it cannot be read; the text says what to do.
pub(crate) fn own() -> Result<&'static Archive, String> {
    static OWN: OnceLock<Result<Archive, String>> = OnceLock::new();
    OWN.get_or_init(|| own_path().and_then(|library| Archive::read(&library))).as_ref().map_err(Clone::clone)
}

/// Where this library was loaded from.
fn own_path() -> Result<PathBuf, String> {
    let mut found = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let here = own as fn() -> Result<&'static Archive, String> as *const c_void;
    // SAFETY: any address may be asked about, and the place for the answer is ours.
    let status = unsafe { libc::dladdr(here, found.as_mut_ptr()) };
    // SAFETY: integers and pointers, valid when zeroed.
    let name = unsafe { found.assume_init() }.dli_fname;
    if status == 0 || name.is_null() {
        return Err("the dynamic loader does not say where the bridge was loaded from".to_owned());
    }
    // SAFETY: the loader's string of a library that is never unloaded.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()));
    path.canonicalize().map_err(|error| format!("cannot find {}: {error}", path.display()))
}

impl Archive {
    /// Reads the comment at the end of a library.
    fn read(library: &Path) -> Result<Self, String> {
        let unreadable = |why: &dyn std::fmt::Display| format!("cannot read {}: {why}", library.display());
        let tail = tail(library).map_err(|error| unreadable(&error))?;
        let comment = comment(&tail).ok_or(
            "this library is the bridge to Python without a backend at its end; \
             `bench` and `check` append one when they build a backend with `python = …` in its backend.toml",
        )?;
        let manifest = Manifest::parse(comment)
            .map_err(|why| unreadable(&format!("the comment of its archive: {why}; build it again")))?;
        Ok(Self { library: library.to_owned(), manifest })
    }
}

impl Manifest {
    fn parse(comment: &[u8]) -> Result<Self, String> {
        let Format { format } = serde_json::from_slice(comment).map_err(|error| error.to_string())?;
        if format != FORMAT {
            return Err(format!("it has format {format}, this bridge reads {FORMAT}"));
        }
        serde_json::from_slice(comment).map_err(|error| error.to_string())
    }
}

/// A zip archive's last record before its comment.
const END_SIGNATURE: &[u8] = b"PK\x05\x06";
const END_SIZE: usize = 22;

/// As much of a file's end as that record and the longest comment can take.
fn tail(file: &Path) -> std::io::Result<Vec<u8>> {
    let longest = (END_SIZE + usize::from(u16::MAX)) as u64;
    let mut file = File::open(file)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(longest)))?;
    let mut tail = Vec::new();
    file.take(longest).read_to_end(&mut tail)?;
    Ok(tail)
}

/// The comment of the archive that ends with these bytes; `None` where no archive does.
fn comment(tail: &[u8]) -> Option<&[u8]> {
    let last = tail.len().checked_sub(END_SIZE)?;
    (0..=last).rev().find_map(|start| {
        let (record, comment) = tail[start..].split_at(END_SIZE);
        let length = u16::from_le_bytes([record[END_SIZE - 2], record[END_SIZE - 1]]);
        (record.starts_with(END_SIGNATURE) && comment.len() == usize::from(length)).then_some(comment)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive without files.
    fn empty_archive(comment: &[u8]) -> Vec<u8> {
        let length = u16::try_from(comment.len()).unwrap().to_le_bytes();
        [END_SIGNATURE, &[0; 16], &length, comment].concat()
    }

    #[test]
    fn the_comment_is_found_behind_anything() {
        assert_eq!(comment(b"\x7fELF"), None);
        assert_eq!(comment(&[0; 100]), None);
        let archive = [&[7; 50], &*empty_archive(b"said")].concat();
        assert_eq!(comment(&archive), Some(&b"said"[..]));
        assert_eq!(comment(&archive[..archive.len() - 1]), None, "a file that was cut");
        let long = vec![b' '; usize::from(u16::MAX)];
        assert_eq!(comment(&empty_archive(&long)), Some(&*long));
    }

    #[test]
    fn a_file_is_read_from_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("library.so");
        let manifest = br#"{"format": 1, "name": "mine", "version": "0.1.0", "python": "/e/bin/python",
            "libpython": "/l/libpython3.11.so.1.0", "module": "backend", "more": []}"#;
        std::fs::write(&library, [&*vec![1; 200_000], &*empty_archive(manifest)].concat()).unwrap();
        let archive = Archive::read(&library).unwrap();
        assert_eq!((&*archive.manifest.name, &*archive.manifest.module), ("mine", "backend"));
        std::fs::write(&library, empty_archive(br#"{"format": 2}"#)).unwrap();
        let refused = Archive::read(&library).unwrap_err();
        assert!(refused.ends_with("it has format 2, this bridge reads 1; build it again"), "{refused}");
        std::fs::write(&library, "").unwrap();
        let refused = Archive::read(&library).unwrap_err();
        assert!(refused.starts_with("this library is the bridge to Python without a backend"), "{refused}");
    }
}
