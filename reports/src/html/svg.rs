//! Small pieces of SVG: scales, ticks, paths, escaped text.

use std::fmt::Write as _;

/// Text that may stand in an element or an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Not allowed in XML, and of no use to a reader.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// How a scale places its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Linear,
    Logarithmic,
    /// Logarithmic, with 1 in the middle.
    Ratio,
}

/// Numbers onto 0..=1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    kind: Kind,
    /// Values of the axis' ticks, ascending.
    pub(super) ticks: Vec<f64>,
}

impl Scale {
    /// A linear scale over any two finite values, widened to the ticks around them.
    pub(super) fn linear(low: f64, high: f64) -> Self {
        let (low, high) = told_apart(low, high);
        let step = nice_step((high - low) / 5.0);
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        let ticks: Vec<f64> =
            (0..=(last - first) as usize).map(|index| (first + index as f64) * step).collect();
        Self { low: first * step, high: last * step, kind: Kind::Linear, ticks }
    }

    /// Whole numbers from 1 to `last`.
    pub(super) fn whole(last: u32) -> Self {
        let step = nice_step(f64::from(last) / 6.0).max(1.0);
        let multiples =
            (1..).map(|index| f64::from(index) * step).take_while(|tick| *tick <= f64::from(last));
        let mut ticks: Vec<f64> = multiples.collect();
        if step > 1.0 {
            ticks.insert(0, 1.0);
        }
        let (low, high) = if last > 1 { (1.0, f64::from(last)) } else { (0.5, 1.5) };
        Self { low, high, kind: Kind::Linear, ticks }
    }

    /// A logarithmic scale over positive values.
    pub(super) fn logarithmic(low: f64, high: f64) -> Self {
        let (first, last) = ((low.log10() + 1e-9).floor() as i32, (high.log10() - 1e-9).ceil() as i32);
        let mut ticks = Vec::new();
        for exponent in first..=last.max(first + 1) {
            for digit in [1.0, 2.0, 5.0] {
                ticks.push(digit * 10f64.powi(exponent));
            }
        }
        let below = ticks.iter().rposition(|tick| *tick <= low * (1.0 + 1e-9)).unwrap_or(0);
        let above = ticks.iter().position(|tick| *tick >= high * (1.0 - 1e-9)).unwrap_or(ticks.len() - 1);
        let mut ticks: Vec<f64> = ticks[below..=above.max(below + 1)].to_vec();
        let (low, high) = (ticks[0], ticks[ticks.len() - 1]);
        if ticks.len() > 6 {
            ticks.retain(|tick| (tick.log10() - tick.log10().round()).abs() < 1e-9);
        }
        Self { low, high, kind: Kind::Logarithmic, ticks }
    }

    /// Logarithmic where the greatest value is over 20 times the least and all
    /// are positive; else linear from 0.
    pub(super) fn of_seconds(values: &[f64]) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(0.0, f64::max);
        if low > 0.0 && high > 20.0 * low { Self::logarithmic(low, high) } else { Self::linear(0.0, high) }
    }

    /// A scale of ratios, as far below 1 as above.
    pub(super) fn ratio(values: impl Iterator<Item = f64>) -> Self {
        let distance = |value: f64| if value > 1.0 { value } else { value.recip() };
        let furthest = values.map(distance).filter(|factor| factor.is_finite()).fold(1.01, f64::max);
        let decades = (0..6).flat_map(|power| [2.0, 3.0, 5.0, 10.0].map(|digit| digit * 10f64.powi(power)));
        let round: Vec<f64> = [1.05, 1.1, 1.2, 1.5].into_iter().chain(decades).collect();
        let outer = round.iter().copied().find(|factor| *factor >= furthest).unwrap_or(furthest);
        let inner = round.into_iter().rfind(|factor| *factor <= outer.sqrt() * 1.02);
        let above: Vec<f64> = inner.into_iter().chain([outer]).collect();
        let below = above.iter().rev().map(|tick| tick.recip());
        let ticks = below.chain([1.0]).chain(above.iter().copied()).collect();
        Self { low: outer.recip(), high: outer, kind: Kind::Ratio, ticks }
    }

    pub(super) fn is_logarithmic(&self) -> bool {
        self.kind != Kind::Linear
    }

    pub(super) fn is_ratio(&self) -> bool {
        self.kind == Kind::Ratio
    }

    /// The kind as the page's script names it.
    pub(super) fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Linear => "linear",
            Kind::Logarithmic => "logarithmic",
            Kind::Ratio => "ratio",
        }
    }

    /// Where a value lies: 0 at the low end, 1 at the high end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let place =
            |value: f64| if self.is_logarithmic() { value.max(f64::MIN_POSITIVE).log10() } else { value };
        ((place(value) - place(self.low)) / (place(self.high) - place(self.low))).clamp(0.0, 1.0)
    }

    /// A tick's number, with the decimals that the step asks for.
    pub(super) fn label(&self, tick: f64) -> String {
        if self.kind == Kind::Ratio {
            return format!("{}×", (tick * 1e3).round() / 1e3);
        }
        if self.is_logarithmic() {
            return if (0.001..1e5).contains(&tick) { format!("{tick}") } else { format!("{tick:e}") };
        }
        let step = self.ticks.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        linear_label(tick, if step.is_finite() { step } else { 1.0 })
    }
}

