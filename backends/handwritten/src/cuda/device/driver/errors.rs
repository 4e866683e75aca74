//! What the driver answers, as this backend's errors.

use std::fmt::Display;

use cudarc::driver::sys::CUresult;
use trainmark_plugin::{Error, cuda};

/// An error that says what was being done, where the answer is one.
pub(super) fn check(answer: CUresult, doing: impl Display) -> Result<(), Error> {
    answer.result().map_err(|error| {
        let words = error.error_string().unwrap_or_default().to_string_lossy();
        cuda::error(format!("{doing}: {answer:?} ({words})"))
    })
}
