//! Checks that the SDK does for every Rust backend, so that an implementation
//! sees only calls in order, with indices and lengths that fit.

use crate::backend::{OpenRequest, Outcome, Session, Split};
use crate::error::{Error, ErrorKind};

/// A session whose every call is checked before it reaches the backend.
pub(crate) struct GuardedSession<'d> {
    inner: Box<dyn Session + 'd>,
    parameter_lengths: Vec<usize>,
    train_count: usize,
    test_count: usize,
    classes: usize,
    has_parameters: bool,
    poisoned: bool,
}

impl<'d> GuardedSession<'d> {
    pub(crate) fn open(
        request: OpenRequest<'d>,
        open: impl FnOnce(OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error>,
    ) -> Result<Self, Error> {
        let classes = request.model.classes()?;
        let parameter_lengths = request.model.parameters()?.iter().map(|spec| spec.len()).collect();
        check_request(&request, classes)?;
        let (train_count, test_count) = (request.dataset.train.count(), request.dataset.test.count());
        let inner = open(request)?;
        Ok(Self {
            inner,
            parameter_lengths,
            train_count,
            test_count,
            classes,
            has_parameters: false,
            poisoned: false,
        })
    }

    pub(crate) fn poison(&mut self) {
        self.poisoned = true;
    }

    fn check_ready(&self) -> Result<(), Error> {
        self.check_poison()?;
        if self.has_parameters { Ok(()) } else { Err(Error::invalid("set_parameters must come first")) }
    }

    fn check_poison(&self) -> Result<(), Error> {
        if self.poisoned {
            return Err(Error::new(ErrorKind::Panic, "an earlier call of this session panicked"));
        }
        Ok(())
    }

    fn check_lengths(&self, lengths: impl ExactSizeIterator<Item = usize>) -> Result<(), Error> {
        let expected = self.parameter_lengths.len();
        if lengths.len() != expected {
            return Err(Error::invalid(format!(
                "{} parameters given, the model has {expected}",
                lengths.len()
            )));
        }
        for (index, (given, &expected)) in lengths.zip(&self.parameter_lengths).enumerate() {
            if given != expected {
                return Err(Error::invalid(format!(
                    "parameter {index} has {given} values, expected {expected}"
                )));
            }
        }
        Ok(())
    }
}

impl Session for GuardedSession<'_> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        self.check_poison()?;
        self.check_lengths(values.iter().map(|value| value.len()))?;
        self.inner.set_parameters(values)?;
        self.has_parameters = true;
        Ok(())
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        self.check_ready()?;
        self.check_lengths(values.iter().map(|value| value.len()))?;
        self.inner.get_parameters(values)
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        self.check_ready()?;
        check_indices(batch, self.train_count)?;
        self.inner.train_step(batch)
    }

    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        self.check_ready()?;
        check_indices(order, self.train_count)?;
        check_batch_size(batch_size)?;
        self.inner.train_epoch(order, batch_size)
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        self.check_ready()?;
        check_batch_size(batch_size)?;
        let count = match split {
            Split::Train => self.train_count,
            Split::Test => self.test_count,
        };
        check_indices(indices, count)?;
        let expected = indices.len() * self.classes;
        if logits.len() != expected {
            return Err(Error::invalid(format!("room for {} logits given, {expected} needed", logits.len())));
        }
        self.inner.predict(split, indices, batch_size, logits)
    }
}

fn check_request(request: &OpenRequest<'_>, classes: usize) -> Result<(), Error> {
    check_batch_size(request.batch_size)?;
    if request.threads == 0 {
        return Err(Error::invalid("threads must be at least 1"));
    }
    if !request.learning_rate.is_finite() {
        return Err(Error::invalid(format!("learning rate {} is not finite", request.learning_rate)));
    }
    let sample_size = request.model.input.len();
    for (name, samples) in [("training", request.dataset.train), ("test", request.dataset.test)] {
        if samples.pixels.len() != samples.count() * sample_size {
            return Err(Error::invalid(format!("{name} samples do not have {sample_size} bytes each")));
        }
        if let Some(label) = samples.labels.iter().find(|&&label| usize::from(label) >= classes) {
            return Err(Error::invalid(format!(
                "a {name} label is {label}, the model has {classes} classes"
            )));
        }
    }
    Ok(())
}

fn check_indices(indices: &[u32], count: usize) -> Result<(), Error> {
    if indices.is_empty() {
        return Err(Error::invalid("no sample given"));
    }
    match indices.iter().find(|&&index| index as usize >= count) {
        Some(index) => Err(Error::invalid(format!("sample {index} asked for, the split has {count}"))),
        None => Ok(()),
    }
}

fn check_batch_size(batch_size: usize) -> Result<(), Error> {
    if batch_size == 0 { Err(Error::invalid("batch size must be at least 1")) } else { Ok(()) }
}
