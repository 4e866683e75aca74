//! What a reader came for: which framework is the fastest, how far it is from the next and from
//! the ceiling, what Rust costs against Python, what batch norm bought, and whether the built-in
//! layer was worth it, and what sweeps show.

mod builds;
mod languages;
mod sweeps;

use serde::Serialize;

use super::{batch_norm, bracket, listed};
use crate::number::{percent, ratio, seconds, significant};
use crate::paired::{NoiseFloor, Relative};
use crate::record::{Cell, Record};
use crate::statistics::{Comparison, Verdict};
use crate::summary::{CellSummary, Group, why_nothing};

/// The answer to the reader's question in a few sentences, or why there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Headline {
    /// The time per epoch of the fastest framework by itself; empty where there is none.
    pub figure: String,
    /// One thought each, the first about the fastest framework.
    pub sentences: Vec<String>,
    /// What the brackets in them are; empty where there are none.
    pub note: String,
}

impl Headline {
    /// Of a record, grouped: about the first workload of which something was timed, on each
    /// device and machine.
    pub fn of(record: &Record, groups: &[Group<'_>]) -> Self {
        if let Some(why) = why_nothing(groups.iter().flat_map(|group| &group.cells)) {
            let why = match record.samples().next() {
                None => "No run has ended, so that no framework can be named.".to_owned(),
                Some(_) => {
                    format!("{why}, so that no framework can be named; the reasons stand under failures.")
                }
            };
            return Self { sentences: vec![why], ..Self::default() };
        }
        let fields: Vec<Field<'_>> = main_groups(groups).map(|group| Field::of(record, group)).collect();
        // Who holds two builds against each other wants to know that.
        let mut sentences = builds::told(record, groups);
        sentences.extend(fields.iter().filter(|field| !field.is_of_builds()).map(Field::fastest));
        sentences.extend(fields.iter().filter_map(Field::untimed));
        sentences.extend(fields.iter().filter_map(Field::rust_against_python));
        if fields.is_empty() && groups.iter().any(Group::is_software) {
            sentences.push(
                "Only software renderers were timed, which compute on the processor: of a graphics processor nothing \
                 can be said."
                    .to_owned(),
            );
        }
        let first = fields.iter().find(|field| field.best().is_some()).or(fields.first());
        if let Some(field) = first {
            let best = field.best().map(|summary| summary.cell);
            sentences.extend(batch_norm::bought(record, groups, field.group, best));
            sentences.extend(best.and_then(|_| batch_norm::builtin_worth(record, groups, field.group)));
        }
        sentences.extend(sweeps::told(record, groups));
        let any_bracket = sentences.iter().any(|sentence| sentence.contains("× ["));
        let any_same = sentences.iter().any(|sentence| sentence.contains("no difference is shown"));
        let floor = record.noise_floor().filter(|_| any_same);
        Self {
            figure: first.and_then(|field| field.best()?.seconds()).map_or_else(String::new, seconds),
            note: if any_bracket { note(floor) } else { String::new() },
            sentences,
        }
    }

    /// A line each, for a terminal.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.sentences.iter().map(String::as_str).chain(Some(&*self.note).filter(|note| !note.is_empty()))
    }
}

/// What the brackets are, and why an interval beside 1 may still show no difference.
fn note(floor: Option<NoiseFloor>) -> String {
    let brackets = "In brackets: 95% intervals";
    floor.map_or_else(
        || format!("{brackets}."),
        |floor| {
            let percent = percent(floor.percent());
            format!(
                "{brackets}. A difference is shown by those wholly beyond {percent}, by which the means of runs of the \
                 same may differ."
            )
        },
    )
}

/// The groups of the first workload of which something was timed, but for those of software
/// renderers.
fn main_groups<'g>(groups: &'g [Group<'g>]) -> impl Iterator<Item = &'g Group<'g>> {
    let meant = || groups.iter().filter(|group| !group.is_software());
    let main = meant().find(|group| group.lowest().is_some()).map(|group| group.workload.as_str());
    meant().filter(move |group| Some(group.workload.as_str()) == main)
}

/// The cell whose time is the headline's figure: the fastest framework's. Where no framework has a
/// time, the ceiling's.
pub(crate) fn fastest<'g>(record: &Record, groups: &'g [Group<'g>]) -> Option<&'g CellSummary<'g>> {
    let cells = main_groups(groups)
        .flat_map(|group| group.order().into_iter().map(move |place| &group.cells[place]))
        .filter(|summary| summary.seconds().is_some());
    let cells: Vec<&CellSummary<'_>> = cells.collect();
    let framework = cells.iter().find(|summary| !record.started.is_ceiling(summary.cell));
    framework.or(cells.first()).copied()
}

