//! The kernels in the sources, by their names. The build script and the tests' emulator
//! both need the list, and neither should have to keep it.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// What a kernel's line begins with.
const START: &str = "extern \"C\" __global__ void ";

/// Folders with kernels.
const FOLDERS: [&str; 2] = ["primitive", "fused"];

/// All sources below `folder`, one behind another.
///
/// # Errors
/// Where a file cannot be read.
pub(crate) fn read(folder: &Path) -> io::Result<String> {
    let mut text = String::new();
    for folder in FOLDERS.map(|name| folder.join(name)) {
        for file in sources(&folder)? {
            text += &fs::read_to_string(file)?;
        }
    }
    Ok(text)
}

fn sources(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let paths = paths.collect::<io::Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|end| end == "cu")).collect())
}

/// The names of the kernels in a source.
pub(crate) fn in_source(source: &str) -> impl Iterator<Item = String> {
    source.lines().filter_map(|line| {
        let rest = line.strip_prefix(START)?;
        let rest = match rest.strip_prefix("__launch_bounds__(") {
            Some(bounds) => bounds.split_once(')')?.1.trim_start(),
            None => rest,
        };
        rest.split_once('(').map(|(name, _)| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_from_functions() {
        let source = "extern \"C\" __global__ void plain(int count) {}\n\
                      extern \"C\" __global__ void __launch_bounds__(128, 2) bounded(\n\
                      __device__ inline void helper(int count) {}\n";
        assert_eq!(in_source(source).collect::<Vec<_>>(), ["plain", "bounded"]);
    }
}
