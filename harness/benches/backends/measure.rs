//! The process that measures one cell.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use criterion::{Criterion, SamplingMode};
use serde::{Deserialize, Serialize};
use trainmark::data;
use trainmark::operations::{self, Inputs, Measurement, Operation, Subject};
use trainmark_plugin::host::Plugin;
use trainmark_plugin::{Error, RunningVariance};
use trainmark_reports::operations::{NO_BATCH_NORM, OperationResult};
use trainmark_reports::record::RunOutcome;

use super::choice::is_given;

/// Variable that names the file with a [`Job`] for this program.
pub(crate) const JOB: &str = "TRAINMARK_OPERATIONS_JOB";

/// Samples that criterion takes, each of one or more rounds.
const SAMPLES: usize = 10;
/// Rounds that an interval needs at least.
const FEWEST_ROUNDS: usize = 6;
/// Time that criterion measures for, unless ten rounds take longer.
const MEASUREMENT: Duration = Duration::from_millis(800);
const QUICK_MEASUREMENT: Duration = Duration::from_millis(300);
const WARM_UP: Duration = Duration::from_millis(100);

/// What is to be measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) backend: String,
    pub(crate) library: PathBuf,
    pub(crate) implementation: String,
    pub(crate) device: String,
    pub(crate) threads: usize,
    pub(crate) dataset: data::Prepared,
    /// Names of the operations, in order.
    pub(crate) operations: Vec<String>,
    /// Where [`Event`]s go, one JSON line each.
    pub(crate) events: PathBuf,
    /// Whether the times will be written down.
    pub(crate) is_recorded: bool,
}

/// How far the process is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// An operation begins.
    Begun(String),
    /// It ended, well or badly.
    Ended(OperationResult),
}

/// Body of the process.
pub(crate) fn run(path: &Path) -> anyhow::Result<()> {
    let text = std::fs::read(path).context("cannot read the job")?;
    let job: Job = serde_json::from_slice(&text).context("cannot read the job")?;
    let mut events = File::options().append(true).open(&job.events).context("cannot open the events")?;
    let mapped = job.dataset.map()?;
    // SAFETY: the user asked for this backend; the process holds nothing that it could damage.
    let plugin = unsafe { Plugin::load(&job.library) }?;
    let subject = Subject {
        plugin: &plugin,
        implementation: &job.implementation,
        running_variance: running_variance(&plugin, &job.implementation)?,
        device: &job.device,
        threads: job.threads,
    };
    let mut criterion = Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(WARM_UP)
        .nresamples(10_000)
        .configure_from_args();
    for operation in operations::of_implementation(&job.implementation)? {
        if job.operations.iter().any(|name| name == operation.name) {
            send(&mut events, &Event::Begun(operation.name.to_owned()))?;
            let inputs = operation.terms.iter().map(|term| Inputs::new(term, mapped.dataset()));
            let inputs: Vec<Inputs<'_>> = inputs.collect::<Result<_, _>>()?;
            let result;
            (criterion, result) = measure(criterion, &job, subject, &operation, &inputs);
            send(&mut events, &Event::Ended(result))?;
        }
    }
    Ok(())
}

fn send(events: &mut File, event: &Event) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(event).context("cannot encode an event")?;
    line.push(b'\n');
    events.write_all(&line).context("cannot write an event")
}

fn running_variance(plugin: &Plugin, implementation: &str) -> anyhow::Result<RunningVariance> {
    let description = plugin.describe()?;
    if implementation == NO_BATCH_NORM {
        return Ok(RunningVariance::UnbiasedFromOne);
    }
    let found = description.implementations.iter().find(|one| one.name == implementation);
    Ok(found.with_context(|| format!("no implementation {implementation}"))?.running_variance)
}

/// Measures one operation; a failure is a result.
fn measure(
    criterion: Criterion,
    job: &Job,
    subject: Subject<'_>,
    operation: &Operation,
    inputs: &[Inputs<'_>],
) -> (Criterion, OperationResult) {
    let mut result = OperationResult {
        operation: operation.name.to_owned(),
        outcome: RunOutcome::Ok,
        reason: None,
        time: None,
        unix_time: unix_time(),
    };
    let prepared = open(subject, operation, inputs);
    let (criterion, measured) = match prepared {
        Err(error) => (criterion, Err(error)),
        Ok((mut measurement, round)) => {
            let criterion = with_time_for(criterion, round);
            let (criterion, done) = under_criterion(criterion, job, operation, &mut measurement);
            let done = done.and_then(|()| top_up(&mut measurement, job.is_recorded));
            (criterion, done.map(|()| operations::median_interval(measurement.samples())))
        }
    };
    match measured {
        Ok(time) => result.time = time,
        Err(error) => {
            let (outcome, reason) = operations::outcome(&error);
            println!("{}: {}: {reason}", id(job, operation), outcome.name());
            (result.outcome, result.reason) = (outcome, Some(reason));
        }
    }
    (criterion, result)
}

fn id(job: &Job, operation: &Operation) -> String {
    operations::id(&job.backend, &job.implementation, operation.name)
}

/// Opens the models and calls each twice; with the time of the second round.
fn open<'d>(
    subject: Subject<'_>,
    operation: &Operation,
    inputs: &'d [Inputs<'_>],
) -> Result<(Measurement<'d>, Duration), Error> {
    let mut measurement = Measurement::open(subject, operation, inputs)?;
    measurement.warm_up()?;
    let start = Instant::now();
    measurement.warm_up()?;
    Ok((measurement, start.elapsed()))
}

/// Ten rounds of a slow operation may take longer than a fast one is measured for.
fn with_time_for(criterion: Criterion, round: Duration) -> Criterion {
    if is_given("--measurement-time") {
        return criterion;
    }
    if is_given("--quick") {
        return criterion.measurement_time(QUICK_MEASUREMENT);
    }
    criterion.measurement_time(MEASUREMENT.max(round.mul_f64(1.3 * SAMPLES as f64)))
}

fn under_criterion(
    mut criterion: Criterion,
    job: &Job,
    operation: &Operation,
    measurement: &mut Measurement<'_>,
) -> (Criterion, Result<(), Error>) {
    let mut done = Ok(());
    let id = id(job, operation);
    let (group, name) = id.rsplit_once('/').unwrap_or(("", &id));
    let mut group = criterion.benchmark_group(group);
    group.sampling_mode(SamplingMode::Flat).bench_function(name, |bencher| {
        bencher.iter_custom(|rounds| {
            let mut seconds = 0.0;
            for _ in 0..rounds {
                match measurement.round() {
                    Ok(round) => seconds += round,
                    Err(error) => {
                        done = Err(error);
                        break;
                    }
                }
            }
            // Criterion knows no time of zero or less, which noise may give a difference.
            Duration::from_secs_f64(seconds.max(rounds as f64 * 1e-9))
        });
    });
    group.finish();
    (criterion, done)
}

/// `--quick` may end after three rounds, which give no interval.
fn top_up(measurement: &mut Measurement<'_>, is_recorded: bool) -> Result<(), Error> {
    while is_recorded && measurement.samples().len() < FEWEST_ROUNDS {
        measurement.round()?;
    }
    Ok(())
}

fn unix_time() -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0.0, |time| time.as_secs_f64().round())
}
