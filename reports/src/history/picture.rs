//! A series as a drawing in SVG, which needs no script.

use minijinja::HtmlEscape;
use serde::Serialize;

use super::{ControlSeries, History, Series};
use crate::compare::close;
use crate::number::{seconds, significant, utc};
use crate::statistics::median;

const SIZE: [f64; 2] = [920.0, 240.0];
/// Left, top, right and bottom edge of the plot.
const PLOT: [f64; 4] = [64.0, 14.0, 906.0, 196.0];
/// Ticks of an axis, at most.
const TICKS: usize = 6;
/// The least part of a value that the plot spans, lest noise look like a mountain.
const LEAST_SPAN: f64 = 0.02;
const DAY: f64 = 86_400.0;

/// A drawing with its title.
#[derive(Serialize)]
pub(super) struct Drawn {
    title: String,
    /// Markup.
    svg: String,
}

/// What is drawn.
struct Picture<'p> {
    /// Made unique on its page by this.
    id: String,
    title: String,
    /// For those who do not see it.
    description: String,
    /// Index of its colour.
    colour: usize,
    /// Times in seconds since the Unix epoch, and values.
    points: Vec<[f64; 2]>,
    /// From time to time at a value.
    levels: Vec<[f64; 3]>,
    /// Times of steps, with a word.
    steps: Vec<(f64, &'static str)>,
    /// Times at which the library changed.
    libraries: Vec<f64>,
    show: &'p dyn Fn(f64) -> String,
}

/// A cell over its control.
pub(super) fn of_series(history: &History, series: &Series, id: String, colour: usize) -> Drawn {
    let points: Vec<[f64; 2]> = series.points.iter().map(|point| [point.unix_time, point.times]).collect();
    let between = |at: usize| (points[at - 1][0] + points[at][0]) / 2.0;
    let mut edges: Vec<usize> = series.steps.iter().map(|step| step.found.at).collect();
    edges.insert(0, 0);
    edges.push(points.len());
    let level = |edge: &[usize]| {
        let part = &points[edge[0]..edge[1]];
        let value = median(part.iter().map(|point| point[1]))?;
        Some([part.first()?[0], part.last()?[0], value])
    };
    let has_new_library = |point: &&super::Point| point.changes.iter().any(|change| change.what == "library");
    let words = |slower: bool| if slower { "slower" } else { "faster" };
    let description = match series.steps.len() {
        0 => "No step.".to_owned(),
        _ => series
            .steps
            .iter()
            .map(|step| {
                let times = close(step.found.ratio.estimate);
                format!(
                    "{} by {times}× at {}. ",
                    words(step.is_slower()),
                    utc(series.points[step.found.at].unix_time)
                )
            })
            .collect(),
    };
    let picture = Picture {
        id,
        title: format!("{}: times as long as {}", history.full_name(series), series.control),
        description: format!("{} runs. {description}", points.len()),
        colour,
        levels: edges.windows(2).filter_map(level).collect(),
        steps: series.steps.iter().map(|step| (between(step.found.at), words(step.is_slower()))).collect(),
        libraries: series.points.iter().filter(has_new_library).map(|point| point.unix_time).collect(),
        points,
        show: &|value| format!("{}×", tick_digits(value)),
    };
    picture.drawn()
}

/// A control's seconds per epoch.
pub(super) fn of_control(control: &ControlSeries, id: String, colour: usize) -> Drawn {
    let points: Vec<[f64; 2]> = control.points.iter().map(|point| [point.1, point.2]).collect();
    let usual = median(points.iter().map(|point| point[1])).map_or(String::new(), seconds);
    let picture = Picture {
        id,
        title: format!("{}: seconds per epoch", control.name),
        description: format!("{} runs, median {usual}.", points.len()),
        colour,
        levels: Vec::new(),
        steps: Vec::new(),
        libraries: Vec::new(),
        points,
        show: &|value| format!("{} s", tick_digits(value)),
    };
    picture.drawn()
}

