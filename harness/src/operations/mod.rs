//! Single operations, so that a framework's author sees which one is slow: a
//! training step, a prediction, and layers at LeNet's shapes, forward and backward.
//!
//! A layer cannot be called alone through the plugin table, so its time is a
//! difference of models that differ by it: [`Operation::terms`]. The models of an
//! operation are timed in turn, so that whatever slows the machine slows all.
//! `cargo bench --bench backends` measures; `docs/method.md` defines the rows.

mod definition;
mod inputs;
mod interval;
mod measurement;
mod table;

pub use definition::{BATCH, Call, Data, Operation, PREDICTED, Sign, Term, all};
pub use inputs::Inputs;
pub use interval::median_interval;
pub use measurement::{Measurement, Subject, outcome};
pub use table::render;

use trainmark_reports::operations::{NO_BATCH_NORM, OperationInfo};

/// Name under which an operation of a backend is measured: `candle/conv1`, or
/// `candle/builtin/train_step` where there is a batch norm.
pub fn id(backend: &str, implementation: &str, operation: &str) -> String {
    if implementation == NO_BATCH_NORM {
        format!("{backend}/{operation}")
    } else {
        format!("{backend}/{implementation}/{operation}")
    }
}

/// The operations that an implementation has.
///
/// # Errors
/// As [`all`].
pub fn of_implementation(implementation: &str) -> Result<Vec<Operation>, trainmark_plugin::Error> {
    let has_batch_norm = implementation != NO_BATCH_NORM;
    Ok(all()?.into_iter().filter(|operation| operation.has_batch_norm() == has_batch_norm).collect())
}

/// What a record keeps of the operations.
///
/// # Errors
/// As [`all`].
pub fn infos() -> Result<Vec<OperationInfo>, trainmark_plugin::Error> {
    let info = |operation: Operation| OperationInfo {
        name: operation.name.to_owned(),
        summary: operation.summary,
        multiply_adds: operation.multiply_adds,
    };
    Ok(all()?.into_iter().map(info).collect())
}
