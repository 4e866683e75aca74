//! With the feature `cuda`: where CUDA's libraries will be looked for, and for which GPU
//! the plugin is built.

use std::env;

fn main() -> Result<(), &'static str> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return Ok(());
    }
    let variable = |name: &str| {
        println!("cargo::rerun-if-env-changed={name}");
        env::var(name).map_err(|_| "CUDA_HOME or CUDA_COMPUTE_CAP is not set; build with `sh build-cuda.sh`")
    };
    let (toolkit, capability) = (variable("CUDA_HOME")?, variable("CUDA_COMPUTE_CAP")?);
    println!("cargo::rustc-env=TRAINMARK_COMPUTE_CAP={capability}");
    println!("cargo::rustc-link-search=native={toolkit}/lib");
    // Beside the plugin in a bundle, else in the toolkit that it was built with.
    for folder in ["$ORIGIN/cuda-libraries", &format!("{toolkit}/lib")] {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    }
    println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags");
    Ok(())
}
