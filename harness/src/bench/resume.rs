//! What goes on: the request in a run folder, held against the record before anything of it is
//! built or loaded, for the folder may come from anywhere.

use std::path::{Path, PathBuf};

use anyhow::bail;
use trainmark_reports::Record;

use super::BenchRequest;
use crate::plan::{self, Selection};
use crate::registry::repository_root;
use crate::shell;

impl BenchRequest {
    /// Reads the request of a run folder that is to be continued. What it would build or load
    /// from outside of this repository must be among those that the user has `named`.
    ///
    /// # Errors
    /// Where the folder holds no request or record, they tell of different benchmarks, or
    /// something from outside has not been named.
    pub fn resumed(folder: &Path, named: &[PathBuf]) -> anyhow::Result<Self> {
        let request = Self::read(folder)?;
        let record = Record::read(folder)?;
        request.check_is_of(&record)?;
        let places = Places { repository: repository_root(), run: folder.to_path_buf() };
        let outside = request.foreign(&places)?;
        if let Some(path) = named.iter().find(|path| !outside.contains(path)) {
            bail!(
                "a resumed run keeps its own selection, of which {} is no part from elsewhere; leave it out",
                path.display()
            );
        }
        if let Some(path) = outside.iter().find(|path| !named.contains(path)) {
            bail!(
                "cannot resume: the run uses {}, which is not of this repository; if you trust it, name it again: \
                 {}",
                path.display(),
                request.command_to_resume(folder)?
            );
        }
        Ok(request)
    }

    /// The command that continues its run in this folder.
    ///
    /// # Errors
    /// Where a selection of the request cannot be read.
    pub fn command_to_resume(&self, folder: &Path) -> anyhow::Result<String> {
        let places = Places { repository: repository_root(), run: folder.to_path_buf() };
        let mut command = format!("bench --resume {}", shell::quoted_path(folder));
        for path in self.foreign(&places)? {
            let option = if self.selected.backend_paths.contains(&path) { "--backend-path " } else { "" };
            command += &format!(" {option}{}", shell::quoted_path(&path));
        }
        Ok(command)
    }

    fn check_is_of(&self, record: &Record) -> anyhow::Result<()> {
        let plan = &record.started.plan;
        let workloads = plan.workloads.iter().map(|workload| &workload.name);
        if plan.epochs != self.schedule.epochs
            || plan.seeds != self.schedule.seeds()
            || !workloads.eq(&self.selected.workloads)
        {
            bail!(
                "cannot resume: request.json and events.jsonl tell of different epochs, seeds or workloads; start \
                 a new run"
            );
        }
        Ok(())
    }

    /// Folders and libraries that a person must have chosen to build or load.
    fn foreign(&self, places: &Places) -> anyhow::Result<Vec<PathBuf>> {
        let selections: Vec<Selection> =
            self.selected.selections.iter().map(|text| Selection::parse(text)).collect::<Result<_, _>>()?;
        let libraries = selections.into_iter().map(|selection| selection.backend);
        let libraries = libraries.filter(|backend| plan::is_library_path(backend)).map(PathBuf::from);
        let paths = self.selected.backend_paths.iter().cloned().chain(libraries);
        Ok(paths.filter(|path| !places.are_of(path)).collect())
    }
}

/// Where this repository lies, and the run.
struct Places {
    repository: PathBuf,
    run: PathBuf,
}

impl Places {
    /// Whether a path is this repository's own. Reports may be from elsewhere, and what came
    /// with them.
    fn are_of(&self, path: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let path = real(path);
        path.starts_with(real(&self.repository))
            && !path.starts_with(real(&self.repository.join("reports")))
            && !path.starts_with(real(&self.run))
    }
}
