//! What else is different of two runs than their times.

use serde::Serialize;

use super::matching::Matching;
use crate::number::bytes;
use crate::record::{Cell, Environment, Record, Run};

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
    let mut add = |what: String, one: String, other: String| {
        let difference = Difference { what, a: one, b: other };
        if difference.a != difference.b && !found.contains(&difference) {
            found.push(difference);
        }
    };
    for (one, other) in &matching.pairs {
        let (machine_a, machine_b) = (a.started.environment_of(one), b.started.environment_of(other));
        let prefix = one.machine.as_ref().map_or_else(String::new, |machine| format!("{machine}: "));
        let rows = environment_rows(machine_a).into_iter().zip(environment_rows(machine_b));
        for ((what, value_a), (_, value_b)) in rows {
            add(format!("{prefix}{what}"), value_a, value_b);
        }
    }
    let (plan_a, plan_b) = (&a.started.plan, &b.started.plan);
    add("data set's name".to_owned(), plan_a.dataset.name.clone(), plan_b.dataset.name.clone());
    add("epochs".to_owned(), plan_a.epochs.to_string(), plan_b.epochs.to_string());
    add("seeds".to_owned(), seeds(&plan_a.seeds), seeds(&plan_b.seeds));
    for (one, other) in &matching.pairs {
        let prefix = one.machine.as_ref().map_or_else(String::new, |machine| format!("{machine}: "));
        let backend = &one.backend;
        for (what, field) in [("framework", framework as fn(&Run) -> _), ("library", library)] {
            let values = (told(a, one, field), told(b, other, field));
            if let (Some(value_a), Some(value_b)) = values {
                add(format!("{prefix}{what} of {backend}"), value_a, value_b);
            }
        }
    }
    found
}

fn framework(run: &Run) -> Option<String> {
    run.end.framework.clone()
}

fn library(run: &Run) -> Option<String> {
    run.end.library_hash.as_ref().map(|hash| format!("{hash:.HASH_DIGITS$}…"))
}

fn environment_rows(environment: &Environment) -> [(&'static str, String); 13] {
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "not known".to_owned());
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
        ("frequency governor", known(&environment.governor)),
        ("on battery", on_battery.to_owned()),
        ("trainmark", environment.trainmark.clone()),
        ("git revision", known(&environment.git_revision)),
        ("rustc", environment.rustc.clone()),
        ("profile", environment.profile.clone()),
    ]
}

fn seeds(seeds: &[u64]) -> String {
    seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}

/// What the runs of a cell tell of their framework or library, each value once.
fn told(record: &Record, cell: &Cell, field: fn(&Run) -> Option<String>) -> Option<String> {
    let mut values: Vec<String> = Vec::new();
    for value in record.samples_of(cell).filter_map(field) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    (!values.is_empty()).then(|| values.join(", "))
}
