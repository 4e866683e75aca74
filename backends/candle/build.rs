//! Reads the version of candle-core that this build uses, so that what the backend
//! says of itself cannot differ from what it was built from.

use std::error::Error;
use std::fs;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=Cargo.lock");
    let lock = fs::read_to_string("Cargo.lock")?;
    let (_, entry) = lock.split_once("name = \"candle-core\"\n").ok_or("Cargo.lock names no candle-core")?;
    let version = entry.lines().next().and_then(|line| line.strip_prefix("version = "));
    let version = version.ok_or("Cargo.lock gives no version of candle-core")?.trim_matches('"');
    println!("cargo::rustc-env=CANDLE_VERSION={version}");
    Ok(())
}
