//! The network on the device, and the launches of a step.
//!
//! A kernel ends where the next thing needs the whole batch: batch norm's statistics forward,
//! their gradients back. Each kernel ends what the one before began (see
//! `kernels/fused/normalization.cuh`), and updates a layer whose weights no kernel of this step
//! needs any more.

use trainmark_plugin::Error;

use super::plan::{BatchNorm, Plan, StageLayout, TILE};
use super::workspace::Workspace;
use crate::cuda::data::DeviceSamples;
use crate::cuda::device::{Address, Argument, Device, Launch, Launcher, int};
use crate::cuda::switches::{Switch, Switches};

/// Whose statistics a stage normalises with, as the kernels number them.
#[derive(Debug, Clone, Copy)]
enum Statistics {
    None = 0,
    OfBatch = 1,
    Running = 2,
}

/// Parameters and settings on the device.
#[derive(Debug)]
pub(super) struct Network {
    /// Memory of each stage, see [`StageLayout`].
    pub(super) stages: [Address; 5],
    batch_norms: [Option<BatchNorm>; 5],
    learning_rate: f32,
    switches: Switches,
}

/// Some samples in an order on the device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    pub(super) samples: DeviceSamples,
    /// Indices of samples.
    pub(super) order: Address,
    /// Which of the order come.
    pub(super) first: usize,
    pub(super) count: usize,
    /// Whether what the device does just before is a kernel of this network, not a copy.
    pub(super) follows_kernel: bool,
}

impl Batch {
    fn tiles(&self) -> usize {
        self.count.div_ceil(TILE)
    }
}

/// A block per feature group and tile, side by side: groups of 30 and of 21 features.
const FORWARD_GROUPS: u32 = 4;
/// Groups of 30 inputs of the second linear stage, and of 64 of the first.
const BACKWARD_GROUPS: usize = 4;
/// Blocks that update a stage, beside the others: 12 outputs by 32 inputs, or 32 values of a
/// convolution.
const UPDATE_BLOCKS: [usize; 5] = [5, 76, 10 * 8, 7 * 4, 3];

impl Network {
    /// All parameters 0.
    ///
    /// # Errors
    /// `out of memory`.
    pub(super) fn new(
        device: &dyn Device,
        plan: &Plan,
        learning_rate: f32,
        switches: Switches,
    ) -> Result<Self, Error> {
        let mut stages = [Address(0); 5];
        for (stage, address) in stages.iter_mut().enumerate() {
            let layout = StageLayout::of(stage);
            *address = device.allocate_words(layout.len())?;
            if let Some(BatchNorm { epsilon, momentum }) = plan.0[stage] {
                device.upload_words(address.words(layout.epsilon()), &[epsilon as f32, momentum as f32])?;
            }
        }
        Ok(Self { stages, batch_norms: plan.0, learning_rate, switches })
    }

