//! What the head has prepared, for jobs that prepare nothing: libraries, cells and the data set.

use std::sync::Arc;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use trainmark_reports::files;
use trainmark_reports::record::{Cell, Plan};

use super::layout::Layout;
use crate::bench::prepare::{Ready, ReadyCell, ReadyLibrary};
use crate::data::DecodedFiles;
use crate::executor::Waiting;
use crate::workload::Workload;

const FILE: &str = "ready.json";

/// What can be run, by paths that hold on every node.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    dataset: DecodedFiles,
    workloads: Vec<Workload>,
    libraries: Vec<ReadyLibrary>,
    cells: Vec<Listed>,
}

/// A cell, with the place of its library.
#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    cell: Cell,
    library: usize,
}

impl Manifest {
    /// Of what is ready, in the order of the plan.
    ///
    /// # Errors
    /// Where the data set lies in a folder that goes with this process.
    pub(super) fn new(ready: &Ready, plan: &Plan) -> anyhow::Result<Self> {
        if ready.dataset.is_temporary() {
            bail!(
                "the data set could be kept in no cache, and nodes do not see a temporary folder of this machine: set \
                 XDG_CACHE_HOME to a folder that all nodes see and that can be written"
            );
        }
        let mut libraries: Vec<ReadyLibrary> = Vec::new();
        let mut cells = Vec::new();
        for cell in &plan.cells {
            let Some(one) = ready.cells.iter().find(|one| one.cell == *cell) else { continue };
            let known = libraries
                .iter()
                .position(|known| known.path == one.library.path && known.info.name == one.library.info.name);
            let library = known.unwrap_or_else(|| {
                libraries.push(one.library.clone());
                libraries.len() - 1
            });
            cells.push(Listed { cell: cell.clone(), library });
        }
        let workloads = ready.workloads.iter().map(|workload| Workload::clone(workload)).collect();
        Ok(Self { dataset: ready.dataset.clone(), workloads, libraries, cells })
    }

    pub(super) fn write(&self, layout: &Layout) -> anyhow::Result<()> {
        let path = layout.of_slurm(FILE);
        let text = serde_json::to_vec(self).context("cannot encode what is ready")?;
        files::replace(&path, &text).with_context(|| format!("cannot write {}", path.display()))
    }

    pub(super) fn read(layout: &Layout) -> anyhow::Result<Self> {
        let path = layout.of_slurm(FILE);
        let bytes = files::read(&path, files::RECORD_LIMIT);
        let bytes = bytes.with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} is of another version", path.display()))
    }

    /// What can be run on this node.
    ///
    /// # Errors
    /// Where it does not see a library or the data set.
    pub(super) fn ready(self, node: &str) -> anyhow::Result<Ready> {
        for library in &self.libraries {
            if !library.path.is_file() {
                bail!(
                    "{node} does not see the library {}: the repository must lie in a folder that all nodes see",
                    library.path.display()
                );
            }
        }
        self.dataset.map().with_context(|| {
            format!("{node} cannot use the data set: set XDG_CACHE_HOME to a folder that all nodes see")
        })?;
        let workloads: Vec<Arc<Workload>> = self.workloads.into_iter().map(Arc::new).collect();
        let cells = self.cells.into_iter().filter_map(|Listed { cell, library }| {
            let workload = workloads.iter().find(|workload| workload.name == cell.workload)?;
            let (workload, library) = (Arc::clone(workload), self.libraries.get(library)?.clone());
            Some(ReadyCell { cell, workload, library, waiting: Waiting::default() })
        });
        let cells = cells.collect();
        let (unavailable, early) = (Vec::new(), Vec::new());
        Ok(Ready { dataset: self.dataset, workloads, cells, unavailable, is_built: false, early })
    }
}
