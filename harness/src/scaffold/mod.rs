//! New backends: a folder with a plugin that builds, loads, and says what is still
//! to be written in it.

mod name;
mod new_folder;
mod templates;
mod version;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;

pub use name::check_name;
use new_folder::NewFolder;
pub use version::{WrittenVersion, create_version};

/// Language of a new backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// With the crate trainmark-plugin, which checks every call
    Rust,
    /// C11, or the start of any language that can export a C struct
    C,
    /// Python 3.10 to 3.14, with numpy
    Python,
}

/// A backend's folder that was written.
#[derive(Debug)]
pub struct Scaffold {
    /// The folder.
    pub folder: PathBuf,
    /// Its files, relative to it.
    pub files: Vec<&'static str>,
    /// What `check` needs beside the name to find the backend: nothing in `backends/`.
    pub options: String,
}

/// Writes the folder of a new backend: `folder`, else `backends/NAME` of the
/// repository at `root`. The name has passed [`check_name`].
///
/// # Errors
/// Where the folder exists already, cannot be written, or `root` is no repository.
pub fn create(
    name: &str,
    language: Language,
    folder: Option<&Path>,
    root: &Path,
) -> anyhow::Result<Scaffold> {
    let own = root.join("backends").join(name);
    let place = NewFolder::find(folder.unwrap_or(&own), root)?;
    let options = place.options();
    let files = templates::files(name, language, &place, &format!("{name} --workload softmax{options}"))?;
    write(&place.path, &files)?;
    Ok(Scaffold { folder: place.path, files: files.into_iter().map(|(file, _)| file).collect(), options })
}

/// Writes all files into a folder that is not there yet, or leaves nothing behind.
fn write(folder: &Path, files: &[(&'static str, String)]) -> anyhow::Result<()> {
    let unwritable = || format!("cannot write {}; name another folder with --dir", folder.display());
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).with_context(unwritable)?;
    }
    if let Err(error) = fs::create_dir(folder) {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            bail!("{} exists, and nothing is overwritten; name another folder with --dir", folder.display());
        }
        return Err(error).with_context(unwritable);
    }
    let written = files.iter().try_for_each(|(file, content)| {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, content)
    });
    if written.is_err() {
        // What is half written is of no use, and would stand in the next try's way.
        let _ = fs::remove_dir_all(folder);
    }
    written.with_context(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().join("mine");
        write(&folder, &[("a/b", "text".to_owned())]).expect("it is new");
        assert_eq!(fs::read_to_string(folder.join("a/b")).expect("it was written"), "text");
        let error = write(&folder, &[("a/b", "other".to_owned())]).expect_err("it exists").to_string();
        assert!(error.contains("exists, and nothing is overwritten"), "{error}");
        assert_eq!(fs::read_to_string(folder.join("a/b")).expect("it is still there"), "text");
    }

    /// The help, the template, the page and the tool that chooses a Python.
    #[test]
    fn all_name_the_same_versions_of_python() {
        let read = |path: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let tool = read("harness/plugin/python/build/interpreter.py");
        let bound = |name: &str| {
            let line = tool.lines().find_map(|line| line.strip_prefix(name)).expect("the tool has it");
            line.trim_matches(['(', ')']).replace(", ", ".")
        };
        let (oldest, newest) = (bound("OLDEST = "), bound("NEWEST = "));
        let page = read("docs/writing-a-backend.md");
        let bridge = format!("The bridge serves CPython {oldest} to {newest};");
        assert!(page.contains(&bridge), "{bridge}");

        let template = include_str!("templates/python/backend.toml");
        let demand =
            template.lines().find(|line| line.starts_with("requires_python = ")).expect("it has one");
        assert!(page.lines().any(|line| line.starts_with(demand)), "the page has {demand}");
        let least = demand.trim_start_matches("requires_python = \">=").trim_end_matches('"');
        assert!(page.contains(&format!("lists a numpy for {least} and later")), "{least}");
        let help = Language::Python.to_possible_value().and_then(|value| Some(value.get_help()?.to_string()));
        assert_eq!(help, Some(format!("Python {least} to {newest}, with numpy")));
    }

    #[test]
    fn what_cannot_be_written_whole_is_not_left_behind() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().join("deep/mine");
        // A file cannot be a folder as well.
        let files = [("a", "text".to_owned()), ("a/b", "text".to_owned())];
        let error = write(&folder, &files).expect_err("it cannot be").to_string();
        assert!(error.contains("cannot write") && error.contains("--dir"), "{error}");
        assert!(!folder.exists());
    }
}
