//! The axes of charts: round ticks, whatever numbers a record holds.

use serde_json::{Value, json};
use trainmark_tests::browser::{Page, View};

use super::report;

fn labels(page: &Page, scale: &str) -> Value {
    page.evaluate(&format!("(scale => scale.ticks.map(tick => scale.label(tick)))({scale})"))
}

#[test]
fn ticks_are_round() {
    let Some(page) = report(View::default()) else { return };
    for (scale, expected) in [
        ("linear(0.31, 0.93)", json!(["0.2", "0.4", "0.6", "0.8", "1.0"])),
        ("linear(0, 42)", json!(["0", "10", "20", "30", "40", "50"])),
        ("linear(0.5, 0.5)", json!(["0", "0.2", "0.4", "0.6", "0.8", "1.0"])),
        ("linear(0, 4e-4)", json!(["0", "0.0001", "0.0002", "0.0003", "0.0004"])),
        ("linear(0, 4e-8)", json!(["0", "1e-8", "2e-8", "3e-8", "4e-8"])),
        ("linear(0, 4e8)", json!(["0", "1e8", "2e8", "3e8", "4e8"])),
        ("whole(5)", json!(["1", "2", "3", "4", "5"])),
        ("whole(1)", json!(["1"])),
        ("whole(30)", json!(["1", "5", "10", "15", "20", "25", "30"])),
        ("logarithmic(0.3, 40)", json!(["1", "10"])),
        ("logarithmic(2, 45)", json!(["2", "5", "10", "20", "50"])),
        ("logarithmic(2e-4, 9e-4)", json!(["2e-4", "5e-4", "0.001"])),
        ("ratios([1, 0.31, Infinity])", json!(["0.2×", "0.5×", "1×", "2×", "5×"])),
        ("ratios([1, 2.9])", json!(["0.333×", "0.667×", "1×", "1.5×", "3×"])),
        ("ratios([1])", json!(["0.952×", "1×", "1.05×"])),
    ] {
        assert_eq!(labels(&page, scale), expected, "{scale}");
    }
    assert_eq!(page.evaluate("Math.abs(ratios([1, 2.9]).at(1) - 0.5) < 1e-12"), true);
}

/// Numbers of every size, by their bits: each pair, and each with its neighbour and with itself.
const WRONG_SCALES: &str = "(() => {
    let state = 0x2545f491n;
    const random = () => {
        for (const [left, by] of [[true, 13n], [false, 7n], [true, 17n]])
            state ^= BigInt.asUintN(64, left ? state << by : state >> by);
        return state;
    };
    const numbers = new Float64Array(2000);
    const bits = new BigUint64Array(numbers.buffer);
    for (const index of numbers.keys()) bits[index] = random();
    const known = [0, 5e-324, -5e-324, 1e16, 1, 1 + Number.EPSILON, Number.MAX_VALUE, -Number.MAX_VALUE];
    const all = [...known, ...numbers].filter(Number.isFinite);
    const pairs = all.flatMap((one, index) => [[one, one], [one, one + Math.abs(one) * Number.EPSILON],
        [one, all[(index + 1) % all.length]], ...known.map(other => [one, other])]);
    const isRight = ([low, high]) => {
        const { ticks, label, at } = linear(low, high);
        const labels = ticks.map(label);
        return ticks.length >= 2 && ticks.length <= 12 && ticks.every(Number.isFinite)
            && ticks.every((tick, index) => !index || tick > ticks[index - 1])
            && [low, high].every(value => at(value) >= 0 && at(value) <= 1)
            && labels.every(one => one.length <= 20) && new Set(labels).size === labels.length;
    };
    const ordered = pairs.filter(pair => pair.every(Number.isFinite)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
    return [ordered.length, ordered.filter(pair => !isRight(pair)).slice(0, 5)];
})()";

#[test]
fn any_two_numbers_have_a_scale() {
    let Some(page) = report(View::default()) else { return };
    let found = page.evaluate(WRONG_SCALES);
    assert!(found[0].as_u64().unwrap() > 10_000, "{found}");
    assert_eq!(found[1], json!([]));
}

/// Losses that only a broken backend has must not cost the others their page.
#[test]
fn numbers_near_nothing_and_far_out_are_drawn() {
    let Some(page) = report(View::default()) else { return };
    for losses in ["[-5e-324, 5e-324]", "[1e16, 1e16]", "[-1.79769e308, 1.79769e308]"] {
        let drawn = page.evaluate(&format!(
            "(losses => {{
                for (const line of groups[0].series) line.loss = line.epochs.map((_, index) => Array(3).fill(losses[index % 2]));
                const plot = new Plot(document.querySelector('[data-chart=\"curve\"][data-y=\"loss\"]'));
                return plot.svg.outerHTML;
            }})({losses})"
        ));
        let drawn = drawn.as_str().unwrap();
        assert!(drawn.contains("class=\"line\"") && !drawn.contains("NaN"), "{losses}: {drawn}");
    }
}

#[test]
fn a_wide_range_of_times_has_a_logarithmic_axis() {
    let Some(page) = report(View::default()) else { return };
    let scales = |factor: f64| {
        page.evaluate(&format!(
            "(() => {{
                for (const line of groups[0].series) line.seconds = line.epochs.map((_, index) => 1 + index * {factor});
                const figures = document.querySelectorAll('[data-chart=\"curve\"][data-group=\"0\"][data-x=\"seconds\"]');
                return [...figures].map(figure => new Plot(figure).svg.dataset.scale);
            }})()"
        ))
    };
    assert_eq!(scales(1.0), json!(["linear", "linear", "linear"]));
    assert_eq!(scales(50.0), json!(["logarithmic", "logarithmic", "logarithmic"]));
}

#[test]
fn labels_do_not_overlap_where_there_is_room() {
    let Some(page) = report(View::default()) else { return };
    let heights = page.evaluate("spread([100, 101, 3, 199.9, 99, 200, 100], 14, 0, 200)");
    let mut heights: Vec<f64> = serde_json::from_value(heights).unwrap();
    heights.sort_by(f64::total_cmp);
    assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= 14.0 - 1e-9), "{heights:?}");
    assert!(heights.iter().all(|height| (0.0..=200.0).contains(height)), "{heights:?}");
}

/// Names come from plugins.
#[test]
fn what_is_drawn_is_text() {
    let Some(page) = report(View::default()) else { return };
    let evil = r#"<img src=x onerror="document.title='owned'">'&"#;
    let found = page.call(
        "evil => {
            groups[0].series[0].label = evil;
            const plot = new Plot(document.querySelector('[data-chart=\"curve\"]'));
            return [plot.svg.querySelectorAll('img, image').length, plot.svg.querySelector('desc').textContent.includes(evil)];
        }",
        &[evil],
    );
    assert_eq!(found, json!([0, true]));
}
