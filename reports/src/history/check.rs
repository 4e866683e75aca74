//! A check for continuous integration: has a cell become slower than it may?

use std::collections::BTreeMap;
use std::str::FromStr;

use super::words::of_control;
use super::{History, HistoryRun, Machine, Series, Step};
use crate::compare::{FailOn, close};
use crate::number::{count, date, utc};
use crate::statistics::steps::{LEAST, WINDOW};
use crate::statistics::{Interval, Method};

/// A day from which on steps count for a check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Since {
    /// Its beginning, in seconds since the Unix epoch.
    pub unix_time: f64,
}

impl Since {
    /// Whether there is anything since then that a check could find slower.
    ///
    /// # Errors
    /// Where every run of the history began before: in words, with the last one's beginning.
    pub fn check_reached(self, history: &History) -> Result<(), String> {
        let begun = |run: &&HistoryRun| run.unix_time;
        let Some(last) = history.runs.iter().max_by(|a, b| begun(a).total_cmp(&begun(b))) else {
            return Ok(());
        };
        if last.unix_time >= self.unix_time {
            return Ok(());
        }
        let (since, run, begun) = (self.day(), &last.run_id, utc(last.unix_time));
        Err(format!(
            "no run is as late as --since {since}, so that nothing could be found slower: the last one, {run}, began on \
             {begun}"
        ))
    }

    /// `2026-01-31`
    fn day(self) -> String {
        date(self.unix_time)
    }
}

impl FromStr for Since {
    type Err = String;

    /// Reads `2026-01-31`, a day by UTC.
    fn from_str(text: &str) -> Result<Self, String> {
        let date = text.parse::<jiff::civil::Date>();
        let start = date.and_then(|date| jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)));
        let wrong = |_| format!("`{text}` is no day; write for example 2026-01-31");
        start.map(|start| Self { unix_time: start.as_second() as f64 }).map_err(wrong)
    }
}

/// How much slower a series has become in the time that is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slowdown<'h> {
    series: &'h Series,
    /// The first of its steps.
    step: &'h Step,
    /// How many steps it is of, slower and faster ones.
    steps: usize,
    /// How many times as long the cell takes after all of them.
    ratio: Interval,
}

/// A series in which the check could find nothing slower, whatever it looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NotJudged<'h> {
    series: &'h Series,
    /// Points that there are, in all or in the time that is looked at.
    points: usize,
    /// Points that there must be.
    least: usize,
    /// Whether it is those in the time that is looked at that are too few.
    is_recent: bool,
}

/// What the check has come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Check<'h> {
    history: &'h History,
    /// The limit.
    pub limit: FailOn,
    /// Series that became slower by more than the limit, their interval's low end too.
    pub slower: Vec<Slowdown<'h>>,
    /// Those that may have, or whose newest runs look like it.
    pub undecided: Vec<Slowdown<'h>>,
    /// The day from which on steps count, where one was named.
    pub since: Option<Since>,
    /// Series that are too short, in all or in the time that is looked at.
    pub not_judged: Vec<NotJudged<'h>>,
    /// Series without a point in the last [`WINDOW`] runs on their machine.
    pub ended: Vec<&'h Series>,
    /// Series that could be judged.
    pub judged: usize,
}

impl<'h> Check<'h> {
    /// Holds what has become of every series against the limit: since a day, or else in the last
    /// [`WINDOW`] runs on its machine. What two builds exclude does not count.
    pub fn of(history: &'h History, limit: FailOn, since: Option<Since>) -> Self {
        let most = 1.0 + limit.slower_percent / 100.0;
        let (slower, undecided) = (Vec::new(), Vec::new());
        let (not_judged, ended) = (Vec::new(), Vec::new());
        let mut check = Self { history, limit, since, slower, undecided, not_judged, ended, judged: 0 };
        let recent = recent(history);
        for series in &history.series {
            let recent = recent[&series.line.machine];
            let begin = since.map_or(recent, |since| since.unix_time);
            if series.points.last().is_none_or(|last| last.unix_time < recent) {
                check.ended.push(series);
                continue;
            }
            if let Some(short) = NotJudged::of(series, begin) {
                check.not_judged.push(short);
                continue;
            }
            check.judged += 1;
            match Slowdown::of(series, begin) {
                Some(found) if found.ratio.low > most => check.slower.push(found),
                Some(found) if found.ratio.high > most => check.undecided.push(found),
                _ => {}
            }
            let suspected = series.suspected.iter().filter(|step| step.is_slower() && !step.is_refuted());
            let suspected = suspected.filter(|step| step.found.ratio.high > most);
            check.undecided.extend(suspected.map(|step| Slowdown {
                series,
                step,
                steps: 1,
                ratio: step.found.ratio,
            }));
        }
        check
    }

    /// Whether it passed. Without a series that could be judged it could not fail, and so does not pass
    /// either.
    pub fn passed(&self) -> bool {
        self.slower.is_empty() && self.judged > 0
    }

