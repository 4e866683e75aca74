//! The epochs: one row per epoch of a run.

use super::identity::{Identified, identity, machine};
use super::{Column, Table, Value, without};
use crate::number::{bytes, fraction, seconds, significant};
use crate::record::{Cell, Epoch, Record, Run};
use crate::text::one_line;

type Of<'a> = Column<'a, EpochRow<'a>>;

/// An epoch of a run.
pub(crate) struct EpochRow<'a> {
    record: &'a Record,
    run: &'a Run,
    epoch: &'a Epoch,
}

/// Those of the samples.
pub(crate) fn epochs(record: &Record) -> Table<'_, EpochRow<'_>> {
    let mut columns = without(columns(), &["framework", "purpose"]);
    // Behind those that earlier versions wrote, but for the last, which stays that.
    columns.insert(columns.len() - 1, purpose());
    Table { columns, rows: rows(record, record.samples()) }
}

/// Those of the runs that were made once more: only what they were made for.
pub(crate) fn repeats(record: &Record) -> Table<'_, EpochRow<'_>> {
    let left_out = [
        "framework",
        "train_loss",
        "train_accuracy",
        "test_accuracy",
        "rss_bytes",
        "unfinished_seconds",
        "train_cpu_seconds",
    ];
    Table { columns: without(columns(), &left_out), rows: rows(record, record.repeats()) }
}

fn rows<'a>(record: &'a Record, runs: impl Iterator<Item = &'a Run>) -> Vec<EpochRow<'a>> {
    runs.flat_map(|run| run.epochs.iter().map(move |epoch| EpochRow { record, run, epoch })).collect()
}

fn columns<'a>() -> Vec<Of<'a>> {
    let mut columns = identity();
    columns.extend([
        Of::new("seed", |row| Value::Whole(row.run.seed, |seed| seed.to_string())),
        purpose(),
        Of::new("epoch", |row| Value::count(row.epoch.number as usize)),
        Of::new("train_seconds", |row| Value::number(Some(row.epoch.train_seconds), seconds)),
        Of::new("predict_seconds", |row| Value::number(Some(row.epoch.predict_seconds), seconds)),
        Of::new("train_loss", |row| Value::number(row.epoch.train_loss, significant)),
        Of::new("train_accuracy", |row| Value::number(row.epoch.train_accuracy, fraction)),
        Of::new("test_accuracy", |row| Value::number(row.epoch.test_accuracy, fraction)),
        Of::new("rss_bytes", |row| Value::whole(row.epoch.rss_bytes, bytes)),
        Of::new("status", |row| status(row.epoch).into()),
        Of::new("unfinished_seconds", |row| Value::number(row.epoch.unfinished_seconds, seconds)),
        Of::new("train_cpu_seconds", |row| Value::number(row.epoch.train_cpu_seconds, seconds)),
        machine(),
    ]);
    columns
}

fn purpose<'a>() -> Of<'a> {
    Of::new("purpose", |row| Value::text(row.run.purpose.name()))
}

impl<'a> Identified<'a> for EpochRow<'a> {
    fn record(&self) -> &'a Record {
        self.record
    }

    fn cell(&self) -> Option<&'a Cell> {
        Some(&self.run.cell)
    }
}

/// The writer's word, and the columns left empty where it says `ok` of them.
fn status(epoch: &Epoch) -> String {
    let values = [
        ("train_seconds", Some(epoch.train_seconds)),
        ("predict_seconds", Some(epoch.predict_seconds)),
        ("train_loss", epoch.train_loss),
        ("train_accuracy", epoch.train_accuracy),
        ("test_accuracy", epoch.test_accuracy),
    ];
    let bad = values.iter().filter(|(_, value)| !value.is_some_and(f64::is_finite));
    let bad: Vec<&str> = bad.map(|(name, _)| *name).collect();
    if epoch.status == "ok" && !bad.is_empty() {
        format!("missing or not finite: {}", bad.join(" "))
    } else {
        one_line(&epoch.status)
    }
}
