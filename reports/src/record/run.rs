//! One run of one cell, and what it gave.

use serde::{Deserialize, Serialize};

use super::{Audit, Cell, Conformance, GpuUse, Metric, Target};
use crate::number::count;
use crate::statistics::median;

/// One run of one cell: its beginning, its epochs and its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The cell.
    pub cell: Cell,
    /// The seed.
    pub seed: u64,
    /// Why it was run.
    pub purpose: Purpose,
    /// Its beginning; `None` of a cell that the conformance gate stopped.
    pub begun: Option<Begun>,
    /// The epochs that ended, in order.
    pub epochs: Vec<Epoch>,
    /// Its end. Of a run that has none it tells that: [`RunEnd::missing`].
    pub end: RunEnd,
    /// Its audit, if it had one.
    pub audit: Option<Audit>,
    /// The node of a cluster that it was begun on, by name; `None` on the machine of the benchmark.
    pub node: Option<String>,
}

impl Run {
    /// A run of which nothing is known yet.
    pub fn new(cell: Cell, seed: u64, purpose: Purpose) -> Self {
        let (epochs, end) = (Vec::new(), RunEnd::missing());
        Self { cell, seed, purpose, begun: None, epochs, end, audit: None, node: None }
    }

    /// Whether it is one of its cell's samples, of which all numbers are made: one that was to be
    /// trained to the end, or one for time only.
    pub fn is_sample(&self) -> bool {
        self.is_whole() || self.is_for_time()
    }

