//! The versions of frameworks that lie in this repository: each differs from its backend's default one
//! in the framework's version alone.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};
use trainmark_tests::repository_root;

/// What of a `Cargo.toml` must be the same for every version.
const SAME: [&str; 4] = ["edition", "license", "name", "rust-version"];

fn read(path: &Path) -> Table {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether it is released: a developer's working copy is not kept, and may differ as it likes.
fn is_release(name: &str) -> bool {
    !name.contains('-')
}

/// The folders in a folder, by name.
fn folders(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut folders: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// The versions that a `backend.toml` names and that have a folder of their own.
fn named(backend: &Path) -> Vec<String> {
    let manifest = read(&backend.join("backend.toml"));
    let tables = manifest.get("version").and_then(Value::as_array).cloned().unwrap_or_default();
    let own = tables.iter().filter(|table| table.get("folder").is_none());
    let names = own.map(|table| table["name"].as_str().unwrap().to_owned());
    let mut names: Vec<_> = names.filter(|name| is_release(name)).collect();
    names.sort();
    names
}

/// A table in a table, empty where there is none.
fn child(table: &Table, path: &[&str]) -> Table {
    let Some((first, rest)) = path.split_first() else { return table.clone() };
    table.get(*first).and_then(Value::as_table).map(|inner| child(inner, rest)).unwrap_or_default()
}

/// A dependency without its version, which is given too.
fn dependency(value: &Value) -> (Option<String>, Table) {
    match value {
        Value::String(version) => (Some(version.clone()), Table::new()),
        Value::Table(table) => {
            let mut table = table.clone();
            let version = table.remove("version").and_then(|version| version.as_str().map(str::to_owned));
            // Where a folder lies depends on from where it is seen.
            let path = table.remove("path").and_then(|path| path.as_str().map(str::to_owned));
            path.iter().for_each(|path| drop(table.insert("path".into(), name(Path::new(path)).into())));
            (version, table)
        }
        other => panic!("{other} is no dependency"),
    }
}

/// Whether a version has the features of the default one. One that it cannot be built with is there and
/// empty, and what a feature switches on may be in a crate of its own, `dep:CRATE`.
fn have_same_features(default: &Table, version: &Table) -> bool {
    let [default, version] = [default, version].map(|table| child(table, &["features"]));
    let entries = |value: &Value| -> Vec<String> {
        let list = value.as_array().cloned().unwrap_or_default();
        list.iter().map(|entry| entry.as_str().unwrap().to_owned()).collect()
    };
    let is_as = |(all, its): (&Value, &Value)| {
        let [all, its] = [all, its].map(entries);
        let added: Vec<&String> = its.iter().filter(|entry| !all.contains(entry)).collect();
        let is_elsewhere = !added.is_empty() && added.iter().all(|entry| entry.starts_with("dep:"));
        its.is_empty() || all == its || is_elsewhere
    };
    default.keys().eq(version.keys()) && default.values().zip(version.values()).all(is_as)
}

/// In what a version's `Cargo.toml` differs from the backend's besides its framework's version.
fn differences(default: &Table, version: &Table, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, is_same: bool| {
        if !is_same {
            found.push(what.to_owned());
        }
    };
    let [package, its] = [default, version].map(|table| child(table, &["package"]));
    for key in SAME {
        compare(key, package.get(key) == its.get(key));
    }
    let library = child(version, &["lib"]);
    compare("lib.path", library.get("path").and_then(Value::as_str) == Some("../../src/lib.rs"));
    compare("crate-type", child(default, &["lib"]).get("crate-type") == library.get("crate-type"));
    compare("workspace", version.contains_key("workspace"));
    compare("lints", child(default, &["lints"]) == child(version, &["lints"]));
    compare("features", have_same_features(default, version));
    for key in ["dependencies", "build-dependencies"] {
        let [all, its] = [default, version].map(|table| child(table, &[key]));
        let (of_framework, others): (Vec<_>, Vec<_>) =
            its.iter().partition(|(_, value)| dependency(value).0 == Some(format!("={name}")));
        let own = |dependent: &&String| !of_framework.iter().any(|(of_it, _)| of_it == dependent);
        compare(key, all.keys().filter(own).eq(others.iter().map(|(dependent, _)| *dependent)));
        for (dependent, value) in others {
            let Some(other) = all.get(dependent) else { continue };
            compare(dependent, dependency(value) == dependency(other));
        }
        for (dependent, value) in of_framework {
            // What one version has in a feature, another may have in a crate of its own.
            let Some(other) = all.get(dependent) else { continue };
            let [its, expected] = [value, other].map(|value| {
                let mut rest = dependency(value).1;
                rest.remove("features");
                rest
            });
            compare(dependent, its == expected);
        }
    }
    let [mut profile, mut its] = [default, version].map(|table| child(table, &["profile", "release"]));
    // A package that a version does without is not told how to compile.
    let [all, of_it] = [&mut profile, &mut its].map(|profile| profile.remove("package"));
    compare("profile", profile == its);
    let [all, of_it] = [all, of_it].map(|table| table.and_then(|table| table.as_table().cloned()));
    let all = all.unwrap_or_default();
    compare("profile", of_it.unwrap_or_default().iter().all(|(key, value)| all.get(key) == Some(value)));
    found
}

#[test]
fn each_differs_from_the_default_one_in_its_frameworks_version_alone() {
    let mut kept = Vec::new();
    for backend in folders(&repository_root().join("backends")) {
        let mut versions = folders(&backend.join("versions"));
        versions.retain(|folder| is_release(name(folder)));
        let names: Vec<_> = versions.iter().map(|folder| name(folder).to_owned()).collect();
        if !backend.join("backend.toml").is_file() {
            assert_eq!(names, [""; 0], "{} is no backend", backend.display());
            continue;
        }
        assert_eq!(
            names,
            named(&backend),
            "what lies in {} is what its backend.toml names",
            backend.display()
        );
        for folder in &versions {
            let default = read(&backend.join("Cargo.toml"));
            let differs = differences(&default, &read(&folder.join("Cargo.toml")), name(folder));
            assert_eq!(differs, [""; 0], "{}", folder.display());
            let lock = read(&folder.join("Cargo.lock"));
            let locked = lock["package"].as_array().unwrap();
            let is_it = |package: &Value| package["version"].as_str() == Some(name(folder));
            assert!(locked.iter().any(is_it), "{} locks no framework {0:?}", folder.display());
        }
        kept.extend(names);
    }
    assert!(kept.len() > 2, "{kept:?}");
}

const DEFAULT: &str = r#"
[package]
name = "mine"
edition = "2024"
[lib]
crate-type = ["cdylib"]
[features]
cuda = ["core/cuda"]
[dependencies]
core = { version = "0.11", default-features = false }
other = "1"
plugin = { path = "../../harness/plugin" }
[profile.release.package]
slow.opt-level = 0
"#;

#[test]
fn what_differs_is_told() {
    let default: Table = toml::from_str(DEFAULT).unwrap();
    let version = DEFAULT
        .replace("[lib]", "[workspace]\n[lib]\npath = \"../../src/lib.rs\"")
        .replace("\"0.11\"", "\"=0.9.2\"")
        .replace("../../harness", "../../../../harness");
    let told = |text: &str| differences(&default, &toml::from_str(text).unwrap(), "0.9.2");
    assert_eq!(told(&version), [""; 0]);
    assert_eq!(told(&version.replace("slow.opt-level = 0", "")), [""; 0]);
    let apart = "default-features = false, features = [\"std\"] }\ncore-threads = { version = \"=0.9.2\" }";
    assert_eq!(told(&version.replace("default-features = false }", apart)), [""; 0]);
    for (from, to) in [("[\"core/cuda\"]", "[]"), ("core/cuda", "dep:core-cuda")] {
        assert_eq!(told(&version.replace(from, to)), [""; 0], "{to}");
    }
    for (from, to, expected) in [
        ("\"mine\"", "\"yours\"", "name"),
        ("2024", "2021", "edition"),
        ("../../src/lib.rs", "src/lib.rs", "lib.path"),
        ("cdylib", "dylib", "crate-type"),
        ("[workspace]", "", "workspace"),
        ("core/cuda", "core/cudnn", "features"),
        ("core/cuda\"", "core/cuda\", \"core/cudnn\"", "features"),
        ("cuda = [\"core/cuda\"]", "", "features"),
        ("other = \"1\"", "", "dependencies"),
        ("other = \"1\"", "other = \"2\"", "other"),
        ("\"=0.9.2\"", "\"0.9.2\"", "core"),
        ("false", "true", "core"),
        ("harness/plugin", "harness/python", "plugin"),
        ("slow.opt-level = 0", "slow.opt-level = 1", "profile"),
        ("slow.opt-level = 0", "other.opt-level = 0", "profile"),
        ("[profile.release.package]", "[profile.release]\ndebug = 1\n[profile.release.package]", "profile"),
    ] {
        let changed = version.replace(from, to);
        assert_ne!(changed, version, "{from}");
        assert_eq!(told(&changed), [expected], "{to}");
    }
}
