//! Where the NVIDIA driver's libraries lie.
//!
//! An installed driver is in the loader's cache. In containers, under WSL and on some
//! systems its libraries are laid into a folder of their own, of which nobody tells the loader
//! but `LD_LIBRARY_PATH`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The driver's library for programs that compute.
const LIBRARY: &str = "libcuda.so.1";

/// Folders in which the driver is laid: by clusters' device plugins, by WSL, by hosted
/// notebooks, by NixOS.
const KNOWN_FOLDERS: [&str; 5] = [
    "usr/local/nvidia/lib64",
    "usr/local/nvidia/lib",
    "usr/lib/wsl/lib",
    "usr/lib64-nvidia",
    "run/opengl-driver/lib",
];

/// Beginnings of libraries that come with a framework or a toolkit: where one lies, the folder
/// is no driver's.
const FOREIGN: [&str; 7] =
    ["libcudart.", "libcublas", "libcudnn", "libcurand.", "libnvrtc.", "libtorch", "libc10"];

/// Folders that the loader searches after its cache.
const SYSTEM_FOLDERS: [&str; 4] = ["lib64", "usr/lib64", "lib", "usr/lib"];

/// Folders that may hold the driver's libraries, besides those that a variable names.
#[derive(Debug, Clone, Default)]
pub struct DriverFolders {
    /// Where it may lie without the loader's knowledge.
    pub known: Vec<PathBuf>,
    /// Where the loader finds it by itself.
    pub found_by_loader: Vec<PathBuf>,
}

impl DriverFolders {
    /// Those of the system whose files begin at `root`.
    pub fn below(root: &Path) -> Self {
        let known = KNOWN_FOLDERS.iter().map(|folder| root.join(folder)).collect();
        let cached = cached_folders(&fs::read(root.join("etc/ld.so.cache")).unwrap_or_default());
        let in_root = |folder: PathBuf| root.join(folder.strip_prefix("/").unwrap_or(&folder));
        let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
        let system = SYSTEM_FOLDERS.iter().flat_map(|folder| {
            let folder = root.join(folder);
            [folder.join(&multiarch), folder]
        });
        let searched = cached.into_iter().map(in_root).chain(system);
        Self { known, found_by_loader: searched.filter(|folder| holds_cuda(folder)).collect() }
    }

    /// A library of the driver's by the names to load it by: its own, for which the loader
    /// searches, then its path in each known folder that holds it.
    pub fn names_of(&self, library: &str) -> Vec<PathBuf> {
        let known = self.known.iter().map(|folder| folder.join(library)).filter(|path| path.is_file());
        std::iter::once(PathBuf::from(library)).chain(known).collect()
    }

    /// Whether the loader finds the driver in a folder by itself, by whichever name it has.
    pub fn is_found_by_loader(&self, folder: &Path) -> bool {
        let folder = resolved(folder);
        self.found_by_loader.iter().any(|found| resolved(found) == folder)
    }
}