    /// What has become of it, in words; one line each, the outcome last.
    pub fn lines(&self) -> Vec<String> {
        let percent = self.limit.slower_percent;
        let name = |series: &Series| self.history.full_name(series);
        let mut lines: Vec<String> = Vec::new();
        if let [(path, reason), ..] = &self.history.unreadable[..] {
            let folders = count(self.history.unreadable.len(), "folder");
            lines.push(format!("not read: {folders}, the first {}: {reason}", path.display()));
        }
        lines.extend(self.history.disputed.iter().map(|disputed| format!("not counted: {disputed}")));
        lines.extend(self.ended.iter().filter_map(|series| {
            let last = &self.history.run(series.points.last()?).run_id;
            Some(format!("ended: {}: its last run is {last}", name(series)))
        }));
        lines.extend(self.not_judged.iter().map(|short| {
            let NotJudged { series, points, least, is_recent } = short;
            let place = if *is_recent { self.time() } else { String::new() };
            format!("not judged: {}: {points} of at least {least} runs{place}", name(series))
        }));
        lines.extend(self.undecided.iter().map(|found| {
            format!(
                "not decided: {}: up to {}×{}",
                name(found.series),
                close(found.ratio.high),
                self.since(found)
            )
        }));
        lines.extend(self.slower.iter().map(|found| {
            let (times, since) = (close(found.ratio.estimate), self.since(found));
            let control = of_control(found.series, found.step);
            format!(
                "failed: {} is slower by more than {percent}%: {times}×{since}{control}",
                name(found.series)
            )
        }));
        lines.push(match (self.judged, self.slower.len()) {
            (0, _) => "failed: no series could be judged, so that nothing was checked".to_owned(),
            (judged, 0) => format!("passed: no series of {judged} has become slower by more than {percent}%"),
            (judged, slower) => format!("failed: {slower} of {judged} series"),
        });
        lines
    }

    /// The time that is looked at.
    fn time(&self) -> String {
        match self.since {
            Some(since) => format!(" since {}", since.day()),
            None => format!(" among the last {WINDOW} on its machine"),
        }
    }

    /// ` since night-30`, ` since night-30, in 2 steps`
    fn since(&self, found: &Slowdown<'_>) -> String {
        let run = &self.history.run(&found.series.points[found.step.found.at]).run_id;
        let steps = if found.steps > 1 { format!(", in {} steps", found.steps) } else { String::new() };
        format!(" since {run}{steps}")
    }
}

impl<'h> NotJudged<'h> {
    /// A step has [`LEAST`] points at least on either side: a series that has fewer of them since `begin`, in
    /// seconds since the Unix epoch, has none since then, whatever they are.
    fn of(series: &'h Series, begin: f64) -> Option<Self> {
        let points = series.points.len();
        let recent = series.points.iter().filter(|point| point.unix_time >= begin).count();
        let short = |points, least, is_recent| Some(Self { series, points, least, is_recent });
        match () {
            () if points < 2 * LEAST => short(points, 2 * LEAST, false),
            () if recent < LEAST => short(recent, LEAST, true),
            () => None,
        }
    }
}

impl<'h> Slowdown<'h> {
    /// The greatest that any slower step since then begins: with all steps after it, so that one that was
    /// undone is none, and several small ones add up.
    fn of(series: &'h Series, begin: f64) -> Option<Self> {
        let is_counted = |step: &&Step| series.points[step.found.at].unix_time >= begin && !step.is_refuted();
        let steps: Vec<&Step> = series.steps.iter().filter(is_counted).collect();
        let from = (0..steps.len()).filter(|first| steps[*first].is_slower()).map(|first| {
            let (step, ratio) = (steps[first], together(&steps[first..]));
            Self { series, step, steps: steps.len() - first, ratio }
        });
        from.max_by(|one, other| one.ratio.low.total_cmp(&other.ratio.low))
    }
}

/// What steps amount to. That neighbours share the runs between them makes the interval wider than it
/// need be.
fn together(steps: &[&Step]) -> Interval {
    let ratios = || steps.iter().map(|step| step.found.ratio);
    if let [one] = steps {
        return one.found.ratio;
    }
    let estimate: f64 = ratios().map(|ratio| ratio.estimate.ln()).sum();
    let half = ratios().map(|ratio| ((ratio.high / ratio.low).ln() / 2.0).powi(2)).sum::<f64>().sqrt();
    let [estimate, low, high] = [estimate, estimate - half, estimate + half].map(f64::exp);
    Interval { estimate, low, high, method: Method::StudentT }
}

/// When the last [`WINDOW`] runs on each machine began, whatever cells they have.
fn recent(history: &History) -> BTreeMap<&Machine, f64> {
    let mut runs: BTreeMap<&Machine, BTreeMap<usize, f64>> = BTreeMap::new();
    for series in &history.series {
        let begun = series.points.iter().map(|point| (point.run, point.unix_time));
        runs.entry(&series.line.machine).or_default().extend(begun);
    }
    for control in &history.controls {
        let begun = control.points.iter().map(|(run, unix_time, _)| (*run, *unix_time));
        runs.entry(&control.line.machine).or_default().extend(begun);
    }
    let first = |runs: BTreeMap<usize, f64>| {
        let mut begun: Vec<f64> = runs.into_values().collect();
        begun.sort_by(f64::total_cmp);
        begun.get(begun.len().saturating_sub(WINDOW)).copied().unwrap_or(f64::NEG_INFINITY)
    };
    runs.into_iter().map(|(machine, runs)| (machine, first(runs))).collect()
}
