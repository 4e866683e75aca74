//! What `bench --resume` asks of a run folder before it builds or loads anything that is named
//! there: the folder may come from anywhere.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::bench::{BenchRequest, Selected, Sides};
use crate::plan::{self, Selection};
use crate::{registry, shell};

/// The arguments that name the backends outside the repository: their code runs, so that a
/// folder alone must not choose them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Foreign {
    libraries: Vec<String>,
    backend_paths: Vec<PathBuf>,
}

impl Foreign {
    /// Those of a request.
    pub(super) fn of(selected: &Selected) -> Self {
        let root = registry::repository_root();
        let libraries = selected.selections.iter().filter_map(|text| Selection::parse(text).ok());
        let libraries = libraries.map(|selection| selection.backend);
        let sides = selected.sides.iter().flat_map(Sides::libraries);
        let libraries = libraries.chain(sides.map(|path| path.to_string_lossy().into_owned()));
        Self {
            libraries: libraries
                .filter(|backend| plan::is_library_path(backend) && !is_own(&root, Path::new(backend)))
                .collect(),
            backend_paths: selected
                .backend_paths
                .iter()
                .filter(|path| !is_own(&root, path))
                .cloned()
                .collect(),
        }
    }

    /// Refuses what of them `named` does not have, or has besides.
    ///
    /// # Errors
    /// With the command line that names them.
    pub(super) fn check_named(&self, named: &Selected, folder: &Path) -> anyhow::Result<()> {
        let is_named = self.libraries.iter().all(|library| named.selections.contains(library))
            && self.backend_paths.iter().all(|path| named.backend_paths.contains(path));
        let is_known = named.selections.iter().all(|name| self.libraries.contains(name))
            && named.backend_paths.iter().all(|path| self.backend_paths.contains(path));
        if !is_named {
            bail!(
                "cannot resume: {} runs code from outside this repository, which must be named again; if you \
                 trust it: `{}`",
                folder.display(),
                self.command(folder)
            );
        }
        if !is_known {
            bail!("cannot resume: a resumed run keeps its backends: `{}`", self.command(folder));
        }
        Ok(())
    }

    /// The command line that resumes a run.
    pub(super) fn command(&self, folder: &Path) -> String {
        let mut command = format!("bench --resume {}", shell::quoted_path(folder));
        for library in &self.libraries {
            command += &format!(" {}", shell::quoted(library));
        }
        for path in &self.backend_paths {
            command += &format!(" --backend-path {}", shell::quoted_path(path));
        }
        command
    }
}

/// The command line that resumes the run of a request.
pub(super) fn command(request: &BenchRequest, folder: &Path) -> String {
    Foreign::of(&request.selected).command(folder)
}

/// Whether a path is the repository's own, by way of links too. Run folders lie there as well,
/// wherever they come from.
fn is_own(root: &Path, path: &Path) -> bool {
    let (Ok(root), Ok(path)) = (root.canonicalize(), path.canonicalize()) else { return false };
    path.starts_with(&root) && !path.starts_with(root.join("reports"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_the_repository_is_named_again() {
        let root = registry::repository_root();
        let outside = tempfile::tempdir().unwrap();
        let (library, folder) = (outside.path().join("lib mine.so"), outside.path().join("backends"));
        let own = root.join("backends");
        let selected = Selected {
            selections: vec!["all".to_owned(), format!("{}@cpu", library.display())],
            backend_paths: vec![own, folder.clone()],
            ..Selected::default()
        };
        let foreign = Foreign::of(&selected);
        let run = Path::new("/runs/one");
        let named = |selections: &[&Path], backend_paths: &[&Path]| Selected {
            selections: selections.iter().map(|path| path.display().to_string()).collect(),
            backend_paths: backend_paths.iter().map(|path| path.to_path_buf()).collect(),
            ..Selected::default()
        };
        assert!(foreign.check_named(&named(&[&library], &[&folder]), run).is_ok());
        let command =
            format!("`bench --resume /runs/one '{}' --backend-path {}`", library.display(), folder.display());
        for few in [named(&[], &[]), named(&[&library], &[]), named(&[], &[&folder])] {
            let error = foreign.check_named(&few, run).unwrap_err().to_string();
            assert!(error.ends_with(&format!("if you trust it: {command}")), "{error}");
        }
        let more = named(&[&library, Path::new("/other.so")], &[&folder]);
        let error = foreign.check_named(&more, run).unwrap_err().to_string();
        assert!(error.contains("keeps its backends"), "{error}");
        assert!(Foreign::of(&Selected::default()).check_named(&named(&[], &[]), run).is_ok());
    }

    #[test]
    fn a_run_folder_in_the_repository_is_foreign_all_the_same() {
        let root = tempfile::tempdir().unwrap();
        let evil = root.path().join("reports/runs/evil");
        let own = root.path().join("backends/mine");
        for folder in [&evil, &own] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let link = root.path().join("backends/link");
        std::os::unix::fs::symlink(std::env::temp_dir(), &link).unwrap();
        assert!(is_own(root.path(), &own));
        assert!(!is_own(root.path(), &evil) && !is_own(root.path(), &link));
    }
}
