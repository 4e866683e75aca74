//! `doctor`: what this machine has and lacks, and what mends it.

use trainmark_reports::record::{Environment, Gpu};

use crate::data;
use crate::machine;
use crate::machine::gpu;
use crate::peak;
use crate::units;

use super::arguments::BackendArguments;
use super::data::status_lines;
use super::exit;
use super::list::{backend_lines, describing_executor};

pub(super) fn run(arguments: &BackendArguments) -> anyhow::Result<i32> {
    let environment = machine::environment();
    let registry = super::registry(arguments)?;
    let executor = describing_executor()?;
    executor.interrupt.listen()?;

    describe_machine(&environment);

    say!("\ndata set");
    for line in status_lines(&data::status(&data::FASHION_MNIST, None)) {
        say!("  {line}");
    }

    say!("\nbackends");
    for (backend, lines) in registry.backends.iter().zip(backend_lines(&registry, &executor)?) {
        say!("  {}", backend.name);
        lines.iter().for_each(|line| say!("    {line}"));
    }
    for (name, reason) in &registry.broken {
        say!("  {name}\n    unavailable: {reason}");
    }
    Ok(exit::OK)
}

fn describe_machine(environment: &Environment) {
    say!("machine");
    say!("  {} (kernel {})", environment.system, environment.kernel);
    let features = environment.cpu_features.join(", ");
    say!("  {}: {} threads; {features}", environment.cpu, environment.logical_cpus);
    match peak::measure(environment.logical_cpus) {
        Ok(peak) => say!("  peak: {peak}"),
        Err(why) => say!("  peak not measured: {why}"),
    }
    say!("  {}", about_memory(environment.memory_bytes, machine::usable_memory_bytes()));
    match environment.load_average {
        Some(load) if load > 0.5 => {
            say!("  busy: load average {load:.1}; timings will suffer, close other programs")
        }
        Some(load) => say!("  quiet: load average {load:.1}"),
        None => say!("  load average unknown"),
    }
    if let Some(governor) = environment.governor.as_deref().filter(|governor| *governor != "performance") {
        say!("  {}", about_governor(governor));
    }
    if let Some(none) = &gpu::found().none {
        say!("  cuda devices are unavailable: {none}");
    }
    environment.gpus.iter().for_each(describe_gpu);
    if let Some(listed) = &environment.cuda_visible_devices {
        say!("  CUDA_VISIBLE_DEVICES={listed}");
    }
}

/// How much there is, and how much of it a container may use.
fn about_memory(bytes: u64, usable: Option<u64>) -> String {
    let all = format!("{} of memory", units::bytes(bytes));
    match usable.filter(|usable| *usable < bytes) {
        Some(usable) => format!("{all}, {} of it for this container", units::bytes(usable)),
        None => all,
    }
}

/// What a governor other than `performance` means, and whose it is to change.
fn about_governor(governor: &str) -> String {
    format!(
        "frequency governor {governor}: the machine's owner can steady timings (`cpupower frequency-set -g \
         performance`); on a rented or shared machine leave it"
    )
}

fn describe_gpu(gpu: &Gpu) {
    say!("  {}: {}", gpu.device.as_deref().unwrap_or_default(), gpu.summary());
    let known: Vec<String> = [gpu.settings(), gpu.uuid.clone()].into_iter().flatten().collect();
    if !known.is_empty() {
        say!("    {}", known.join(", "));
    }
    if gpu.persistence_mode == Some(false) {
        say!(
            "    may sleep between runs: its owner can keep it awake (`nvidia-smi -pm 1`); on a rented or shared \
             machine leave it, each run wakes it before it is timed"
        );
    }
    if gpu.mig_mode == Some(true) {
        say!("    divided into instances: CUDA uses one of them; name it in CUDA_VISIBLE_DEVICES");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_containers_share_of_memory_is_told() {
        let told = [None, Some(8 << 30), Some(3 << 30)].map(|usable| super::about_memory(8 << 30, usable));
        assert_eq!(told[0], "8.0 GiB of memory");
        assert_eq!(told[1], told[0]);
        assert_eq!(told[2], "8.0 GiB of memory, 3.0 GiB of it for this container");
    }

    #[test]
    fn a_governor_is_its_owners_to_change() {
        assert_eq!(
            super::about_governor("powersave"),
            "frequency governor powersave: the machine's owner can steady timings (`cpupower frequency-set -g \
             performance`); on a rented or shared machine leave it"
        );
    }
}
