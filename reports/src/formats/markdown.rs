//! A record in Markdown, short enough for a pull request.

use super::Grid;
use crate::number::{bytes, count, utc};
use crate::record::{Environment, Record, Run, Unavailable};
use crate::summary::{Group, group, summarize, why_nothing};
use crate::sweep;
use crate::text::{capitalised, one_line};
use crate::warnings::warnings;
use crate::words::{Headline, Standing, Term, floor_in_words, marks_in_words, terms_in};

/// Text that Markdown shows as it is, on one line.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut before = ' ';
    for character in one_line(text).chars() {
        if r"\`*_[]<>|~#&".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
        // A name behind it would be told that it was mentioned.
        if character == '@' && !before.is_alphanumeric() {
            escaped.push_str("<!-- -->");
        }
        before = character;
    }
    escaped
}

/// A list, an escaped line each.
pub(crate) fn bullets(lines: &[impl ToString]) -> String {
    lines.iter().map(|line| format!("- {}\n", escape(&line.to_string()))).collect()
}

/// Text as code, on one line: what a shell is to run, or what a backend said.
fn code(text: &str) -> String {
    let text = one_line(text);
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// The document.
pub fn markdown(record: &Record) -> String {
    let started = &record.started;
    let plan = &started.plan;
    let mut text = format!(
        "## trainmark: {}\n\n{}, {} of {}, {}, {} planned\n",
        escape(&started.run_id),
        utc(started.unix_time),
        escape(&plan.dataset.name),
        count(plan.dataset.train_samples, "training sample"),
        count(plan.epochs as usize, "epoch"),
        count(plan.seeds.len(), "seed"),
    );
    if let Some(Standing { title, text: how, command, .. }) = Standing::of(record, None) {
        let command = command.map_or_else(String::new, |command| format!(" {}", code(&command)));
        text += &format!("\n**{}**: {}{command}\n", escape(&title), escape(&how));
    }
    let warnings = warnings(record);
    if !warnings.is_empty() {
        text += &format!("\n**Doubtful:**\n\n{}", bullets(&warnings));
    }
    let groups = group(summarize(record));
    text += &headline(&Headline::of(record, &groups));
    for group in &groups {
        let title = format!("{} on {}", group.workload, group.device);
        let grid = Grid::ranking(record, group, title, |cell| group.label(cell));
        text += &format!("\n{}", grid.markdown(&[]));
    }
    for (sweep, pictures) in sweep::pictures(record, &groups) {
        for picture in pictures {
            let title = format!("{}: {}", capitalised(&picture.quantity.name()), sweep.title());
            text += &format!("\n{}", picture.grid(title).markdown(&[]));
        }
    }
    text += &match why_nothing(groups.iter().flat_map(|group| &group.cells)) {
        Some(why) => format!("\n{why}.\n"),
        None => basis(record, &groups, &text),
    };
    let words = words(&text);
    text + &words + &failures(record) + &machines(record)
}

/// What the tables' numbers are, as far as they need words.
fn basis(record: &Record, groups: &[Group<'_>], tables: &str) -> String {
    let mut text =
        "\nMedians over seeds with 95% intervals; relative to the lowest median, paired by seed.".to_owned();
    text += format!(" {}", marks_in_words(tables)).trim_end();
    if groups.iter().flat_map(|group| &group.cells).any(|cell| cell.timing_runs() > 0) {
        text += " Accuracies are medians over as many seeds as stand beside them, the other runs being for time only: \
                 of other seeds they differ without any fault of a backend.";
    }
    format!("{text} {}\n", floor_in_words(record.noise_floor()))
}

/// The first sentence stands out.
fn headline(headline: &Headline) -> String {
    let mut lines = headline.lines().map(escape);
    let first = lines.next().map_or_else(String::new, |line| format!("\n**{line}**\n"));
    let rest: Vec<String> = lines.collect();
    if rest.is_empty() { first } else { format!("{first}\n{}\n", rest.join(" ")) }
}

/// What the words of a text mean, in a line.
fn words(text: &str) -> String {
    let terms = terms_in(text).into_iter();
    let told: Vec<String> =
        terms.map(|Term { word, meaning }| format!("*{}*: {}", escape(word), escape(meaning))).collect();
    if told.is_empty() { String::new() } else { format!("\nWords: {}.\n", told.join(". ")) }
}

fn failures(record: &Record) -> String {
    // Most often every seed of a cell fails in the same way.
    let mut alike: Vec<(&Run, Vec<String>)> = Vec::new();
    for run in record.failures() {
        match alike.iter_mut().find(|(other, _)| {
            (&other.cell, other.end.outcome, &other.end.reason)
                == (&run.cell, run.end.outcome, &run.end.reason)
        }) {
            Some((_, seeds)) => seeds.push(run.seed.to_string()),
            None => alike.push((run, vec![run.seed.to_string()])),
        }
    }
    let runs = alike.iter().map(|(run, seeds)| {
        let what = format!("{}, seed {}: {}", run.cell, seeds.join(", "), run.end.outcome.name());
        (what, run.end.outcome.reason(run.end.reason.as_deref()))
    });
    let unavailable = record
        .started
        .unavailable
        .iter()
        .map(|row| (format!("{row}: {}", Unavailable::OUTCOME), Some(row.reason.as_str())));
    let lines: Vec<String> = runs
        .chain(unavailable)
        .map(|(what, why)| {
            let why = why.map(|why| format!(": {}", code(why)));
            format!("- {}{}\n", escape(&what), why.unwrap_or_default())
        })
        .collect();
    if lines.is_empty() { String::new() } else { format!("\n### Failures\n\n{}", lines.concat()) }
}

fn machines(record: &Record) -> String {
    let started = &record.started;
    let mut text = "\n".to_owned();
    if started.merged.is_empty() {
        text += &format!("- Machine: {}\n", escape(&machine(&started.environment)));
    }
    for run in &started.merged {
        let line = format!("{}, {}: {}", run.machine, run.run_id, machine(&run.environment));
        text += &format!("- {}\n", escape(&line));
    }
    let continued = record.continued_words().map_or_else(String::new, |words| format!(". {words}"));
    text + &format!("- Repeat: {}{continued}\n", code(&started.command))
}

fn machine(environment: &Environment) -> String {
    let gpus: String = environment.gpus.iter().map(|gpu| format!("; {}", gpu.summary())).collect();
    format!(
        "{}, {}, {}, {}{gpus}; trainmark {}",
        environment.cpu,
        count(environment.logical_cpus, "logical processor"),
        bytes(environment.memory_bytes),
        environment.system,
        environment.trainmark
    )
}
