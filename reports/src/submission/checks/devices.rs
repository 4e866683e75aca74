//! What each run computed on, held against what the record knows of its machine.

use super::super::Finding;
use super::Subject;
use crate::number::count;
use crate::record::{Environment, Record, Run, distinct};

const DEVICES: &str = "devices";

/// Each run that counts is on a device that its machine has, and was measured as one of its kind: the driver
/// told of a graphics processor, and of none where it is the processor.
pub(super) fn known(subject: &Subject<'_>) -> Finding {
    let record = subject.record;
    let counting = || record.runs.iter().filter(|run| run.is_ok());
    let wrong = distinct(counting().filter_map(|run| unknown(record, run)));
    let devices = distinct(counting().map(|run| run.cell.place()));
    let told = match devices.as_slice() {
        [one] => format!("{one}, which its machine has"),
        some => format!("{}, which their machines have", count(some.len(), "device")),
    };
    Finding::of(DEVICES, &wrong, told)
}

/// Why a run cannot have been on its device.
fn unknown(record: &Record, run: &Run) -> Option<String> {
    let Run { cell, seed, .. } = run;
    let (environment, device) = (record.environment_of_run(run), &cell.device);
    let is_watched = run.end.gpu.is_some();
    if device.is_cpu() {
        return is_watched
            .then(|| format!("{cell} seed {seed}: it has the memory and clock of a graphics processor"));
    }
    if !device.is_cuda() {
        let is_told = environment.adapters.iter().any(|adapter| adapter.is_of(cell));
        return (!is_told).then(|| {
            format!("{cell}: its machine knows no {device}; a plugin names such a device's adapter")
        });
    }
    if environment.gpu_of(device).is_none() {
        return Some(format!("{cell}: its machine knows no {device}, {}", known_gpus(environment)));
    }
    (!is_watched).then(|| format!("{cell} seed {seed}: the driver has told nothing of {device} meanwhile"))
}

/// What it has instead.
fn known_gpus(environment: &Environment) -> String {
    match (environment.gpus.len(), &environment.no_gpu) {
        (0, Some(reason)) => format!("it has no graphics processor: {reason}"),
        (gpus, _) => format!("it has {}", count(gpus, "graphics processor")),
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;
    use crate::example;
    use crate::record::{Adapter, Device, Gpu, Round};

    /// What is said of a record's first run on a device, after a change.
    fn said(device: &str, change: impl Fn(&mut Record)) -> Option<String> {
        let mut record = match device {
            "cpu" | "wgpu:0" => example::record_of_one_run(),
            _ => example::record_on_gpu(),
        };
        record.runs[0].cell.device = Device::from(device);
        change(&mut record);
        unknown(&record, &record.runs[0])
    }

    #[test]
    fn a_run_is_on_a_device_that_its_machine_knows() {
        assert_eq!(said("cpu", |_| {}), None);
        assert_eq!(said("cuda:0", |_| {}), None);
        let other = said("cuda:1", |_| {}).unwrap();
        assert!(
            other.ends_with("@cuda:1: its machine knows no cuda:1, it has 1 graphics processor"),
            "{other}"
        );
        let none = said("cuda:0", |record| {
            record.started.environment.gpus.clear();
            record.started.environment.no_gpu = Some("no NVIDIA driver".to_owned());
        });
        assert!(none.unwrap().ends_with(", it has no graphics processor: no NVIDIA driver"));
    }

    #[test]
    fn a_run_was_measured_as_one_of_its_device() {
        let unwatched = said("cuda:0", |record| record.runs[0].end.gpu = None).unwrap();
        assert!(
            unwatched.ends_with(" seed 1: the driver has told nothing of cuda:0 meanwhile"),
            "{unwatched}"
        );
        let on_processor = |record: &mut Record| record.runs[0].end.gpu = Some(Default::default());
        assert!(
            said("cpu", on_processor).unwrap().ends_with(" the memory and clock of a graphics processor")
        );
    }

    #[test]
    fn another_device_is_known_by_its_adapter() {
        assert!(said("wgpu:0", |_| {}).unwrap().contains("its machine knows no wgpu:0; "));
        let told = |record: &mut Record| {
            let cell = record.runs[0].cell.clone();
            let (name, is_software) = (Some("llvmpipe".to_owned()), true);
            let adapter = Adapter { backend: cell.backend, device: cell.device, name, is_software };
            record.started.environment.adapters.push(adapter);
        };
        assert_eq!(said("wgpu:0", told), None);
    }

    #[test]
    fn on_a_cluster_the_node_of_the_run_knows() {
        let on_nodes = |gpus: [Vec<Gpu>; 2]| {
            move |record: &mut Record| {
                record.started.environment.gpus.clear();
                for (number, gpus) in gpus.iter().enumerate() {
                    let mut node = example::node(&format!("node{number}"));
                    node.environment.gpus.clone_from(gpus);
                    let round = record.rounds[0].clone();
                    record.rounds.push(Round { node: Some(Box::new(node)), ..round });
                }
                record.runs[0].node = Some("node1".to_owned());
            }
        };
        assert_eq!(said("cuda:0", on_nodes([Vec::new(), vec![example::gpu()]])), None);
        assert!(said("cuda:0", on_nodes([vec![example::gpu()], Vec::new()])).is_some());
    }
}
