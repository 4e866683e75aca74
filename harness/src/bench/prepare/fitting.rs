//! What fits no workload, which the names alone tell: before anything is looked at, built or fetched.

use anyhow::bail;
use trainmark_reports::record::Implementation;

use super::Preparer;
use super::wanted::Wanted;
use crate::bench::event::Happening;
use crate::workload::Workload;

impl Wanted<'_> {
    /// Whether an implementation that was asked for may be one of a workload. Where none was asked
    /// for, each workload has one.
    pub(super) fn fits(&self, workload: &Workload) -> bool {
        let selected = self.selection.implementation.as_deref();
        match (workload.model.has_batch_norm(), selected) {
            // Without batch norm there is nothing to choose between.
            (false, name) => name.is_none_or(is_none),
            (true, Some(name)) => !is_none(name),
            (true, None) => {
                let named = &self.selected.implementations;
                named.is_empty() || !named.iter().all(|name| is_none(name))
            }
        }
    }
}

fn is_none(implementation: &str) -> bool {
    implementation == Implementation::NONE
}

impl Preparer<'_> {
    /// Refuses a request of which nothing fits any workload, and tells what leaves one out.
    ///
    /// # Errors
    /// Where nothing fits, or something cannot be told.
    pub(in crate::bench) fn check_fit(&mut self, wanted: &[Wanted<'_>]) -> anyhow::Result<()> {
        let fits_nothing = |one: &Wanted<'_>| !self.workloads.iter().any(|workload| one.fits(workload));
        let is_all = !wanted.is_empty() && self.unavailable.is_empty();
        if is_all && wanted.iter().all(fits_nothing) {
            return self.nothing_fits();
        }
        for workload in &self.workloads {
            let is_in = |backend: &str| {
                wanted.iter().any(|one| one.backend.qualified() == backend && one.fits(workload))
            };
            let mut without: Vec<String> = Vec::new();
            for one in wanted.iter().filter(|one| !is_in(&one.backend.qualified())) {
                let name = &one.backend.name;
                let implementation = one.selection.implementation.as_deref();
                let text = implementation.map_or_else(|| name.clone(), |wanted| format!("{name}/{wanted}"));
                if !without.contains(&text) {
                    without.push(text);
                }
            }
            if !without.is_empty() {
                let left = format!(
                    "{} is left out of {}: it has {}, and takes {}",
                    workload.name,
                    without.join(", "),
                    if workload.model.has_batch_norm() { "batch norm" } else { "no batch norm" },
                    taken_by(workload)
                );
                self.sink.hear(Happening::Note(&left))?;
            }
        }
        Ok(())
    }

    /// That nothing is to be run.
    ///
    /// # Errors
    /// Always.
    pub(super) fn nothing_fits(&self) -> anyhow::Result<()> {
        let names: Vec<&str> = self.workloads.iter().map(|workload| workload.name.as_str()).collect();
        let names = names.join(", ");
        let start = format!("nothing to run: no implementation that was asked for fits {names}");
        match &self.workloads[..] {
            [] => bail!("{start}"),
            [first, ..] if first.model.has_batch_norm() => {
                bail!("{start}; one with batch norm takes {}", taken_by(first))
            }
            [first, ..] => bail!("{start}; one without batch norm takes {}", taken_by(first)),
        }
    }
}

/// How a workload is asked for.
fn taken_by(workload: &Workload) -> &'static str {
    if workload.model.has_batch_norm() {
        "BACKEND or BACKEND/IMPLEMENTATION"
    } else {
        "BACKEND or BACKEND/none"
    }
}