    /// Of its cell's samples the one that it repeats, as a run made once more: of its seed, the one of as many
    /// epochs where there are two, one to the end and one for time only.
    pub(crate) fn repeats_one_of<'r>(&self, samples: impl Iterator<Item = &'r Self>) -> Option<&'r Self> {
        samples
            .filter(|run| run.seed == self.seed)
            .min_by_key(|run| (!run.is_ok(), run.epochs.len() != self.epochs.len(), !run.is_whole()))
    }

    /// Whether it is a sample for time only.
    pub fn is_for_time(&self) -> bool {
        self.purpose == Purpose::Timing
    }

    /// Whether it is a sample that was to be trained to the end. One for time only says nothing of
    /// targets, of accuracies at the end, or of what was learned.
    pub fn is_whole(&self) -> bool {
        self.purpose == Purpose::Sample
    }

    /// Whether it trained all its epochs.
    pub fn is_ok(&self) -> bool {
        self.end.outcome == RunOutcome::Ok
    }

    /// Whether it needs no repetition on resume: it trained all its epochs, the backend
    /// declined it, or it computes another function. A run that failed, timed out, ran out of
    /// memory, was interrupted or left out is tried again.
    pub fn has_result(&self) -> bool {
        use RunOutcome::{NotConformant, Ok, Unsupported};
        matches!(self.end.outcome, Ok | Unsupported | NotConformant)
    }

    /// Whether the samples of one cell count. One that computes another function, or whose
    /// audit could not be made, makes the others doubtful, so that then none does.
    pub fn are_ranked<'r>(samples: impl IntoIterator<Item = &'r Self>) -> bool {
        let is_doubtful = |run: &Self| {
            run.end.outcome == RunOutcome::NotConformant
                || run.audit.as_ref().is_some_and(|audit| !audit.passed())
        };
        !samples.into_iter().any(is_doubtful)
    }

    /// Whether it counts where targets are reached or not: one that was to be trained to the end,
    /// and was tried.
    pub fn is_tried(&self) -> bool {
        self.is_whole() && self.end.outcome.is_tried()
    }

    /// `failed after 2 epochs`.
    pub(crate) fn ended_after(&self) -> String {
        format!("{} after {}", self.end.outcome.name(), count(self.epochs.len(), "epoch"))
    }

    /// One-minute load average just before it.
    pub fn load_average(&self) -> Option<f64> {
        self.begun.as_ref()?.load_average
    }

    /// Training seconds of its epochs; `None` where no epoch ended.
    pub fn train_seconds(&self) -> Option<f64> {
        self.epochs.iter().map(|epoch| epoch.train_seconds).reduce(|a, b| a + b)
    }

    /// Seconds of loading the library and opening the session, as far as they are known.
    pub fn start_seconds(&self) -> Option<f64> {
        Some(self.end.load_seconds? + self.end.open_seconds?)
    }

    /// Seconds that it is known to have taken; the harness's own work is not counted.
    pub(crate) fn known_seconds(&self) -> f64 {
        let starts = self.end.load_seconds.unwrap_or_default() + self.end.open_seconds.unwrap_or_default();
        starts + self.epochs.iter().map(|epoch| epoch.train_seconds + epoch.predict_seconds).sum::<f64>()
    }

    /// The training seconds of its epochs that count: those after the first, which warms up,
    /// or `with_first`.
    pub(crate) fn timed_seconds(&self, with_first: bool) -> impl Iterator<Item = f64> {
        let counted = self.epochs.iter().filter(move |epoch| with_first || epoch.number > 1);
        counted.map(|epoch| epoch.train_seconds).filter(|seconds| seconds.is_finite())
    }

    /// Whether it has an epoch after the first.
    pub(crate) fn is_warm(&self) -> bool {
        self.epochs.iter().any(|epoch| epoch.number > 1)
    }

    /// Its training seconds per epoch: the median of those after the first, or the first where
    /// there is no other.
    pub fn seconds_per_epoch(&self) -> Option<f64> {
        median(self.timed_seconds(!self.is_warm()))
    }

    /// The training seconds of its first epoch beyond the median of the later ones, which may
    /// be negative; `None` with fewer than two epochs.
    pub fn first_epoch_extra_seconds(&self) -> Option<f64> {
        let (first, later) = self.epochs.split_first()?;
        Some(first.train_seconds - median(later.iter().map(|epoch| epoch.train_seconds))?)
    }

    /// Seconds from loading the library to a warm epoch: load + open + first-epoch extra.
    pub fn cold_start_seconds(&self) -> Option<f64> {
        // A first epoch that happened to be fast is no negative cost.
        Some(self.start_seconds()? + self.first_epoch_extra_seconds()?.max(0.0))
    }

    /// When it first reached a target: the epoch, and the training seconds summed up to its
    /// end. A run for time only is not asked.
    pub fn reached(&self, target: Target) -> Option<(u32, f64)> {
        if self.is_for_time() {
            return None;
        }
        let mut seconds = 0.0;
        self.epochs.iter().find_map(|epoch| {
            seconds += epoch.train_seconds;
            let is_reached = epoch.metric(target.metric).is_some_and(|value| value >= target.at_least);
            is_reached.then_some((epoch.number, seconds))
        })
    }
}

/// Why a run was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A sample of its cell, trained to the end: what all numbers are made of.
    #[default]
    Sample,
    /// A sample for time only, of few epochs: what the numbers are made of that need no more, such
    /// as seconds per epoch, cold start and memory.
    Timing,
    /// The same cell and seed once more within the round: how far two runs of the same
    /// differ.
    Repeat,
    /// The benchmark's first run once more at its end: how far the machine has drifted.
    Drift,
}

impl Purpose {
    /// The word used in CSV and the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Timing => "timing",
            Self::Repeat => "repeat",
            Self::Drift => "drift",
        }
    }
}

/// The beginning of a run: it was handed to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// One-minute load average just before.
    pub load_average: Option<f64>,
    /// Seconds since the Unix epoch.
    pub unix_time: f64,
    /// Epochs that it is to train; absent in records of before runs differed in that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
}

