//! A record in Markdown, short enough for a pull request.

use super::{Grid, shown};
use crate::comparison::Relative;
use crate::csv::one_line;
use crate::number::{bytes, count, fraction, ratio, seconds, significant, utc};
use crate::record::{Environment, Metric, Record, Run, Target};
use crate::summary::{Group, TimeToTarget, group, summarize, why_nothing};
use crate::warnings::warnings;
use crate::words::{bracket, floor_in_words};

/// Text that Markdown shows as it is, on one line.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in one_line(text).chars() {
        if r"\`*_[]<>|~#&".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
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
    let warnings = warnings(record);
    if !warnings.is_empty() {
        text += &format!("\n**Doubtful:**\n\n{}", bullets(&warnings));
    }
    let groups = group(summarize(record));
    for group in &groups {
        text += &format!("\n{}", grid(record, group).markdown(&[]));
    }
    text += &match why_nothing(groups.iter().flat_map(|group| &group.cells)) {
        Some(why) => format!("\n{why}.\n"),
        None => format!(
            "\nMedians over seeds with 95% intervals; relative to the lowest median, paired by seed. {}\n",
            floor_in_words(record.noise_floor())
        ),
    };
    text + &failures(record) + &machines(record)
}

/// The cells of one workload on one device, the lowest median first.
fn grid(record: &Record, group: &Group<'_>) -> Grid {
    let mut header = vec!["cell".to_owned(), "s/epoch".to_owned(), "relative".to_owned()];
    let targets: Vec<Target> =
        group.cells.first().map_or_else(Vec::new, |cell| cell.targets.iter().map(|of| of.target).collect());
    header.extend(targets.iter().map(|target| match target.metric {
        Metric::TrainAccuracy => format!("train ≥ {}", target.at_least),
        Metric::TestAccuracy => format!("test ≥ {}", target.at_least),
    }));
    header.extend(["train acc", "test acc", "memory"].map(str::to_owned));
    let has_device_memory = group.cells.iter().any(|cell| cell.peak_device_bytes.is_some());
    header.extend(has_device_memory.then(|| "device memory".to_owned()));
    header.push("runs".to_owned());
    let median = |place: usize| group.cells[place].train_seconds.map_or(f64::INFINITY, |time| time.median);
    let mut order: Vec<usize> = (0..group.cells.len()).collect();
    order.sort_by(|&a, &b| median(a).total_cmp(&median(b)));
    let relative = Relative::of(record, group);
    let rows = order.iter().map(|&place| {
        let cell = &group.cells[place];
        let time = cell.train_seconds;
        let own = shown(time.map(|time| time.median), significant)
            + &bracket(time.and_then(|time| time.interval), significant);
        let comparison = relative.get(order[0], place);
        let interval = comparison.and_then(|comparison| comparison.interval);
        let times = interval.map_or(median(place) / median(order[0]), |interval| interval.estimate);
        let against = shown(time.map(|_| times), ratio) + &bracket(interval, significant);
        let mut row = vec![group.label(cell.cell), own, against];
        row.extend(targets.iter().map(|&target| target_text(&cell.time_to(target))));
        row.extend([
            shown(cell.train_accuracy, fraction),
            shown(cell.test_accuracy, fraction),
            cell.peak_rss_bytes.map_or_else(|| "–".to_owned(), bytes),
        ]);
        if has_device_memory {
            row.push(cell.peak_device_bytes.map_or_else(|| "–".to_owned(), bytes));
        }
        row.push(format!("{} of {}", cell.ranked.len(), cell.runs.len()));
        row
    });
    Grid { title: format!("{} on {}", group.workload, group.device), header, rows: rows.collect() }
}

fn target_text(target: &TimeToTarget) -> String {
    match target.seconds {
        _ if !target.is_ranked => "not ranked".to_owned(),
        Some(after) if target.reached == target.tried => seconds(after),
        Some(after) => format!("{} ({} of {})", seconds(after), target.reached, target.tried),
        None if target.tried == 0 => "not run".to_owned(),
        None => format!("not reached (0 of {})", target.tried),
    }
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
        let reason = run.end.reason.as_deref().unwrap_or("no reason recorded");
        (format!("{}, seed {}: {}", run.cell, seeds.join(", "), run.end.outcome.name()), reason)
    });
    let unavailable = record.started.unavailable.iter().map(|row| {
        let device = row.device.as_ref().map_or_else(String::new, |device| format!("@{device}"));
        (format!("{}{device}: unavailable", row.backend), row.reason.as_str())
    });
    let lines: Vec<String> =
        runs.chain(unavailable).map(|(what, why)| format!("- {}: {}\n", escape(&what), code(why))).collect();
    if lines.is_empty() { String::new() } else { format!("\n### Failures\n\n{}", lines.concat()) }
}

fn machines(record: &Record) -> String {
    let started = &record.started;
    let line = |environment: &Environment| {
        let gpus: String = environment.gpus.iter().map(|gpu| format!("; {}", gpu.summary())).collect();
        format!(
            "{}, {}, {}, {}{gpus}; trainmark {}",
            environment.cpu,
            count(environment.logical_cpus, "logical processor"),
            bytes(environment.memory_bytes),
            environment.system,
            environment.trainmark
        )
    };
    let mut text = "\n".to_owned();
    if started.merged.is_empty() {
        text += &format!("- Machine: {}\n", escape(&line(&started.environment)));
    }
    for run in &started.merged {
        let machine = format!("{}, {}: {}", run.machine, run.run_id, line(&run.environment));
        text += &format!("- {}\n", escape(&machine));
    }
    text + &format!("- Repeat: {}\n", code(&started.command))
}
