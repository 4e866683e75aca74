//! Measures operations of cells, each operation in a worker of its own: a crash or a hang
//! costs that one.

use std::path::Path;

use anyhow::Context;
use trainmark_reports::operations::{OperationCell, OperationResult, Operations};
use trainmark_reports::record::RunOutcome;

use super::{BATCH, Operation, infos};
use crate::bench::prepare::ReadyCell;
use crate::bench::runner::Runner;
use crate::bench::unix_time;
use crate::executor::Ending;
use crate::failure::Failure;
use crate::worker::protocol::{Job, Message};
use crate::workload::{self, Workload};
use crate::{data, machine};

/// The workloads whose cells have these operations: a cell per implementation of batch norm,
/// and one for what is computed without.
pub fn workloads(operations: &[Operation]) -> Vec<Workload> {
    let workloads = [workload::lenet_bn(), workload::lenet()];
    let has_operation = |workload: &Workload| {
        operations.iter().any(|operation| operation.has_batch_norm() == workload.model.has_batch_norm())
    };
    workloads.into_iter().filter(has_operation).collect()
}

/// What is measured, and how.
pub struct OperationBench<'r> {
    /// Those that are asked for.
    pub operations: &'r [Operation],
    /// The workloads that these are of; none: those at LeNet's shapes.
    pub workloads: &'r [Workload],
    /// The procedural data set: the same on every machine, with no network.
    pub dataset: &'r data::DecodedFiles,
    /// Whether fewer rounds will do.
    pub is_quick: bool,
    /// Who measures.
    pub runner: &'r dyn Runner,
}

impl OperationBench<'_> {
    /// Measures cell by cell, telling of each result, until all are measured or the user
    /// interrupts. A failure is a result.
    ///
    /// # Errors
    /// Where no worker can be started.
    pub fn measure(
        &self,
        cells: &[ReadyCell],
        told: &mut dyn FnMut(&OperationCell, &OperationResult, Option<&Failure>),
    ) -> anyhow::Result<Operations> {
        let mut measured = Operations::new(machine::environment(), BATCH, infos(self.workloads)?);
        let log = tempfile::NamedTempFile::new().context("cannot create a temporary log")?;
        for ready in cells {
            if self.runner.interrupt().is_set() {
                break;
            }
            let mut cell = empty_cell(ready);
            for operation in self.operations.iter().filter(|one| one.is_of(&cell.implementation)) {
                let (result, failure) = self.measure_one(ready, &operation.name, log.path())?;
                if failure.as_ref().is_some_and(Failure::is_interruption) {
                    break;
                }
                told(&cell, &result, failure.as_ref());
                cell.results.push(result);
            }
            if !cell.results.is_empty() {
                measured.cells.push(cell);
            }
        }
        Ok(measured)
    }

    fn measure_one(
        &self,
        ready: &ReadyCell,
        operation: &str,
        log: &Path,
    ) -> anyhow::Result<(OperationResult, Option<Failure>)> {
        let mut time = None;
        let task = ready.task(self.dataset, 1, 0);
        let (workloads, operation_name) = (self.workloads.to_vec(), operation.to_owned());
        let job = Job::Measure { task, workloads, operation: operation_name, is_quick: self.is_quick };
        let report = self.runner.run(&job, ready.threads(), log, &mut |message| {
            if let Message::Measured(measured) = message {
                time = Some(*measured);
            }
            Ok(())
        })?;
        let failure = match report.ending {
            Ending::Done(_) => None,
            Ending::Failed(failure) => Some(failure),
        };
        let result = OperationResult {
            operation: operation.to_owned(),
            outcome: failure.as_ref().map_or(RunOutcome::Ok, Failure::outcome),
            reason: failure.as_ref().map(|failure| failure.reason.clone()),
            time: time.filter(|_| failure.is_none()),
            unix_time: unix_time().round(),
        };
        Ok((result, failure))
    }
}

fn empty_cell(ready: &ReadyCell) -> OperationCell {
    OperationCell {
        backend: ready.cell.backend.clone(),
        implementation: ready.cell.implementation.clone(),
        device: ready.cell.device.clone(),
        threads: ready.cell.threads,
        framework: ready.library.info.framework.clone(),
        library_hash: ready.library.hash.clone(),
        results: Vec::new(),
    }
}
