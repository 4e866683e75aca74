//! A check for continuous integration: has a cell become slower than it may?

use std::str::FromStr;

use super::{History, Series, Step};
use crate::compare::{FailOn, close};
use crate::statistics::steps::{LEAST, WINDOW};

/// A day from which on steps count for a check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Since {
    /// Its beginning, in seconds since the Unix epoch.
    pub unix_time: f64,
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

/// What the check has come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Check<'h> {
    history: &'h History,
    /// The limit.
    pub limit: FailOn,
    /// Steps by which a cell became slower by more than the limit, their interval's low end too, that no
    /// faster step came after, and that two builds have not refuted.
    pub slower: Vec<(&'h Series, &'h Step)>,
    /// Steps that may be, or that the newest runs look like.
    pub undecided: Vec<(&'h Series, &'h Step)>,
    /// Series that are too short.
    pub not_judged: Vec<&'h Series>,
    /// Series that could be judged.
    pub judged: usize,
}

impl<'h> Check<'h> {
    /// Holds every series' recent steps against the limit: those since a day, or else of its last
    /// [`WINDOW`] runs.
    pub fn of(history: &'h History, limit: FailOn, since: Option<Since>) -> Self {
        let most = 1.0 + limit.slower_percent / 100.0;
        let (slower, undecided, not_judged) = (Vec::new(), Vec::new(), Vec::new());
        let mut check = Self { history, limit, slower, undecided, not_judged, judged: 0 };
        for series in &history.series {
            if series.points.len() < 2 * LEAST {
                check.not_judged.push(series);
                continue;
            }
            check.judged += 1;
            for step in standing(series, since).filter(|step| !step.is_refuted()) {
                match step.found.ratio {
                    ratio if ratio.low > most => check.slower.push((series, step)),
                    ratio if ratio.high > most => check.undecided.push((series, step)),
                    _ => {}
                }
            }
            let suspected = series.suspected.iter().filter(|step| step.is_slower() && !step.is_refuted());
            check
                .undecided
                .extend(suspected.filter(|step| step.found.ratio.high > most).map(|step| (series, step)));
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
        let mut lines: Vec<String> = self
            .not_judged
            .iter()
            .map(|series| {
                let (runs, least) = (series.points.len(), 2 * LEAST);
                format!("not judged: {}: {runs} of at least {least} runs", name(series))
            })
            .collect();
        lines.extend(self.undecided.iter().map(|(series, step)| {
            format!(
                "not decided: {}: up to {}× since {}",
                name(series),
                close(step.found.ratio.high),
                self.since(series, step)
            )
        }));
        lines.extend(self.slower.iter().map(|(series, step)| {
            let times = close(step.found.ratio.estimate);
            format!(
                "failed: {} is slower by more than {percent}%: {times}× since {}",
                name(series),
                self.since(series, step)
            )
        }));
        lines.push(match (self.judged, self.slower.len()) {
            (0, _) => "failed: no series could be judged, so that nothing was checked".to_owned(),
            (judged, 0) => format!("passed: no series of {judged} has become slower by more than {percent}%"),
            (judged, slower) => format!("failed: {slower} of {judged} series"),
        });
        lines
    }

    fn since(&self, series: &Series, step: &Step) -> &'h str {
        &self.history.run(&series.points[step.found.at]).run_id
    }
}

/// The slower steps of a series that count, and that no faster one came after.
fn standing(series: &Series, since: Option<Since>) -> impl Iterator<Item = &Step> {
    let first = series.points.len().saturating_sub(WINDOW);
    let is_recent = move |step: &&Step| match since {
        Some(since) => series.points[step.found.at].unix_time >= since.unix_time,
        None => step.found.at >= first,
    };
    series.steps.iter().rev().take_while(|step| step.is_slower()).filter(is_recent)
}
