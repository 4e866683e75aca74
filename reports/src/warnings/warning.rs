//! A warning: what was found, and its words.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{NodeWarning, Stall};
use crate::number::{bytes, count, seconds, seed_names};
use crate::record::{Adapter, Cell, Outcome, Run, Started};
use crate::text::one_line;

/// Something that makes numbers doubtful, with what was measured of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// The data set is not the published one, and the record's writer has not said so.
    Synthetic,
    /// The synthetic data set stands in for the published one.
    StandIn {
        /// Why the published one is not there.
        because: String,
        /// Its name.
        published: String,
    },
    /// The data set was chosen, and is not the published one.
    OtherDataSet {
        /// Its name.
        name: String,
        /// The published one's.
        published: String,
    },
    /// The harness is not optimised.
    DebugBuild,
    /// More threads than processors.
    TooManyThreads {
        /// Threads that backends are told to use.
        threads: usize,
        /// Logical processors.
        processors: usize,
    },
    /// The machine is not on mains power.
    OnBattery,
    /// The frequency governor saves power.
    SlowGovernor,
    /// Something computed before the benchmark began.
    BusyAtStart {
        /// The load average.
        load: f64,
    },
    /// A foreign library is loaded into every worker.
    Preloaded {
        /// The variable that says so.
        variable: String,
        /// Its value.
        value: String,
    },
    /// The process stands back for others.
    Nice {
        /// Its nice value.
        nice: i32,
    },
    /// Variables choose how a backend computes.
    Chosen {
        /// Each as `NAME=value`.
        variables: Vec<String>,
    },
    /// What the record's writer said, in its words.
    Recorded(String),
    /// A warning that concerns one machine of several.
    OfMachine {
        /// The machine's label.
        machine: String,
        /// What is to be told of it.
        warning: Box<Warning>,
    },
    /// A machine's cells were not measured in one go.
    SeveralBenchmarks {
        /// The machine's label.
        machine: String,
        /// How many benchmarks.
        runs: usize,
    },
    /// Planned runs are missing.
    Unfinished {
        /// Runs that ended.
        ended: usize,
        /// Runs that were planned.
        planned: usize,
        /// How the benchmark ended.
        outcome: Option<Outcome>,
    },
    /// Cells that the time budget left out, and with which seeds.
    LeftOut(Vec<(Cell, Vec<u64>)>),
    /// Cells that the time budget had no room to train to the end.
    TimedOnly(Vec<Cell>),
    /// Of the nodes of a cluster.
    Nodes(NodeWarning),
    /// No run was audited, as was asked for.
    NoAudit,
    /// Cells of which no run was audited.
    NotAudited(Vec<Cell>),
    /// Other programs loaded the machine.
    OtherLoad {
        /// Runs before which they did.
        busy: usize,
        /// All runs.
        runs: usize,
        /// The load average furthest beyond the benchmark's own.
        load: f64,
        /// What the benchmark's runs explain of it.
        own: f64,
    },
    /// The counts of the peak were far apart.
    SharedHost {
        /// What part of the best the median was before the first run.
        before: Option<f64>,
        /// After the last.
        after: Option<f64>,
    },
    /// The processors' clock fell.
    FallingClock {
        /// Before the first runs, in MHz.
        first: f64,
        /// Before the last runs, in MHz.
        last: f64,
    },
    /// A graphics processor was too hot, or short of power.
    Throttled {
        /// Runs during which it was.
        slowed: usize,
        /// Runs on a graphics processor.
        runs: usize,
        /// What slowed it.
        reasons: Vec<String>,
    },
    /// The first run took another time at the end.
    Drifted {
        /// Its time at the end over its time at the beginning.
        ratio: f64,
    },
    /// A run failed when it was made once more; it stands in no table.
    FailedRepeat(Box<Run>),
    /// Work of a cell's epochs goes on after `train_epoch` has returned.
    WorkLeft {
        /// The cell.
        cell: Cell,
        /// Seconds per epoch.
        seconds: f64,
    },
    /// A cell keeps more processors busy than it was told to use.
    MoreProcessors {
        /// The cell.
        cell: Cell,
        /// Processors that it kept busy.
        busy: f64,
    },
    /// A cell's worker did not run in some of its epochs.
    Stalled {
        /// The cell.
        cell: Cell,
        /// In how many.
        stalls: usize,
        /// Of so many.
        epochs: usize,
        /// The one in which it did not run for the longest.
        worst: Stall,
    },
    /// A backend's device is a software renderer.
    SoftwareRenderer {
        /// Backend and device.
        adapter: Adapter,
    },
    /// A cell's memory grows with its epochs.
    GrowingMemory {
        /// The cell.
        cell: Cell,
        /// By how many bytes.
        grown: u64,
        /// Bytes after the second epoch.
        before: u64,
        /// Bytes after each epoch, from the first.
        by_epoch: Vec<u64>,
        /// What its backend says of the implementation.
        because: Option<String>,
    },
}

