//! A learned parameter per channel: the cells side by side, each a median over seeds with a
//! line from the least to the greatest.

use std::fmt::Write as _;

use super::colours::{Colours, is_ring};
use super::svg::{Scale, escape};
use crate::record::Cell;
use crate::statistics::median;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 230.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = HEIGHT - 42.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = WIDTH - 6.0;
/// Part of a channel's width that its cells share.
const SHARED: f64 = 0.7;

/// The first `most` channels as SVG; `None` where no value is finite. A cell has the values
/// of every seed per channel. `id` is unique in the document.
pub(super) fn chart(
    cells: &[(&Cell, Vec<Vec<f64>>)],
    colours: &Colours,
    most: usize,
    title: &str,
    id: &str,
) -> Option<String> {
    let values = || cells.iter().flat_map(|(_, channels)| channels.iter().take(most)).flatten().copied();
    let finite = || values().filter(|value| value.is_finite());
    let scale = Scale::linear(finite().reduce(f64::min)?, finite().reduce(f64::max)?);
    let channels = cells.iter().map(|(_, channels)| channels.len().min(most)).max()?;
    let width = (RIGHT - LEFT) / channels as f64;
    let mut svg = format!(
        r#"<svg class="channels" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{}</title><desc id="{id}-d">Points are medians over seeds, lines least to greatest. The table has the numbers.</desc>"#,
        escape(title)
    );
    draw_axes(&mut svg, &scale, channels, width);
    for (index, (cell, of_channels)) in cells.iter().enumerate() {
        let ring = if is_ring(&cell.implementation) { " ring" } else { "" };
        let _ = write!(svg, r#"<g class="c{}{ring}">"#, colours.get(cell));
        let offset = (index as f64 + 0.5) / cells.len() as f64 - 0.5;
        for (channel, seeds) in of_channels.iter().take(most).enumerate() {
            let x = LEFT + width * (channel as f64 + 0.5 + SHARED * offset);
            draw_point(&mut svg, &scale, x, seeds);
        }
        svg.push_str("</g>");
    }
    svg.push_str("</svg>");
    Some(svg)
}

fn y_of(scale: &Scale, value: f64) -> f64 {
    BOTTOM - scale.at(value) * (BOTTOM - TOP)
}

fn draw_axes(svg: &mut String, scale: &Scale, channels: usize, width: f64) {
    for &tick in &scale.ticks {
        let y = y_of(scale, tick);
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1}" y2="{y:.1}"/><text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            LEFT - 8.0,
            y + 4.0,
            scale.label(tick)
        );
    }
    for channel in 0..channels {
        let x = LEFT + width * (channel as f64 + 0.5);
        let _ = write!(
            svg,
            r#"<text class="tick" x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            BOTTOM + 17.0,
            channel + 1
        );
    }
    let _ = write!(
        svg,
        r#"<text class="tick" x="{:.1}" y="{:.1}" text-anchor="middle">channel</text>"#,
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 35.0
    );
}

fn draw_point(svg: &mut String, scale: &Scale, x: f64, seeds: &[f64]) {
    let finite = || seeds.iter().copied().filter(|value| value.is_finite());
    let (Some(middle), Some(low), Some(high)) =
        (median(finite()), finite().reduce(f64::min), finite().reduce(f64::max))
    else {
        return;
    };
    let y = |value| y_of(scale, value);
    if low < high {
        let _ = write!(
            svg,
            r#"<line class="range" x1="{x:.1}" x2="{x:.1}" y1="{:.1}" y2="{:.1}"/>"#,
            y(low),
            y(high)
        );
    }
    let _ = write!(svg, r#"<circle class="point" cx="{x:.1}" cy="{:.1}" r="3.5"/>"#, y(middle));
}