    /// Starts so many blocks of a kernel behind another one, with so many threads each.
    fn start(
        &self,
        device: &dyn Launcher,
        (kernel, threads): (&'static str, u32),
        blocks: usize,
        arguments: &[Argument],
    ) -> Result<(), Error> {
        self.launch(device, Launch::blocks(kernel, blocks, threads, arguments))
    }

    fn launch(&self, device: &dyn Launcher, launch: Launch<'_>) -> Result<(), Error> {
        device.launch(&Launch { overlaps: self.switches.has(Switch::Overlap), ..launch })
    }

    /// The most samples that a block of the convolutions takes.
    fn block_samples(&self) -> usize {
        if self.switches.has(Switch::Pairs) { 2 } else { 1 }
    }

    /// A kernel with a block per sample, or its form with a block per pair.
    fn per_sample(&self, kernel: &'static str, in_pairs: &'static str, threads: u32) -> (&'static str, u32) {
        if self.switches.has(Switch::Pairs) { (in_pairs, 2 * threads) } else { (kernel, threads) }
    }

    fn statistics(&self, stage: usize, of_batch: bool) -> Argument {
        let statistics = match (self.batch_norms[stage], of_batch) {
            (None, _) => Statistics::None,
            (Some(_), true) => Statistics::OfBatch,
            (Some(_), false) => Statistics::Running,
        };
        Argument::Int(statistics as i32)
    }

    /// The stages before the last, in training (`of_batch`) or prediction.
    fn forward(
        &self,
        device: &dyn Launcher,
        workspace: &Workspace,
        batch: &Batch,
        of_batch: bool,
    ) -> Result<(), Error> {
        self.convolution_forward(device, workspace, batch, of_batch)?;
        self.linear_forward(device, workspace, batch, of_batch)
    }

    fn convolution_forward(
        &self,
        device: &dyn Launcher,
        w: &Workspace,
        batch: &Batch,
        of_batch: bool,
    ) -> Result<(), Error> {
        let [stage1, stage2, ..] = self.stages.map(Argument::from);
        let mode = |stage| self.statistics(stage, of_batch);
        let (first, count) = (int(batch.first)?, int(batch.count)?);
        let (one, two) = (&w.convolution1, &w.convolution2);
        let blocks = batch.count.div_ceil(self.block_samples());
        let (kernel, threads) =
            self.per_sample("fused_convolution1_forward", "fused_convolution1_forward_pairs", 320);
        let overlaps = batch.follows_kernel && self.switches.has(Switch::Overlap);
        device.launch(&Launch {
            overlaps,
            ..Launch::blocks(
                kernel,
                blocks,
                threads,
                &[
                    batch.samples.pixels.into(),
                    batch.order.into(),
                    first,
                    count,
                    stage1,
                    mode(0),
                    one.before.into(),
                    one.moments.into(),
                ],
            )
        })?;
        let kernel = self.per_sample("fused_convolution2_forward", "fused_convolution2_forward_pairs", 192);
        self.start(
            device,
            kernel,
            blocks,
            &[
                one.before.into(),
                one.moments.into(),
                count,
                stage1,
                mode(0),
                stage2,
                mode(1),
                two.before.into(),
                two.moments.into(),
            ],
        )
    }

    fn linear_forward(
        &self,
        device: &dyn Launcher,
        w: &Workspace,
        batch: &Batch,
        of_batch: bool,
    ) -> Result<(), Error> {
        let [_, stage2, stage3, stage4, _] = self.stages.map(Argument::from);
        let mode = |stage| self.statistics(stage, of_batch);
        let count = int(batch.count)?;
        let (two, three, four) = (&w.convolution2, &w.linear1, &w.linear2);
        let launch = |kernel, threads, arguments: &[Argument]| {
            let mut launch = Launch::blocks(kernel, batch.tiles(), threads, arguments);
            launch.grid[1] = FORWARD_GROUPS;
            self.launch(device, launch)
        };
        let most = int(self.block_samples())?;
        let arguments =
            [two.before.into(), two.moments.into(), count, most, stage2, mode(1), w.after2.into()];
        let outputs = [stage3, three.before.into(), three.moments.into()];
        launch("fused_linear1_forward", 256, &[&arguments[..], &outputs].concat())?;
        let arguments =
            [three.before.into(), three.moments.into(), count, stage3, mode(2), three.after.into()];
        let outputs = [stage4, four.before.into(), four.moments.into()];
        launch("fused_linear2_forward", 192, &[&arguments[..], &outputs].concat())
    }

    /// The batch's logits in prediction, behind those of `batch.first` samples.
    ///
    /// # Errors
    /// The device's.
    pub(super) fn predict(
        &self,
        device: &dyn Launcher,
        workspace: &Workspace,
        batch: &Batch,
        logits: Address,
    ) -> Result<(), Error> {
        self.forward(device, workspace, batch, false)?;
        self.start(
            device,
            ("fused_logits", 256),
            batch.tiles(),
            &[
                workspace.linear2.before.into(),
                int(batch.first)?,
                int(batch.count)?,
                self.stages[3].into(),
                self.statistics(3, false),
                self.stages[4].into(),
                logits.into(),
            ],
        )
    }

    /// A training step. Its outcome is a pair of float64 per tile, from pair `outcome` on.
    ///
    /// # Errors
    /// The device's.
    pub(super) fn train(
        &self,
        device: &dyn Launcher,
        workspace: &Workspace,
        batch: &Batch,
        (outcomes, outcome): (Address, usize),
    ) -> Result<(), Error> {
        self.forward(device, workspace, batch, true)?;
        let four = &workspace.linear2;
        self.start(
            device,
            ("fused_output", 256),
            batch.tiles(),
            &[
                batch.samples.labels.into(),
                batch.order.into(),
                int(batch.first)?,
                four.before.into(),
                four.moments.into(),
                int(batch.count)?,
                self.stages[3].into(),
                self.statistics(3, true),
                four.after.into(),
                self.stages[4].into(),
                workspace.d_logits.into(),
                four.d_normalized.into(),
                four.sums.into(),
                outcomes.into(),
                int(outcome)?,
            ],
        )?;
        self.linear_backward(device, workspace, batch)?;
        self.convolution_backward(device, workspace, batch)
    }

    /// Back through both linear stages; updates the last and the second.
    fn linear_backward(&self, device: &dyn Launcher, w: &Workspace, batch: &Batch) -> Result<(), Error> {
        let [_, stage2, stage3, stage4, stage5] = self.stages.map(Argument::from);
        let (count, rate) = (int(batch.count)?, Argument::Float(self.learning_rate));
        let (two, three, four) = (&w.convolution2, &w.linear1, &w.linear2);
        let blocks = batch.tiles() * BACKWARD_GROUPS;
        self.start(
            device,
            ("fused_linear2_backward", 256),
            UPDATE_BLOCKS[4] + blocks,
            &[
                count,
                three.before.into(),
                three.after.into(),
                stage3,
                four.before.into(),
                stage4,
                self.statistics(3, true),
                four.d_normalized.into(),
                four.sums.into(),
                four.d_before.into(),
                three.d_normalized.into(),
                three.sums.into(),
                w.d_logits.into(),
                four.after.into(),
                stage5,
                rate,
            ],
        )?;
        self.start(
            device,
            ("fused_linear1_backward", 256),
            UPDATE_BLOCKS[3] + blocks,
            &[
                count,
                two.before.into(),
                w.after2.into(),
                stage2,
                three.before.into(),
                stage3,
                self.statistics(2, true),
                three.d_normalized.into(),
                three.sums.into(),
                three.d_before.into(),
                two.d_after.into(),
                two.sums.into(),
                four.d_before.into(),
                three.after.into(),
                stage4,
                rate,
            ],
        )
    }

    /// Back through both convolution stages; updates the first linear stage and both of them.
    fn convolution_backward(&self, device: &dyn Launcher, w: &Workspace, batch: &Batch) -> Result<(), Error> {
        let [stage1, stage2, stage3, ..] = self.stages.map(Argument::from);
        let (count, rate) = (int(batch.count)?, Argument::Float(self.learning_rate));
        let (one, two, three) = (&w.convolution1, &w.convolution2, &w.linear1);
        self.start(
            device,
            ("fused_convolution2_backward", 256),
            UPDATE_BLOCKS[2] + batch.count,
            &[
                count,
                one.before.into(),
                stage1,
                two.before.into(),
                stage2,
                self.statistics(1, true),
                two.d_after.into(),
                two.sums.into(),
                two.shares.into(),
                one.d_after.into(),
                one.sums.into(),
                three.d_before.into(),
                w.after2.into(),
                stage3,
                rate,
            ],
        )?;
        let blocks = batch.count.div_ceil(self.block_samples());
        let kernel = self.per_sample("fused_convolution1_backward", "fused_convolution1_backward_pairs", 256);
        let is_folded = self.switches.has(Switch::Folded);
        self.start(
            device,
            kernel,
            UPDATE_BLOCKS[1] + blocks,
            &[
                batch.samples.pixels.into(),
                batch.order.into(),
                int(batch.first)?,
                count,
                stage1,
                self.statistics(0, true),
                one.before.into(),
                one.d_after.into(),
                one.sums.into(),
                one.shares.into(),
                stage2,
                two.shares.into(),
                rate,
                if is_folded { w.finished } else { Address::NULL }.into(),
            ],
        )?;
        if is_folded {
            return Ok(());
        }
        self.start(
            device,
            ("fused_convolution1_update", 256),
            UPDATE_BLOCKS[0],
            &[one.shares.into(), int(blocks)?, stage1, rate],
        )
    }
}