const SYNTHETIC: &str = "synthetic data: ";
const STAND_IN: &str = "using the procedural data set `synthetic`, ";
const DATA_SET: &str = "data set synthetic: ";
const DEBUG_BUILD: &str = "debug build";

impl Warning {
    /// Whether the record's writer has said it already, be it of one of its machines. Such a
    /// warning is known by how it begins, not by a word in it: a label may be any word.
    pub(super) fn is_recorded(&self, started: &Started) -> bool {
        let heads: &[&str] = match self {
            Self::Synthetic => &[SYNTHETIC, STAND_IN, DATA_SET],
            Self::DebugBuild => &[DEBUG_BUILD],
            _ => return false,
        };
        let machines = started.merged.iter().map(|run| format!("{}: ", run.machine));
        machines.chain([String::new()]).any(|prefix| {
            let mut told = started.warnings.iter().filter_map(|text| text.strip_prefix(&prefix));
            told.any(|text| heads.iter().any(|head| text.starts_with(head)))
        })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Synthetic => {
                write!(f, "{SYNTHETIC}the accuracies say nothing of fashion-mnist; times are comparable")
            }
            Self::StandIn { because, published } => write!(
                f,
                "{STAND_IN}because {because}; its numbers are not comparable with those of {published}"
            ),
            Self::OtherDataSet { name, published } => {
                write!(f, "data set {name}: not comparable with numbers on {published}")
            }
            Self::DebugBuild => {
                write!(f, "{DEBUG_BUILD} of the harness: overheads outside the backends are larger")
            }
            Self::Recorded(text) => f.write_str(text),
            Self::OfMachine { machine, warning } => write!(f, "{machine}: {warning}"),
            Self::SeveralBenchmarks { machine, runs } => write!(
                f,
                "{machine}: its cells are of {runs} benchmarks, between which the machine may have changed"
            ),
            Self::Nodes(warning) => warning.fmt(f),
            of_machine => of_machine.write_of_start(f),
        }
    }
}

