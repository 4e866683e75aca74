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
        let (learning_rate, batch_size, samples) = (info.learning_rate, info.batch_size, info.samples);
        let made = Workload { name: name.clone(), optimiser, learning_rate, batch_size, samples, ..base };
        let is_change = *name != info.base();
        match made.info() {
            Ok(own) if own.definition.as_ref() == Some(definition) => Self::Alike(Box::new(made)),
            // Such as one of which a file changes the layers.
            _ if is_change => Self::NotTold(format!("{name}: a change by a file")),
            _ => Self::Another(format!("{name}: another definition than the one that is built in")),
        }
    }
}
