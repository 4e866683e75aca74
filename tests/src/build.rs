//! The programs and libraries under test, each built once per test process.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::require::skip;

/// The root of the sources.
pub fn repository_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository")
}

/// Folder of the profile that these tests were built with: `target/debug`.
fn profile_folder() -> PathBuf {
    let here = std::env::current_exe().expect("this program has a path");
    here.ancestors().nth(2).expect("tests lie in PROFILE/deps").to_owned()
}

/// A folder for what tests may leave behind for the next time.
pub(crate) fn kept_folder() -> PathBuf {
    let folder = profile_folder().with_file_name("tmp").join("end-to-end");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The binary, built as these tests were.
pub fn trainmark() -> PathBuf {
    built().join(format!("trainmark{EXE_SUFFIX}"))
}

/// The plugin that misbehaves on request.
pub fn hostile() -> PathBuf {
    built().join(format!("{DLL_PREFIX}trainmark_hostile{DLL_SUFFIX}"))
}

/// The hand-written backend's plugin.
pub fn handwritten() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| cargo_build(&["--package", "trainmark-handwritten"]));
    profile_folder().join(format!("{DLL_PREFIX}trainmark_handwritten{DLL_SUFFIX}"))
}

/// Builds binary and hostile plugin, since no test may find those of yesterday.
fn built() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        cargo_build(&["--package", "trainmark", "--package", "trainmark-hostile"]);
        profile_folder()
    })
}

/// Builds in the profile that these tests were built with, unless `TRAINMARK_IS_BUILT` says that all
/// was built just now. Cargo would compile it again there, since a workspace's packages together
/// may want other features of what they share.
fn cargo_build(arguments: &[&str]) {
    if std::env::var_os("TRAINMARK_IS_BUILT").is_some() {
        return;
    }
    let folder = profile_folder();
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--locked", "--profile", profile, "--target-dir"])
        .arg(folder.parent().expect("a profile's folder lies in the target folder"))
        .args(arguments)
        .current_dir(repository_root())
        .stdin(Stdio::null())
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The plugin in C, which is a correct backend for softmax; `None`, said
/// aloud, without a C compiler.
pub fn minimal_c() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY.get_or_init(|| c_library("plugin.c", &[], "libminimal_c.so")).as_deref()
}

/// A folder with the management library of an NVIDIA driver that is not there, for
/// `LD_LIBRARY_PATH`; `None`, said aloud, without a C compiler.
pub fn pretended_driver() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compile = || {
        let folder = kept_folder().join("nvml");
        std::fs::create_dir_all(&folder).unwrap();
        compile_c(Path::new("nvml/nvml.c"), &["-D_GNU_SOURCE"], &folder.join("libnvidia-ml.so.1"))?;
        Some(folder)
    };
    FOLDER.get_or_init(compile).as_deref()
}

/// Compiles a source of `tests/fixtures/minimal` with definitions such as
/// `-DTM_TEST_MAJOR=2`.
pub fn c_library(source: &str, definitions: &[&str], name: &str) -> Option<PathBuf> {
    compile_c(&Path::new("minimal").join(source), definitions, &kept_folder().join(name))
}

/// Compiles a source of `tests/fixtures` to a library.
fn compile_c(source: &Path, definitions: &[&str], library: &Path) -> Option<PathBuf> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    if Command::new(&compiler).arg("--version").output().is_err() {
        skip("cc", &format!("{compiler} cannot be run; install a C compiler or set CC"));
        return None;
    }
    // Written elsewhere and renamed: another test process may have the old one loaded.
    let fresh = tempfile::Builder::new().suffix(".so").tempfile_in(kept_folder()).unwrap().into_temp_path();
    let output = Command::new(compiler)
        .args(["-std=c11", "-O3", "-shared", "-fPIC"])
        .args(definitions)
        .arg("-I")
        .arg(repository_root().join("harness/plugin/include"))
        .arg(repository_root().join("tests/fixtures").join(source))
        .arg("-o")
        .arg(&fresh)
        .arg("-lm")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fresh.persist(library).unwrap();
    Some(library.to_owned())
}
