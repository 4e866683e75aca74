//! The files of a new backend.

use super::Language;
use super::new_folder::NewFolder;

/// A file of a C backend that is the same in each: the one of the complete plugin.
macro_rules! reference {
    ($name:literal) => {
        ($name, include_str!(concat!("../../plugin/examples/c-reference/", $name)))
    };
}

const HEADER: &str = include_str!("../../plugin/include/trainmark.h");

const RUST: [(&str, &str); 6] = [
    ("README.md", include_str!("templates/rust/README.md")),
    ("backend.toml", include_str!("templates/rust/backend.toml")),
    ("Cargo.toml", include_str!("templates/rust/Cargo.toml.in")),
    (".gitignore", include_str!("templates/rust/gitignore")),
    ("src/lib.rs", include_str!("templates/rust/src/lib.rs")),
    ("src/session.rs", include_str!("templates/rust/src/session.rs")),
];

const C: [(&str, &str); 16] = [
    ("README.md", include_str!("templates/c/README.md")),
    ("backend.toml", include_str!("templates/c/backend.toml")),
    ("backend.h", include_str!("templates/c/backend.h")),
    ("backend.c", include_str!("templates/c/backend.c")),
    ("network.c", include_str!("templates/c/network.c")),
    reference!("network.h"),
    reference!("plugin.c"),
    reference!("request.h"),
    reference!("request.c"),
    reference!("model.h"),
    reference!("model.c"),
    reference!("message.h"),
    reference!("message.c"),
    reference!("optimiser.h"),
    reference!("optimiser.c"),
    reference!("pointer.h"),
];

const PYTHON: [(&str, &str); 5] = [
    ("README.md", include_str!("templates/python/README.md")),
    ("backend.toml", include_str!("templates/python/backend.toml")),
    ("backend.py", include_str!("templates/python/backend.py")),
    ("requirements.txt", include_str!("templates/python/requirements.txt")),
    (".gitignore", include_str!("templates/python/gitignore")),
];

/// Name and content of every file; `check` is what `cargo run -- check` takes.
///
/// # Errors
/// Where a path that a file must name is not UTF-8.
pub(super) fn files(
    name: &str,
    language: Language,
    place: &NewFolder,
    check: &str,
) -> anyhow::Result<Vec<(&'static str, String)>> {
    let (templates, include, inputs) = match language {
        Language::Rust => {
            let source = place.to_repository("harness/plugin/src")?;
            let manifest = place.to_repository("harness/plugin/Cargo.toml")?;
            (RUST.as_slice(), String::new(), vec![source, manifest])
        }
        Language::C if place.is_inside() => {
            let include = place.to_repository("harness/plugin/include")?;
            (C.as_slice(), format!("-I{include} "), vec![".".to_owned(), include])
        }
        // A copy of the header makes the folder complete; the ABI only grows.
        Language::C => (C.as_slice(), String::new(), vec![".".to_owned()]),
        // trainmark knows where its own sources lie.
        Language::Python => (PYTHON.as_slice(), String::new(), Vec::new()),
    };
    let inputs: Vec<String> = inputs.into_iter().map(in_toml).collect();
    let values = [
        ("{{name}}", name.to_owned()),
        ("{{identifier}}", name.replace('-', "_")),
        ("{{plugin}}", in_toml(place.to_repository("harness/plugin")?)),
        ("{{include}}", include),
        ("{{example}}", place.to_repository("harness/plugin/python/examples/softmax.py")?),
        ("{{inputs}}", inputs.join(", ")),
        ("{{check}}", format!("cargo run -- check {check}")),
    ];
    let filled = |text: &str| {
        values.iter().fold(text.to_owned(), |text, (placeholder, value)| text.replace(placeholder, value))
    };
    let mut files: Vec<_> = templates.iter().map(|&(file, text)| (file, filled(text))).collect();
    if language == Language::Rust
        && let Some(lock) = place.lock()
    {
        files.push(("Cargo.lock", lock));
    }
    if language == Language::C && !place.is_inside() {
        files.push(("trainmark.h", HEADER.to_owned()));
    }
    Ok(files)
}

/// A string as TOML writes it.
fn in_toml(text: String) -> String {
    toml::Value::String(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_placeholder_is_left() {
        let root = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir_all(root.path().join("harness/plugin")).expect("writable");
        std::fs::write(root.path().join("harness/plugin/Cargo.toml"), "").expect("writable");
        let elsewhere = tempfile::tempdir().expect("a temporary folder");
        for folder in [root.path().join("backends/my-own"), elsewhere.path().join("a \"b\"")] {
            let place = NewFolder::find(&folder, root.path()).expect("it may be there");
            for language in [Language::Rust, Language::C, Language::Python] {
                for (file, content) in files("my-own", language, &place, "my-own").expect("UTF-8") {
                    assert!(!content.contains("{{") || content.contains("= {{.id"), "{file}: {content}");
                    if file.ends_with(".toml") {
                        content.parse::<toml::Table>().unwrap_or_else(|error| panic!("{file}: {error}"));
                    }
                }
            }
        }
    }
}
