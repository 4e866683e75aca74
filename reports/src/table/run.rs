//! The runs: one row per sample, for programs also per backend or device that is unavailable.

use super::Showing::{OnDemand, WhereAny};
use super::identity::{Identified, identity, machine};
use super::target::NO_TARGET;
use super::{Column, ON_THE_CPU, Table, Value};
use crate::number::{bytes, fraction, joules, seconds, significant};
use crate::record::{
    Cell, Conformance, Epoch, GpuUse, MemoryBasis, Record, Run, RunEnd, Target, Unavailable,
};
use crate::summary::{Group, Reach, not_reached_in};

type Of<'a> = Column<'a, RunRow<'a>>;

/// A run, or what could not run.
pub(crate) struct RunRow<'a> {
    record: &'a Record,
    what: Result<&'a Run, &'a Unavailable>,
    label: String,
}

/// All samples, then what could not run.
pub(crate) fn runs(record: &Record) -> Table<'_, RunRow<'_>> {
    let runs = record.samples().map(Ok).chain(record.started.unavailable.iter().map(Err));
    let rows = runs.map(|what| RunRow { record, what, label: String::new() });
    Table { columns: columns(&record.started.plan.targets()), rows: rows.collect() }
}

/// All samples, by their cells' labels.
pub(crate) fn samples<'a>(record: &'a Record, groups: &[Group<'_>]) -> Table<'a, RunRow<'a>> {
    let rows = record.samples().map(|run| RunRow { record, what: Ok(run), label: label(groups, &run.cell) });
    Table { columns: columns(&record.started.plan.targets()), rows: rows.collect() }
}

fn label(groups: &[Group<'_>], cell: &Cell) -> String {
    let group = groups.iter().find(|group| group.holds(cell));
    group.map_or_else(|| cell.to_string(), |group| group.label(cell))
}

/// Every column of the runs, in the order of all outputs.
fn columns<'a>(targets: &[Target]) -> Vec<Of<'a>> {
    let mut columns = vec![Of::shown(|row| row.label.clone().into()).page("Cell").words()];
    columns.extend(identity());
    columns.extend([
        Of::new("seed", |row| Value::whole(row.run().map(|run| run.seed), |seed| seed.to_string()))
            .page("Seed"),
        Of::new("outcome", |row| {
            Value::text(row.end().map_or(Unavailable::OUTCOME, |end| end.outcome.name()))
        })
        .page("Outcome")
        .words(),
        Of::new("reason", RunRow::reason),
        Of::new("epochs", |row| Value::count(row.epochs().len())).page("Epochs"),
        Of::shown(|row| Value::number(row.run().and_then(Run::train_seconds), seconds).or("no epoch"))
            .page("Training"),
        Of::shown(|row| row.last(|epoch| epoch.train_loss, significant)).page("Train loss"),
        Of::shown(|row| row.last(|epoch| epoch.train_accuracy, fraction))
            .page("Train accuracy")
            .showing(OnDemand),
        Of::shown(|row| row.last(|epoch| epoch.test_accuracy, fraction)).page("Test accuracy"),
    ]);
    columns.extend(Of::page_of_targets(targets, |row, target| {
        row.epochs_to(target).or(Reach::NotReached.name())
    }));
    columns.extend([
        Of::new("load_seconds", |row| row.at_end(|end| end.load_seconds, seconds)),
        Of::new("open_seconds", |row| row.at_end(|end| end.open_seconds, seconds)),
        Of::new("first_epoch_extra_seconds", |row| row.number(Run::first_epoch_extra_seconds, seconds)),
        Of::new("cold_start_seconds", |row| row.number(Run::cold_start_seconds, seconds)).page("Cold start"),
        Of::new("peak_rss_bytes", |row| {
            Value::whole(row.end().and_then(|end| end.peak_rss_bytes), bytes).or(NOT_MEASURED)
        })
        .page("Peak memory"),
        Of::new("cpu_seconds", |row| row.at_end(|end| end.cpu_seconds, seconds))
            .page("CPU")
            .showing(OnDemand),
        Of::new("load_average", |row| row.number(Run::load_average, |load| format!("{load:.2}")))
            .page("Load before")
            .showing(OnDemand),
    ]);
    columns.extend(Of::of_targets(
        targets,
        [
            ("epochs_to", RunRow::epochs_to),
            ("seconds_to", |row, target| Value::number(row.reached(target).map(|(_, after)| after), seconds)),
            ("status_of", RunRow::status_of),
        ],
    ));
    columns.extend([
        Of::new("conformance", RunRow::conformance).page("Conformance").words(),
        Of::new("log", |row| Value::any(row.end().and_then(|end| end.log.as_deref()))),
        Of::new("library_hash", |row| Value::any(row.end().and_then(|end| end.library_hash.as_deref()))),
        Of::new("frequency_mhz", |row| row.at_end(|end| end.frequency_mhz, significant)),
        Of::new("peak_device_bytes", |row| {
            Value::whole(row.gpu().and_then(|used| used.peak_memory_bytes), bytes).or(row.missing_of_device())
        })
        .page("Peak device memory")
        .showing(WhereAny),
        Of::new("device_memory_of", |row| {
            Value::any(row.gpu().and_then(|used| used.memory_basis).map(MemoryBasis::name))
        }),
        Of::new("energy_joules", |row| {
            Value::number(row.gpu().and_then(|used| used.energy_joules), joules).or(row.missing_of_device())
        })
        .page("Energy")
        .showing(WhereAny),
        Of::new("sm_clock_mhz", |row| {
            Value::whole(row.gpu().and_then(|used| used.sm_clock_mhz), |clock| clock.to_string())
        }),
        Of::new("device_temperature_celsius", |row| {
            let celsius = row.gpu().and_then(|used| used.temperature_celsius);
            Value::whole(celsius, |celsius| format!("{celsius} °C")).or(row.missing_of_device())
        })
        .page("Temperature before")
        .showing(WhereAny),
        Of::new("throttle_reasons", |row| {
            let reasons = row.gpu().and_then(GpuUse::throttle_words);
            Value::line(reasons.as_deref()).or(row.missing_of_device())
        })
        .page("Throttled by")
        .words()
        .showing(WhereAny),
        Of::new("purpose", |row| Value::any(row.run().map(|run| run.purpose.name())))
            .page("Purpose")
            .words()
            .showing(OnDemand),
        machine(),
    ]);
    columns
}

const NOT_MEASURED: &str = "not measured";

impl<'a> Identified<'a> for RunRow<'a> {
    fn record(&self) -> &'a Record {
        self.record
    }

    fn cell(&self) -> Option<&'a Cell> {
        self.run().map(|run| &run.cell)
    }

    fn framework(&self) -> Option<&'a str> {
        self.end()?.framework.as_deref()
    }

    fn backend(&self) -> Option<&'a str> {
        Some(match self.what {
            Ok(run) => &run.cell.backend,
            Err(unavailable) => &unavailable.backend,
        })
    }

    fn device(&self) -> Option<&'a str> {
        match self.what {
            Ok(run) => Some(&run.cell.device),
            Err(unavailable) => unavailable.device.as_deref(),
        }
    }
}

