//! Writes how far what computes is optimised.

fn main() {
    println!("cargo::rustc-env=TRAINMARK_OPT_LEVEL={}", std::env::var("OPT_LEVEL").unwrap_or_default());
    println!("cargo::rerun-if-changed=build.rs");
}
