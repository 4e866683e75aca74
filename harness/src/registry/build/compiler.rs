//! What decides which code compilers make of a source, besides their command: variables, and what
//! cargo's configuration files say instead of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Variables that change what every cargo build makes.
pub(super) const USUAL: [&str; 2] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"];

/// More is no configuration.
const LONGEST_FILE: u64 = 1 << 20;

/// Whether a variable decides which code compilers make.
pub fn is_heeded(name: &str) -> bool {
    USUAL.contains(&name) || is_rare(name)
}

/// Whether a variable changes what usual compilers make, but is set by few: it counts where it is.
pub(super) fn is_rare(name: &str) -> bool {
    const NAMES: [&str; 13] = [
        "CARGO_BUILD_RUSTC",
        "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_RUSTC_WRAPPER",
        "CARGO_BUILD_RUSTFLAGS",
        "RUSTC",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "CC",
        "CFLAGS",
        "CPPFLAGS",
        "CXX",
        "CXXFLAGS",
        "LDFLAGS",
    ];
    let is_targets = name.starts_with("CARGO_TARGET_") && name != "CARGO_TARGET_DIR";
    NAMES.contains(&name) || name.starts_with("CARGO_PROFILE_") || is_targets
}

/// What cargo's configuration says for builds in a folder, by the names of the variables that would
/// say it instead. Of several files that of the nearest folder holds, and the user's own last; lists
/// are joined, as cargo does.
pub fn configured(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for file in files(folder) {
        let is_small = fs::metadata(&file).is_ok_and(|metadata| metadata.len() <= LONGEST_FILE);
        let text = is_small.then(|| fs::read_to_string(&file).ok()).flatten();
        // What is no configuration is cargo's to refuse.
        let Some(table) = text.and_then(|text| text.parse::<Table>().ok()) else { continue };
        for (key, value) in &table {
            match value {
                Value::Table(set) if key == "env" => {
                    set.iter().for_each(|(name, value)| add(&mut found, name.clone(), value));
                }
                _ => add_below(&mut found, &format!("CARGO_{}", part_of_name(key)), value),
            }
        }
    }
    found
}

/// Where cargo looks, the nearest first.
fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let home = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let folders = folder.ancestors().map(|one| one.join(".cargo")).collect::<Vec<_>>();
    let home = home.filter(|home| !folders.contains(home));
    folders.into_iter().chain(home).flat_map(|one| ["config", "config.toml"].map(|name| one.join(name)))
}

fn add_below(found: &mut BTreeMap<String, String>, name: &str, value: &Value) {
    match value {
        Value::Table(inner) => {
            inner.iter().for_each(|(key, value)| {
                add_below(found, &format!("{name}_{}", part_of_name(key)), value);
            });
        }
        value => add(found, name.to_owned(), value),
    }
}

fn add(found: &mut BTreeMap<String, String>, name: String, value: &Value) {
    if !is_heeded(&name) {
        return;
    }
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let parts =
                parts.iter().map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned));
            let joined = parts.collect::<Vec<_>>().join(" ");
            match found.remove(&name) {
                Some(nearer) => format!("{joined} {nearer}"),
                None => joined,
            }
        }
        other => other.to_string(),
    };
    found.entry(name).or_insert(text);
}

/// A key as variables are named after it.
fn part_of_name(key: &str) -> String {
    key.to_uppercase().replace(['-', '.'], "_")
}

/// The variables of this process that are heeded and set by few.
pub(super) fn rare_variables() -> BTreeMap<OsString, OsString> {
    std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_rare)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configure(folder: &Path, text: &str) {
        let folder = folder.join(".cargo");
        fs::create_dir_all(&folder).expect("writable");
        fs::write(folder.join("config.toml"), text).expect("writable");
    }

    #[test]
    fn configuration_counts_by_the_names_of_its_variables() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inner = folder.path().join("backends/mine");
        let outer = "[build]\nrustflags = [\"-C\", \"target-cpu=native\"]\njobs = 2\ntarget-dir = \"x\"\n\
                     [net]\noffline = true\n[profile.release]\nopt-level = 1\nlto = true\n";
        configure(folder.path(), outer);
        let near = "[build]\nrustflags = [\"-g\"]\n[profile.release]\nopt-level = 0\n[env]\nCFLAGS = \"-O0\"\nX = \"y\"\n\
                    [target.x86_64-unknown-linux-gnu]\nlinker = \"lld\"\n";
        configure(&inner, near);
        let found = configured(&inner);
        let of = |name: &str| found.get(name).map(String::as_str);
        assert_eq!(of("CARGO_BUILD_RUSTFLAGS"), Some("-C target-cpu=native -g"));
        assert_eq!(of("CARGO_PROFILE_RELEASE_OPT_LEVEL"), Some("0"), "of the nearest");
        assert_eq!(of("CARGO_PROFILE_RELEASE_LTO"), Some("true"));
        assert_eq!(of("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER"), Some("lld"));
        assert_eq!(of("CFLAGS"), Some("-O0"));
        for other in ["CARGO_BUILD_JOBS", "CARGO_BUILD_TARGET_DIR", "CARGO_NET_OFFLINE", "X"] {
            assert_eq!(of(other), None, "{other} makes no other code");
        }
        configure(&inner, "[build");
        assert_eq!(configured(&inner).get("CFLAGS"), None, "what is torn says nothing");
    }
}
