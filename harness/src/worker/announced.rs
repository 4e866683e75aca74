//! Sessions that announce every call, so that the harness knows which one hangs
//! or crashes, and that remember the first one that failed.

use std::cell::RefCell;

use trainmark_plugin::host::Plugin;
use trainmark_plugin::{Error, ErrorKind, OpenRequest, Outcome, Session, Split};
use trainmark_reports::record::CheckRecord;

use super::Harness;
use super::calls::{in_call, predict_guarded};
use super::protocol::Message;

/// Opens sessions, one after another, and listens to their calls.
pub(super) struct Announcer<'h> {
    harness: RefCell<&'h mut Harness>,
    failure: RefCell<Option<Error>>,
}

impl<'h> Announcer<'h> {
    pub(super) fn new(harness: &'h mut Harness) -> Self {
        Self { harness: RefCell::new(harness), failure: RefCell::new(None) }
    }

    /// Sends a message between two calls.
    pub(super) fn send(&self, message: &Message) -> anyhow::Result<()> {
        self.harness.borrow_mut().send(message)
    }

    /// Tells of a check that has ended.
    pub(super) fn tell(&self, check: &CheckRecord) {
        // Where the harness is gone, the next call's announcement fails.
        let _ = self.send(&Message::Checked(check.clone()));
    }

    /// The first call that failed otherwise than by refusing, as `invalid` or
    /// `unsupported`: what a refusal means is the checks' to say.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.failure.borrow_mut().take()
    }

    pub(super) fn open<'d>(
        &'d self,
        plugin: &Plugin,
        request: &OpenRequest<'d>,
    ) -> Result<Box<dyn Session + 'd>, Error> {
        let session =
            self.announce("open", || plugin.open(request)).map_err(|error| in_call("open", error))?;
        Ok(Box::new(Announced { session, _closed: Closed(self), announcer: self }))
    }

    /// Tells the harness that a call begins, and that it has returned.
    fn announce<T>(&self, name: &str, call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.harness.borrow_mut().calling(name).map_err(gone)?;
        let result = call();
        self.send(&Message::Returned).map_err(gone)?;
        if let Err(error) = &result
            && !matches!(error.kind, ErrorKind::Invalid | ErrorKind::Unsupported)
        {
            self.failure.borrow_mut().get_or_insert_with(|| in_call(name, error.clone()));
        }
        result
    }
}

/// Nobody hears a call any more.
fn gone(error: anyhow::Error) -> Error {
    Error::failed(format!("{error:#}"))
}

struct Announced<'h, 'r, S> {
    session: S,
    /// Behind the session, so that it is dropped when that is closed.
    _closed: Closed<'h, 'r>,
    announcer: &'h Announcer<'r>,
}

struct Closed<'h, 'r>(&'h Announcer<'r>);

impl<S> Drop for Announced<'_, '_, S> {
    fn drop(&mut self) {
        // Where the harness is gone, the next call's announcement fails.
        let _ = self.announcer.harness.borrow_mut().calling("close");
    }
}

impl Drop for Closed<'_, '_> {
    fn drop(&mut self) {
        let _ = self.0.send(&Message::Returned);
    }
}

impl<S: Session> Session for Announced<'_, '_, S> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        self.announcer.announce("set_parameters", || self.session.set_parameters(values))
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        self.announcer.announce("get_parameters", || self.session.get_parameters(values))
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        self.announcer.announce("train_step", || self.session.train_step(batch))
    }

    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        self.announcer.announce("train_epoch", || self.session.train_epoch(order, batch_size))
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        self.announcer
            .announce("predict", || predict_guarded(&mut self.session, split, indices, batch_size, logits))
            .map(|_seconds| ())
    }
}