/// Limits between which ticks can be told from each other: as they are given, unless they lie
/// closer together than numbers of their size can show, or further apart than numbers reach.
fn told_apart(low: f64, high: f64) -> (f64, f64) {
    const GREATEST: f64 = 1e300;
    let (low, high) = (low.clamp(-GREATEST, GREATEST), high.clamp(-GREATEST, GREATEST));
    let least = (low.abs().max(high.abs()) * 1e-9).max(1e-290);
    if high - low >= least {
        return (low, high);
    }
    let middle = f64::midpoint(low, high);
    // Equal values of an everyday size have a unit around them.
    let half = if high > low { least } else { least.max(0.5) };
    (middle - half, middle + half)
}

/// A tick's number with the digits that the step asks for; with an exponent where it would
/// be long without.
fn linear_label(tick: f64, step: f64) -> String {
    if tick == 0.0 {
        return "0".to_owned();
    }
    // A little more than the step, whose logarithm may fall short of a whole number.
    let decimals = -(step * 1.001).log10().floor();
    if tick.abs() < 1e7 && decimals <= 6.0 {
        return format!("{tick:.*}", decimals.max(0.0) as usize);
    }
    let digits = (tick.abs() * 1.001).log10().floor() + decimals;
    format!("{tick:.*e}", digits.clamp(0.0, 12.0) as usize)
}

/// The least of 1, 2, 5 times a power of ten that is no less than `step`.
fn nice_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let digit =
        [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= step * (1.0 - 1e-9)).unwrap_or(10.0);
    digit * power
}

/// A path through the points, broken where one is missing.
pub(super) fn path(points: impl IntoIterator<Item = Option<(f64, f64)>>) -> String {
    let mut path = String::new();
    let mut pen_down = false;
    for point in points {
        if let Some((x, y)) = point {
            let _ = write!(path, "{}{x:.1} {y:.1}", if pen_down { 'L' } else { 'M' });
        }
        pen_down = point.is_some();
    }
    path
}

