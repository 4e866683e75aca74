//! A session: each call takes the lock, lends Python the harness's memory, and reads the answer.

use std::io::Write;
use std::marker::PhantomData;

use trainmark_plugin::{Dataset, Error, OpenRequest, Outcome, Session, Split};

use crate::answer::Answer;
use crate::interpreter::Interpreter;
use crate::object::{Kept, Object};
use crate::request;

/// A model that a backend in Python trains.
pub(crate) struct Training<'d> {
    /// The bridge's `Session`, around the backend's.
    session: Kept,
    /// Python reads it as long as the session is open.
    dataset: PhantomData<Dataset<'d>>,
}

impl<'d> Training<'d> {
    /// Opens the model with the backend.
    ///
    /// # Errors
    /// The backend's own.
    pub(crate) fn open(interpreter: &Interpreter, request: &OpenRequest<'d>) -> Result<Self, Error> {
        let Dataset { train, test, .. } = request.dataset;
        let described = request::to_json(request)?;
        let lock = interpreter.lock();
        let mut arguments = vec![lock.text(&described)?];
        for bytes in [train.pixels, train.labels, test.pixels, test.labels] {
            arguments.push(lock.view(bytes)?);
        }
        let answer = Answer::of(interpreter.bridge(&lock)?.call(c"open", arguments)?)?;
        Ok(Self { session: answer.value()?.keep(), dataset: PhantomData })
    }

    fn close(&self) -> Result<(), Error> {
        let lock = self.session.lock();
        Answer::of(self.session.under(&lock)?.call(c"close", vec![])?).map(drop)
    }
}

impl Session for Training<'_> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        let lock = self.session.lock();
        let views = values.iter().map(|value| lock.view(value));
        let views = lock.tuple(views.collect::<Result<Vec<Object<'_>>, Error>>()?)?;
        Answer::of(self.session.under(&lock)?.call(c"set_parameters", vec![views])?).map(drop)
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        let lock = self.session.lock();
        let views = values.iter_mut().map(|value| lock.writable(value));
        let views = lock.tuple(views.collect::<Result<Vec<Object<'_>>, Error>>()?)?;
        Answer::of(self.session.under(&lock)?.call(c"get_parameters", vec![views])?).map(drop)
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        let lock = self.session.lock();
        let arguments = vec![lock.view(batch)?];
        Answer::of(self.session.under(&lock)?.call(c"train_step", arguments)?)?.outcome()
    }

    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        let lock = self.session.lock();
        let arguments = vec![lock.view(order)?, lock.integer(batch_size)?];
        Answer::of(self.session.under(&lock)?.call(c"train_epoch", arguments)?)?.outcome()
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        let split = match split {
            Split::Train => "train",
            Split::Test => "test",
        };
        let lock = self.session.lock();
        let arguments =
            vec![lock.text(split)?, lock.view(indices)?, lock.integer(batch_size)?, lock.writable(logits)?];
        Answer::of(self.session.under(&lock)?.call(c"predict", arguments)?).map(drop)
    }
}

impl Drop for Training<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            // Not `eprintln!`, which panics where stderr is closed.
            let _ = writeln!(std::io::stderr(), "close: {}", error.message);
        }
    }
}
