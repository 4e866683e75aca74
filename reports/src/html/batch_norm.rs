//! What the first batch norm of each group learned, channel by channel.

use serde::Serialize;

use super::channels;
use super::colours::{Colours, is_ring};
use super::drawn;
use super::tables::{Column, Entry, Table, columns, word};
use crate::record::{Cell, FirstBatchNorm, Record};
use crate::statistics::median;
use crate::store::StoreError;
use crate::summary::{CellSummary, Group};
use crate::words::agreement;

/// Channels that are shown.
const CHANNELS: usize = 16;

/// What the first batch norm of a group learned: γ, β, and how far cells agree.
#[derive(Serialize)]
pub(super) struct BatchNorm {
    title: String,
    agreements: Vec<String>,
    legend: Vec<Mark>,
    parameters: Vec<Parameter>,
}

/// A cell's mark in the charts.
#[derive(Serialize)]
struct Mark {
    label: String,
    colour: usize,
    is_ring: bool,
}

/// γ or β: a chart and its numbers.
#[derive(Serialize)]
struct Parameter {
    title: String,
    /// `None`: no value is finite.
    channels: Option<String>,
    table: Table,
}

/// The groups that have a batch norm.
///
/// # Errors
/// Where a chart cannot be encoded, which is a bug.
pub(super) fn batch_norms(
    record: &Record,
    groups: &[Group],
    colours: &Colours,
) -> Result<Vec<BatchNorm>, StoreError> {
    let all = groups.iter().enumerate().map(|(index, group)| batch_norm(record, group, colours, index));
    all.filter_map(Result::transpose).collect()
}

fn batch_norm(
    record: &Record,
    group: &Group,
    colours: &Colours,
    index: usize,
) -> Result<Option<BatchNorm>, StoreError> {
    let title = format!("{} on {}", group.workload, group.device);
    let mut section = BatchNorm { title, agreements: Vec::new(), legend: Vec::new(), parameters: Vec::new() };
    for (name, symbol, key, values) in
        [("Scale", "γ", "gamma", gamma as fn(&FirstBatchNorm) -> &[f32]), ("Shift", "β", "beta", beta)]
    {
        let cells: Vec<(&Cell, Vec<Vec<f64>>)> = group
            .cells
            .iter()
            .map(|summary| (summary.cell, learned(summary, values)))
            .filter(|(_, channels)| !channels.is_empty())
            .collect();
        section.agreements.extend(agreement(symbol, &by_seed(record, group, values)));
        let id = format!("batch-norm-{index}-{key}");
        let title = format!("{name} {symbol} per channel");
        section.legend = cells.iter().map(|(cell, _)| mark(group, cell, colours)).collect();
        let chart = channels::chart(&cells, colours, CHANNELS, &title);
        let Some(table) = table(group, &cells, &title, id) else { return Ok(None) };
        let channels = chart.map(|chart| drawn(&chart)).transpose()?;
        section.parameters.push(Parameter { title, channels, table });
    }
    Ok(Some(section))
}

fn mark(group: &Group, cell: &Cell, colours: &Colours) -> Mark {
    Mark { label: group.label(cell), colour: colours.get(cell), is_ring: is_ring(&cell.implementation) }
}

fn table(group: &Group, cells: &[(&Cell, Vec<Vec<f64>>)], title: &str, id: String) -> Option<Table> {
    let all = cells.iter().map(|(_, channels)| channels.len()).max()?;
    let shown = all.min(CHANNELS);
    let of_all = if shown < all { format!("; the first {shown} of {all} channels") } else { String::new() };
    let rows = cells.iter().map(|(cell, channels)| {
        let mut row: Vec<Entry> = std::iter::once(word(group.label(cell)))
            .chain(channels.iter().map(|seeds| spread(seeds)))
            .collect();
        row.resize_with(shown + 1, || word("no channel"));
        row
    });
    let names =
        (1..=shown).map(|channel| Column { name: format!("Channel {channel}"), numeric: true, extra: false });
    Some(Table {
        id,
        caption: format!("{title}: median over seeds [least, greatest]{of_all}"),
        columns: columns(&[("Cell", false)]).into_iter().chain(names).collect(),
        rows: rows.collect(),
        sortable: false,
    })
}

fn gamma(learned: &FirstBatchNorm) -> &[f32] {
    &learned.gamma
}

fn beta(learned: &FirstBatchNorm) -> &[f32] {
    &learned.beta
}

/// For each seed the values of each cell that has a ranked run of it.
fn by_seed<'g>(
    record: &Record,
    group: &'g Group<'_>,
    values: fn(&FirstBatchNorm) -> &[f32],
) -> Vec<(u64, Vec<&'g [f32]>)> {
    let seeds = record.started.plan.seeds.iter().map(|&seed| {
        let runs = group.cells.iter().flat_map(|summary| &summary.ranked).filter(|run| run.seed == seed);
        (seed, runs.filter_map(|run| run.end.first_batch_norm.as_ref()).map(values).collect())
    });
    seeds.collect()
}

/// Per channel the values of all seeds, of ranked runs.
fn learned(summary: &CellSummary<'_>, values: fn(&FirstBatchNorm) -> &[f32]) -> Vec<Vec<f64>> {
    let mut channels: Vec<Vec<f64>> = Vec::new();
    for learned in summary.ranked.iter().filter_map(|run| run.end.first_batch_norm.as_ref()) {
        let values = values(learned);
        channels.resize_with(channels.len().max(values.len()), Vec::new);
        for (channel, value) in channels.iter_mut().zip(values) {
            channel.push(f64::from(*value));
        }
    }
    channels
}

fn spread(seeds: &[f64]) -> Entry {
    if seeds.iter().any(|value| !value.is_finite()) {
        return word("not finite");
    }
    let (low, high) = (seeds.iter().copied().reduce(f64::min), seeds.iter().copied().reduce(f64::max));
    match (median(seeds.iter().copied()), low, high) {
        (Some(middle), Some(low), Some(high)) if low < high => {
            word(format!("{middle:.3} [{low:.3}, {high:.3}]"))
        }
        (Some(middle), ..) => word(format!("{middle:.3}")),
        _ => word("not recorded"),
    }
}
