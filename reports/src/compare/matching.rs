//! Which cell of one run is which of the other.

use super::Refusal;
use crate::record::{Cell, Environment, Record, distinct};

/// The cells of two runs.
pub(super) struct Matching<'a> {
    /// Those that both have.
    pub(super) pairs: Vec<(&'a Cell, &'a Cell)>,
    /// Those that one of them has.
    pub(super) only: [Vec<&'a Cell>; 2],
    /// What is different of the machines of the pairs, in words.
    pub(super) differences: Vec<String>,
}

/// Pairs the cells: first those that agree in everything, then those of the rest that
/// differ in device, threads or the machine's label only, if it is clear which is which.
pub(super) fn of<'a>(a: &'a Record, b: &'a Record) -> Matching<'a> {
    let (cells_a, cells_b) = (a.cells(), b.cells());
    let pairs: Vec<(&Cell, &Cell)> =
        cells_a.iter().filter_map(|cell| Some((*cell, twin_of(cell, &cells_a, &cells_b)?))).collect();
    let mut only = [cells_a, cells_b];
    for cells in &mut only {
        cells.retain(|cell| !pairs.iter().any(|(one, other)| one == cell || other == cell));
    }
    let of_pairs = pairs.iter().flat_map(|(one, other)| machine_differences((a, one), (b, other)));
    Matching { differences: distinct(of_pairs), pairs, only }
}

fn twin_of<'b>(cell: &Cell, cells_a: &[&Cell], cells_b: &[&'b Cell]) -> Option<&'b Cell> {
    if let Some(same) = cells_b.iter().find(|other| **other == cell) {
        return Some(same);
    }
    let rest_a = cells_a.iter().filter(|one| one.is_alike(cell) && !cells_b.contains(one));
    let mut rest_b = cells_b.iter().filter(|one| one.is_alike(cell) && !cells_a.contains(one));
    let twin = rest_b.next()?;
    (rest_a.count() == 1 && rest_b.next().is_none()).then_some(*twin)
}

fn machine_differences((a, cell_a): (&Record, &Cell), (b, cell_b): (&Record, &Cell)) -> Vec<String> {
    let (one, other) = (a.started.environment_of(cell_a), b.started.environment_of(cell_b));
    let mut differences = Vec::new();
    if one.cpu != other.cpu {
        differences.push(format!("processor `{}` and `{}`", one.cpu, other.cpu));
    }
    if one.logical_cpus != other.logical_cpus {
        differences.push(format!("{} and {} logical processors", one.logical_cpus, other.logical_cpus));
    }
    if cell_a.device != cell_b.device {
        differences.push(format!("{} on {} and {}", cell_a.backend, cell_a.device, cell_b.device));
    } else if !cell_a.device.is_cpu() {
        let names = [(one, cell_a), (other, cell_b)].map(|(environment, cell)| gpu_name(environment, cell));
        if names[0] != names[1] {
            differences.push(format!("graphics processors `{}` and `{}`", names[0], names[1]));
        }
    }
    if cell_a.threads != cell_b.threads {
        differences.push(format!("{} and {} threads", cell_a.threads, cell_b.threads));
    }
    differences
}

/// The model of a device, else of all that there are.
fn gpu_name(environment: &Environment, cell: &Cell) -> String {
    if let Some(adapter) = environment.adapters.iter().find(|adapter| adapter.is_of(cell)) {
        return adapter.words();
    }
    environment
        .gpu_of(&cell.device)
        .map_or_else(|| environment.gpu_names().join(", "), |gpu| gpu.name.clone())
}

/// Refuses runs whose trainings are not the same.
pub(super) fn check_same_training(a: &Record, b: &Record) -> Result<(), Refusal> {
    let (plan_a, plan_b) = (&a.started.plan, &b.started.plan);
    let datasets = [&plan_a.dataset, &plan_b.dataset];
    if datasets[0].fingerprint != datasets[1].fingerprint {
        return Err(Refusal::DataSet {
            names: datasets.map(|dataset| dataset.name.clone()),
            fingerprints: datasets.map(|dataset| dataset.fingerprint.clone()),
        });
    }
    for workload in &plan_a.workloads {
        let Some(other) = plan_b.workload(&workload.name) else { continue };
        let what = workload.differences(other);
        if !what.is_empty() {
            return Err(Refusal::Workload { workload: workload.name.clone(), what: what.join("; ") });
        }
    }
    Ok(())
}
