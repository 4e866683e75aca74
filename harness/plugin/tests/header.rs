//! The committed C header is what cbindgen makes of `src/abi.rs` today.

use std::path::Path;

#[test]
fn the_header_is_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config =
        cbindgen::Config::from_file(folder.join("cbindgen.toml")).expect("cbindgen.toml is readable");
    let bindings = cbindgen::Builder::new()
        .with_src(folder.join("src/abi.rs"))
        .with_config(config)
        .generate()
        .expect("the ABI is expressible in C");
    let mut generated = Vec::new();
    bindings.write(&mut generated);
    let generated = String::from_utf8(generated).expect("a header is UTF-8");
    let path = folder.join("include/trainmark.h");
    if std::env::var_os("TRAINMARK_BLESS").is_some() {
        std::fs::write(&path, &generated).expect("the header is writable");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "include/trainmark.h is stale: run `TRAINMARK_BLESS=1 cargo test -p trainmark-plugin --test header`"
    );
}
