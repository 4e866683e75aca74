//! `doctor`: what this machine has and lacks, and what mends it.

use crate::data;
use crate::executor::Limits;
use crate::machine;
use crate::units;

use super::arguments::BackendArguments;
use super::data::status_lines;
use super::exit;
use super::list::backend_lines;

pub(super) fn run(arguments: &BackendArguments) -> anyhow::Result<i32> {
    let environment = machine::environment();
    let registry = super::registry(arguments)?;
    let limits = Limits { call: std::time::Duration::from_secs(60), memory_bytes: u64::MAX };
    let executor = super::executor(limits)?;

    println!("machine");
    println!("  {} (kernel {})", environment.system, environment.kernel);
    let features = environment.cpu_features.join(", ");
    println!("  {}: {} threads; {features}", environment.cpu, environment.logical_cpus);
    println!("  {} of memory", units::bytes(environment.memory_bytes));
    match environment.load_average {
        Some(load) if load > 0.5 => {
            println!("  busy: load average {load:.1}; timings will suffer, close other programs")
        }
        Some(load) => println!("  quiet: load average {load:.1}"),
        None => println!("  load average unknown"),
    }
    if let Some(governor) = environment.governor.as_deref().filter(|governor| *governor != "performance") {
        println!("  frequency governor {governor}: `cpupower frequency-set -g performance` steadies timings");
    }
    if environment.gpus.is_empty() {
        println!("  no NVIDIA driver: cuda devices are unavailable; install the NVIDIA driver to use one");
    }
    for gpu in &environment.gpus {
        println!("  {gpu}");
    }

    println!("\ndata set");
    for line in status_lines(&data::status(None)) {
        println!("  {line}");
    }

    println!("\nbackends");
    for backend in &registry.backends {
        println!("  {}", backend.name);
        for line in backend_lines(backend, &executor)? {
            println!("    {line}");
        }
    }
    for (name, reason) in &registry.broken {
        println!("  {name}\n    unavailable: {reason}");
    }
    Ok(exit::OK)
}
