//! What the command line says of workloads, and of the data that they are trained on.

use anyhow::bail;

use super::arguments::ChangeArguments;
use crate::data::DatasetChoice;
use crate::executor::MemoryLimit;
use crate::workload::{self, Changes, Workload};

/// The workloads that are named, each with what of it is to be changed.
///
/// # Errors
/// Where one does not exist, is wrong, or cannot be trained here.
pub(super) fn chosen(
    names: &[String],
    changes: &ChangeArguments,
    memory: MemoryLimit,
) -> anyhow::Result<Vec<Workload>> {
    let named = workload::choose(names)?;
    if let (Some(option), Some(case)) = (changes.first(), named.iter().find(|one| one.case.is_some())) {
        let file = names.iter().find(|name| workload::open(name).is_ok_and(|one| one.name == case.name));
        bail!(
            "{option} would make another case of {}, of which a failure says nothing: leave it out, or change the file",
            file.unwrap_or(&case.name)
        );
    }
    let workloads = changes.changes().of(&named);
    check_sizes(&workloads)?;
    for workload in &workloads {
        workload.check_layers()?;
        workload.check_memory(memory.here())?;
    }
    Ok(workloads)
}

/// A benchmark has one data set, with images of one size.
fn check_sizes(workloads: &[Workload]) -> anyhow::Result<()> {
    let trained: Vec<&Workload> = workloads.iter().filter(|workload| workload.case.is_none()).collect();
    match trained.windows(2).find(|pair| pair[0].resize != pair[1].resize) {
        Some(pair) => bail!(
            "{} and {} have images resized to different sizes, and a benchmark has images of one: train one after the \
             other",
            pair[0].name,
            pair[1].name
        ),
        None => Ok(()),
    }
}

/// The data set: what the user says, else what the workloads are meant for.
///
/// # Errors
/// Where they are meant for two.
pub(super) fn dataset(
    given: Option<&DatasetChoice>,
    workloads: &[Workload],
) -> anyhow::Result<DatasetChoice> {
    if let Some(given) = given {
        return Ok(given.clone().absolute());
    }
    let mut meant = workloads.iter().filter(|workload| workload.dataset != DatasetChoice::Auto);
    let Some(first) = meant.next() else { return Ok(DatasetChoice::Auto) };
    match meant.find(|other| other.dataset != first.dataset) {
        Some(other) => bail!(
            "{} and {} are meant for two data sets, and a benchmark has one: choose it with --dataset",
            first.name,
            other.name
        ),
        None => Ok(first.dataset.clone().absolute()),
    }
}

impl ChangeArguments {
    /// The first of the options that is given.
    fn first(&self) -> Option<&'static str> {
        let given = [
            ("--optimiser", self.optimiser.is_empty()),
            ("--learning-rate", self.learning_rate.is_empty()),
            ("--batch-size", self.batch_size.is_empty()),
            ("--samples", self.samples.is_empty()),
        ];
        given.into_iter().find_map(|(option, is_left_out)| (!is_left_out).then_some(option))
    }

    fn changes(&self) -> Changes {
        let sizes = |values: &[u32]| values.iter().map(|value| *value as usize).collect();
        Changes {
            optimisers: self.optimiser.clone(),
            learning_rates: self.learning_rate.clone(),
            batch_sizes: sizes(&self.batch_size),
            samples: sizes(&self.samples),
        }
    }
}
