//! What the first batch norm of each group learned, channel by channel.

use serde::Serialize;

use super::colours::{Colours, Look};
use super::curves::{self, Spread};
use super::tables::{Entry, PageColumn, PageTable, columns, word};
use crate::record::{Cell, FirstBatchNorm, Record};
use crate::statistics::median;
use crate::summary::{CellSummary, Group};
use crate::words::agreement;

/// Channels that are shown.
const CHANNELS: usize = 16;

/// What the first batch norm of a group learned: γ, β, and how far cells agree.
#[derive(Serialize)]
pub(super) struct BatchNorm {
    title: String,
    agreements: Vec<String>,
    legend: Vec<Look>,
    parameters: Vec<Parameter>,
}

/// γ or β: a chart and its numbers.
#[derive(Serialize)]
struct Parameter {
    title: String,
    /// Empty: no value is finite.
    cells: Vec<Learned>,
    table: PageTable,
}

/// What one cell learned, for the page's script to draw.
#[derive(Serialize)]
struct Learned {
    #[serde(flatten)]
    look: Look,
    /// Per channel; `None` where no value is finite.
    points: Vec<Option<Spread>>,
}

/// The groups that have a batch norm.
pub(super) fn batch_norms(record: &Record, groups: &[Group], colours: &Colours) -> Vec<BatchNorm> {
    groups.iter().enumerate().filter_map(|(index, group)| batch_norm(record, group, colours, index)).collect()
}

fn batch_norm(record: &Record, group: &Group, colours: &Colours, index: usize) -> Option<BatchNorm> {
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
        section.legend = cells.iter().map(|(cell, _)| colours.look(group, cell)).collect();
        let table = table(group, &cells, &title, id)?;
        section.parameters.push(Parameter { title, cells: drawn(group, &cells, colours), table });
    }
    Some(section)
}

/// What the chart shows; nothing where no value is finite.
fn drawn(group: &Group, cells: &[(&Cell, Vec<Vec<f64>>)], colours: &Colours) -> Vec<Learned> {
    let learned = cells.iter().map(|(cell, channels)| Learned {
        look: colours.look(group, cell),
        points: channels.iter().take(CHANNELS).map(|seeds| curves::spread(seeds.clone())).collect(),
    });
    let mut learned: Vec<Learned> = learned.collect();
    if learned.iter().flat_map(|cell| &cell.points).all(Option::is_none) {
        learned.clear();
    }
    learned
}

fn table(group: &Group, cells: &[(&Cell, Vec<Vec<f64>>)], title: &str, id: String) -> Option<PageTable> {
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
    let names = (1..=shown).map(|channel| PageColumn {
        name: format!("Channel {channel}"),
        numeric: true,
        extra: false,
    });
    Some(PageTable {
        id,
        caption: format!(
            "{title}, {} on {}: median over seeds [least, greatest]{of_all}",
            group.workload, group.device
        ),
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

/// For each seed the values of each cell that has a ranked run of it to the end.
fn by_seed<'g>(
    record: &Record,
    group: &'g Group<'_>,
    values: fn(&FirstBatchNorm) -> &[f32],
) -> Vec<(u64, Vec<&'g [f32]>)> {
    let seeds = record.started.plan.seeds.iter().map(|&seed| {
        let runs = group.cells.iter().flat_map(CellSummary::whole).filter(|run| run.seed == seed);
        (seed, runs.filter_map(|run| run.end.first_batch_norm.as_ref()).map(values).collect())
    });
    seeds.collect()
}

/// Per channel the values of all seeds, of ranked runs to the end.
fn learned(summary: &CellSummary<'_>, values: fn(&FirstBatchNorm) -> &[f32]) -> Vec<Vec<f64>> {
    let mut channels: Vec<Vec<f64>> = Vec::new();
    for learned in summary.whole().filter_map(|run| run.end.first_batch_norm.as_ref()) {
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
