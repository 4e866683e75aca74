//! What the command line says of workloads, and of the data that they are trained on.

use std::collections::BTreeSet;

use anyhow::bail;
use trainmark_reports::record::base_of;

use super::arguments::ChangeArguments;
use super::first_given;
use crate::data::DatasetChoice;
use crate::executor::MemoryLimit;
use crate::registry;
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

/// Says of which workloads the control is none that there is: most likely its name is spelled in another way.
/// It is no mistake: the control may be a file that another benchmark trains.
pub(super) fn tell_controls(workloads: &[Workload]) {
    unknown_controls(workloads).iter().for_each(|note| tell!("note: {note}"));
}

/// A line for each, whatever options have changed of it.
fn unknown_controls(workloads: &[Workload]) -> BTreeSet<String> {
    let built_in = workload::all();
    let known: BTreeSet<&str> = workloads.iter().chain(&built_in).map(|one| base_of(&one.name)).collect();
    let of = |one: &'_ Workload| {
        let control = one.control.as_deref().map(base_of)?;
        (!known.contains(control)).then(|| {
            let (name, nearest) =
                (base_of(&one.name), registry::question(control, known.iter().copied()));
            format!(
                "the control of {name}, {control}, is neither built in nor among these workloads, so that {name} is \
                 held against none{nearest}"
            )
        })
    };
    workloads.iter().filter_map(of).collect()
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
        first_given([
            ("--optimiser", !self.optimiser.is_empty()),
            ("--learning-rate", !self.learning_rate.is_empty()),
            ("--batch-size", !self.batch_size.is_empty()),
            ("--samples", !self.samples.is_empty()),
        ])
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{lenet_bn, softmax};

    #[test]
    fn a_control_that_there_is_not_is_told_once_with_the_nearest() {
        let with = |control: &str| Workload {
            name: "mine".to_owned(),
            control: Some(control.to_owned()),
            ..softmax()
        };
        let changes = Changes { learning_rates: vec![0.2, 0.3], ..Changes::default() };
        let told = |workloads: &[Workload]| Vec::from_iter(unknown_controls(&changes.of(workloads)));
        assert_eq!(
            told(&[with("lenett"), softmax()]),
            [
                "the control of mine, lenett, is neither built in nor among these workloads, so that mine is held \
              against none; did you mean lenet?"
            ]
        );
        let own = Workload { name: "own".to_owned(), ..softmax() };
        for known in [&[with("softmax")][..], &[with("own"), own], &[lenet_bn()]] {
            assert_eq!(told(known), [""; 0]);
        }
    }
}
