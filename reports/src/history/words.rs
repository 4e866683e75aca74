//! A history in words.

use super::{Confirmation, History, Series, Step, grids};
use crate::compare::close;
use crate::formats::markdown::{bullets, escape};
use crate::number::{count, utc};
use crate::statistics::steps::{LEAST, LOOKS, WINDOW};
use crate::statistics::{Comparison, Interval};

/// The answer, in short: how many steps there are, then each, the newest first.
pub fn sentences(history: &History) -> Vec<String> {
    let mut steps: Vec<(&Series, &Step)> = history.steps().collect();
    steps.sort_by(|one, other| begun(*other).total_cmp(&begun(*one)));
    let (series, runs) = (count_series(history.series.len()), count(history.runs.len(), "run"));
    let mut sentences = vec![match steps.len() {
        _ if history.series.is_empty() => {
            format!("No series: no cell of {runs} has a time beside a control.")
        }
        0 => format!("No step in {series} of {runs}."),
        steps => format!("{} in {series} of {runs}.", count(steps, "step")),
    }];
    sentences.extend(steps.iter().map(|(series, step)| told(history, series, step)));
    for series in &history.series {
        let Some(step) = &series.suspected else { continue };
        let (runs, least) = (step.found.runs[1], LEAST);
        sentences.push(format!(
            "Not decided: {} {}; {} of at least {least} have been made since.",
            history.full_name(series),
            change(history, series, step),
            count(runs, "run"),
        ));
    }
    sentences
}

fn begun((series, step): (&Series, &Step)) -> f64 {
    series.points[step.found.at].unix_time
}

fn count_series(number: usize) -> String {
    format!("{number} series")
}

fn told(history: &History, series: &Series, step: &Step) -> String {
    format!(
        "{} {}. {}{}{}",
        history.full_name(series),
        change(history, series, step),
        cause(step),
        of_control(series, step),
        confirmed(history, step)
    )
}

/// `is slower since 2026-03-01 01:00 UTC (run): 1.102× [1.091, 1.113] as long as in 20 runs before, over handwritten/none`
fn change(history: &History, series: &Series, step: &Step) -> String {
    let at = &series.points[step.found.at];
    format!(
        "is {} since {} ({}): {} as long as in {} before, over {}",
        if step.is_slower() { "slower" } else { "faster" },
        utc(at.unix_time),
        history.run(at).run_id,
        interval(&step.found.ratio),
        count(step.found.runs[0], "run"),
        series.control,
    )
}

/// What changed where the step is, as a list.
pub(super) fn short_cause(step: &Step) -> String {
    let changes = step.changes.iter().map(|one| format!("{} {} → {}", one.what, one.a, one.b));
    let changes = changes.collect::<Vec<_>>().join(", ");
    if changes.is_empty() { "nothing recorded".to_owned() } else { changes }
}

fn cause(step: &Step) -> String {
    let changes = short_cause(step);
    match step.cause_beside() {
        _ if step.changes.is_empty() => {
            "Nothing that is recorded changed there: no library, framework or system.".to_owned()
        }
        0 => format!("There changed: {changes}."),
        far => {
            let (runs, side) = (count(far.unsigned_abs(), "run"), if far < 0 { "before" } else { "after" });
            format!("{runs} {side} that changed: {changes}.")
        }
    }
}

/// Where the control changed more than the cell, which then may not be to blame.
pub(super) fn of_control(series: &Series, step: &Step) -> String {
    if !step.is_of_control() {
        return String::new();
    }
    let [cell, control] = step.alone.map(close);
    format!(
        " It is the control that changed: {} takes {control}× as long afterwards, the cell {cell}×.",
        series.control
    )
}

fn confirmed(history: &History, step: &Step) -> String {
    let shown = |run: usize, comparison: &Comparison| {
        let ratio = comparison.interval.as_ref().map_or("one seed".to_owned(), interval);
        format!("{ratio} in {} of {}", count(comparison.seeds, "round"), history.runs[run].run_id)
    };
    match &step.confirmation {
        Confirmation::SameLibrary => String::new(),
        Confirmation::NotYet => {
            " Both libraries in the same rounds have not been tried (`--confirm`).".to_owned()
        }
        Confirmation::Shown { run, comparison } => {
            format!(" Both libraries in the same rounds show it: {}.", shown(*run, comparison))
        }
        Confirmation::NotShown { run, comparison } => {
            format!(" Both libraries in the same rounds do not show it: {}.", shown(*run, comparison))
        }
        Confirmation::Open { run, comparison } => {
            format!(" Both libraries in the same rounds do not decide it: {}.", shown(*run, comparison))
        }
    }
}

/// `1.102× [1.091, 1.113]`
pub(super) fn interval(interval: &Interval) -> String {
    let Interval { estimate, low, high, .. } = interval;
    format!("{}× [{}, {}]", close(*estimate), close(*low), close(*high))
}

/// What a reader must know, one line each.
pub fn notes(history: &History) -> Vec<String> {
    let mut notes = Vec::new();
    let unread = history.unreadable.iter();
    notes.extend(unread.map(|(path, reason)| format!("not read: {}: {reason}", path.display())));
    notes.extend(history.disputed.iter().map(|disputed| format!("not counted: {disputed}")));
    if let [first, ..] = &history.packs[..] {
        let (packs, first) = (count(history.packs.len(), "pack"), first.display());
        notes.push(format!(
            "not read: {packs}, the first {first}: a history is of run folders; unpack those whose runs are not here"
        ));
    }
    let copies = history.copies.iter();
    notes.extend(copies.map(|(path, of)| format!("{} is a copy of {}", path.display(), of.display())));
    let left_out = history.left_out.iter();
    notes.extend(
        left_out
            .map(|one| format!("in no series: {} in {}: {}", one.what, count(one.runs, "run"), one.reason)),
    );
    if history.tested > 0 {
        notes.push(format!(
            "a step is told where the mean of up to {WINDOW} runs differs from that of as many before, beyond the noise \
             floor of their own repeats, corrected for {} (Holm), each looked at {LOOKS} times",
            count(history.tested, "place")
        ));
    }
    notes
}

/// The document, with what became of the check where one was asked for.
pub fn markdown(history: &History, check: Option<&super::Check<'_>>) -> String {
    let mut text = "## trainmark: history\n".to_owned();
    for (place, sentence) in sentences(history).iter().enumerate() {
        let stressed =
            if place == 0 { format!("**{}**", escape(sentence)) } else { format!("- {}", escape(sentence)) };
        text += &format!("{}{stressed}\n", if place < 2 { "\n" } else { "" });
    }
    for grid in grids(history) {
        text += &format!(
            "\n{}",
            grid.markdown(&["verdict", "since", "changed", "both libraries", "control", "library"])
        );
    }
    let notes = notes(history);
    if !notes.is_empty() {
        text += &format!("\n{}", bullets(&notes));
    }
    if let Some(check) = check {
        text += &format!("\n### Check\n\n{}", bullets(&check.lines()));
    }
    text
}
