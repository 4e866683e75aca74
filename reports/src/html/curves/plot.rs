//! Drawing of one plot of curves.
//!
//! `curves.js` draws the same again where a reader zooms or changes the axis: it finds the
//! plot's place in `data-plot` and replaces what stands in `axes`, `targets` and `series`.

use std::fmt::Write as _;

use super::super::svg::{Scale, escape, path, spread};
use super::{Axes, Point, Series, Spread};

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 270.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = HEIGHT - 42.0;
const LEFT: f64 = 46.0;
/// Room around the plot for what lies on its edge.
const MARGIN: f64 = 5.0;
/// Width of a character of a label, about, and of what stands before it.
const CHARACTER: f64 = 6.6;
const LABEL_INDENT: f64 = 28.0;
const LONGEST_LABEL: usize = 21;
/// More names than these cannot be told apart at the right; the legend has them.
const MOST_LABELS: usize = 16;

/// Scales and the plot's right edge, left of the labels.
pub(super) struct Plot {
    x: Scale,
    y: Scale,
    right: f64,
    has_labels: bool,
}

impl Plot {
    pub(super) fn over(series: &[Series], axes: Axes, targets: &[f64]) -> Option<Self> {
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
        let has_labels = series.len() <= MOST_LABELS;
        let room = if has_labels { LABEL_INDENT + CHARACTER * longest as f64 } else { 14.0 };
        Some(Self { x, y: Scale::linear(low, high), right: WIDTH - room, has_labels })
    }

    /// The beginning of the element, up to where further attributes may stand.
    pub(super) fn open(&self) -> String {
        let kind = if self.x.is_logarithmic() { "logarithmic" } else { "linear" };
        format!(
            r#"<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" data-plot="{LEFT} {TOP} {:.1} {BOTTOM}" data-scale="{kind}""#,
            self.right
        )
    }

    pub(super) fn draw(&self, svg: &mut String, series: &[Series], axes: Axes, targets: &[f64]) {
        svg.push_str(r#"<g class="axes">"#);
        self.draw_axes(svg, axes);
        svg.push_str(r#"</g><g class="targets">"#);
        for &target in targets {
            self.draw_target(svg, target, series, axes);
        }
        let (left, top) = (LEFT - MARGIN, TOP - MARGIN);
        let (width, height) = (self.right - LEFT + 2.0 * MARGIN, BOTTOM - TOP + 2.0 * MARGIN);
        // An inner svg element cuts off what a zoomed curve has outside.
        let _ = write!(
            svg,
            r#"</g><svg x="{left}" y="{top}" width="{width:.1}" height="{height}" viewBox="{left} {top} {width:.1} {height}">"#
        );
        for (index, one) in series.iter().enumerate() {
            self.draw_series(svg, index, one, axes);
        }
        svg.push_str("</svg>");
        if self.has_labels {
            self.draw_labels(svg, series, axes);
        }
    }

    fn px(&self, x: f64) -> f64 {
        LEFT + self.x.at(x) * (self.right - LEFT)
    }

    fn py(&self, y: f64) -> f64 {
        BOTTOM - self.y.at(y) * (BOTTOM - TOP)
    }

    fn place(&self, point: &Point, axes: Axes) -> Option<(f64, f64)> {
        Some((self.px(axes.x(point)), self.py(axes.y(point)?.median)))
    }

    fn draw_axes(&self, svg: &mut String, axes: Axes) {
        let right = self.right;
        for &tick in &self.y.ticks {
            let (y, label) = (self.py(tick), self.y.label(tick));
            let _ = write!(
                svg,
                r#"<line class="grid" x1="{LEFT}" x2="{right:.1}" y1="{y:.1}" y2="{y:.1}"/><text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"#,
                LEFT - 8.0,
                y + 4.0
            );
        }
        for &tick in &self.x.ticks {
            let (x, label) = (self.px(tick), self.x.label(tick));
            let _ = write!(
                svg,
                r#"<line class="axis" x1="{x:.1}" x2="{x:.1}" y1="{BOTTOM}" y2="{:.1}"/><text class="tick" x="{x:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
                BOTTOM + 4.0,
                BOTTOM + 17.0
            );
        }
        let name = match (axes.against_seconds, self.x.is_logarithmic()) {
            (false, _) => "epoch",
            (true, false) => "seconds of training",
            (true, true) => "seconds of training (logarithmic)",
        };
        let _ = write!(
            svg,
            r#"<line class="axis" x1="{LEFT}" x2="{right:.1}" y1="{BOTTOM}" y2="{BOTTOM}"/><text class="tick" x="{:.1}" y="{:.1}" text-anchor="middle">{name}</text>"#,
            f64::midpoint(LEFT, right),
            BOTTOM + 35.0
        );
    }

    /// The line, and its name below it where the curves leave room: at the right
    /// where they have passed it, at the left where they have not.
    fn draw_target(&self, svg: &mut String, target: f64, series: &[Series], axes: Axes) {
        let y = self.py(target);
        let passed = series.iter().filter_map(|one| one.end(axes)).any(|(_, last)| last.high > target);
        let (x, anchor) = if passed { (self.right - 4.0, "end") } else { (LEFT + 5.0, "start") };
        let right = self.right;
        let _ = write!(
            svg,
            r#"<line class="target" x1="{LEFT}" x2="{right:.1}" y1="{y:.1}" y2="{y:.1}"/><text class="tick" x="{x:.1}" y="{:.1}" text-anchor="{anchor}">target {target}</text>"#,
            y + 14.0
        );
    }

    fn draw_series(&self, svg: &mut String, index: usize, series: &Series, axes: Axes) {
        let Series { colour, dash, points, .. } = series;
        let _ = write!(svg, r#"<g class="series c{colour}" data-series="{index}">"#);
        if let Some(band) = self.band(points, axes) {
            let _ = write!(svg, r#"<path class="band" d="{band}"/>"#);
        }
        let line = path(points.iter().map(|point| self.place(point, axes)));
        let _ = write!(svg, r#"<path class="line" stroke-dasharray="{dash}" d="{line}"/>"#);
        let mut dots = String::new();
        for (x, y) in points.iter().filter_map(|point| self.place(point, axes)) {
            let _ = write!(dots, "M{x:.1} {y:.1}h0");
        }
        let _ = write!(svg, r#"<path class="dots" d="{dots}"/></g>"#);
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
        let end = |one: &Series| self.place(one.end(axes)?.0, axes);
        let ends: Vec<(usize, &Series, (f64, f64))> =
            series.iter().enumerate().filter_map(|(index, one)| Some((index, one, end(one)?))).collect();
        let wanted: Vec<f64> = ends.iter().map(|(.., (_, y))| *y).collect();
        let gap = ((BOTTOM - TOP) / wanted.len().max(1) as f64).clamp(1.0, 14.0);
        for ((index, one, (x, y)), height) in ends.iter().zip(spread(&wanted, gap, TOP, BOTTOM)) {
            let (from, to) = (self.right + 6.0, self.right + 20.0);
            let _ = write!(svg, r#"<g class="series label c{}" data-series="{index}">"#, one.colour);
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

/// A name that fits beside a plot.
fn shorten(label: &str) -> String {
    if label.chars().count() <= LONGEST_LABEL {
        return label.to_owned();
    }
    label.chars().take(LONGEST_LABEL - 1).chain(['…']).collect()
}