/// Heights for labels that want to be at `wanted`, at least `gap` apart and
/// within `low..=high` as far as they fit there; in the order of `wanted`.
pub(super) fn spread(wanted: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut heights = wanted.to_vec();
    let mut least = low;
    for &index in &order {
        heights[index] = heights[index].max(least);
        least = heights[index] + gap;
    }
    let mut most = high;
    for &index in order.iter().rev() {
        heights[index] = heights[index].min(most);
        most = heights[index] - gap;
    }
    heights
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks.iter().map(|tick| scale.label(*tick)).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(&Scale::linear(0.31, 0.93)), ["0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Scale::linear(0.0, 42.0)), ["0", "10", "20", "30", "40", "50"]);
        assert_eq!(labels(&Scale::linear(0.5, 0.5)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Scale::whole(5)), ["1", "2", "3", "4", "5"]);
        assert_eq!(labels(&Scale::whole(1)), ["1"]);
        assert_eq!(labels(&Scale::whole(30)), ["1", "5", "10", "15", "20", "25", "30"]);
        assert_eq!(labels(&Scale::logarithmic(0.3, 40.0)), ["1", "10"]);
        assert_eq!(labels(&Scale::logarithmic(2.0, 45.0)), ["2", "5", "10", "20", "50"]);
    }

    fn check_linear(low: f64, high: f64) -> Result<(), TestCaseError> {
        let scale = Scale::linear(low, high);
        let ticks = &scale.ticks;
        prop_assert!((2..=12).contains(&ticks.len()), "{low:e} {high:e}: {ticks:?}");
        prop_assert!(
            ticks.iter().all(|tick| tick.is_finite()) && ticks.is_sorted_by(|a, b| a < b),
            "{ticks:?}"
        );
        prop_assert!(
            [low, high].map(|value| scale.at(value)).iter().all(|place| (0.0..=1.0).contains(place))
        );
        let mut labels = labels(&scale);
        prop_assert!(labels.iter().all(|label| label.len() <= 20), "{labels:?}");
        labels.dedup();
        prop_assert!(labels.len() == ticks.len(), "{low:e} {high:e}: {labels:?}");
        Ok(())
    }

    #[test]
    fn numbers_that_lie_close_far_out_or_near_nothing_are_told_apart() {
        assert_eq!(labels(&Scale::linear(-5e-324, 5e-324)).len(), 5);
        assert_eq!(
            labels(&Scale::linear(1e16, 1e16)),
            ["9.9999999900e15", "9.9999999950e15", "1.0000000000e16", "1.0000000005e16", "1.0000000010e16"]
        );
        assert_eq!(labels(&Scale::linear(0.0, 4e-4)), ["0", "0.0001", "0.0002", "0.0003", "0.0004"]);
        assert_eq!(labels(&Scale::linear(0.0, 4e-8)), ["0", "1e-8", "2e-8", "3e-8", "4e-8"]);
        assert_eq!(labels(&Scale::linear(0.0, 4e8)), ["0", "1e8", "2e8", "3e8", "4e8"]);
    }

    #[test]
    fn ratios_have_one_in_the_middle() {
        let scale = |furthest: f64| Scale::ratio([1.0, furthest, f64::INFINITY].into_iter());
        for furthest in [0.31, 2.9] {
            let shown = if furthest < 1.0 {
                ["0.2×", "0.5×", "1×", "2×", "5×"]
            } else {
                ["0.333×", "0.667×", "1×", "1.5×", "3×"]
            };
            assert_eq!(labels(&scale(furthest)), shown);
            assert!((scale(furthest).at(1.0) - 0.5).abs() < 1e-12);
        }
        assert_eq!(labels(&scale(1.0)), ["0.952×", "1×", "1.05×"]);
    }

    #[test]
    fn a_wide_range_is_logarithmic() {
        assert!(Scale::of_seconds(&[0.5, 20.0]).is_logarithmic());
        assert!(!Scale::of_seconds(&[2.0, 20.0]).is_logarithmic());
        assert!(!Scale::of_seconds(&[]).is_logarithmic());
    }

    #[test]
    fn a_path_breaks_where_a_value_is_missing() {
        assert_eq!(
            path([Some((0.0, 1.0)), None, Some((2.0, 3.0)), Some((4.0, 5.0))]),
            "M0.0 1.0M2.0 3.0L4.0 5.0"
        );
    }

    proptest! {
        #[test]
        fn values_lie_on_their_scale(low in 1e-6..1e6f64, factor in 1.0..1e6f64) {
            for scale in [Scale::linear(low, low * factor), Scale::logarithmic(low, low * factor), Scale::of_seconds(&[low, low * factor])] {
                prop_assert!(!scale.ticks.is_empty());
                prop_assert!(scale.ticks.len() <= 12, "{:?}", scale.ticks);
                let (first, last) = (scale.at(low), scale.at(low * factor));
                prop_assert!((0.0..=1.0).contains(&first) && first <= last && last <= 1.0);
            }
        }

        /// Whatever a record holds.
        #[test]
        fn any_two_numbers_have_a_scale(a in any::<f64>(), b in any::<f64>()) {
            let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
            let (low, high) = (finite(a).min(finite(b)), finite(a).max(finite(b)));
            check_linear(low, high)?;
            check_linear(low, low.next_up())?;
            check_linear(low, low)?;
        }

        #[test]
        fn labels_do_not_overlap_where_there_is_room(wanted in prop::collection::vec(0.0..200.0f64, 1..14)) {
            let mut heights = spread(&wanted, 14.0, 0.0, 200.0);
            heights.sort_by(f64::total_cmp);
            prop_assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= 14.0 - 1e-9), "{heights:?}");
            prop_assert!(heights.iter().all(|height| (-1e-9..=200.0 + 1e-9).contains(height)), "{heights:?}");
        }

        #[test]
        fn escaped_text_has_no_markup(text in any::<String>()) {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        }
    }
}
