//! Reads the version of Burn that this build uses, so that what the backend says of itself
//! cannot differ from what it was built from.

use std::error::Error;
use std::fs;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=Cargo.lock");
    let lock = fs::read_to_string("Cargo.lock")?;
    let (_, entry) = lock.split_once("name = \"burn\"\n").ok_or("Cargo.lock names no burn")?;
    let version = entry.lines().next().and_then(|line| line.strip_prefix("version = "));
    let version = version.ok_or("Cargo.lock gives no version of burn")?.trim_matches('"');
    println!("cargo::rustc-env=BURN_VERSION={version}");
    println!("cargo::rustc-check-cfg=cfg(before_0_22)");
    if version.starts_with("0.21.") {
        println!("cargo::rustc-cfg=before_0_22");
    }
    Ok(())
}
