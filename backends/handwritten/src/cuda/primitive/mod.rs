//! The readable implementation on CUDA: one kernel per formula, in
//! `kernels/primitive/*.cu`.
//!
//! Start with the kernels; [`network`] says which a model takes, [`forward`] and
//! [`backward`] launch them in order, [`memory`] is what they work on. This file is the
//! session. Nothing comes back from the device between the steps of an epoch: kernels find
//! their batch by `place`, which they advance themselves, and add their losses up there. So
//! every step is the same sequence of launches, recorded once per batch size.

mod backward;
mod forward;
mod memory;
mod network;
mod pass;

use trainmark_plugin::{Error, OpenRequest, Outcome, RunningVariance, Session, Split};

use super::data::DeviceSamples;
use super::device::{Device, Recording, int};
use memory::Memory;
use network::Network;
use pass::Pass;

/// A model in training on a device.
pub(crate) struct Training {
    device: Box<dyn Device>,
    network: Network,
    train: DeviceSamples,
    test: DeviceSamples,
    memory: Memory,
    learning_rate: f32,
    running_variance: RunningVariance,
    /// Samples of the batches in which predictions are made at most.
    batch_size: usize,
    recordings: Vec<(Work, Recording)>,
}

/// What is done with one batch, of so many samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Step(usize),
    Prediction(Split, usize),
}

/// Sums over samples.
struct Totals {
    loss: f64,
    correct: u64,
}

impl Training {
    /// Uploads the data set.
    ///
    /// # Errors
    /// `unsupported` where a layer cannot be done, `out of memory`.
    pub(crate) fn open(
        device: Box<dyn Device>,
        request: &OpenRequest<'_>,
        running_variance: RunningVariance,
    ) -> Result<Self, Error> {
        let network = Network::new(&request.model)?;
        let (train, test) = (request.dataset.train, request.dataset.test);
        // Larger batches than there are samples may come, but hardly do.
        let batch_size = request.batch_size.min(train.count().max(test.count())).max(1);
        Ok(Self {
            train: DeviceSamples::upload(&*device, train)?,
            test: DeviceSamples::upload(&*device, test)?,
            memory: Memory::new(&*device, &network, batch_size)?,
            network,
            learning_rate: request.learning_rate as f32,
            running_variance,
            batch_size,
            recordings: Vec::new(),
            device,
        })
    }

    /// Puts an order of samples on the device, and room for batches and logits of so many.
    fn start(&mut self, order: &[u32], batch: usize, logits: usize) -> Result<(), Error> {
        int(order.len())?;
        let room = [batch, order.len(), logits];
        if self.memory.make_room(&*self.device, &self.network, room)? {
            // They would launch with the addresses of before.
            self.recordings.clear();
        }
        self.device.upload_words(self.memory.order, order)?;
        self.device.upload(self.memory.place, &0_u32.to_le_bytes())?;
        self.device.upload(self.memory.totals, &[0; 16])
    }

    /// Starts the work of the next batch of the order.
    fn run(&mut self, work: Work) -> Result<(), Error> {
        if let Some((_, recording)) = self.recordings.iter().find(|(known, _)| *known == work) {
            return self.device.replay(*recording);
        }
        let recording = self.device.record(&mut || self.launch(work))?;
        self.recordings.push((work, recording));
        self.device.replay(recording)
    }

    fn launch(&self, work: Work) -> Result<(), Error> {
        let pass = |samples, batch| Pass {
            device: &*self.device,
            network: &self.network,
            memory: &self.memory,
            samples,
            batch,
        };
        match work {
            Work::Step(batch) => pass(&self.train, batch).step(self.running_variance, self.learning_rate),
            Work::Prediction(Split::Train, batch) => pass(&self.train, batch).prediction(),
            Work::Prediction(Split::Test, batch) => pass(&self.test, batch).prediction(),
        }
    }

    /// Trains on an order in batches, and waits for it.
    fn train(&mut self, order: &[u32], batch_size: usize) -> Result<Totals, Error> {
        self.start(order, batch_size.min(order.len()), 0)?;
        for batch in order.chunks(batch_size) {
            self.run(Work::Step(batch.len()))?;
        }
        let mut totals = [0; 16];
        self.device.download(self.memory.totals, &mut totals)?;
        let [loss, correct] = [0, 8].map(|at| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&totals[at..at + 8]);
            f64::from_le_bytes(bytes)
        });
        Ok(Totals { loss, correct: correct as u64 })
    }
}

impl Session for Training {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        self.device.upload_words(self.memory.parameters, &values.concat())
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        let mut all = vec![0.0; self.network.parameters()];
        self.device.download_words(self.memory.parameters, &mut all)?;
        let mut rest = &all[..];
        for values in values {
            let (own, others) = rest.split_at(values.len());
            values.copy_from_slice(own);
            rest = others;
        }
        Ok(())
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        let Totals { loss, correct } = self.train(batch, batch.len())?;
        Ok(Outcome::new(loss / batch.len() as f64, correct))
    }

    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        let Totals { loss, correct } = self.train(order, batch_size)?;
        Ok(Outcome::new(loss / order.len() as f64, correct))
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        // Samples do not influence each other, so batches need not be larger than those
        // that there is room for.
        let batch_size = batch_size.min(self.batch_size);
        self.start(indices, batch_size.min(indices.len()), indices.len())?;
        for batch in indices.chunks(batch_size) {
            self.run(Work::Prediction(split, batch.len()))?;
        }
        self.device.download_words(self.memory.logits, logits)
    }
}
