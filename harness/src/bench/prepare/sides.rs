//! Two builds of a backend that are held against each other: the base and the head.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use trainmark_reports::record::{Build, Unavailable};

use super::wanted::Wanted;
use super::{Preparer, library};
use crate::bench::event::Happening;
use crate::plan::{self, Selection};
use crate::registry::{Backend, Library, Registry, Revision, repository_root};

/// Where one of two builds comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// A library, ready.
    Library(PathBuf),
    /// The backend's sources at a revision of the repository, by its whole hash.
    Revision(String),
    /// The backend's sources as they are.
    Tree,
    /// The same, with this version of the framework.
    Version(String),
}

/// Two builds of the same backends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides {
    /// What there was.
    pub base: Side,
    /// What it has become.
    pub head: Side,
}

impl Side {
    /// What a user names: a library by its path, a version behind an `@`, or a revision.
    ///
    /// # Errors
    /// Where it is none of them.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        if let Some(version) = text.strip_prefix('@') {
            if version.is_empty() {
                bail!("no version stands behind the @: write one that `list` shows, such as @0.11");
            }
            return Ok(Self::Version(version.to_owned()));
        }
        if plan::is_library_path(text) {
            return Ok(Self::Library(library::library_file(Path::new(text))?));
        }
        let root = repository_root();
        let is_inside = std::env::current_dir().is_ok_and(|here| here.starts_with(&root));
        if !is_inside {
            bail!(
                "{text} is no library, and here is no repository with revisions: run it in that of trainmark"
            );
        }
        Ok(Self::Revision(Revision::resolve(&root, text)?.hash().to_owned()))
    }

    /// The library, where it is one.
    pub fn library(&self) -> Option<&Path> {
        match self {
            Self::Library(path) => Some(path),
            Self::Revision(_) | Self::Tree | Self::Version(_) => None,
        }
    }

    /// The version of the framework, where it names one; else those that are `selected`.
    fn versions<'v>(&'v self, selected: &'v [String]) -> &'v [String] {
        match self {
            Self::Version(name) => std::slice::from_ref(name),
            Self::Library(_) | Self::Revision(_) | Self::Tree => selected,
        }
    }
}

impl Sides {
    /// Both, the base first.
    fn each(&self) -> [(Build, &Side); 2] {
        [(Build::Base, &self.base), (Build::Head, &self.head)]
    }

    /// The libraries among them.
    pub fn libraries(&self) -> impl Iterator<Item = &Path> {
        [&self.base, &self.head].into_iter().filter_map(Side::library)
    }

    /// Whether they are builds of the backends that are selected, not of one that a library names.
    fn are_of_selected(&self) -> bool {
        self.libraries().next().is_none()
    }
}

/// What was to be held against each other is the same, so that there is nothing to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchanged {
    /// The backends.
    pub backends: Vec<String>,
}

impl fmt::Display for Unchanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.backends.join(", ");
        write!(f, "the head of {names} is its base, byte for byte: there is nothing to compare")
    }
}

impl std::error::Error for Unchanged {}

