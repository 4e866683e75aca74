//! The first line of a merged record: plans joined, machines kept apart.

use std::collections::BTreeMap;

use super::{MergeError, Naming, Source};
use crate::number::count;
use crate::record::{
    Environment, Framework, MergedRun, Plan, SCHEMA, Started, Unavailable, WorkloadInfo, distinct,
};
use crate::warnings::{self, Warning};

/// The longest label of a machine.
const LABEL_CHARACTERS: usize = 60;

/// A machine's label where the user gave none: its processor and how many of them.
pub(super) fn label(environment: &Environment) -> String {
    let words: Vec<&str> = environment.cpu.split_whitespace().collect();
    let cpu = if words.is_empty() { "unknown processor".to_owned() } else { words.join(" ") };
    let threads = format!(" × {}", environment.logical_cpus);
    let kept = cpu.chars().filter(|character| !character.is_control());
    kept.take(LABEL_CHARACTERS - threads.chars().count()).collect::<String>() + &threads
}

pub(super) fn merge(sources: &[Source], naming: Naming) -> Result<Started, MergeError> {
    let [first, _, ..] = sources else { return Err(MergeError::One) };
    for source in sources {
        check_label(source)?;
    }
    for (index, source) in sources.iter().enumerate() {
        check_same_plan(first, source)?;
        for earlier in &sources[..index] {
            check_same_workloads(earlier, source)?;
            check_machines(earlier, source)?;
        }
    }
    let merged: Vec<MergedRun> = sources.iter().flat_map(runs_of).collect();
    Ok(Started {
        schema: SCHEMA,
        run_id: naming.run_id,
        unix_time: naming.unix_time,
        command: naming.command,
        plan: plan(sources, first),
        environment: environment(&merged),
        warnings: told(sources, &merged).iter().map(ToString::to_string).collect(),
        unavailable: sources.iter().flat_map(unavailable).collect(),
        notes: distinct(sources.iter().flat_map(|source| source.record.started.notes.iter().cloned())),
        roles: sources.iter().flat_map(|source| source.record.started.roles.clone()).collect(),
        frameworks: frameworks(sources),
        merged,
    })
}

/// What the backends' frameworks are made of, where all sources agree: a column of two versions has
/// none of both.
fn frameworks(sources: &[Source]) -> BTreeMap<String, Framework> {
    let all = || sources.iter().flat_map(|source| &source.record.started.frameworks);
    let agree = |(name, one): &(&String, &Framework)| {
        all().filter(|(other, _)| other == name).all(|(_, other)| other == *one)
    };
    all().filter(agree).map(|(name, one)| (name.clone(), one.clone())).collect()
}

fn check_label(source: &Source) -> Result<(), MergeError> {
    let Some(label) = &source.machine else { return Ok(()) };
    if !source.record.started.merged.is_empty() {
        return Err(MergeError::Labelled { folder: source.folder.clone(), label: label.clone() });
    }
    let is_plain = !label.trim().is_empty()
        && label.chars().count() <= LABEL_CHARACTERS
        && !label.chars().any(char::is_control);
    if is_plain { Ok(()) } else { Err(MergeError::Label { label: label.clone() }) }
}

fn check_same_plan(first: &Source, source: &Source) -> Result<(), MergeError> {
    let folders = [first.folder.clone(), source.folder.clone()];
    let (one, other) = (&first.record.started.plan, &source.record.started.plan);
    if one.dataset.fingerprint != other.dataset.fingerprint {
        let datasets = [&one.dataset, &other.dataset];
        let datasets = datasets.map(|dataset| format!("{} ({:.12}…)", dataset.name, dataset.fingerprint));
        return Err(MergeError::DataSet { folders, datasets });
    }
    if one.epochs != other.epochs {
        return Err(MergeError::Epochs { folders, epochs: [one.epochs, other.epochs] });
    }
    Ok(())
}

fn check_same_workloads(earlier: &Source, source: &Source) -> Result<(), MergeError> {
    for workload in &source.record.started.plan.workloads {
        let Some(other) = earlier.record.started.plan.workload(&workload.name) else { continue };
        let mut what = other.differences(workload);
        if other.targets != workload.targets {
            what.push("targets".to_owned());
        }
        if !what.is_empty() {
            return Err(MergeError::Workload {
                folders: [earlier.folder.clone(), source.folder.clone()],
                workload: workload.name.clone(),
                what: what.join("; "),
            });
        }
    }
    Ok(())
}

