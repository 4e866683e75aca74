//! What a session keeps on the device.

use trainmark_plugin::Error;

use super::network::{Network, Operation};
use crate::cuda::device::{Address, Device, int};

/// Addresses of everything but the data set.
#[derive(Debug)]
pub(super) struct Memory {
    /// All parameters, one tensor after the other, and the gradient of each. Running
    /// statistics have one too, which stays 0.
    pub(super) parameters: Address,
    pub(super) gradients: Address,
    /// The epoch's samples, and where among them the batch begins.
    pub(super) order: Address,
    pub(super) place: Address,
    /// Two float64: the sum of the losses since the order was set, and the samples predicted right.
    pub(super) totals: Address,
    /// Logits of predictions.
    pub(super) logits: Address,
    pub(super) batch: Batch,
    /// Samples that `order` has room for, and rows that `logits` has.
    order_room: usize,
    logits_room: usize,
}

/// What grows with the batch.
#[derive(Debug)]
pub(super) struct Batch {
    /// Samples there is room for.
    pub(super) room: usize,
    /// The input, then the output of every stage.
    pub(super) values: Vec<Address>,
    /// ∂L/∂output and ∂L/∂input of the stage at hand.
    pub(super) gradients: [Address; 2],
    /// The batch's, for every stage; only a batch norm's have a meaning.
    pub(super) statistics: Vec<Statistics>,
    /// One float64 per sample each.
    pub(super) losses: Address,
    pub(super) hits: Address,
}

/// Mean and biased variance, a value per channel each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statistics {
    pub(super) mean: Address,
    pub(super) variance: Address,
}

impl Memory {
    /// # Errors
    /// `out of memory`.
    pub(super) fn new(device: &dyn Device, network: &Network, room: usize) -> Result<Self, Error> {
        Ok(Self {
            parameters: device.allocate_words(network.parameters())?,
            gradients: device.allocate_words(network.parameters())?,
            order: device.allocate_words(room)?,
            place: device.allocate_words(1)?,
            totals: device.allocate(16)?,
            logits: device.allocate_words(room * network.classes())?,
            batch: Batch::new(device, network, room)?,
            order_room: room,
            logits_room: room,
        })
    }

    /// Makes room for batches of so many samples, an order of so many, and logits of so
    /// many. Returns whether addresses changed.
    ///
    /// # Errors
    /// `out of memory`.
    pub(super) fn make_room(
        &mut self,
        device: &dyn Device,
        network: &Network,
        [batch, order, logits]: [usize; 3],
    ) -> Result<bool, Error> {
        let mut has_grown = false;
        if batch > self.batch.room {
            self.batch = Batch::new(device, network, batch)?;
            has_grown = true;
        }
        if order > self.order_room {
            // What was there before stays until the session ends: doubling keeps that little.
            self.order_room = order.max(2 * self.order_room);
            self.order = device.allocate_words(self.order_room)?;
            has_grown = true;
        }
        if logits > self.logits_room {
            self.logits_room = logits.max(2 * self.logits_room);
            self.logits = device.allocate_words(self.logits_room * network.classes())?;
            has_grown = true;
        }
        Ok(has_grown)
    }
}

impl Batch {
    fn new(device: &dyn Device, network: &Network, room: usize) -> Result<Self, Error> {
        // What kernels count in one tensor.
        int(room.saturating_mul(network.largest()))?;
        let mut values = vec![device.allocate_words(room * network.inputs)?];
        let mut statistics = Vec::with_capacity(network.stages.len());
        for stage in &network.stages {
            let channels = match stage.operation {
                Operation::BatchNorm(norm) => norm.channels,
                _ => 0,
            };
            let mean = device.allocate_words(channels)?;
            statistics.push(Statistics { mean, variance: device.allocate_words(channels)? });
            values.push(match stage.operation {
                Operation::Flatten => values[values.len() - 1],
                _ => device.allocate_words(room * stage.outputs)?,
            });
        }
        let gradient = || device.allocate_words(room * network.largest());
        Ok(Self {
            room,
            values,
            gradients: [gradient()?, gradient()?],
            statistics,
            losses: device.allocate(8 * room)?,
            hits: device.allocate(8 * room)?,
        })
    }
}
