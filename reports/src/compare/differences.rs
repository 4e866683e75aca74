//! What else is different of two runs than their times.

use std::collections::BTreeSet;

use serde::Serialize;

use super::matching::Matching;
use crate::number::bytes;
use crate::record::{Cell, Environment, Record, Run, Settings, distinct};

/// Something that two runs do not share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What, such as `processor`.
    pub what: String,
    /// As it is in A.
    pub a: String,
    /// As it is in B.
    pub b: String,
}

/// Digits of a library's hash that are shown.
const HASH_DIGITS: usize = 12;

/// Machine, tools, plan, frameworks and libraries.
pub(super) fn list(a: &Record, b: &Record, matching: &Matching<'_>) -> Vec<Difference> {
    let mut found: Vec<Difference> = Vec::new();
    for (one, other) in &matching.pairs {
        let (machine_a, machine_b) = (a.started.environment_of(one), b.started.environment_of(other));
        let rows = environment_rows(machine_a).into_iter().zip(environment_rows(machine_b));
        let prefix = one.machine_prefix();
        found.extend(rows.map(|((what, a), (_, b))| Difference { what: format!("{prefix}{what}"), a, b }));
        // An older record tells nothing of them, which is no difference.
        if let (Some(a), Some(b)) = (&machine_a.settings, &machine_b.settings) {
            found.extend(
                settings(a, b)
                    .into_iter()
                    .map(|row| Difference { what: format!("{prefix}{}", row.what), ..row }),
            );
        }
    }
    let (plan_a, plan_b) = (&a.started.plan, &b.started.plan);
    for (what, a, b) in [
        ("data set's name", plan_a.dataset.name.clone(), plan_b.dataset.name.clone()),
        ("epochs", plan_a.epochs.to_string(), plan_b.epochs.to_string()),
        ("seeds", seeds(&plan_a.seeds), seeds(&plan_b.seeds)),
    ] {
        found.push(Difference { what: what.to_owned(), a, b });
    }
    for (one, other) in &matching.pairs {
        for (what, field) in [("framework", framework as fn(&Run) -> _), ("library", library)] {
            if let (Some(a), Some(b)) = (told(a, one, field), told(b, other, field)) {
                let what = format!("{}{what} of {}", one.machine_prefix(), one.backend);
                found.push(Difference { what, a, b });
            }
        }
    }
    distinct(found.into_iter().filter(|found| found.a != found.b))
}

fn framework(run: &Run) -> Option<String> {
    run.end.framework.clone()
}

fn library(run: &Run) -> Option<String> {
    run.end.library_hash.as_deref().map(short_hash)
}

/// The beginning of a library's hash.
pub(crate) fn short_hash(hash: &str) -> String {
    format!("{hash:.HASH_DIGITS$}…")
}

/// What there is to tell of a machine, each with its name.
pub(crate) fn environment_rows(environment: &Environment) -> [(&'static str, String); 13] {
    let on_battery = match environment.on_battery {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not known",
    };
    [
        ("processor", environment.cpu.clone()),
        ("logical processors", environment.logical_cpus.to_string()),
        ("instruction sets", environment.cpu_features.join(" ")),
        ("memory", bytes(environment.memory_bytes)),
        ("graphics processors", environment.gpu_names().join(", ")),
        ("NVIDIA driver", environment.gpu_drivers()),
        ("system", format!("{}, kernel {}", environment.system, environment.kernel)),
        ("frequency governor", environment.governor_words()),
        ("on battery", on_battery.to_owned()),
        ("trainmark", environment.trainmark.clone()),
        ("git revision", environment.revision_words()),
        ("rustc", environment.rustc.clone()),
        ("profile", environment.profile.clone()),
    ]
}

/// What two benchmarks were started with.
pub(crate) fn settings(a: &Settings, b: &Settings) -> Vec<Difference> {
    let rows = [
        ("processors allowed".to_owned(), a.processors_words(), b.processors_words()),
        ("nice".to_owned(), a.nice_words(), b.nice_words()),
    ];
    let names: BTreeSet<&String> = a.variables.keys().chain(b.variables.keys()).collect();
    let variables = names
        .into_iter()
        .map(|name| (format!("variable {name}"), a.variable_words(name), b.variable_words(name)));
    rows.into_iter().chain(variables).map(|(what, a, b)| Difference { what, a, b }).collect()
}

fn seeds(seeds: &[u64]) -> String {
    seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}

/// What the runs of a cell tell of their framework or library, each value once.
fn told(record: &Record, cell: &Cell, field: fn(&Run) -> Option<String>) -> Option<String> {
    let values = distinct(record.samples_of(cell).filter_map(field));
    (!values.is_empty()).then(|| values.join(", "))
}