impl<'a> RunRow<'a> {
    fn run(&self) -> Option<&'a Run> {
        self.what.ok()
    }

    fn end(&self) -> Option<&'a RunEnd> {
        self.run().map(|run| &run.end)
    }

    fn epochs(&self) -> &'a [Epoch] {
        self.run().map_or(&[], |run| &run.epochs)
    }

    fn gpu(&self) -> Option<&'a GpuUse> {
        self.end()?.gpu.as_ref()
    }

    fn number(&self, value: fn(&Run) -> Option<f64>, show: fn(f64) -> String) -> Value<'a> {
        Value::number(self.run().and_then(value), show).or(NOT_MEASURED)
    }

    fn at_end(&self, value: fn(&RunEnd) -> Option<f64>, show: fn(f64) -> String) -> Value<'a> {
        Value::number(self.end().and_then(value), show).or(NOT_MEASURED)
    }

    /// A value after the last epoch.
    fn last(&self, value: fn(&Epoch) -> Option<f64>, show: fn(f64) -> String) -> Value<'a> {
        let missing = if self.epochs().is_empty() { "no epoch" } else { "not finite" };
        Value::number(self.epochs().last().and_then(value), show).or(missing)
    }

    fn missing_of_device(&self) -> &'static str {
        if self.cell().is_some_and(|cell| cell.device.is_cpu()) { ON_THE_CPU } else { NOT_MEASURED }
    }

    fn reason(&self) -> Value<'a> {
        Value::line(match self.what {
            Ok(run) => run.end.reason.as_deref(),
            Err(unavailable) => Some(&unavailable.reason),
        })
    }

    fn conformance(&self) -> Value<'a> {
        let conformance = self.end().and_then(|end| end.conformance.as_ref());
        conformance.map_or(Value::text(Conformance::MISSING), |conformance| conformance.words().into())
    }

    /// `None` where it is no target of the run's workload.
    fn reached(&self, target: Target) -> Option<(u32, f64)> {
        let run = self.run()?;
        self.record.targets_of(&run.cell).contains(&target).then(|| run.reached(target))?
    }

    fn epochs_to(&self, target: Target) -> Value<'a> {
        Value::whole(self.reached(target).map(|(epoch, _)| epoch), |epoch| epoch.to_string())
    }

    fn status_of(&self, target: Target) -> Value<'a> {
        match self.what {
            Err(_) => Value::text(Reach::NotRun.name()),
            Ok(run) if !self.record.targets_of(&run.cell).contains(&target) => Value::text(NO_TARGET),
            Ok(run) if !run.is_whole() && run.is_ok() => Value::text(Reach::TimedOnly.name()),
            Ok(_) if self.reached(target).is_some() => Value::text(Reach::Reached.name()),
            Ok(run) if run.is_ok() => not_reached_in(run.epochs.len()).into(),
            Ok(run) => run.ended_after().into(),
        }
    }
}
