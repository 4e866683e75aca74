//! Why runs must not stand in one record.

use std::path::PathBuf;

/// Runs cannot be merged.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// One run is nothing to merge.
    #[error("there is one run: name two or more to merge")]
    One,
    /// The runs trained with different data.
    #[error(
        "{} trained on {}, {} on {}: numbers of two data sets do not stand in one report",
        folders[0].display(), datasets[0], folders[1].display(), datasets[1]
    )]
    DataSet {
        /// The run folders.
        folders: [PathBuf; 2],
        /// The data sets, with their SHA-256.
        datasets: [String; 2],
    },
    /// A workload's name means two things.
    #[error("{} and {} differ in {workload}: {what}; run one of them again", folders[0].display(), folders[1].display())]
    Workload {
        /// The run folders.
        folders: [PathBuf; 2],
        /// Name of the workload.
        workload: String,
        /// What differs.
        what: String,
    },
    /// The runs have different numbers of epochs.
    #[error(
        "{} has runs of {}, {} of {}: their accuracies do not stand in one table; run one of them again with \
         `--epochs`",
        folders[0].display(), crate::number::count(epochs[0] as usize, "epoch"),
        folders[1].display(), crate::number::count(epochs[1] as usize, "epoch")
    )]
    Epochs {
        /// The run folders.
        folders: [PathBuf; 2],
        /// Epochs per run.
        epochs: [u32; 2],
    },
    /// The same label was given to two machines.
    #[error(
        "{} and {} are both labelled `{label}`, but their {what} differ: name the machines, as in \
         `laptop=RUN server=RUN`",
        folders[0].display(), folders[1].display()
    )]
    Machine {
        /// The run folders.
        folders: [PathBuf; 2],
        /// The label.
        label: String,
        /// What differs, such as `processors`.
        what: &'static str,
    },
    /// A machine's label cannot be shown.
    #[error("{label:?} cannot name a machine: use 1 to 60 characters, no control characters")]
    Label {
        /// The label.
        label: String,
    },
    /// A merged run has labels already.
    #[error("{} was merged of several runs and has names for its machines: give it without `{label}=`", folder.display())]
    Labelled {
        /// The run folder.
        folder: PathBuf,
        /// The further label.
        label: String,
    },
    /// One run was named twice, perhaps as two machines.
    #[error("{} and {} hold the same run, {run_id}: name it once", folders[0].display(), folders[1].display())]
    SameRun {
        /// The run folders.
        folders: [PathBuf; 2],
        /// Name of the run.
        run_id: String,
    },
    /// A cell and seed was run twice on one machine.
    #[error(
        "{cell}, seed {seed}, is in {} and in {}: leave one of them out, or name them differently, as in \
         `laptop=RUN server=RUN`",
        folders[0].display(), folders[1].display()
    )]
    Duplicate {
        /// The cell, with its machine.
        cell: String,
        /// The seed.
        seed: u64,
        /// The run folders.
        folders: [PathBuf; 2],
    },
}
