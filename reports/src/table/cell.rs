//! The summary: one row per cell, of the medians over its runs.

use super::Showing::{OnDemand, WhereAny, WhereDifferent};
use super::identity::{Identified, identity, machine, threads};
use super::target::NO_TARGET;
use super::{Column, ON_THE_CPU, Table, Value};
use crate::number::{bytes, count, fraction, joules, percent, ratio, seconds, significant};
use crate::paired::Relative;
use crate::record::{Cell, Record, Target};
use crate::statistics::Comparison;
use crate::summary::{CellSummary, Group, Reach, TimeToTarget, not_reached_in};
use crate::words::{bracket, mark};

type Of<'a> = Column<'a, CellRow<'a>>;

/// A cell, as people see it among those of its group.
pub(crate) struct CellRow<'a> {
    record: &'a Record,
    pub(crate) summary: &'a CellSummary<'a>,
    label: String,
    /// What it is held against; `None` where it is shown by itself.
    against: Option<Against>,
}

/// The cell with the lowest median of a group, as another one sees it.
struct Against {
    median: f64,
    is_itself: bool,
    /// How the other one compares to it.
    comparison: Option<Comparison>,
}

/// All cells, for programs.
pub(crate) fn cells<'a>(record: &'a Record, cells: &'a [CellSummary<'a>]) -> Table<'a, CellRow<'a>> {
    let rows = cells.iter().map(|summary| CellRow::of(record, summary));
    Table { columns: columns(&record.started.plan.targets()), rows: rows.collect() }
}

/// All cells, by their labels within their groups.
pub(crate) fn cells_of_groups<'a>(record: &'a Record, groups: &'a [Group<'a>]) -> Table<'a, CellRow<'a>> {
    let rows = groups.iter().flat_map(|group| CellRow::of_group(record, group, |cell| group.label(cell)));
    Table { columns: columns(&record.started.plan.targets()), rows: rows.collect() }
}

/// The cells of a group, the lowest median first, each by a name that the caller gives it.
pub(crate) fn ranking<'a>(
    record: &'a Record,
    group: &'a Group<'a>,
    label: impl Fn(&Cell) -> String,
) -> Table<'a, CellRow<'a>> {
    let mut rows: Vec<Option<CellRow<'a>>> =
        CellRow::of_group(record, group, label).into_iter().map(Some).collect();
    let rows = group.order().into_iter().filter_map(|place| rows[place].take());
    let targets: Vec<Target> = record
        .started
        .plan
        .workload(&group.workload)
        .map_or_else(Vec::new, |workload| workload.targets.clone());
    Table { rows: rows.collect(), columns: columns(&targets) }
}

/// Every column of the summary, in the order of all outputs.
fn columns<'a>(targets: &[Target]) -> Vec<Of<'a>> {
    let mut columns = vec![Of::shown(|row| row.label.clone().into()).page("Cell").short("cell").words()];
    columns.extend(identity());
    columns.extend([
        Of::shown(threads).page("Threads").showing(WhereDifferent),
        Of::new("runs", |row| Value::count(row.summary.runs.len())),
        Of::new("ok_runs", |row| Value::count(row.summary.ranked.len())),
        Of::shown(|row| row.summary.status().into()).page("Runs").words(),
        Of::new("timed_epochs", |row| Value::count(row.summary.train_seconds.map_or(0, |time| time.epochs)))
            .only_csv(),
        Of::new("timed", |row| {
            Value::text(row.summary.train_seconds.map_or("nothing", |time| time.basis.name()))
        })
        .only_csv(),
        Of::new("median_train_seconds", CellRow::median)
            .only_csv()
            .page("Seconds per epoch")
            .short("s/epoch"),
        Of::shown(CellRow::relative).page("Against the lowest").short("relative"),
    ]);
    columns.extend(Of::short_of_targets(targets, CellRow::told_of));
    columns.extend([
        Of::new("min_train_seconds", |row| {
            row.number(row.summary.train_seconds.map(|time| time.min), seconds)
        })
        .only_csv()
        .page("Least")
        .showing(OnDemand),
        Of::new("median_predict_seconds", |row| row.number(row.summary.predict_seconds, seconds))
            .page("Predict")
            .showing(OnDemand),
        Of::new("train_loss", |row| row.at_the_end(row.summary.train_loss, significant))
            .page("Train loss")
            .showing(OnDemand),
        Of::new("train_accuracy", |row| row.at_the_end(row.summary.train_accuracy, fraction))
            .page("Train accuracy")
            .short("train acc")
            .showing(OnDemand),
        Of::new("test_accuracy", |row| row.at_the_end(row.summary.test_accuracy, fraction))
            .page("Test accuracy")
            .short("test acc"),
    ]);
    columns.extend(Of::page_of_targets(targets, CellRow::told_of));
    columns.extend([
        Of::new("peak_rss_bytes", |row| Value::whole(row.summary.peak_rss_bytes, bytes).or(row.missing()))
            .page("Peak memory")
            .short("memory"),
        Of::new("cold_start_seconds", |row| row.number(row.summary.cold_start_seconds, seconds))
            .page("Cold start"),
        Of::new("status", |row| row.summary.status().into()),
    ]);
    columns.extend(Of::of_targets(
        targets,
        [
            ("reached", |row, target| Value::count(row.time_to(target).map_or(0, |time| time.reached))),
            ("tried", |row, target| Value::count(row.time_to(target).map_or(0, |time| time.tried))),
            ("median_epochs_to", |row, target| {
                Value::number(row.time_to(target).and_then(|time| time.epochs), significant)
            }),
            ("median_seconds_to", |row, target| {
                Value::number(row.time_to(target).and_then(|time| time.seconds), seconds)
            }),
            ("status_of", |row, target| row.status_of(target).into()),
        ],
    ));
    columns.extend([
        Of::new("percent_of_peak", CellRow::percent_of_peak).page("Of the peak").showing(WhereAny),
        Of::new("peak_device_bytes", |row| {
            Value::whole(row.summary.peak_device_bytes, bytes).or(row.missing_of_device())
        })
        .page("Peak device memory")
        .short("device memory")
        .showing(WhereAny),
        Of::new("energy_joules", |row| {
            Value::number(row.summary.energy_joules, joules).or(row.missing_of_device())
        })
        .page("Energy")
        .showing(WhereAny),
        Of::shown(|row| format!("{} of {}", row.summary.ranked.len(), row.summary.runs.len()).into())
            .short("runs"),
        Of::new("timing_runs", |row| Value::count(row.summary.timing_runs())),
        machine(),
    ]);
    columns
}

