//! With the feature `cuda`, compiles the kernels; else does nothing.
//!
//! They are compiled here, ahead of time, and not by NVRTC when a session is opened: then
//! the library needs nothing but the driver, starts faster, and times no compiler. The
//! fatbin holds machine code for Ampere (sm_80), Hopper (sm_90) and Blackwell (sm_100), and
//! PTX of compute capability 8.0, from which a driver makes code for any newer one.

#[path = "src/cuda/kernel_names.rs"]
mod kernel_names;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const KERNELS: &str = "src/cuda/kernels";
/// For each: what is compiled for, and what is kept of it.
const TARGETS: [(&str, &str); 4] = [
    ("compute_80", "sm_80"),
    ("compute_90", "sm_90"),
    ("compute_100", "sm_100"),
    ("compute_80", "compute_80"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/cuda/kernel_names.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return Ok(());
    }
    println!("cargo::rerun-if-changed={KERNELS}");
    println!("cargo::rerun-if-env-changed=CUDA_HOME");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?);
    let nvcc = nvcc()?;
    compile(&nvcc, &out.join("kernels.fatbin"))?;
    list(&out.join("kernels.rs"))?;
    println!("cargo::rustc-env=NVCC_VERSION={}", version(&nvcc)?);
    Ok(())
}

/// nvcc of the toolkit that `build-cuda.sh` found.
fn nvcc() -> Result<PathBuf, String> {
    let home = env::var_os("CUDA_HOME")
        .ok_or("CUDA_HOME names no CUDA toolkit; build with `sh build-cuda.sh`, which finds one")?;
    Ok(Path::new(&home).join("bin/nvcc"))
}

fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("{name} cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn compile(nvcc: &Path, fatbin: &Path) -> Result<(), String> {
    let mut command = Command::new(nvcc);
    // It is small, and names in it can be found.
    command.args(["-fatbin", "--no-compress", "-std=c++17", "-O3", "-Werror", "all-warnings", "-o"]);
    command.arg(fatbin);
    for (from, to) in TARGETS {
        command.arg("-gencode").arg(format!("arch={from},code={to}"));
    }
    run(command.arg(Path::new(KERNELS).join("all.cu"))).map(|_| ())
}

/// Writes the kernels' names for `device/driver/kernels.rs`.
fn list(file: &Path) -> Result<(), Box<dyn Error>> {
    let sources = kernel_names::read(Path::new(KERNELS))?;
    let names: String = kernel_names::in_source(&sources).map(|name| format!("    {name:?},\n")).collect();
    Ok(fs::write(file, format!("pub(super) static KERNELS: &[&str] = &[\n{names}];\n"))?)
}

/// `13.0.88` of `Cuda compilation tools, release 13.0, V13.0.88`.
fn version(nvcc: &Path) -> Result<String, String> {
    let text = run(Command::new(nvcc).arg("--version"))?;
    let version = text.split_whitespace().find_map(|word| word.strip_prefix('V'));
    version.map(str::to_owned).ok_or_else(|| format!("{} does not say its version: {text}", nvcc.display()))
}
