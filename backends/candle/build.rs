//! Reads the version of candle-core that this build uses, so that what the backend
//! says of itself cannot differ from what it was built from; with the feature `cuda`,
//! also where CUDA's libraries will be looked for, and for which GPU it is built.

use std::env;
use std::error::Error;
use std::fs;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=Cargo.lock");
    let lock = fs::read_to_string("Cargo.lock")?;
    let (_, entry) = lock.split_once("name = \"candle-core\"\n").ok_or("Cargo.lock names no candle-core")?;
    let version = entry.lines().next().and_then(|line| line.strip_prefix("version = "));
    let version = version.ok_or("Cargo.lock gives no version of candle-core")?.trim_matches('"');
    println!("cargo::rustc-env=CANDLE_VERSION={version}");
    if env::var_os("CARGO_FEATURE_CUDA").is_some() {
        cuda()?;
    }
    Ok(())
}

/// The plugin finds libcudart, libcublas and libcurand beside itself in a bundle, else in
/// the toolkit that it was built with.
fn cuda() -> Result<(), Box<dyn Error>> {
    for variable in ["CUDA_HOME", "CUDA_COMPUTE_CAP"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let missing =
        |_| "CUDA_HOME or CUDA_COMPUTE_CAP is not set; build with `sh build-cuda.sh`, which sets them";
    let (toolkit, capability) =
        (env::var("CUDA_HOME").map_err(missing)?, env::var("CUDA_COMPUTE_CAP").map_err(missing)?);
    println!("cargo::rustc-env=TRAINMARK_COMPUTE_CAP={capability}");
    println!("cargo::rustc-link-search=native={toolkit}/lib");
    for folder in ["$ORIGIN/cuda-libraries", &format!("{toolkit}/lib")] {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    }
    println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags");
    Ok(())
}
