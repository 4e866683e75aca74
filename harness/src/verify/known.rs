//! The workloads of a record that are built in, or that options make of one.

use trainmark_reports::record::WorkloadInfo;

use crate::workload::{self, Workload};

/// What a record's workload is.
pub(super) enum Known {
    /// It is built in, or what options make of one that is.
    Alike(Box<Workload>),
    /// It has the name of one that is built in, and is another: how it differs.
    Another(String),
    /// It is of a file, or of an earlier version: why it cannot be told.
    NotTold(String),
}

impl Known {
    pub(super) fn of(info: &WorkloadInfo) -> Self {
        let name = &info.name;
        let Some(definition) = &info.definition else {
            return Self::NotTold(format!("{name}: recorded before workloads had definitions"));
        };
        let Ok(base) = workload::find(info.base()) else {
            return Self::NotTold(format!("{name}: a workload of a file"));
        };
        let optimiser = match &info.optimiser {
            None => Ok(trainmark_plugin::Optimiser::Sgd),
            Some(words) => workload::parse_optimiser(words),
        };
        let Ok(optimiser) = optimiser else {
            return Self::Another(format!("{name}: `{}` is no optimiser", info.optimiser()));
        };
        let made = base.with_options(optimiser, info.learning_rate, info.batch_size, info.samples);
        if let Some(of_options) = workload::without_changes_of_a_file(name) {
            return match of_options == made.name {
                true => Self::NotTold(format!("{name}: a change by a file")),
                false => Self::Another(format!("{name}: its options make `{}`", made.name)),
            };
        }
        if made.name != *name {
            return Self::Another(format!("{name}: its options make `{}`", made.name));
        }
        match made.info() {
            Ok(own) if own.definition.as_ref() != Some(definition) => {
                let of = if *name == base.name { "the one that is built in" } else { "its options give" };
                Self::Another(format!("{name}: another definition than {of}"))
            }
            Ok(own) if own.multiply_adds_per_sample != info.multiply_adds_per_sample => {
                Self::Another(format!(
                    "{name}: {} multiply-adds per sample, it has {}",
                    info.multiply_adds_per_sample, own.multiply_adds_per_sample
                ))
            }
            Ok(_) => Self::Alike(Box::new(made)),
            Err(error) => Self::Another(format!("{name}: {error}")),
        }
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;
    use crate::workload::{Changes, Tolerances, lenet_bn};

    fn told(info: &WorkloadInfo) -> String {
        match Known::of(info) {
            Known::Alike(workload) => format!("alike: {}", workload.name),
            Known::Another(what) => format!("another: {what}"),
            Known::NotTold(why) => format!("not told: {why}"),
        }
    }

    #[test]
    fn the_name_follows_from_the_options_and_so_does_the_definition() {
        let adam = workload::parse_optimiser("adam β1 0.5, weight decay 0.1").unwrap();
        let changes = Changes {
            optimisers: vec![trainmark_plugin::Optimiser::Sgd, adam],
            learning_rates: vec![1.0, 0.1],
            batch_sizes: vec![64, 256],
            samples: vec![2000],
        };
        let options = changes.of(&[lenet_bn()]);
        for workload in options.iter().chain([&lenet_bn()]) {
            assert_eq!(told(&workload.info().unwrap()), format!("alike: {}", workload.name));
        }
        let few = Changes { samples: vec![2000], ..Changes::default() }.of(&[lenet_bn()]);
        let few = few[0].info().unwrap();
        let whole = lenet_bn().info().unwrap();
        let file = Workload { tolerances: Tolerances::default(), learning_rate: 0.3, ..lenet_bn() };
        let file = Changes::default().of(&[file])[0].info().unwrap();
        type Edit<'e> = &'e dyn Fn(&mut WorkloadInfo);
        let zeros: Edit<'_> = &|info| info.definition = Some("0".repeat(64));
        let renamed: Edit<'_> = &|info| info.name = "lenet-bn".to_owned();
        let edits: [(&WorkloadInfo, Edit<'_>); 11] = [
            (&few, renamed),
            (&few, zeros),
            (&few, &|info| info.samples = None),
            (&few, &|info| info.name += " (other layers)"),
            (&whole, zeros),
            (&whole, &|info| info.learning_rate = 0.9),
            (&whole, &|info| info.batch_size = 1),
            (&whole, &|info| info.multiply_adds_per_sample *= 2),
            (&whole, &|info| info.name = "lenet-bn (other layers)".to_owned()),
            (&file, &|_| {}),
            (&file, &|info| info.learning_rate = 1.0),
        ];
        let lines = edits.map(|(info, edit)| {
            let mut info = info.clone();
            edit(&mut info);
            format!("{}\n", told(&info))
        });
        insta::assert_snapshot!(lines.concat());
    }
}
