//! The `Cargo.toml` of a backend, for a folder of its own and with other packages in place of those
//! that are published.

use std::path::Path;

use anyhow::{Context, bail};
use toml::{Table, Value};

use super::working_copy::WorkingCopy;

/// What belongs to the sources and not to a version of the framework.
const LEFT: [&str; 5] = ["bench", "bin", "dev-dependencies", "example", "test"];

/// Tables of dependencies that the library is built with.
const DEPENDENCIES: [&str; 2] = ["build-dependencies", "dependencies"];

/// What says where a published package comes from.
const PUBLISHED: [&str; 7] = ["branch", "git", "registry", "rev", "tag", "version", "workspace"];

/// A `Cargo.toml` that is to lie elsewhere.
pub(super) struct CargoToml<'c> {
    table: Table,
    /// The way from there to where it lay.
    back: &'c str,
    copy: &'c WorkingCopy,
}

impl<'c> CargoToml<'c> {
    /// Reads that of a folder.
    ///
    /// # Errors
    /// Where there is none, or it is no TOML.
    pub(super) fn read(folder: &Path, back: &'c str, copy: &'c WorkingCopy) -> anyhow::Result<Self> {
        let path = folder.join("Cargo.toml");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let table = toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
        let mut moved = Self { table, back, copy };
        moved.move_sources(folder)?;
        moved.move_dependencies()?;
        moved.patch()?;
        Ok(moved)
    }

    /// The text of it.
    ///
    /// # Errors
    /// Where it cannot be written as TOML.
    pub(super) fn text(&self) -> anyhow::Result<String> {
        toml::to_string(&self.table).context("cannot write Cargo.toml")
    }

    fn move_sources(&mut self, folder: &Path) -> anyhow::Result<()> {
        LEFT.iter().for_each(|key| drop(self.table.remove(*key)));
        let back = self.back;
        let package = child(&mut self.table, "package")?;
        match package.get_mut("build") {
            Some(build) => move_path(build, back),
            None if folder.join("build.rs").is_file() => {
                package.insert("build".to_owned(), format!("{back}/build.rs").into());
            }
            None => {}
        }
        let library = child(&mut self.table, "lib")?;
        let path = library.entry("path").or_insert_with(|| "src/lib.rs".into());
        move_path(path, back);
        // A workspace of its own, as a backend is.
        child(&mut self.table, "workspace")?;
        Ok(())
    }

    fn move_dependencies(&mut self) -> anyhow::Result<()> {
        let Self { table, back, copy } = self;
        for key in DEPENDENCIES {
            if let Some(Value::Table(dependencies)) = table.get_mut(key) {
                move_all(dependencies, back, copy)?;
            }
        }
        if let Some(Value::Table(targets)) = table.get_mut("target") {
            for target in targets.iter_mut().filter_map(|(_, target)| target.as_table_mut()) {
                for key in DEPENDENCIES {
                    if let Some(Value::Table(dependencies)) = target.get_mut(key) {
                        move_all(dependencies, back, copy)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts the working copy's packages in place of those that others ask the registry for.
    fn patch(&mut self) -> anyhow::Result<()> {
        let patch = child(child(&mut self.table, "patch")?, "crates-io")?;
        for dependency in patch.iter_mut().filter_map(|(_, value)| value.as_table_mut()) {
            dependency.get_mut("path").into_iter().for_each(|path| move_path(path, self.back));
        }
        for (name, folder) in &self.copy.0 {
            let dependency = Table::from_iter([("path".to_owned(), Value::String(text(folder)?))]);
            patch.insert(name.clone(), dependency.into());
        }
        Ok(())
    }
}

/// A table in a table, empty where there is none.
fn child<'t>(table: &'t mut Table, key: &str) -> anyhow::Result<&'t mut Table> {
    match table.entry(key).or_insert_with(|| Table::new().into()) {
        Value::Table(child) => Ok(child),
        _ => bail!("{key} in Cargo.toml is no table"),
    }
}

fn move_all(dependencies: &mut Table, back: &str, copy: &WorkingCopy) -> anyhow::Result<()> {
    for (key, dependency) in dependencies.iter_mut() {
        let named = dependency.get("package").and_then(Value::as_str).unwrap_or(key);
        let Some(folder) = copy.0.get(named) else {
            dependency.get_mut("path").into_iter().for_each(|path| move_path(path, back));
            continue;
        };
        let mut table = dependency.as_table().cloned().unwrap_or_default();
        PUBLISHED.iter().for_each(|key| drop(table.remove(*key)));
        table.insert("path".to_owned(), text(folder)?.into());
        *dependency = table.into();
    }
    Ok(())
}

/// Makes a relative path what it is from the other folder.
fn move_path(path: &mut Value, back: &str) {
    if let Value::String(text) = path
        && Path::new(text).is_relative()
    {
        *text = format!("{back}/{text}");
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    path.to_str().map(str::to_owned).with_context(|| format!("{} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
        [package]
        name = "mine"
        version = "0.1.0"
        edition = "2024"
        [lib]
        crate-type = ["cdylib"]
        [features]
        cuda = ["core/cuda"]
        [dependencies]
        core = "0.11"
        renamed = { package = "nn", version = "0.11", default-features = false }
        other = "1"
        plugin = { path = "../../plugin" }
        [target.'cfg(unix)'.dependencies]
        core = { git = "https://example.org/core", rev = "1", features = ["unix"] }
        [[test]]
        name = "gone"
        [dev-dependencies]
        gone = "1"
    "#;

    #[test]
    fn a_working_copy_stands_in_place_of_what_is_published() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("Cargo.toml"), TOML).expect("writable");
        std::fs::write(folder.path().join("build.rs"), "").expect("writable");
        let packages = ["core", "nn"].map(|name| (name.to_owned(), Path::new("/copy").join(name)));
        let copy = WorkingCopy(packages.into());
        let moved = CargoToml::read(folder.path(), "../..", &copy).and_then(|moved| moved.text());
        let moved: Table = toml::from_str(&moved.expect("good")).expect("TOML");
        let expected: Table = toml::from_str(
            r#"
            [package]
            name = "mine"
            version = "0.1.0"
            edition = "2024"
            build = "../../build.rs"
            [lib]
            crate-type = ["cdylib"]
            path = "../../src/lib.rs"
            [features]
            cuda = ["core/cuda"]
            [dependencies]
            core = { path = "/copy/core" }
            renamed = { package = "nn", path = "/copy/nn", default-features = false }
            other = "1"
            plugin = { path = "../../../../plugin" }
            [target.'cfg(unix)'.dependencies]
            core = { path = "/copy/core", features = ["unix"] }
            [workspace]
            [patch.crates-io]
            core = { path = "/copy/core" }
            nn = { path = "/copy/nn" }
            "#,
        )
        .expect("TOML");
        assert_eq!(moved, expected);
    }
}
