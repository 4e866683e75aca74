//! Writes the toolchain into the harness.

use std::process::Command;

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = version_of(&rustc).unwrap_or_else(|| "rustc, version unknown".to_owned());
    println!("cargo::rustc-env=TRAINMARK_RUSTC={version}");
    println!("cargo::rerun-if-changed=build.rs");
}

fn version_of(rustc: &str) -> Option<String> {
    let output = Command::new(rustc).arg("-V").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
