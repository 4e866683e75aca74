//! Writes the toolchain and the git revision into the harness.

use std::process::Command;

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = output(&rustc, &["-V"]).unwrap_or_else(|| "rustc, version unknown".to_owned());
    println!("cargo::rustc-env=TRAINMARK_RUSTC={version}");
    println!("cargo::rustc-env=TRAINMARK_TARGET={}", std::env::var("TARGET").unwrap_or_default());
    if let Some(revision) = output("git", &["rev-parse", "--short=12", "HEAD"]) {
        println!("cargo::rustc-env=TRAINMARK_GIT_REVISION={revision}");
    }
    // `HEAD` names a branch, whose file or packed line changes with a commit.
    if let Some(folder) = output("git", &["rev-parse", "--absolute-git-dir"]) {
        println!("cargo::rerun-if-changed={folder}/HEAD");
        println!("cargo::rerun-if-changed={folder}/logs/HEAD");
    }
    println!("cargo::rerun-if-changed=build.rs");
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