/// The cells of a workload on a device, as those who compete and what they are held against.
struct Field<'g> {
    record: &'g Record,
    group: &'g Group<'g>,
    relative: Relative,
    /// Places of the frameworks' cells that have a time, the shortest first.
    frameworks: Vec<usize>,
    /// Place of the ceiling's cell with the shortest time.
    ceiling: Option<usize>,
}

impl<'g> Field<'g> {
    fn of(record: &'g Record, group: &'g Group<'g>) -> Self {
        let is_ceiling = |place: &usize| record.started.is_ceiling(group.cells[*place].cell);
        let timed = group.order().into_iter().filter(|&place| group.cells[place].seconds().is_some());
        let (ceilings, frameworks): (Vec<usize>, Vec<usize>) = timed.partition(is_ceiling);
        let relative = Relative::of(record, group);
        Self { record, group, relative, frameworks, ceiling: ceilings.first().copied() }
    }

    /// The framework's cell with the shortest time.
    fn best(&self) -> Option<&'g CellSummary<'g>> {
        self.frameworks.first().map(|&place| &self.group.cells[place])
    }

    /// `lenet-bn on cpu`
    fn place(&self) -> String {
        format!("{} on {}", self.group.workload, self.group.device)
    }

    /// `2.25 s`
    fn seconds(&self, place: usize) -> String {
        self.group.cells[place].seconds().map_or_else(|| "no time".to_owned(), seconds)
    }

    /// What implementation a cell is of: ` (builtin)`, or nothing where there is no batch norm.
    fn implementation(&self, place: usize) -> String {
        let implementation = &self.group.cells[place].cell.implementation;
        if implementation.is_none() { String::new() } else { format!(" ({implementation})") }
    }

