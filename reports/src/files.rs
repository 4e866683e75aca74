//! Files in folders at which others may have had a hand, such as a run folder that was sent, a
//! folder of data, or a volume that two containers share.
//!
//! What is read is a regular file of bounded length: a pipe would never end, nor would
//! `/dev/zero`. What is written is a new file under a name that cannot be foreseen, renamed when
//! it is whole: a link that lies in wait under a known name would lead the bytes elsewhere.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path};

use rustix::fs::OFlags;

/// Longest text file that is read of a folder: manifests, requests, pages.
pub const TEXT_LIMIT: u64 = 4 << 20;
/// Longest record that is read: that of a thousand seeds and as many epochs passes.
pub const RECORD_LIMIT: u64 = 1 << 30;

/// Opens a regular file for reading, by way of links, too.
///
/// # Errors
/// Where it cannot be opened, or is a pipe, a device or a folder.
pub fn open_regular(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path, OFlags::empty())
}

/// The bytes of a regular file of at most `limit` bytes.
///
/// # Errors
/// As [`open_regular`], and where it is longer, which is found before it is read.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    // It may have grown since.
    if length > limit || file.take(limit + 1).read_to_end(&mut bytes)? as u64 > limit {
        let length = length.max(limit + 1);
        return Err(io::Error::other(format!("it holds {length} bytes; at most {limit} are read")));
    }
    Ok(bytes)
}

/// The text of a regular file of at most [`TEXT_LIMIT`] bytes.
///
/// # Errors
/// As [`read`], and where it is no UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path, TEXT_LIMIT)?).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        io::Error::new(io::ErrorKind::InvalidData, format!("byte {place} is no UTF-8"))
    })
}

/// Writes a file beside its place and renames it, so that a reader sees the old or the new one,
/// never a half. A link in its place is replaced, not followed.
///
/// # Errors
/// Where the file system refuses; nothing is left then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut file = temporary(0o666).tempfile_in(parent.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// A folder that is to be filled and then renamed, so that it appears whole.
///
/// # Errors
/// Where the file system refuses.
pub(crate) fn temporary_folder(parent: &Path) -> io::Result<tempfile::TempDir> {
    temporary(0o777).tempdir_in(parent)
}

/// Under a hidden name that cannot be foreseen; of this mode what the user's mask leaves of it, as
/// with anything else.
fn temporary(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-").permissions(std::fs::Permissions::from_mode(mode));
    builder
}

/// Opens a file to be written to, which is made where there is none, and left as it is where
/// there is one: for locks, and for what is appended.
///
/// # Errors
/// Where it cannot be opened, is a link, a pipe, a device or a folder.
pub fn open_own(path: &Path, append: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false);
    if append {
        options.append(true);
    } else {
        options.write(true);
    }
    open(&mut options, path, OFlags::NOFOLLOW)
}

/// Makes an empty file in place of the one that is there, or of a link, which is not followed.
///
/// # Errors
/// Where the file system refuses, or a folder is there.
pub fn create(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => File::create_new(path),
    }
}

/// Copies a regular file to a place where there is none yet. A link is not followed.
///
/// # Errors
/// Where one of them cannot be opened, the source is a link, a pipe, a device or longer than
/// `limit` bytes, or the target is there already.
pub fn copy_new(from: &Path, to: &Path, limit: u64) -> io::Result<()> {
    let source = open(OpenOptions::new().read(true), from, OFlags::NOFOLLOW)?;
    let mut target = OpenOptions::new().write(true).create_new(true).open(to)?;
    if io::copy(&mut source.take(limit + 1), &mut target)? > limit {
        return Err(io::Error::other(format!("it holds more than {limit} bytes")));
    }
    Ok(())
}

/// Whether a name that somebody else has written leads down from its folder, and nowhere else.
pub fn is_within(name: &str) -> bool {
    let mut parts = Path::new(name).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// As [`read`], of a file of a folder that somebody else has filled, by a name that they have written.
///
/// # Errors
/// As [`read`], and where the name leads out of the folder, or by a link.
pub fn read_within(folder: &Path, name: &str, limit: u64) -> io::Result<Vec<u8>> {
    if !is_within(name) || leads_by_a_link(folder, Path::new(name)) {
        return Err(io::Error::other("it leads out of its folder, which is not followed"));
    }
    read(&folder.join(name), limit)
}

/// Whether a path is a link, wherever it leads.
pub fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink())
}

