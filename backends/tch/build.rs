//! Tells the linker where libtorch lies and the plugin which versions of it and of tch these are, and
//! compiles the settings that tch does not offer. Runs in the folder of a version, or in the backend's.

use std::path::{Path, PathBuf};

const VERSION_HEADER: &str = "include/torch/headeronly/version.h";

fn main() -> Result<(), String> {
    println!("cargo:rerun-if-changed=Cargo.lock");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    // What torch-sys linked against; its own rpath does not reach a library.
    let folder = std::env::var("DEP_TCH_LIBTORCH_LIB")
        .map_err(|_| "torch-sys names no libtorch; build with `sh build.sh`, which finds one")?;
    // A folder or link of this name beside the plugin comes first: in a bundle that is built
    // elsewhere it stands for a libtorch of this machine.
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/libtorch");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    compile_settings(&Path::new(&folder).with_file_name("include"))?;
    let header = Path::new(&folder).with_file_name(VERSION_HEADER);
    println!("cargo:rerun-if-changed={}", header.display());
    println!("cargo:rustc-env=LIBTORCH_VERSION={}", version(&header)?);
    println!("cargo:rustc-env=TCH_VERSION={}", version_of_tch()?);
    Ok(())
}

fn compile_settings(headers: &Path) -> Result<(), String> {
    let source = source("settings.cpp")?;
    println!("cargo:rerun-if-changed={}", source.display());
    // As torch-sys compiles its own part.
    cc::Build::new().cpp(true).std("c++17").include(headers).warnings(false).file(source).compile("settings");
    Ok(())
}

/// A source file, which lies two folders above that of a version.
fn source(name: &str) -> Result<PathBuf, String> {
    let places = ["src", "../../src"].map(|folder| Path::new(folder).join(name));
    let missing = || format!("neither {} nor {} is there", places[0].display(), places[1].display());
    places.iter().find(|path| path.is_file()).cloned().ok_or_else(missing)
}

/// So that what the backend says of itself cannot differ from what it was built from.
fn version_of_tch() -> Result<String, String> {
    let lock =
        std::fs::read_to_string("Cargo.lock").map_err(|error| format!("cannot read Cargo.lock: {error}"))?;
    let entry = lock.split_once("name = \"tch\"\n").map(|(_, entry)| entry);
    let version = entry.and_then(|entry| entry.lines().next()?.strip_prefix("version = "));
    Ok(version.ok_or("Cargo.lock gives no version of tch")?.trim_matches('"').to_owned())
}

/// `2.11.0` of the header's `TORCH_VERSION_MAJOR`, `_MINOR` and `_PATCH`.
fn version(header: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(header)
        .map_err(|error| format!("cannot read libtorch's version from {}: {error}", header.display()))?;
    let part = |name: &str| {
        let mut definitions = text.lines().filter_map(|line| line.strip_prefix("#define TORCH_VERSION_"));
        let value = definitions.find_map(|definition| definition.strip_prefix(name));
        let missing = || format!("{} defines no TORCH_VERSION_{name}", header.display());
        value.map(str::trim).ok_or_else(missing)
    };
    Ok(format!("{}.{}.{}", part("MAJOR")?, part("MINOR")?, part("PATCH")?))
}
