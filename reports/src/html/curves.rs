//! Learning curves: median over seeds as a line, least to greatest as a band.

use std::fmt::Write as _;

use super::svg::{Scale, escape, path, spread};
use crate::number::{fraction, seconds, significant};
use crate::record::{EpochRecord, Metric, RunOutcome, Target};
use crate::store::Record;
use crate::summary::{Group, median, targets_of};

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 270.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = HEIGHT - 42.0;
const LEFT: f64 = 46.0;
/// Width of a character of a label, about, and of what stands before it.
const CHARACTER: f64 = 6.9;
const LABEL_INDENT: f64 = 30.0;
const LONGEST_LABEL: usize = 22;

/// The line of one cell.
pub(super) struct Series {
    /// Its name in the group.
    pub(super) label: String,
    /// Index of its colour: one per backend.
    pub(super) colour: usize,
    /// Its dashes: one pattern per implementation.
    pub(super) dash: &'static str,
    points: Vec<Point>,
}

/// The same epoch of every seed.
struct Point {
    epoch: u32,
    /// Median of the training seconds summed up to its end.
    seconds: f64,
    loss: Option<Spread>,
    train_accuracy: Option<Spread>,
    test_accuracy: Option<Spread>,
}

#[derive(Clone, Copy)]
struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let finite = values.filter(|value| value.is_finite());
        Some(Self {
            low: finite.clone().reduce(f64::min)?,
            high: finite.clone().reduce(f64::max)?,
            median: median(finite)?,
        })
    }
}

/// What is drawn against what.
#[derive(Clone, Copy)]
pub(super) struct Axes {
    quantity: Quantity,
    against_seconds: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Quantity {
    Loss,
    TrainAccuracy,
    TestAccuracy,
}

impl Axes {
    /// All charts of a group, those against epochs first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let quantities = [Quantity::Loss, Quantity::TrainAccuracy, Quantity::TestAccuracy];
        [false, true].into_iter().flat_map(move |against_seconds| {
            quantities.into_iter().map(move |quantity| Self { quantity, against_seconds })
        })
    }

    fn quantity_name(self) -> &'static str {
        match self.quantity {
            Quantity::Loss => "training loss",
            Quantity::TrainAccuracy => "training accuracy",
            Quantity::TestAccuracy => "test accuracy",
        }
    }

    /// `training loss against epochs`.
    pub(super) fn title(self) -> String {
        format!(
            "{} against {}",
            self.quantity_name(),
            if self.against_seconds { "seconds" } else { "epochs" }
        )
    }

    fn y(self, point: &Point) -> Option<Spread> {
        match self.quantity {
            Quantity::Loss => point.loss,
            Quantity::TrainAccuracy => point.train_accuracy,
            Quantity::TestAccuracy => point.test_accuracy,
        }
    }

    fn x(self, point: &Point) -> f64 {
        if self.against_seconds { point.seconds } else { f64::from(point.epoch) }
    }

    fn show(self, value: f64) -> String {
        if self.quantity == Quantity::Loss { significant(value) } else { fraction(value) }
    }

    fn is_of(self, target: &Target) -> bool {
        match target.metric {
            Metric::TrainAccuracy => self.quantity == Quantity::TrainAccuracy,
            Metric::TestAccuracy => self.quantity == Quantity::TestAccuracy,
        }
    }
}

/// The lines of a group's cells that have a run; only runs that trained all
/// their epochs enter.
pub(super) fn series(record: &Record, group: &Group) -> Vec<Series> {
    let mut all = Vec::new();
    for summary in &group.cells {
        let ok = record.runs_of(&summary.cell).filter(|run| run.outcome == RunOutcome::Ok);
        let runs: Vec<Vec<&EpochRecord>> = ok.map(|run| record.epochs_of(&summary.cell, run.seed)).collect();
        let points = points(&runs);
        if !points.is_empty() {
            let (label, colour) = (group.label(&summary.cell), colour_of(record, &summary.cell.backend));
            all.push(Series { label, colour, dash: dash_of(&summary.cell.implementation), points });
        }
    }
    all
}

/// A backend has the same colour in every chart of a report.
pub(super) fn colour_of(record: &Record, backend: &str) -> usize {
    let mut backends: Vec<&str> = Vec::new();
    for cell in record.cells() {
        if !backends.contains(&cell.backend.as_str()) {
            backends.push(&cell.backend);
        }
    }
    backends.iter().position(|known| *known == backend).unwrap_or(0) % COLOURS
}

/// Colours that `style.css` has.
const COLOURS: usize = 8;

fn dash_of(implementation: &str) -> &'static str {
    match implementation {
        "builtin" | "none" => "none",
        "primitive" => "6 3",
        _ => "2 3",
    }
}

