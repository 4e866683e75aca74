//! The fused implementation: a training step of LeNet in ten kernels, an epoch in one graph.
//!
//! Start with [`plan`] (which models, and where tensors lie), then read [`network`] beside
//! `kernels/fused/`. [`workspace`] is what the kernels hand to each other. This file is the
//! session: an epoch is recorded when it is opened, and then only its order is sent.

mod network;
mod plan;
pub(crate) mod timing;
mod workspace;

use std::collections::HashMap;

use trainmark_plugin::{Error, Model, OpenRequest, Outcome, Session, Split};

use super::data::DeviceSamples;
use super::device::{Address, Device, Pinned, Recording};
use super::switches::{Switch, Switches};
use network::{Batch, Network};
use plan::{Plan, TILE, Tensor, sizes};
use workspace::Workspace;

/// Samples that go through prediction at once, whatever batch size is asked for: samples do not
/// influence each other there.
const PREDICTED_AT_ONCE: usize = 1024;

/// Whether a model is the one that is fused.
pub(crate) fn fits(model: &Model) -> bool {
    Plan::of(model).is_some()
}

/// Opens a session for a model that [`fits`]. Its running variance follows the frameworks'
/// convention: it is the unbiased one.
///
/// # Errors
/// `unsupported` where it does not fit; `out of memory`.
pub(crate) fn open<'d>(
    device: Box<dyn Device>,
    request: OpenRequest<'d>,
    switches: Switches,
) -> Result<Box<dyn Session + 'd>, Error> {
    let room = request.batch_size.max(PREDICTED_AT_ONCE);
    Ok(Box::new(Training::open(device, &request, switches, room)?))
}

/// [`open`], with room for so many samples to begin with.
///
/// # Errors
/// As [`open`].
#[cfg(test)]
pub(crate) fn open_with_room<'d>(
    device: Box<dyn Device>,
    request: &OpenRequest<'d>,
    switches: Switches,
    room: usize,
) -> Result<Box<dyn Session + 'd>, Error> {
    Ok(Box::new(Training::open(device, request, switches, room)?))
}

/// A model in training.
struct Training {
    device: Box<dyn Device>,
    switches: Switches,
    train: DeviceSamples,
    test: DeviceSamples,
    network: Network,
    /// In the order of the model's parameters.
    tensors: Vec<Tensor>,
    workspace: Workspace,
    /// For single steps and predictions.
    list: List,
    /// Logits of predictions, and for how many samples there is room.
    logits: (Address, usize),
    /// Recorded epochs, by number of samples and batch size.
    epochs: HashMap<(usize, usize), Epoch>,
}

/// Indices of samples on the device, and room for what training on them gives.
#[derive(Debug, Clone, Copy)]
struct List {
    order: Address,
    /// Two float64 per tile: loss summed over samples, and right predictions.
    outcomes: Address,
    /// Indices that there is room for.
    capacity: usize,
}

/// An epoch that is replayed.
#[derive(Debug, Clone, Copy)]
struct Epoch {
    list: List,
    recording: Recording,
    /// Where the recording takes its order from, and leaves its outcomes: `staged`.
    staging: Option<Staging>,
}

/// Memory of the host for an epoch's order and its outcomes.
#[derive(Debug, Clone, Copy)]
struct Staging {
    order: Pinned,
    outcomes: Pinned,
}

impl Staging {
    fn new(device: &dyn Device, samples: usize, tiles: usize) -> Result<Self, Error> {
        Ok(Self {
            order: device.pin(size_of::<u32>() * samples)?,
            outcomes: device.pin(OUTCOME_BYTES * tiles)?,
        })
    }
}

/// Bytes of one tile's outcome.
const OUTCOME_BYTES: usize = 16;

impl List {
    /// Room for so many indices, and for outcomes of as many tiles at the most.
    fn new(device: &dyn Device, capacity: usize, tiles: usize) -> Result<Self, Error> {
        let order = device.allocate_words(capacity)?;
        let outcomes = device.allocate(OUTCOME_BYTES * tiles.max(1))?;
        Ok(Self { order, outcomes, capacity })
    }
}

impl Training {
    fn open(
        device: Box<dyn Device>,
        request: &OpenRequest<'_>,
        switches: Switches,
        capacity: usize,
    ) -> Result<Self, Error> {
        let model = &request.model;
        let plan = Plan::of(model).ok_or_else(|| {
            Error::unsupported(format!("model {} is not the one that is fused", model.name))
        })?;
        let mut training = Self {
            switches,
            train: DeviceSamples::upload(&*device, request.dataset.train)?,
            test: DeviceSamples::upload(&*device, request.dataset.test)?,
            network: Network::new(&*device, &plan, request.learning_rate as f32, switches)?,
            tensors: plan.tensors(),
            workspace: Workspace::new(&*device, capacity)?,
            list: List::new(&*device, capacity, capacity.div_ceil(TILE))?,
            logits: (device.allocate_words(capacity * sizes::CLASSES)?, capacity),
            epochs: HashMap::new(),
            device,
        };
        // What every epoch needs is no part of the first.
        let samples = request.dataset.train.count();
        if samples > 0 {
            training.epoch(samples, request.batch_size)?;
        }
        Ok(training)
    }

    /// Makes room for batches of so many samples.
    fn make_room(&mut self, samples: usize) -> Result<(), Error> {
        if samples > self.workspace.capacity {
            self.workspace = Workspace::new(&*self.device, samples)?;
        }
        Ok(())
    }

    /// Puts indices where single steps and predictions find them.
    fn send(&mut self, indices: &[u32]) -> Result<List, Error> {
        if indices.len() > self.list.capacity {
            self.list = List::new(&*self.device, indices.len(), indices.len().div_ceil(TILE))?;
        }
        self.device.upload_words(self.list.order, indices)?;
        Ok(self.list)
    }