/// One label is one machine, and one run is merged once.
fn check_machines(earlier: &Source, source: &Source) -> Result<(), MergeError> {
    let (earlier_runs, runs) = (runs_of(earlier), runs_of(source));
    let pairs = earlier_runs.iter().flat_map(|one| runs.iter().map(move |other| (one, other)));
    let folders = [earlier.folder.clone(), source.folder.clone()];
    // Two machines may begin runs of one name at the same time.
    if let Some((one, _)) = pairs.clone().find(|(one, other)| {
        (&one.run_id, one.unix_time) == (&other.run_id, other.unix_time)
            && one.environment.machine_difference(&other.environment).is_none()
    }) {
        return Err(MergeError::SameRun { folders, run_id: one.run_id.clone() });
    }
    for (one, other) in pairs.filter(|(one, other)| one.machine == other.machine) {
        if let Some(what) = one.environment.machine_difference(&other.environment) {
            return Err(MergeError::Machine { folders, label: one.machine.clone(), what });
        }
    }
    Ok(())
}

/// The runs that a source stands for: itself, or those that it was merged of.
fn runs_of(source: &Source) -> Vec<MergedRun> {
    let started = &source.record.started;
    if !started.merged.is_empty() {
        return started.merged.clone();
    }
    vec![MergedRun {
        machine: source.label(),
        run_id: started.run_id.clone(),
        unix_time: started.unix_time,
        command: started.command.clone(),
        seeds: started.plan.seeds.clone(),
        environment: started.environment.clone(),
    }]
}

fn plan(sources: &[Source], first: &Source) -> Plan {
    let plans: Vec<&Plan> = sources.iter().map(|source| &source.record.started.plan).collect();
    let mut workloads: Vec<WorkloadInfo> = Vec::new();
    for workload in plans.iter().flat_map(|plan| &plan.workloads) {
        if !workloads.iter().any(|known| known.name == workload.name) {
            workloads.push(workload.clone());
        }
    }
    let cells = sources
        .iter()
        .flat_map(|source| source.record.started.plan.cells.iter().map(|cell| source.placed(cell)));
    let mut seeds = distinct(plans.iter().flat_map(|plan| plan.seeds.iter().copied()));
    seeds.sort_unstable();
    let one = &first.record.started.plan;
    Plan {
        workloads,
        dataset: one.dataset.clone(),
        cells: distinct(cells),
        seeds,
        epochs: one.epochs,
        budget_seconds: one
            .budget_seconds
            .filter(|budget| plans.iter().all(|plan| plan.budget_seconds == Some(*budget))),
        audit: one.audit.filter(|audit| plans.iter().all(|plan| plan.audit == Some(*audit))),
        timeout_seconds: plans.iter().map(|plan| plan.timeout_seconds).fold(0.0, f64::max),
    }
}

fn all_of(merged: &[MergedRun], field: fn(&Environment) -> &str) -> String {
    distinct(merged.iter().map(|run| field(&run.environment))).join(", ")
}

/// What stands for the environment of all: no processor and no peak, which are each machine's.
fn environment(merged: &[MergedRun]) -> Environment {
    let machines = distinct(merged.iter().map(|run| run.machine.clone()));
    Environment {
        system: all_of(merged, |one| &one.system),
        cpu: format!("{}: {}", count(machines.len(), "machine"), machines.join(", ")),
        trainmark: all_of(merged, |one| &one.trainmark),
        rustc: all_of(merged, |one| &one.rustc),
        profile: all_of(merged, |one| &one.profile),
        ..Environment::default()
    }
}

fn told(sources: &[Source], merged: &[MergedRun]) -> Vec<Warning> {
    let mut told = Vec::new();
    for source in sources {
        let started = &source.record.started;
        let recorded = started.warnings.iter().cloned().map(Warning::Recorded);
        let own = recorded.chain(warnings::of_benchmark(&source.record));
        // Those of a merged run name their machines already.
        match started.merged.is_empty() {
            true => {
                told.extend(own.map(|warning| Warning::OfMachine {
                    machine: source.label(),
                    warning: Box::new(warning),
                }))
            }
            false => told.extend(own),
        }
    }
    for machine in distinct(merged.iter().map(|run| &run.machine)) {
        let runs = merged.iter().filter(|run| run.machine == *machine).count();
        if runs > 1 {
            told.push(Warning::SeveralBenchmarks { machine: machine.clone(), runs });
        }
    }
    distinct(told)
}

fn unavailable(source: &Source) -> Vec<Unavailable> {
    let started = &source.record.started;
    let rows = started.unavailable.iter().cloned();
    if !started.merged.is_empty() {
        return rows.collect();
    }
    let machine = source.label();
    rows.map(|row| Unavailable { reason: format!("{machine}: {}", row.reason), ..row }).collect()
}