fn points(runs: &[Vec<&EpochRecord>]) -> Vec<Point> {
    let last = runs.iter().filter_map(|epochs| epochs.last()).map(|epoch| epoch.epoch).max().unwrap_or(0);
    let point = |number: u32| {
        let of_epoch = |epochs: &&Vec<&EpochRecord>| epochs.iter().position(|epoch| epoch.epoch == number);
        let sums = runs.iter().filter_map(|epochs| {
            let index = of_epoch(&epochs)?;
            Some(epochs[..=index].iter().map(|epoch| epoch.train_seconds).sum::<f64>())
        });
        let epochs = runs.iter().flatten().filter(move |epoch| epoch.epoch == number);
        Some(Point {
            epoch: number,
            seconds: median(sums)?,
            loss: Spread::of(epochs.clone().filter_map(|epoch| epoch.train_loss)),
            train_accuracy: Spread::of(epochs.clone().filter_map(|epoch| epoch.train_accuracy)),
            test_accuracy: Spread::of(epochs.filter_map(|epoch| epoch.test_accuracy)),
        })
    };
    (1..=last).filter_map(point).collect()
}

/// The targets that a chart of these axes shows for a group.
fn targets(record: &Record, group: &Group, axes: Axes) -> Vec<f64> {
    let of_group = group.cells.first().map_or(&[][..], |summary| targets_of(record, &summary.cell));
    of_group.iter().filter(|target| axes.is_of(target)).map(|target| target.at_least).collect()
}

/// The chart as SVG, or `None` where no epoch has the quantity. `id` is unique in
/// the document.
pub(super) fn chart(
    record: &Record,
    group: &Group,
    series: &[Series],
    axes: Axes,
    id: &str,
) -> Option<String> {
    let targets = targets(record, group, axes);
    let plot = Plot::over(series, axes, &targets)?;
    let mut svg = format!(
        r#"<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{}, {} on {}</title><desc id="{id}-d">{}</desc>"#,
        escape(&axes.title()),
        escape(&group.workload),
        escape(&group.device),
        escape(&description(series, axes)),
    );
    plot.draw_axes(&mut svg, axes);
    for target in targets {
        plot.draw_target(&mut svg, target, series, axes);
    }
    for (index, one) in series.iter().enumerate() {
        plot.draw_series(&mut svg, index, one, axes);
    }
    plot.draw_labels(&mut svg, series, axes);
    svg.push_str("</svg>");
    Some(svg)
}

/// The last values, for those who do not see the chart.
fn description(series: &[Series], axes: Axes) -> String {
    let last = series.iter().filter_map(|one| {
        let (point, value) = one.points.iter().rev().find_map(|point| Some((point, axes.y(point)?)))?;
        let at = if axes.against_seconds { seconds(point.seconds) } else { format!("epoch {}", point.epoch) };
        Some(format!("{}: {} at {at}", one.label, axes.show(value.median)))
    });
    format!("Last medians. {}.", last.collect::<Vec<_>>().join("; "))
}

/// Scales and the plot's right edge, left of the labels.
struct Plot {
    x: Scale,
    y: Scale,
    right: f64,
}

impl Plot {
    fn over(series: &[Series], axes: Axes, targets: &[f64]) -> Option<Self> {
        let points = || series.iter().flat_map(|one| &one.points).filter(|point| axes.y(point).is_some());
        let values = || points().filter_map(|point| axes.y(point)).flat_map(|y| [y.low, y.high]);
        values().next()?;
        let (low, high) = values()
            .chain(targets.iter().copied())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let x = if axes.against_seconds {
            Scale::of_seconds(&points().map(|point| point.seconds).collect::<Vec<_>>())
        } else {
            Scale::whole(points().map(|point| point.epoch).max()?)
        };
        let longest = series.iter().map(|one| shorten(&one.label).chars().count()).max()?;
        let right = WIDTH - LABEL_INDENT - CHARACTER * longest as f64;
        Some(Self { x, y: Scale::linear(low, high), right })
    }

    fn px(&self, x: f64) -> f64 {
        LEFT + self.x.at(x) * (self.right - LEFT)
    }

    fn py(&self, y: f64) -> f64 {
        BOTTOM - self.y.at(y) * (BOTTOM - TOP)
    }