/// One epoch of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// 1-based.
    #[serde(rename = "epoch")]
    pub number: u32,
    /// Wall seconds of training, prediction excluded.
    pub train_seconds: f64,
    /// Seconds of the epoch's work that were left when `train_epoch` returned: what the first
    /// read of the parameters took beyond a second one.
    #[serde(default)]
    pub unfinished_seconds: Option<f64>,
    /// User and system seconds of the worker during `train_epoch`.
    #[serde(default)]
    pub train_cpu_seconds: Option<f64>,
    /// Wall seconds of predicting the test split.
    pub predict_seconds: f64,
    /// Mean cross-entropy over the epoch's training samples.
    pub train_loss: Option<f64>,
    /// Running training accuracy, a fraction of 1.
    pub train_accuracy: Option<f64>,
    /// Test accuracy by the harness's own count over the returned logits.
    pub test_accuracy: Option<f64>,
    /// Resident memory of the worker after the epoch.
    #[serde(default)]
    pub rss_bytes: Option<u64>,
    /// `ok`, or what is wrong with the row, such as `loss is not finite`.
    pub status: String,
}

impl Epoch {
    /// What a target is set on.
    pub fn metric(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::TrainAccuracy => self.train_accuracy,
            Metric::TestAccuracy => self.test_accuracy,
        }
    }

    /// Refuses numbers that no epoch can have: a table of them would be believed.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { train_seconds, predict_seconds, .. } = *self;
        if !(train_seconds.is_finite() && train_seconds > 0.0) {
            return Err(format!("an epoch's train_seconds cannot be {train_seconds}"));
        }
        if !(predict_seconds.is_finite() && predict_seconds >= 0.0) {
            return Err(format!("an epoch's predict_seconds cannot be {predict_seconds}"));
        }
        for (name, accuracy) in
            [("train_accuracy", self.train_accuracy), ("test_accuracy", self.test_accuracy)]
        {
            if let Some(value) = accuracy.filter(|value| !(0.0..=1.0).contains(value)) {
                return Err(format!("an epoch's {name} cannot be {value}: it is a fraction of 1"));
            }
        }
        Ok(())
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Trained all its epochs.
    Ok,
    /// The backend declined the workload, device or option.
    Unsupported,
    /// It computes another function: not ranked.
    NotConformant,
    /// Error, panic, crash, NaN, wrong shape.
    Failed,
    /// A call took longer than the limit and the worker was killed.
    TimedOut,
    /// The worker passed its memory limit and was killed.
    OutOfMemory,
    /// The benchmark was interrupted during the run.
    #[default]
    Interrupted,
    /// The time budget had no room for any run of the cell.
    LeftOut,
}

impl RunOutcome {
    /// Whether the run counts where targets are reached or not: unsupported, not conformant
    /// and interrupted ones say nothing of that.
    pub fn is_tried(self) -> bool {
        matches!(self, Self::Ok | Self::Failed | Self::TimedOut | Self::OutOfMemory)
    }

    /// The word used in CSV, tables and the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unsupported => "unsupported",
            Self::NotConformant => "not conformant",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::OutOfMemory => "out of memory",
            Self::Interrupted => "interrupted",
            Self::LeftOut => "left out",
        }
    }

    /// Whether nothing came of the run, and that by no fault of its cell's: the benchmark was
    /// interrupted, or its time budget had no room.
    pub fn is_not_made(self) -> bool {
        matches!(self, Self::Interrupted | Self::LeftOut)
    }

    /// Why it is not `ok`, where that says more than the word; a reason that the record lacks is
    /// said to be.
    pub fn reason(self, reason: Option<&str>) -> Option<&str> {
        let reason = reason.unwrap_or("no reason recorded");
        (self != Self::Ok && reason != self.name()).then_some(reason)
    }

    /// The word with its reason, where that says more.
    pub fn with_reason(self, reason: Option<&str>) -> String {
        match self.reason(reason) {
            Some(reason) => format!("{}: {reason}", self.name()),
            None => self.name().to_owned(),
        }
    }
}