    /// The recording of an epoch of so many samples, made where there is none yet.
    fn epoch(&mut self, samples: usize, batch_size: usize) -> Result<Epoch, Error> {
        if let Some(&epoch) = self.epochs.get(&(samples, batch_size)) {
            return Ok(epoch);
        }
        let epoch = self.record(samples, batch_size)?;
        self.epochs.insert((samples, batch_size), epoch);
        Ok(epoch)
    }

    fn record(&mut self, samples: usize, batch_size: usize) -> Result<Epoch, Error> {
        self.make_room(batch_size.min(samples))?;
        let tiles = tiles(samples, batch_size);
        let list = List::new(&*self.device, samples, tiles)?;
        let staging = match self.switches.has(Switch::Staged) {
            true => Some(Staging::new(&*self.device, samples, tiles)?),
            false => None,
        };
        let recording = self.device.record(&mut || {
            if let Some(staging) = staging {
                self.device.send(list.order, staging.order)?;
            }
            let mut outcome = 0;
            for (first, count) in batches(samples, batch_size) {
                let follows_kernel = first > 0;
                let batch = Batch { samples: self.train, order: list.order, first, count, follows_kernel };
                self.network.train(&*self.device, &self.workspace, &batch, (list.outcomes, outcome))?;
                outcome += count.div_ceil(TILE);
            }
            match staging {
                Some(staging) => self.device.fetch(staging.outcomes, list.outcomes),
                None => Ok(()),
            }
        })?;
        Ok(Epoch { list, recording, staging })
    }

    /// Runs a recorded epoch in this order, and waits for it.
    fn replay(&self, epoch: Epoch, order: &[u32], tiles: usize) -> Result<TileOutcome, Error> {
        let Some(staging) = epoch.staging else {
            self.device.upload_words(epoch.list.order, order)?;
            self.device.replay(epoch.recording)?;
            return self.outcome(epoch.list, tiles);
        };
        self.device.write(staging.order, bytemuck::cast_slice(order))?;
        self.device.replay(epoch.recording)?;
        self.device.finish()?;
        let mut bytes = vec![0; OUTCOME_BYTES * tiles];
        self.device.read(staging.outcomes, &mut bytes)?;
        Ok(TileOutcome::sum(&bytes))
    }

    /// Waits for the outcomes of so many tiles, together.
    fn outcome(&self, list: List, tiles: usize) -> Result<TileOutcome, Error> {
        let mut bytes = vec![0; OUTCOME_BYTES * tiles];
        self.device.download(list.outcomes, &mut bytes)?;
        Ok(TileOutcome::sum(&bytes))
    }
}

/// First sample and length of each batch.
fn batches(samples: usize, batch_size: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..samples).step_by(batch_size).map(move |first| (first, batch_size.min(samples - first)))
}

/// Tiles of all batches together.
fn tiles(samples: usize, batch_size: usize) -> usize {
    batches(samples, batch_size).map(|(_, count)| count.div_ceil(TILE)).sum()
}

/// What training on a tile of samples gave: the sum of their losses, and right predictions.
#[derive(Debug, Clone, Copy, Default)]
struct TileOutcome {
    loss: f64,
    correct: f64,
}

impl TileOutcome {
    fn read(bytes: &[u8; OUTCOME_BYTES]) -> Self {
        let (numbers, _) = bytes.as_chunks::<8>();
        Self { loss: f64::from_le_bytes(numbers[0]), correct: f64::from_le_bytes(numbers[1]) }
    }

    /// Of tiles side by side, added up in their order.
    fn sum(bytes: &[u8]) -> Self {
        let (outcomes, _) = bytes.as_chunks::<OUTCOME_BYTES>();
        outcomes.iter().map(Self::read).fold(Self::default(), |sum, outcome| Self {
            loss: sum.loss + outcome.loss,
            correct: sum.correct + outcome.correct,
        })
    }
}

impl Session for Training {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        for (tensor, values) in self.tensors.iter().zip(values) {
            self.device.upload_words(self.network.stages[tensor.stage].words(tensor.offset), values)?;
        }
        self.device.finish()
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        for (tensor, values) in self.tensors.iter().zip(values) {
            let from = self.network.stages[tensor.stage].words(tensor.offset);
            self.device.download_words(from, &mut values[..tensor.len])?;
        }
        Ok(())
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        self.make_room(batch.len())?;
        let list = self.send(batch)?;
        let on_device = Batch {
            samples: self.train,
            order: list.order,
            first: 0,
            count: batch.len(),
            follows_kernel: false,
        };
        self.network.train(&*self.device, &self.workspace, &on_device, (list.outcomes, 0))?;
        let outcome = self.outcome(list, batch.len().div_ceil(TILE))?;
        Ok(Outcome::new(outcome.loss / batch.len() as f64, outcome.correct as u64))
    }

    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        let epoch = self.epoch(order.len(), batch_size)?;
        let outcome = self.replay(epoch, order, tiles(order.len(), batch_size))?;
        Ok(Outcome::new(outcome.loss / order.len() as f64, outcome.correct as u64))
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        _batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        let list = self.send(indices)?;
        if indices.len() > self.logits.1 {
            let room = self.device.allocate_words(indices.len() * sizes::CLASSES)?;
            self.logits = (room, indices.len());
        }
        let samples = match split {
            Split::Train => self.train,
            Split::Test => self.test,
        };
        for (first, count) in batches(indices.len(), self.workspace.capacity) {
            let batch = Batch { samples, order: list.order, first, count, follows_kernel: first > 0 };
            self.network.predict(&*self.device, &self.workspace, &batch, self.logits.0)?;
        }
        self.device.download_words(self.logits.0, logits)
    }
}
