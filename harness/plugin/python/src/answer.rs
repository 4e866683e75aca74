//! What the functions of `trainmark._bridge` answer: a tuple of 0 and what was asked for, or of a
//! failure's status and its message. They raise nothing.

use trainmark_plugin::{Error, ErrorKind, Outcome, abi};

use crate::object::Object;

/// An answer that is no failure.
pub(crate) struct Answer<'l>(Object<'l>);

impl<'l> Answer<'l> {
    /// Takes a failure out of an answer.
    ///
    /// # Errors
    /// The backend's own, or `failed` where this is no answer.
    pub(crate) fn of(answer: Object<'l>) -> Result<Self, Error> {
        match answer.item(0)?.as_integer()? {
            0 => Ok(Self(answer)),
            status => Err(Error::new(kind(status), answer.item(1)?.as_text()?)),
        }
    }

    /// The only thing that was asked for.
    pub(crate) fn value(&self) -> Result<Object<'l>, Error> {
        self.0.item(1)
    }

    /// A mean loss and a number of right predictions.
    pub(crate) fn outcome(&self) -> Result<Outcome, Error> {
        let correct = self.0.item(2)?.as_integer()?;
        let correct = u64::try_from(correct).map_err(|_| Error::failed(format!("{correct} correct")))?;
        Ok(Outcome::new(self.0.item(1)?.as_real()?, correct))
    }
}

/// The kind of a status that `_failure.py` gives.
fn kind(status: i64) -> ErrorKind {
    match i32::try_from(status) {
        Ok(abi::TM_INVALID) => ErrorKind::Invalid,
        Ok(abi::TM_UNSUPPORTED) => ErrorKind::Unsupported,
        Ok(abi::TM_OUT_OF_MEMORY) => ErrorKind::OutOfMemory,
        Ok(abi::TM_DEVICE) => ErrorKind::Device,
        _ => ErrorKind::Failed,
    }
}