/// The end of a run, and what was measured over all of it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct RunEnd {
    /// How it ended.
    pub outcome: RunOutcome,
    /// Why, where it is not `ok`: signal or message, in one or two lines.
    pub reason: Option<String>,
    /// Last lines that the worker printed, where it failed.
    pub log_tail: Option<String>,
    /// Log of the worker's output, relative to the run folder.
    pub log: Option<String>,
    /// Seconds to load the library.
    pub load_seconds: Option<f64>,
    /// Seconds to open the session and set its parameters.
    pub open_seconds: Option<f64>,
    /// Peak resident memory of the worker.
    pub peak_rss_bytes: Option<u64>,
    /// User and system seconds of the worker.
    pub cpu_seconds: Option<f64>,
    /// The processors' mean clock just before the run, in MHz, where the system tells.
    #[serde(default)]
    pub frequency_mhz: Option<f64>,
    /// What it took of its graphics processor; `None` on the CPU, and where nothing is known.
    pub gpu: Option<GpuUse>,
    /// The conformance gate's verdict for this cell.
    pub conformance: Option<Conformance>,
    /// The framework, by the plugin's description.
    pub framework: Option<String>,
    /// SHA-256 of the plugin's library.
    pub library_hash: Option<String>,
    /// γ and β of the first batch norm after training.
    pub first_batch_norm: Option<FirstBatchNorm>,
}

impl RunEnd {
    /// What stands for the end of a run that has none in the record.
    pub fn missing() -> Self {
        Self {
            reason: Some("its end is not in the record: trainmark was killed, or still runs".to_owned()),
            ..Self::default()
        }
    }
}

/// Learned scale and shift of the first batch norm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirstBatchNorm {
    /// Scale per channel; NaN where training diverged (JSON: `null`).
    #[serde(deserialize_with = "null_as_nan")]
    pub gamma: Vec<f32>,
    /// Shift per channel; NaN where training diverged (JSON: `null`).
    #[serde(deserialize_with = "null_as_nan")]
    pub beta: Vec<f32>,
}

/// JSON has no NaN: `serde_json` writes `null`, which must be readable again, or
/// one diverged run would make the whole record unreadable.
fn null_as_nan<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    let values = Vec::<Option<f32>>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|value| value.unwrap_or(f32::NAN)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_reason_is_told_where_it_says_more_than_the_outcome() {
        let told = |outcome: RunOutcome, reason| outcome.with_reason(reason);
        assert_eq!(told(RunOutcome::Failed, Some("SIGSEGV")), "failed: SIGSEGV");
        assert_eq!(told(RunOutcome::Failed, None), "failed: no reason recorded");
        assert_eq!(told(RunOutcome::Interrupted, Some("interrupted")), "interrupted");
        assert_eq!(told(RunOutcome::Ok, None), "ok");
    }

    #[test]
    fn the_time_to_a_target_is_the_sum_of_training_seconds() {
        let epochs = [0.5, 0.8, 0.9, 0.95].iter().zip(1..).map(|(&a, n)| example::epoch(n, 2.0, a));
        let cell = example::cell("lenet-bn", "handwritten", "primitive");
        let mut run = Run { epochs: epochs.collect(), ..Run::new(cell, 1, Purpose::Sample) };
        let target = Target { metric: Metric::TrainAccuracy, at_least: 0.88 };
        assert_eq!(run.reached(target), Some((3, 6.0)));
        assert_eq!(run.reached(Target { at_least: 0.99, ..target }), None);
        let timed = Run { purpose: Purpose::Timing, ..run.clone() };
        assert_eq!((timed.reached(target), timed.seconds_per_epoch()), (None, Some(2.0)));
        assert_eq!((run.first_epoch_extra_seconds(), run.cold_start_seconds()), (Some(0.0), None));
        (run.end.load_seconds, run.end.open_seconds) = (Some(0.25), Some(0.5));
        run.epochs[0].train_seconds = 1.0;
        assert_eq!(run.cold_start_seconds(), Some(0.75), "a fast first epoch is no negative cost");
        run.epochs.truncate(1);
        assert_eq!((run.first_epoch_extra_seconds(), run.cold_start_seconds()), (None, None));
    }
}
