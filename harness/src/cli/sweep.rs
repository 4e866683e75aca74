//! A question before many cells are begun: a few lists of values multiply to thousands.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};

use crate::bench::Selected;
use crate::plan::{self, Selection};
use crate::registry::Registry;
use crate::units;

/// So many cells nobody asks for by mistake.
const MANY: usize = 100;
/// What the checks of a cell take of a small network on a small machine.
const CHECK_SECONDS: f64 = 5.0;

/// What becomes of every cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Checks, and nothing else.
    Checks,
    /// Checks and a benchmark.
    Benchmark,
}

/// Asks whether so much is meant, where it is much.
///
/// # Errors
/// Where it is not meant, or there is nobody to ask.
pub(super) fn ask(
    selected: &Selected,
    registry: &Registry,
    extent: Extent,
    is_agreed: bool,
) -> anyhow::Result<()> {
    let numbers = [selected.workloads.len(), backends(selected, registry)?, selected.threads.all().len()];
    if is_agreed || numbers.iter().product::<usize>() <= MANY {
        return Ok(());
    }
    let text = words(numbers, extent);
    if !std::io::stdin().is_terminal() {
        bail!("{text}; with --yes it is begun");
    }
    tell!("{text}\ngo on? [y/N]");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => bail!("nothing was begun"),
    }
}

fn words([workloads, backends, threads]: [usize; 3], extent: Extent) -> String {
    let cells = workloads * backends * threads;
    let of_threads = if threads > 1 { format!(", {threads} numbers of threads") } else { String::new() };
    let (checks, beside) = match extent {
        Extent::Checks => ("their checks take", ""),
        Extent::Benchmark => ("their checks alone take", ", beside an epoch of each and the time budget"),
    };
    format!(
        "this is a sweep of {cells} cells at the least ({}, {}{of_threads}): {checks} about {}{beside}",
        units::count(workloads, "workload"),
        units::count(backends, "backend"),
        units::seconds(cells as f64 * CHECK_SECONDS)
    )
}

/// How many are selected. How many implementations each has is known when it is built.
fn backends(selected: &Selected, registry: &Registry) -> anyhow::Result<usize> {
    let builds = if selected.sides.is_some() { 2 } else { 1 };
    let mut number = usize::from(selected.selections.is_empty());
    for text in &selected.selections {
        let selection = Selection::parse(text)?;
        number += match &*selection.backend {
            path if plan::is_library_path(path) => 1,
            "all" => registry.backends.iter().filter(|backend| backend.is_in_all()).count(),
            name => registry.find(name)?.with_versions(&selection.versions)?.len(),
        };
    }
    Ok(builds * number)
}

#[cfg(test)]
mod tests {
    use super::{Extent, words};

    #[test]
    fn the_number_and_the_time_are_told() {
        assert_eq!(
            words([300, 4, 1], Extent::Benchmark),
            "this is a sweep of 1200 cells at the least (300 workloads, 4 backends): their checks alone take about \
             1 h 40 min, beside an epoch of each and the time budget"
        );
        assert_eq!(
            words([150, 1, 1], Extent::Checks),
            "this is a sweep of 150 cells at the least (150 workloads, 1 backend): their checks take about 12 min 30 s"
        );
        assert!(
            words([30, 4, 2], Extent::Benchmark)
                .contains("240 cells at the least (30 workloads, 4 backends, 2 numbers of")
        );
    }
}
