//! A device that is lost fails every cell on it, each with its own row and at once, and no
//! other.

use trainmark_reports::record::Cell;

use crate::failure::{Failure, FailureKind};
use crate::machine::gpu;

/// Why nothing can be computed on a cell's device any more, if the driver says so.
pub(crate) fn before(cell: &Cell) -> Option<Failure> {
    let reason = gpu::found().lost(&cell.device)?;
    Some(Failure::new(FailureKind::Failed, reason))
}

/// A failure on a device, with what the driver then says of that: a worker that is killed,
/// or hangs, cannot tell that its device was lost.
pub(crate) fn explained(failure: Failure, cell: &Cell) -> Failure {
    let is_explained = matches!(failure.kind, FailureKind::Interrupted | FailureKind::Unsupported);
    match gpu::found().lost(&cell.device).filter(|_| !is_explained) {
        Some(lost) => {
            let reason = format!("{}; {lost}", failure.reason);
            Failure { kind: FailureKind::Failed, reason, ..failure }
        }
        None => failure,
    }
}