    fn draw_axes(&self, svg: &mut String, axes: Axes) {
        let right = self.right;
        for &tick in &self.y.ticks {
            let (y, label) = (self.py(tick), self.y.label(tick));
            let _ =
                write!(svg, r#"<line class="grid" x1="{LEFT}" x2="{right:.1}" y1="{y:.1}" y2="{y:.1}"/>"#);
            let _ = write!(
                svg,
                r#"<text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"#,
                LEFT - 7.0,
                y + 4.0
            );
        }
        for &tick in &self.x.ticks {
            let (x, label) = (self.px(tick), self.x.label(tick));
            let _ = write!(
                svg,
                r#"<line class="axis" x1="{x:.1}" x2="{x:.1}" y1="{BOTTOM}" y2="{:.1}"/>"#,
                BOTTOM + 4.0
            );
            let _ = write!(
                svg,
                r#"<text class="tick" x="{x:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
                BOTTOM + 17.0
            );
        }
        let name = match (axes.against_seconds, self.x.is_logarithmic()) {
            (false, _) => "epoch",
            (true, false) => "seconds of training",
            (true, true) => "seconds of training (logarithmic)",
        };
        let middle = f64::midpoint(LEFT, right);
        let _ =
            write!(svg, r#"<line class="axis" x1="{LEFT}" x2="{right:.1}" y1="{BOTTOM}" y2="{BOTTOM}"/>"#);
        let _ = write!(
            svg,
            r#"<text class="tick" x="{middle:.1}" y="{:.1}" text-anchor="middle">{name}</text>"#,
            BOTTOM + 35.0
        );
    }

    /// The line, and its name below it where the curves leave room: at the right
    /// where they have passed it, at the left where they have not.
    fn draw_target(&self, svg: &mut String, target: f64, series: &[Series], axes: Axes) {
        let y = self.py(target);
        let last = |one: &Series| one.points.iter().rev().find_map(|point| axes.y(point));
        let passed = series.iter().filter_map(last).any(|last| last.high > target);
        let (x, anchor) = if passed { (self.right - 4.0, "end") } else { (LEFT + 5.0, "start") };
        let right = self.right;
        let _ = write!(svg, r#"<line class="target" x1="{LEFT}" x2="{right:.1}" y1="{y:.1}" y2="{y:.1}"/>"#);
        let _ = write!(
            svg,
            r#"<text class="tick" x="{x:.1}" y="{:.1}" text-anchor="{anchor}">target {target}</text>"#,
            y + 14.0
        );
    }

    fn draw_series(&self, svg: &mut String, index: usize, series: &Series, axes: Axes) {
        let Series { colour, dash, points, .. } = series;
        let _ = write!(svg, r#"<g class="series c{colour}" data-series="{index}">"#);
        if let Some(band) = self.band(points, axes) {
            let _ = write!(svg, r#"<path class="band" d="{band}"/>"#);
        }
        let line =
            path(points.iter().map(|point| Some((self.px(axes.x(point)), self.py(axes.y(point)?.median)))));
        let _ = write!(svg, r#"<path class="line" stroke-dasharray="{dash}" d="{line}"/>"#);
        for point in points {
            let Some(y) = axes.y(point) else { continue };
            let (cx, cy) = (self.px(axes.x(point)), self.py(y.median));
            let told = format!(
                "{}, epoch {}, {}: {} [{}, {}]",
                series.label,
                point.epoch,
                seconds(point.seconds),
                axes.show(y.median),
                axes.show(y.low),
                axes.show(y.high)
            );
            let _ = write!(
                svg,
                r#"<circle class="dot" cx="{cx:.1}" cy="{cy:.1}" r="2.6"><title>{}</title></circle>"#,
                escape(&told)
            );
        }
        svg.push_str("</g>");
    }

    /// There and back along the epochs that have the quantity; `None` where the
    /// band has no width, as with one seed.
    fn band(&self, points: &[Point], axes: Axes) -> Option<String> {
        let known: Vec<(f64, Spread)> =
            points.iter().filter_map(|point| Some((self.px(axes.x(point)), axes.y(point)?))).collect();
        if known.iter().all(|(_, y)| y.low >= y.high) {
            return None;
        }
        let there = known.iter().map(|(x, y)| Some((*x, self.py(y.high))));
        let back = known.iter().rev().map(|(x, y)| Some((*x, self.py(y.low))));
        Some(format!("{}Z", path(there.chain(back))))
    }

    /// Names at the right, each joined to its line's end.
    fn draw_labels(&self, svg: &mut String, series: &[Series], axes: Axes) {
        let end = |one: &Series| {
            one.points
                .iter()
                .rev()
                .find_map(|point| Some((self.px(axes.x(point)), self.py(axes.y(point)?.median))))
        };
        let ends: Vec<(usize, &Series, (f64, f64))> =
            series.iter().enumerate().filter_map(|(index, one)| Some((index, one, end(one)?))).collect();
        let wanted: Vec<f64> = ends.iter().map(|(.., (_, y))| *y).collect();
        let gap = ((BOTTOM - TOP) / wanted.len().max(1) as f64).clamp(1.0, 14.0);
        for ((index, one, (x, y)), height) in ends.iter().zip(spread(&wanted, gap, TOP, BOTTOM)) {
            let (from, to) = (self.right + 6.0, self.right + 24.0);
            let _ = write!(svg, r#"<g class="series c{}" data-series="{index}">"#, one.colour);
            let _ = write!(
                svg,
                r#"<path class="leader" d="{}"/>"#,
                path([Some((x + 4.0, *y)), Some((from, height))])
            );
            let _ = write!(
                svg,
                r#"<path class="line" stroke-dasharray="{}" d="M{from:.1} {height:.1}H{to:.1}"/><text class="name" x="{:.1}" y="{:.1}">{}</text></g>"#,
                one.dash,
                to + 4.0,
                height + 4.0,
                escape(&shorten(&one.label))
            );
        }
    }
}

fn shorten(label: &str) -> String {
    if label.chars().count() <= LONGEST_LABEL {
        return label.to_owned();
    }
    label.chars().take(LONGEST_LABEL - 1).chain(['…']).collect()
}