impl Warning {
    /// The words of what was so at the start.
    fn write_of_start(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyThreads { threads, processors } => {
                write!(f, "{threads} threads on {processors} processors: they wait for each other")
            }
            Self::OnBattery => f.write_str("the machine runs on its battery: its clock may fall"),
            Self::SlowGovernor => {
                f.write_str("the frequency governor powersave keeps the processors from their full clock")
            }
            Self::BusyAtStart { load } => {
                write!(f, "the machine was busy at the start (load average {load:.1})")
            }
            Self::Preloaded { variable, value } => {
                write!(f, "{variable}={value} puts a foreign library into every worker")
            }
            Self::Nice { nice } => {
                write!(f, "it ran with nice {nice}: every other program goes before it")
            }
            Self::Chosen { variables } => {
                write!(f, "{}: a backend computes otherwise than by itself", variables.join(", "))
            }
            measured => measured.write_measured(f),
        }
    }

    /// The words of what was measured of a benchmark as a whole.
    fn write_measured(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished { ended, planned, outcome } => {
                write!(f, "{ended} of {} ended: {}", count(*planned, "planned run"), why_unfinished(*outcome))
            }
            Self::LeftOut(cells) => {
                write!(
                    f,
                    "the dearest cells were left out to stay within the time budget: {}; their medians are over \
                     other seeds than those of the others, so compare them by the ratios, which are of the same \
                     seeds",
                    by_seeds(cells)
                )
            }
            Self::TimedOnly(cells) => {
                let cells: Vec<String> = cells.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "the time budget had no room to train to the end: {}; so their accuracies and times to a target \
                     are missing, and `bench --resume` makes up for it",
                    cells.join(", ")
                )
            }
            Self::NoAudit => write!(
                f,
                "no run was audited (--no-audit): that the timed epochs were trained whole, and their losses and \
                 training accuracies, are the backends' word"
            ),
            Self::NotAudited(cells) => {
                let cells: Vec<String> = cells.iter().map(ToString::to_string).collect();
                write!(f, "no run was audited of {}; `bench --resume` makes up for it", cells.join(", "))
            }
            Self::OtherLoad { busy, runs, load, own } => write!(
                f,
                "other programs loaded the machine before {busy} of {}: load average up to {load:.1}, of which \
                 the benchmark's own runs explain {own:.1}",
                count(*runs, "run")
            ),
            Self::SharedHost { before, after } => {
                let told = [(before, "before the first run"), (after, "after the last")];
                let shares = told.iter().filter_map(|(share, when)| Some((share.as_ref()?, when)));
                let shares: Vec<String> =
                    shares.map(|(share, when)| format!("{:.0} % {when}", 100.0 * share)).collect();
                write!(
                    f,
                    "others took processors away: of the rate that the processor reaches, half of the probes \
                     had no more than {}; other programs or other guests of the host slow everything, and \
                     unevenly",
                    shares.join(", ")
                )
            }
            Self::FallingClock { first, last } => write!(
                f,
                "the processors' clock fell by {:.0} % from the first runs to the last ({first:.0} to {last:.0} \
                 MHz)",
                100.0 * (1.0 - last / first)
            ),
            Self::Throttled { slowed, runs, reasons } => write!(
                f,
                "the graphics processor was slowed during {slowed} of {} ({}): cool it, or give it power",
                count(*runs, "run"),
                reasons.join(", ")
            ),
            Self::Drifted { ratio } => {
                let (word, ratio) = if *ratio > 1.0 { ("slower", *ratio) } else { ("faster", 1.0 / ratio) };
                write!(f, "the machine got {word} by {:.0} % from first to last run", 100.0 * (ratio - 1.0))
            }
            of_cell => of_cell.write_of_cell(f),
        }
    }

    /// The words of what was measured of one cell.
    fn write_of_cell(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FailedRepeat(run) => {
                let Run { cell, seed, purpose, end, .. } = &**run;
                write!(f, "{cell}, seed {seed}, run once more ({}): {}", purpose.name(), end.outcome.name())?;
                end.reason.iter().try_for_each(|reason| write!(f, ": {}", one_line(reason)))
            }
            Self::WorkLeft { cell, seconds: left } => {
                let place = if cell.device.is_cpu() { String::new() } else { format!(" on {}", cell.device) };
                write!(
                    f,
                    "{cell}: {} per epoch of its work was left{place} when train_epoch returned; its times are \
                     too short",
                    seconds(*left)
                )
            }
            Self::MoreProcessors { cell, busy } => write!(
                f,
                "{cell}: kept {busy:.1} processors busy in training, and it was told to use {}: its times \
                 compare with those of other backends on more processors",
                cell.threads
            ),
            Self::Stalled { cell, stalls, epochs, worst } => write!(
                f,
                "{cell}: its worker did not run for {} of epoch {} with seed {} ({}): it was stopped or \
                 throttled, or the machine slept; the times of {stalls} of {} are too long",
                seconds(worst.idle),
                worst.epoch,
                worst.seed,
                seconds(worst.seconds),
                count(*epochs, "epoch")
            ),
            Self::SoftwareRenderer { adapter } => write!(
                f,
                "{}@{} is {}: the processor computes, with as many threads as it likes; its cells are ranked with \
                 no graphics processor",
                adapter.backend,
                adapter.device,
                adapter.words()
            ),
            Self::GrowingMemory { cell, grown, before, by_epoch, because } => {
                write!(
                    f,
                    "{cell}: its memory grew by {}, {:.0} %, from epoch 2 to {} ({}): ",
                    bytes(*grown),
                    100.0 * *grown as f64 / *before as f64,
                    by_epoch.len(),
                    memory_by_epoch(by_epoch)
                )?;
                match because {
                    None => f.write_str("it may leak"),
                    Some(because) => write!(f, "{} says: {because}", cell.backend),
                }
            }
            _ => Ok(()),
        }
    }
}

/// More epochs than these are not listed one by one.
const LISTED_EPOCHS: usize = 6;

/// `2.2 GiB, 3.9 GiB, 5.6 GiB after epochs 1 to 3`
fn memory_by_epoch(by_epoch: &[u64]) -> String {
    let mut told: Vec<String> = by_epoch.iter().take(LISTED_EPOCHS).map(|&one| bytes(one)).collect();
    if let [.., last] = by_epoch[told.len()..] {
        told.extend(["…".to_owned(), bytes(last)]);
    }
    format!("{} after epochs 1 to {}", told.join(", "), by_epoch.len())
}

fn why_unfinished(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Budget) => "the time budget had no room for the rest",
        Some(Outcome::Interrupted) => "it was interrupted; `--resume` continues it",
        Some(Outcome::Complete | Outcome::Decided) => "the rest has no end in the record",
        None => "trainmark was killed, or still runs; `--resume` continues it",
    }
}

/// In JSON and on the page: its words.
impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// More cells than these are counted and not named: a table's column of runs tells which they are.
const NAMED_CELLS: usize = 3;

/// `lenet-bn tch/builtin@cpu with seeds 2, 3; 8 cells with seed 3`: those with the same seeds together.
fn by_seeds(cells: &[(Cell, Vec<u64>)]) -> String {
    let mut groups: Vec<(&[u64], Vec<String>)> = Vec::new();
    for (cell, seeds) in cells {
        match groups.iter_mut().find(|(known, _)| known == seeds) {
            Some((_, names)) => names.push(cell.to_string()),
            None => groups.push((seeds, vec![cell.to_string()])),
        }
    }
    let words = groups.into_iter().map(|(seeds, names)| {
        let named = if names.len() > NAMED_CELLS { count(names.len(), "cell") } else { names.join(", ") };
        format!("{named} with {}", seed_names(seeds))
    });
    words.collect::<Vec<_>>().join("; ")
}