/// Whether a part of `path`, which is within `folder`, is a link.
pub fn leads_by_a_link(folder: &Path, path: &Path) -> bool {
    path.ancestors().any(|part| part != Path::new("") && is_link(&folder.join(part)))
}

/// Opens a regular file, and nothing else.
fn open(options: &mut OpenOptions, path: &Path, flags: OFlags) -> io::Result<File> {
    // A pipe that nobody writes to is opened at once.
    let flags = flags | OFlags::NONBLOCK;
    let file = options.custom_flags(flags.bits() as i32).open(path).map_err(|error| {
        match flags.contains(OFlags::NOFOLLOW) && is_link(path) {
            true => io::Error::other("it is a link, which is not followed"),
            false => error,
        }
    })?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    let what = if kind.is_dir() { "a folder" } else { "a pipe, a socket or a device" };
    Err(io::Error::other(format!("it is {what}, not a file")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_regular_files_of_bounded_length_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let refusal = |name: &str| read(&path(name), 4).unwrap_err().to_string();
        fs::write(path("file"), "four").unwrap();
        symlink("file", path("link")).unwrap();
        assert_eq!(read(&path("link"), 4).unwrap(), b"four");
        fs::write(path("long"), "fives").unwrap();
        assert_eq!(refusal("long"), "it holds 5 bytes; at most 4 are read");
        File::create(path("sparse")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(refusal("sparse"), "it holds 1099511627776 bytes; at most 4 are read");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        symlink("/dev/zero", path("zeros")).unwrap();
        for name in ["pipe", "zeros"] {
            assert_eq!(refusal(name), "it is a pipe, a socket or a device, not a file");
        }
        assert_eq!(read(folder.path(), 4).unwrap_err().to_string(), "it is a folder, not a file");
    }

    #[test]
    fn links_are_neither_written_through_nor_copied() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("private"), "private").unwrap();
        symlink("private", path("link")).unwrap();
        for append in [false, true] {
            let refusal = open_own(&path("link"), append).unwrap_err().to_string();
            assert_eq!(refusal, "it is a link, which is not followed");
        }
        symlink("private", path("log")).unwrap();
        create(&path("log")).unwrap().write_all(b"new").unwrap();
        create(&path("log")).unwrap();
        assert_eq!(fs::read(path("private")).unwrap(), b"private");
        let refusal = copy_new(&path("link"), &path("copy"), 100).unwrap_err().to_string();
        assert_eq!(refusal, "it is a link, which is not followed");
        replace(&path("link"), b"new").unwrap();
        assert_eq!(fs::read(path("private")).unwrap(), b"private");
        assert_eq!(fs::read(path("link")).unwrap(), b"new");
        assert!(!is_link(&path("link")));

        assert!(copy_new(&path("private"), &path("link"), 100).is_err(), "there is one");
        copy_new(&path("private"), &path("copy"), 100).unwrap();
        assert_eq!(fs::read(path("copy")).unwrap(), b"private");
        drop(open_own(&path("copy"), false).unwrap());
        assert_eq!(fs::read(path("copy")).unwrap(), b"private", "a lock empties nothing");
    }

    #[test]
    fn a_name_of_somebody_else_leads_nowhere_out() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        fs::create_dir_all(own.join("logs")).unwrap();
        fs::write(own.join("logs/a"), "a").unwrap();
        fs::write(folder.path().join("private"), "private").unwrap();
        symlink("..", own.join("up")).unwrap();
        symlink("../private", own.join("link")).unwrap();
        assert_eq!(read_within(&own, "logs/a", 9).unwrap(), b"a");
        let absolute = folder.path().join("private").display().to_string();
        for name in ["../private", "logs/../../private", "up/private", "link", "", ".", &absolute] {
            let refusal = read_within(&own, name, 9).unwrap_err().to_string();
            assert_eq!(refusal, "it leads out of its folder, which is not followed", "{name}");
        }
    }

    #[test]
    fn a_file_that_cannot_take_its_place_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(replace(&taken, b"text").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
