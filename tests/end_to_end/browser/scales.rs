//! The axes of charts: round ticks, whatever numbers a record holds.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use trainmark_tests::browser::{Page, View};
use trainmark_tests::invoke;

use super::large_record::{Size, report_of};
use super::{assert_quiet, open, report};
use crate::records::good;

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
        ("logarithmic(1e-9, 1e9)", json!(["1e-9", "1e-5", "0.1", "1000", "1e7"])),
        ("logarithmic(2.1, 2.9, true)", json!(["2.2", "2.4", "2.6", "2.8"])),
        ("ratios([1, 0.31, Infinity])", json!(["0.2×", "0.5×", "1×", "2×", "5×"])),
        ("ratios([1, 2.9])", json!(["0.333×", "0.667×", "1×", "1.5×", "3×"])),
        ("ratios([2500])", json!(["3.33e-4×", "0.02×", "1×", "50×", "3000×"])),
        ("ratios([1])", json!(["0.952×", "1×", "1.05×"])),
    ] {
        assert_eq!(labels(&page, scale), expected, "{scale}");
    }
    assert_eq!(page.evaluate("Math.abs(ratios([1, 2.9]).at(1) - 0.5) < 1e-12"), true);
}

/// Numbers of every size, by their bits: each pair, and each with its neighbour and with itself.
/// Of every kind of scale how many were looked at, and those that are wrong.
const WRONG_SCALES: &str = "(() => {
    let state = 0x2545f491n;
    const random = () => {
        for (const [left, by] of [[true, 13n], [false, 7n], [true, 17n]])
            state ^= BigInt.asUintN(64, left ? state << by : state >> by);
        return state;
    };
    const numbers = new Float64Array(1000);
    const bits = new BigUint64Array(numbers.buffer);
    for (const index of numbers.keys()) bits[index] = random();
    const known = [0, 5e-324, -5e-324, 1e16, 1, 1 + Number.EPSILON, Number.MAX_VALUE, -Number.MAX_VALUE];
    const all = [...known, ...numbers, ...Array.from(numbers, (_, index) => 1.02 ** (index - 500))].filter(Number.isFinite);
    const pairs = all.flatMap((one, index) => [[one, one], [one, one + Math.abs(one) * Number.EPSILON], [one, one * 1.7],
        [one, all[(index + 1) % all.length]], ...known.map(other => [one, other])]);
    const ordered = pairs.filter(pair => pair.every(Number.isFinite)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
    const isRight = (scale, [low, high], widest = 20) => {
        const { ticks } = scale;
        const labels = ticks.map(tick => scale.label(tick));
        return ticks.length >= 2 && ticks.length <= 12 && ticks.every(Number.isFinite)
            && ticks.every((tick, index) => !index || tick > ticks[index - 1])
            && scale.at(low) >= 0 && scale.at(low) <= scale.at(high) && scale.at(high) <= 1
            && Math.abs(scale.at(scale.valueAt(0.4)) - 0.4) < 1e-3
            && labels.every(one => one.length <= widest) && new Set(labels).size === labels.length;
    };
    const positive = ordered.filter(([low]) => low > 0);
    const kinds = {
        linear: [ordered, pair => linear(...pair)],
        range: [ordered, pair => range(...pair)],
        logarithmic: [positive, pair => logarithmic(...pair)],
        inside: [positive.filter(([low, high]) => low < high), pair => logarithmic(...pair, true)],
        ratios: [positive, pair => ratios(pair)],
    };
    return Object.entries(kinds).map(([kind, [pairs, scale]]) =>
        [kind, pairs.length, pairs.filter(pair => !isRight(scale(pair), pair)).slice(0, 5)]);
})()";

#[test]
fn any_two_numbers_have_a_scale() {
    let Some(page) = report(View::default()) else { return };
    let found = page.evaluate(WRONG_SCALES);
    let kinds = found.as_array().unwrap();
    assert_eq!(kinds.len(), 5);
    for kind in kinds {
        assert!(kind[1].as_u64().unwrap() > 5_000, "{kind}");
        assert_eq!(kind[2], json!([]), "{kind}");
    }
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
    let overlapping = page.evaluate(
        "(() => {
            const next = (one) => (one * 16807) % 2147483647;
            let seed = 1;
            const lists = Array.from({ length: 500 }, (_, index) =>
                Array.from({ length: 1 + index % 14 }, () => ((seed = next(seed)) % 2001) / 10));
            return lists.filter(wanted => {
                const heights = spread(wanted, 14, 0, 200).sort((a, b) => a - b);
                return heights.some((height, index) => height < -1e-9 || height > 200 + 1e-9
                    || (index && height - heights[index - 1] < 14 - 1e-9));
            });
        })()",
    );
    assert_eq!(overlapping, json!([]));
}

/// More than a call's arguments may be.
#[test]
fn a_line_may_have_any_number_of_epochs() {
    let Some(page) = report(View::default()) else { return };
    let dots = page.evaluate(
        "(() => {
            const epochs = Array.from({ length: 300000 }, (_, index) => index + 1);
            Object.assign(groups[0].series[0], { epochs, seconds: epochs, loss: epochs.map(epoch => Array(3).fill(1 / epoch)) });
            const plot = new Plot(document.querySelector('[data-chart=\"curve\"][data-x=\"seconds\"][data-y=\"loss\"]'));
            return plot.svg.querySelector('.dots').getAttribute('d').split('M').length - 1;
        })()",
    );
    assert_eq!(dots, 300_000);
}

/// Names come from plugins.
#[test]
fn what_is_drawn_is_text() {
    let Some(good) = good() else { return };
    let out = tempfile::tempdir().unwrap();
    let file = report_of(&Size { cells: 4, seeds: 3, epochs: 2 }, &good.folder, out.path());
    let evil = r#"<img src=x onerror="document.title='owned'">'&</script>"#;
    let events = file.with_file_name("events.jsonl");
    let text = fs::read_to_string(&events).unwrap().replace("\"backend-0\"", &json!(evil).to_string());
    fs::write(&events, text).unwrap();
    invoke([Path::new("report"), file.parent().unwrap()]).run().expect(0);
    let Some(page) = open(&file) else { return };
    assert_eq!(page.count("img, image"), 0);
    for chart in ["curve", "rows", "relative"] {
        let told = page.texts(&format!("[data-chart={chart}] .plot desc"));
        assert!(!told.is_empty() && told.iter().all(|told| told.contains(evil)), "{chart}: {told:?}");
    }
    assert_quiet(&page);
}
