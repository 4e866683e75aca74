//! Where it was measured, and how.

use crate::ceiling::Peak;
use crate::number::{bytes, count, seconds};
use crate::record::{Environment, Record, Started, distinct};

/// Machine and versions as name and value, per machine where there are several.
pub(super) fn machine(record: &Record) -> Vec<(String, String)> {
    let started = &record.started;
    let mut rows = match started.merged.is_empty() {
        true => environment_rows(&started.environment, ""),
        false => started
            .merged
            .iter()
            .flat_map(|run| environment_rows(&run.environment, &format!("{}, {}: ", run.machine, run.run_id)))
            .collect(),
    };
    rows.push(("Data set".to_owned(), data_set(started)));
    rows.push(("Frameworks".to_owned(), frameworks(record)));
    rows
}

/// The rows of one machine, with a prefix to their names.
fn environment_rows(environment: &Environment, prefix: &str) -> Vec<(String, String)> {
    let mut rows = vec![
        ("System", format!("{}, kernel {}", environment.system, environment.kernel)),
        (
            "Processor",
            format!("{}, {}", environment.cpu, count(environment.logical_cpus, "logical processor")),
        ),
        ("Instruction sets", list(&environment.cpu_features)),
        ("Frequency governor", environment.governor_words()),
        ("Peak", environment.peak.as_ref().map_or_else(|| "not measured".to_owned(), Peak::to_string)),
        ("Memory", bytes(environment.memory_bytes)),
        ("Graphics processors", graphics_processors(environment)),
        (
            "Load before",
            environment.load_average.map_or_else(|| "not known".to_owned(), |load| format!("{load:.2}")),
        ),
        ("trainmark", format!("{}, {} build", environment.trainmark, environment.profile)),
        ("Git revision", environment.revision_words()),
        ("rustc", environment.rustc.clone()),
    ];
    if let Some(settings) = &environment.settings {
        rows.push(("Processors allowed", settings.processors_words()));
        rows.push(("Nice", settings.nice_words()));
        rows.push(("Variables", settings.variables_words()));
    }
    let adapters = adapters(environment);
    if !adapters.is_empty() {
        rows.push(("Adapters", adapters));
    }
    rows.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)).collect()
}

/// Each with what is known of it, or why there is none.
fn graphics_processors(environment: &Environment) -> String {
    if environment.gpus.is_empty() {
        let why = environment.no_gpu.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        return format!("none{why}");
    }
    let visible = environment.cuda_visible_devices.as_ref();
    let told = environment.gpus.iter().map(|gpu| {
        let device = gpu.device.as_ref().map_or_else(String::new, |device| format!("{device}: "));
        let settings = gpu.settings().map_or_else(String::new, |settings| format!("; {settings}"));
        let uuid = gpu.uuid.as_ref().map_or_else(String::new, |uuid| format!("; {uuid}"));
        format!("{device}{}{settings}{uuid}", gpu.summary())
    });
    told.chain(visible.map(|visible| format!("CUDA_VISIBLE_DEVICES={visible}")))
        .collect::<Vec<_>>()
        .join(". ")
}

/// What backends tell of their devices; empty where they tell nothing.
fn adapters(environment: &Environment) -> String {
    let told = environment.adapters.iter();
    let told = told.map(|adapter| format!("{} of {}: {}", adapter.device, adapter.backend, adapter.words()));
    told.collect::<Vec<_>>().join(". ")
}

fn list(values: &[String]) -> String {
    if values.is_empty() { "none".to_owned() } else { values.join(", ") }
}

fn frameworks(record: &Record) -> String {
    let told = record.samples().filter_map(|run| Some((&run.cell.backend, run.end.framework.as_ref()?)));
    let told = distinct(told).into_iter().map(|(backend, framework)| format!("{backend}: {framework}"));
    list(&told.collect::<Vec<_>>())
}

fn data_set(started: &Started) -> String {
    let dataset = &started.plan.dataset;
    format!(
        "{}, {} and {}, SHA-256 {}",
        dataset.name,
        count(dataset.train_samples, "training sample"),
        count(dataset.test_samples, "test sample"),
        dataset.fingerprint
    )
}

/// What is said of runs that are not to the end.
const TIMING: &str = " Some runs were for time only: two epochs, the first of which warms up. They count for seconds per \
    epoch, cold start and memory; what a training comes to is told of the runs to the end.";

/// How it was measured, in a few lines.
pub(super) fn method(record: &Record) -> Vec<String> {
    let plan = &record.started.plan;
    let budget = plan.budget_seconds.map_or_else(
        || "no time budget".to_owned(),
        |budget| format!("a time budget of {}", seconds(budget)),
    );
    let seeds: Vec<String> = plan.seeds.iter().map(u64::to_string).collect();
    let any_twice = record.repeats().next().is_some();
    let twice = if any_twice { ", and one cell per device twice, for the noise floor" } else { "" };
    let is_partial = record.rounds.iter().any(|round| !round.left_out.is_empty());
    let left_out = if is_partial { ", but those that the time budget left out (the dearest)" } else { "" };
    let any_timing = record.samples().any(|run| !run.is_whole());
    let timing = if any_timing { TIMING } else { "" };
    vec![
        format!(
            "One training is one sample. Each round runs every cell once with the round's seed{twice}{left_out}, in an order drawn at random; seeds {}, declared beforehand; {budget}; at most {} for one call of a plugin.{timing}",
            seeds.join(", "),
            seconds(plan.timeout_seconds)
        ),
        "Each run has a process of its own. The harness gives every backend the same initial values, sample order, batches and number of threads, keeps the clock, and counts test accuracy itself from the logits that the backend returns.".to_owned(),
        "Training seconds leave prediction out. Medians of seconds per epoch leave the first epoch out, which warms up; what it takes beyond the median of the later ones is part of the cold start, with loading the library and opening the session.".to_owned(),
        "Training accuracy and loss are those of the epoch as it runs, before each step. The time to a target is the sum of training seconds up to the end of the first epoch that reaches it.".to_owned(),
        "A cell is timed only if it computes the same function as the harness's own float64 reference, see the conformance checks.".to_owned(),
    ]
}