fn resolved(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// Whether a folder holds the driver's `libcuda` and nothing that could win over a plugin's own
/// libraries. A toolkit's `stubs` are to be linked to, and compute nothing.
pub fn is_drivers_folder(folder: &Path) -> bool {
    let is_stubs = [Some(folder.to_owned()), folder.canonicalize().ok()]
        .iter()
        .flatten()
        .any(|folder| folder.components().any(|part| part.as_os_str() == "stubs"));
    let is_foreign =
        |name: &OsStr| FOREIGN.iter().any(|foreign| name.as_bytes().starts_with(foreign.as_bytes()));
    // What cannot be listed is not known to hold nothing else.
    holds_cuda(folder)
        && !is_stubs
        && fs::read_dir(folder)
            .is_ok_and(|entries| !entries.flatten().any(|entry| is_foreign(&entry.file_name())))
}

fn holds_cuda(folder: &Path) -> bool {
    folder.join(LIBRARY).is_file()
}

/// Folders of the driver's library that are named in the loader's cache, whose paths lie in it
/// one after another, each ended by a zero byte.
fn cached_folders(cache: &[u8]) -> Vec<PathBuf> {
    let paths = cache.split(|&byte| byte == 0).map(|text| Path::new(OsStr::from_bytes(text)));
    let of_cuda = paths.filter(|path| path.is_absolute() && path.file_name() == Some(OsStr::new(LIBRARY)));
    of_cuda.filter_map(|path| path.parent().map(Path::to_owned)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A folder below another with these empty files.
    pub(crate) fn folder(root: &Path, name: &str, files: &[&str]) -> PathBuf {
        let folder = root.join(name);
        fs::create_dir_all(&folder).unwrap();
        files.iter().for_each(|file| fs::write(folder.join(file), "").unwrap());
        folder
    }

    #[test]
    fn a_drivers_folder_is_told_from_a_toolkits_and_a_frameworks() {
        let root = tempfile::tempdir().unwrap();
        let is = |name: &str, files: &[&str]| is_drivers_folder(&folder(root.path(), name, files));
        assert!(is(
            "driver",
            &["libcuda.so.1", "libcuda.so.580.1", "libnvidia-ml.so.1", "libcudadebugger.so.1"]
        ));
        assert!(!is("empty", &[]));
        assert!(!is("management", &["libnvidia-ml.so.1"]));
        assert!(!is("lib64/stubs", &["libcuda.so.1"]));
        for foreign in
            ["libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13", "libtorch_cpu.so", "libc10.so"]
        {
            assert!(!is(foreign, &["libcuda.so.1", foreign]), "{foreign}");
        }
        std::os::unix::fs::symlink(root.path().join("lib64/stubs"), root.path().join("link")).unwrap();
        assert!(!is_drivers_folder(&root.path().join("link")), "stubs by another name");
        assert!(!is_drivers_folder(&root.path().join("nowhere")));
    }

    #[test]
    fn the_loader_finds_what_its_cache_names_and_what_lies_in_its_own_folders() {
        let root = tempfile::tempdir().unwrap();
        let found = || DriverFolders::below(root.path()).found_by_loader;
        assert_eq!(found(), Vec::<PathBuf>::new());
        folder(root.path(), "etc", &[]);
        let cache = b"ld.so-cache\0\x01libcuda.so.1\0/opt/driver/libcuda.so.1\0/opt/old/libcuda.so.1\0";
        fs::write(root.path().join("etc/ld.so.cache"), cache).unwrap();
        let driver = folder(root.path(), "opt/driver", &["libcuda.so.1"]);
        assert_eq!(found(), std::slice::from_ref(&driver), "the other one is gone");
        let system = folder(root.path(), "usr/lib64", &["libcuda.so.1"]);
        assert_eq!(found(), [driver, system]);
        // By another name, as where /lib64 is /usr/lib64.
        std::os::unix::fs::symlink("usr/lib64", root.path().join("lib64")).unwrap();
        let folders =
            DriverFolders { found_by_loader: vec![root.path().join("usr/lib64")], ..Default::default() };
        assert!(folders.is_found_by_loader(&root.path().join("lib64")));
    }

    #[test]
    fn a_library_is_looked_for_by_its_name_and_then_in_the_known_folders() {
        let root = tempfile::tempdir().unwrap();
        let wsl = folder(root.path(), "usr/lib/wsl/lib", &["libnvidia-ml.so.1"]);
        let cluster = folder(root.path(), "usr/local/nvidia/lib64", &["libnvidia-ml.so.1"]);
        folder(root.path(), "usr/lib64-nvidia", &[]);
        let name = "libnvidia-ml.so.1";
        let names = DriverFolders::below(root.path()).names_of(name);
        assert_eq!(names, [PathBuf::from(name), cluster.join(name), wsl.join(name)]);
    }
}