impl<'p> Preparer<'p> {
    /// Leaves out backends whose head is their base, byte for byte, as where a change concerns others. One
    /// library that the user names twice is meant, unless for a check.
    ///
    /// # Errors
    /// [`Unchanged`], where nothing else is left. Where a check is to be made of one library twice.
    pub(super) fn leave_out_unchanged(&mut self, wanted: &mut Vec<Wanted<'_>>) -> anyhow::Result<()> {
        match &self.selected.sides {
            None => return Ok(()),
            Some(sides) if !sides.are_of_selected() => return self.refuse_one_built_twice(wanted),
            Some(_) => {}
        }
        let is_same = |one: &Wanted<'_>, other: &Wanted<'_>| {
            let libraries = |wanted: &Wanted<'_>| -> Vec<String> {
                wanted.ready.iter().map(|library| library.hash.clone()).collect()
            };
            let is_pair =
                one.backend.plugin() == other.backend.plugin() && one.backend.name != other.backend.name;
            is_pair && one.selection == other.selection && libraries(one) == libraries(other)
        };
        let is_unchanged =
            |one: &&Wanted<'_>| !one.ready.is_empty() && wanted.iter().any(|other| is_same(one, other));
        let mut backends: Vec<String> =
            wanted.iter().filter(is_unchanged).map(|one| one.backend.plugin().to_owned()).collect();
        backends.dedup();
        if backends.is_empty() {
            return Ok(());
        }
        wanted.retain(|one| !backends.iter().any(|name| name == one.backend.plugin()));
        let unchanged = Unchanged { backends };
        if wanted.is_empty() && self.unavailable.is_empty() {
            bail!(unchanged);
        }
        self.sink.hear(Happening::Note(&unchanged.to_string()))
    }

    /// Refuses to check a library that the user names against one with its bytes which was built.
    fn refuse_one_built_twice(&self, wanted: &[Wanted<'_>]) -> anyhow::Result<()> {
        let of = |build: Build| {
            let is_of = move |one: &&Wanted<'_>| one.backend.name == build.of(one.backend.plugin());
            wanted.iter().filter(is_of).flat_map(|one| &one.ready)
        };
        for base in of(Build::Base) {
            of(Build::Head).try_for_each(|head| self.refuse_one_twice(&base.hash, &head.hash))?;
        }
        Ok(())
    }

    /// Refuses to check two libraries with these hashes where they are one.
    fn refuse_one_twice(&self, base: &str, head: &str) -> anyhow::Result<()> {
        if self.is_check && base == head {
            bail!(
                "base and head are the same library, {base:.12}…: --fail-on could not fail; name two builds, or leave \
                 it out"
            );
        }
        Ok(())
    }

    /// Puts two builds in the place of each backend, or, where a library is one of them, those of its
    /// backend beside the others.
    ///
    /// # Errors
    /// Where a revision cannot be read, has no such backend, or two libraries are of two backends.
    pub(super) fn with_sides(&mut self, wanted: Vec<Wanted<'p>>) -> anyhow::Result<Vec<Wanted<'p>>> {
        let Some(sides) = &self.selected.sides else { return Ok(wanted) };
        if !sides.are_of_selected() {
            let mut all = self.sides_of_library(sides)?;
            all.extend(wanted);
            return Ok(all);
        }
        let mut registries = Vec::new();
        for (build, side) in sides.each() {
            registries.extend(self.registry_of(side)?.map(|registry| (build, side, registry)));
        }
        let mut all = Vec::new();
        for one in wanted {
            if matches!(one.backend.libraries[..], [Library::Given(_)]) {
                bail!("a library has no revisions: name it with --base and another build of it with --head");
            }
            for (build, side, registry) in &registries {
                let found = registry.find(one.backend.plugin());
                let found =
                    found.and_then(|found| found.with_versions(side.versions(&one.selection.versions)));
                let found = found.with_context(|| format!("the {} cannot be built", build.name()))?;
                for backend in found {
                    let backend = named(backend.clone(), *build);
                    all.push(Wanted::new(self.selected, one.selection.clone(), backend));
                }
            }
        }
        Ok(all)
    }

    /// The builds of the backend that a library is of. One that cannot be loaded is a row.
    fn sides_of_library(&mut self, sides: &Sides) -> anyhow::Result<Vec<Wanted<'p>>> {
        let (mut found, mut hashes) = (Vec::<(Build, Backend)>::new(), Vec::new());
        for (build, side) in sides.each() {
            let Some(path) = side.library() else { continue };
            match library::given_library(path, self.runner)? {
                Ok((backend, hash)) => {
                    found.push((build, backend));
                    hashes.push(hash);
                }
                Err(reason) => {
                    let backend = format!("{} ({})", path.display(), build.name());
                    self.add_unavailable(Unavailable { backend, device: None, reason })?;
                }
            }
        }
        if let [(_, base), (_, head)] = &found[..]
            && base.name != head.name
        {
            bail!("--base is a build of {}, --head one of {}: name two of one backend", base.name, head.name);
        }
        if let [base, head] = &hashes[..] {
            self.refuse_one_twice(base, head)?;
        }
        let name = found.first().map(|(_, backend)| backend.name.clone());
        for (build, side) in sides.each() {
            if let (Some(registry), Some(name)) = (self.registry_of(side)?, &name) {
                let backend = registry
                    .find(name)
                    .and_then(|one| one.with_versions(side.versions(&[])).map(|all| all[0].clone()));
                let backend = backend.with_context(|| format!("the {} cannot be built", build.name()))?;
                found.push((build, backend));
            }
        }
        found.sort_by_key(|(build, _)| *build == Build::Head);
        let wanted = |(build, backend): (Build, Backend)| {
            let backend = named(backend, build);
            let selection = Selection::of_backend(&backend.name);
            Wanted::new(self.selected, selection, backend)
        };
        Ok(found.into_iter().map(wanted).collect())
    }

    /// The backends of a side that is no library.
    fn registry_of(&self, side: &Side) -> anyhow::Result<Option<Registry>> {
        Ok(match side {
            Side::Library(_) => None,
            Side::Tree | Side::Version(_) => Some(self.registry.clone()),
            Side::Revision(hash) => {
                let folder = Revision::from_hash(hash)?.checkout(&repository_root())?;
                Some(Registry::of_checkout(&folder)?)
            }
        })
    }
}

/// As the build that it is; a version of the framework is no part of its name.
fn named(backend: Backend, build: Build) -> Backend {
    Backend { name: build.of(backend.plugin()), version: None, others: Vec::new(), ..backend }
}