/// A tick's value: it is round, so that no more digits than it has are needed.
fn tick_digits(value: f64) -> String {
    let rounded: f64 = format!("{value:.9e}").parse().unwrap_or(value);
    let text = rounded.to_string();
    if text.len() > 8 { significant(value) } else { text }
}

/// From the least to the greatest, widened a little.
fn span(values: impl Iterator<Item = f64> + Clone, least: f64) -> [f64; 2] {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    let spare = ((least - (high - low)) / 2.0).max(0.06 * (high - low));
    [low - spare, high + spare]
}

/// 1, 2 or 5 times a power of ten: the least that makes at most [`TICKS`] ticks.
fn round_step(length: f64) -> f64 {
    let rough = (length / TICKS as f64).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|step| *step >= rough).unwrap_or(rough)
}

fn ticks([low, high]: [f64; 2], step: f64) -> Vec<f64> {
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|number| number as f64 * step).collect()
}

impl Picture<'_> {
    fn drawn(self) -> Drawn {
        Drawn { svg: self.svg(), title: self.title }
    }

    fn svg(&self) -> String {
        let Self { id, colour, .. } = self;
        let (title, description) = (HtmlEscape(&self.title), HtmlEscape(&self.description));
        let [width, height] = SIZE;
        format!(
            "<svg class=\"curve history c{colour}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-words\">\
             <title id=\"{id}-title\">{title}</title><desc id=\"{id}-words\">{description}</desc>{}{}</svg>",
            self.axes(),
            self.inside()
        )
    }

    fn times(&self) -> [f64; 2] {
        span(self.points.iter().map(|point| point[0]), DAY)
    }

    fn values(&self) -> [f64; 2] {
        let usual = median(self.points.iter().map(|point| point[1])).unwrap_or(1.0);
        span(self.points.iter().map(|point| point[1]), LEAST_SPAN * usual)
    }

    fn x(&self, time: f64) -> f64 {
        let [from, to] = self.times();
        PLOT[0] + (time - from) / (to - from) * (PLOT[2] - PLOT[0])
    }

    fn y(&self, value: f64) -> f64 {
        let [from, to] = self.values();
        PLOT[3] - (value - from) / (to - from) * (PLOT[3] - PLOT[1])
    }

    fn axes(&self) -> String {
        let [left, _, right, bottom] = PLOT;
        let (values, times) = (self.values(), self.times());
        let mut drawn = format!("<path class=\"axis\" d=\"M{left} {bottom}H{right}\"/>");
        for value in ticks(values, round_step(values[1] - values[0])) {
            let y = self.y(value);
            drawn += &format!(
                "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/><text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                y + 4.0,
                (self.show)(value)
            );
        }
        let days = round_step((times[1] - times[0]) / DAY).max(1.0);
        for time in ticks(times, days * DAY) {
            let x = self.x(time);
            drawn += &format!(
                "<path class=\"axis\" d=\"M{x:.1} {bottom}v4\"/><text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.10}</text>",
                bottom + 17.0,
                utc(time)
            );
        }
        drawn
    }

    fn inside(&self) -> String {
        let [_, top, _, bottom] = PLOT;
        let dots: String = self
            .points
            .iter()
            .map(|[time, value]| format!("M{:.1} {:.1}h0", self.x(*time), self.y(*value)))
            .collect();
        let levels: String = self
            .levels
            .iter()
            .map(|[from, to, value]| {
                format!("M{:.1} {:.1}H{:.1}", self.x(*from), self.y(*value), self.x(*to))
            })
            .collect();
        let libraries: String =
            self.libraries.iter().map(|time| format!("M{:.1} {bottom}v-6", self.x(*time))).collect();
        let mut drawn = format!(
            "<path class=\"dots\" d=\"{dots}\"/><path class=\"level\" d=\"{levels}\"/><path class=\"change\" d=\"{libraries}\"/>"
        );
        for (time, word) in &self.steps {
            let x = self.x(*time);
            drawn += &format!(
                "<path class=\"target\" d=\"M{x:.1} {top}V{bottom}\"/><text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{word}</text>",
                bottom + 34.0
            );
        }
        drawn
    }
}
