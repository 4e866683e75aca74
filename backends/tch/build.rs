//! Tells the linker where libtorch lies, and the plugin which version it is.

use std::path::Path;

const VERSION_HEADER: &str = "include/torch/headeronly/version.h";

fn main() -> Result<(), String> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    // What torch-sys linked against; its own rpath does not reach a library.
    let folder = std::env::var("DEP_TCH_LIBTORCH_LIB")
        .map_err(|_| "torch-sys names no libtorch; build with `sh build.sh`, which finds one")?;
    println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    let header = Path::new(&folder).with_file_name(VERSION_HEADER);
    println!("cargo:rerun-if-changed={}", header.display());
    println!("cargo:rustc-env=LIBTORCH_VERSION={}", version(&header)?);
    Ok(())
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