    fn backend(&self, place: usize) -> &'g str {
        &self.group.cells[place].cell.backend
    }

    /// Whether its frameworks are two builds of one, which is no contest.
    fn is_of_builds(&self) -> bool {
        let builds = || self.frameworks.iter().map(|&place| self.group.cells[place].cell.build());
        let first = builds().next().flatten().map(|(backend, _)| backend);
        first.is_some() && builds().all(|build| build.map(|(backend, _)| backend) == first)
    }

    fn fastest(&self) -> String {
        let Some((&best, others)) = self.frameworks.split_first() else { return self.without_framework() };
        let name = self.backend(best);
        let others: Vec<usize> =
            others.iter().copied().filter(|&other| self.backend(other) != name).collect();
        let time = format!("{} per epoch{}", self.seconds(best), self.implementation(best));
        let end = self.against_ceiling(best);
        let Some(&next) = others.first() else {
            return format!("{name} is the only framework with a time for {}: {time}{end}.", self.place());
        };
        let comparison = self.relative.get(best, next);
        let found = Found::of(self, best, &others);
        let distance = self.times_as_fast(best, next, comparison);
        if found.judged == 0 {
            return format!(
                "{name} has the shortest time of the frameworks for {}: {time}, {distance}; whether that is \
                 more than chance needs more seeds{end}.",
                self.place()
            );
        }
        let told = match found.doubts() {
            None => format!("{name} is the fastest framework for {}: {time}, {distance}", self.place()),
            Some(doubts) => format!(
                "{name} has the shortest time of the frameworks for {}: {time}, {distance}; {doubts}",
                self.place()
            ),
        };
        format!("{told}{end}.")
    }

    /// `2.10× [1.90, 2.30] as fast as candle (builtin)`, by medians where there is no interval.
    fn times_as_fast(&self, best: usize, next: usize, comparison: Option<&Comparison>) -> String {
        format!(
            "{} as fast as {}{}",
            self.times(next, best, comparison.copied()),
            self.backend(next),
            self.implementation(next)
        )
    }

    /// How many times as long one place takes as another.
    fn times(&self, subject: usize, baseline: usize, comparison: Option<Comparison>) -> String {
        let of_medians = || {
            let [subject, baseline] = [subject, baseline].map(|place| self.group.cells[place].seconds());
            Some(subject? / baseline?)
        };
        let interval = comparison.and_then(|comparison| comparison.interval);
        let times = interval.map(|interval| interval.estimate).or_else(of_medians);
        format!("{}{}", ratio(times.unwrap_or(f64::NAN)), bracket(interval, significant))
    }

    /// `; it takes 6.10× [5.80, 6.40] as long as handwritten, the ceiling, which reaches 39% of the processor's
    /// measured peak`: how near a ceiling comes to what can be done differs from workload to workload.
    fn against_ceiling(&self, best: usize) -> String {
        let Some(ceiling) = self.ceiling else {
            return self.peak_reached(best).map_or_else(String::new, |reached| format!("; it {reached}"));
        };
        let comparison = self.relative.get(ceiling, best).copied();
        let (name, times) = (self.backend(ceiling), self.times(best, ceiling, comparison));
        let reached =
            self.peak_reached(ceiling).map_or_else(String::new, |reached| format!(", which {reached}"));
        match comparison.map(|comparison| comparison.verdict) {
            Some(Verdict::Higher) => format!("; it takes {times} as long as {name}, the ceiling{reached}"),
            Some(Verdict::Lower) => {
                format!("; it is faster than {name}, which was to be the ceiling: {times} as long")
            }
            Some(Verdict::NoDifferenceShown) => {
                format!("; no difference is shown from {name}, which was to be the ceiling")
            }
            Some(Verdict::NeedsMoreSeeds) | None => {
                format!("; by medians it takes {times} as long as {name}, the ceiling{reached}")
            }
        }
    }

    /// `reaches 39% of the processor's measured peak`; `None` where none was measured.
    fn peak_reached(&self, place: usize) -> Option<String> {
        let share = self.group.cells[place].percent_of_peak?;
        Some(format!("reaches {} of the processor's measured peak", percent(share)))
    }

    /// Where no framework has a time.
    fn without_framework(&self) -> String {
        match self.ceiling {
            Some(ceiling) => format!(
                "No framework has a time for {}: {}, {} per epoch{}, is the ceiling, which shows what the \
                 machine can do, and nothing to choose.",
                self.place(),
                self.backend(ceiling),
                self.seconds(ceiling),
                self.implementation(ceiling)
            ),
            None => format!("No framework has a time for {}.", self.place()),
        }
    }

    /// Names the frameworks that were to be timed and gave no time: the fastest is so only
    /// among the others.
    fn untimed(&self) -> Option<String> {
        let cells =
            || self.group.cells.iter().filter(|summary| !self.record.started.is_ceiling(summary.cell));
        let is_timed =
            |backend: &str| cells().any(|one| one.cell.backend == backend && one.seconds().is_some());
        let failed = cells().filter(|summary| !summary.runs.is_empty());
        let mut names: Vec<&str> = failed.map(|summary| &*summary.cell.backend).collect();
        names.extend(self.unavailable());
        names.retain(|name| !is_timed(name));
        names.sort_unstable();
        names.dedup();
        (!names.is_empty())
            .then(|| format!("Without a time for {} (see the failures): {}.", self.place(), listed(&names)))
    }

    /// The backends that cannot run on the device of the group.
    fn unavailable(&self) -> impl Iterator<Item = &'g str> {
        let cell: Option<&'g Cell> = self.group.cells.first().map(|summary| summary.cell);
        let concerns = move |device: &str| {
            let mut kinds = device.split(',');
            kinds.any(|kind| cell.is_some_and(|cell| cell.device.is_meant_by(kind)))
        };
        let rows = self.record.started.unavailable.iter();
        rows.filter(move |row| row.device.as_deref().is_none_or(concerns)).map(|row| row.backend.as_str())
    }
}

/// How the fastest framework fared against the others.
#[derive(Default)]
struct Found<'g> {
    /// Comparisons that were judged.
    judged: usize,
    /// Those that are faster by the seeds that both ran, whatever the medians are.
    faster: Vec<&'g str>,
    /// Those from which no difference is shown.
    same: Vec<&'g str>,
    /// Those that lack seeds.
    open: Vec<&'g str>,
}

impl<'g> Found<'g> {
    fn of(field: &Field<'g>, best: usize, others: &[usize]) -> Self {
        let mut found = Self::default();
        for &other in others {
            let name = field.backend(other);
            let names = match field.relative.get(best, other).map(|comparison| comparison.verdict) {
                Some(Verdict::Higher) => {
                    found.judged += 1;
                    continue;
                }
                Some(Verdict::Lower) => &mut found.faster,
                Some(Verdict::NoDifferenceShown) => &mut found.same,
                Some(Verdict::NeedsMoreSeeds) | None => {
                    if !found.open.contains(&name) {
                        found.open.push(name);
                    }
                    continue;
                }
            };
            found.judged += 1;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        found
    }

    /// Why it cannot be called the fastest; `None` where it can.
    fn doubts(&self) -> Option<String> {
        let parts = [
            (&self.faster, "by the seeds that both ran, it is slower than "),
            (&self.same, "no difference is shown from "),
            (&self.open, "not judged, for want of seeds: "),
        ];
        let told: Vec<String> = parts
            .iter()
            .filter(|(names, _)| !names.is_empty())
            .map(|(names, words)| format!("{words}{}", listed(names)))
            .collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

#[cfg(test)]
mod tests;