impl<'a> Identified<'a> for CellRow<'a> {
    fn record(&self) -> &'a Record {
        self.record
    }

    fn cell(&self) -> Option<&'a Cell> {
        Some(self.summary.cell)
    }

    fn framework(&self) -> Option<&'a str> {
        self.summary.framework
    }
}

impl<'a> CellRow<'a> {
    fn of(record: &'a Record, summary: &'a CellSummary<'a>) -> Self {
        Self { record, summary, label: String::new(), against: None }
    }

    /// Of every cell of a group, in its order, each by a name that the caller gives it.
    fn of_group(record: &'a Record, group: &'a Group<'a>, label: impl Fn(&Cell) -> String) -> Vec<Self> {
        let relative = Relative::of(record, group);
        let lowest = group.order().into_iter().find_map(|at| Some((at, group.cells[at].seconds()?)));
        let rows = group.cells.iter().enumerate().map(|(place, summary)| Self {
            label: label(summary.cell),
            against: lowest.map(|(at, median)| Against {
                median,
                is_itself: at == place,
                comparison: relative.get(at, place).copied(),
            }),
            ..Self::of(record, summary)
        });
        rows.collect()
    }

    /// Why it lacks a number.
    fn missing(&self) -> &'static str {
        self.summary.without_numbers().unwrap_or("not measured")
    }

    fn missing_of_device(&self) -> &'static str {
        if self.summary.cell.device.is_cpu() { ON_THE_CPU } else { self.missing() }
    }

    fn number(&self, value: Option<f64>, show: fn(f64) -> String) -> Value<'a> {
        Value::number(value, show).or(self.missing())
    }

    /// A number of what the training came to, and of how many seeds, where others were for time only: cells
    /// whose seeds differ differ by these.
    fn at_the_end(&self, value: Option<f64>, show: fn(f64) -> String) -> Value<'a> {
        let (timed, whole) = (self.summary.timing_runs(), self.summary.whole().count());
        let missing = if timed > 0 && whole == 0 { Reach::TimedOnly.name() } else { self.missing() };
        let of = if timed > 0 { format!(" ({})", count(whole, "seed")) } else { String::new() };
        Value::number(value, show).with(&of).or(missing)
    }

    fn median(&self) -> Value<'a> {
        let interval = self.summary.train_seconds.and_then(|time| time.interval);
        self.number(self.summary.seconds(), significant).with(&bracket(interval, significant))
    }

    /// How many times as long it takes as the lowest median's cell: paired by seed where that can be, else of
    /// the medians.
    fn relative(&self) -> Value<'a> {
        let Some(against) = &self.against else { return Value::any(None).or(self.missing()) };
        let interval = against.comparison.and_then(|comparison| comparison.interval);
        let of_medians = || Some(self.summary.seconds()? / against.median);
        let times = interval.map(|interval| interval.estimate).or_else(of_medians);
        let mark = if against.is_itself { "" } else { mark(against.comparison.as_ref()) };
        self.number(times, ratio).with(&bracket(interval, significant)).with(mark)
    }

    fn percent_of_peak(&self) -> Value<'a> {
        let missing = if self.summary.cell.device.is_cpu() { self.missing() } else { "not the processor" };
        Value::number(self.summary.percent_of_peak, percent).or(missing)
    }

    /// `None` where it is no target of the cell's workload.
    fn time_to(&self, target: Target) -> Option<&'a TimeToTarget> {
        self.summary.targets.iter().find(|time| time.target == target)
    }

    fn told_of(&self, target: Target) -> Value<'a> {
        let Some(time) = self.time_to(target) else { return Value::text("no target") };
        match (time.seconds, time.reach()) {
            (Some(_), _) if time.reached == time.tried => Value::number(time.seconds, seconds),
            (Some(_), _) => Value::number(time.seconds, seconds).with(&format!(" ({})", time.share())),
            (None, Reach::NoneFinished | Reach::NotReached) => {
                format!("{} ({})", time.told(), time.share()).into()
            }
            (None, _) => time.told().into(),
        }
    }

    /// `reached by 2 of 3 runs`, or why it was not.
    fn status_of(&self, target: Target) -> String {
        let Some(time) = self.time_to(target) else { return NO_TARGET.to_owned() };
        match time.reach() {
            Reach::NotReached => {
                let epochs = not_reached_in(self.record.started.plan.epochs as usize);
                format!("{epochs} by any of {}", count(time.finished, "run"))
            }
            Reach::Reached => {
                format!("{} by {} of {}", Reach::Reached.name(), time.reached, count(time.tried, "run"))
            }
            other => other.name().to_owned(),
        }
    }
}
