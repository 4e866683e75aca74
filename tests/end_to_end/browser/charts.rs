//! What a reader does with the charts: reads values, zooms, changes axes and baselines, saves.

use tempfile::TempDir;
use trainmark_tests::browser::{Page, View};

use super::large_record::{Size, report_of};
use super::{assert_quiet, open, report};
use crate::records::good;

const LOSS: &str = "figure[data-chart=\"curve\"][data-x=\"epochs\"][data-y=\"loss\"]";
const SECONDS: &str = "figure[data-chart=\"curve\"][data-x=\"seconds\"][data-y=\"loss\"]";

fn cursor(figure: &str) -> String {
    format!("{figure} .cursor")
}

fn told(page: &Page, figure: &str) -> String {
    page.attributes(&cursor(figure), "aria-valuetext").remove(0)
}

/// A report of some cells with several seeds, and the folder that it lies in.
fn report_of_cells(cells: usize) -> Option<(Page, TempDir)> {
    let good = good()?;
    let out = tempfile::tempdir().unwrap();
    let file = report_of(&Size { cells, seeds: 4, epochs: 6 }, &good.folder, out.path());
    Some((open(&file)?, out))
}

#[test]
fn the_pointer_reads_the_values_of_all_cells() {
    let Some((page, _out)) = report_of_cells(3) else { return };
    assert_eq!(page.count_visible("#readout"), 0, "nothing is pointed at");
    page.move_to(page.point(&cursor(LOSS), 0.02, 0.5));
    let first = page.text("#readout");
    assert!(first.to_lowercase().contains("epoch 1"), "{first}");
    for label in page.texts(&format!("{LOSS} .series text")) {
        assert!(first.contains(label.trim()), "{label} in {first}");
    }
    page.move_to(page.point(&cursor(LOSS), 0.98, 0.5));
    let last = page.text("#readout");
    assert!(last.to_lowercase().contains("epoch 6"), "{last}");
    assert_quiet(&page);
}

#[test]
fn keys_read_values_and_zoom() {
    let Some((page, _out)) = report_of_cells(2) else { return };
    page.evaluate(&format!("document.querySelector('{}').focus()", cursor(LOSS)));
    page.press("Home");
    let first = told(&page, LOSS);
    page.press("ArrowRight");
    let second = told(&page, LOSS);
    assert!(first.contains('1') && second.contains('2') && first != second, "{first} / {second}");
    page.press("End");
    assert!(told(&page, LOSS).to_lowercase().contains("epoch 6"), "{}", told(&page, LOSS));
    page.press("+");
    assert_eq!(page.count(&format!("{LOSS}[data-zoomed]")), 1);
    page.press("Escape");
    assert_eq!(page.count("[data-zoomed]"), 0);
    assert_quiet(&page);
}

#[test]
fn dragging_zooms_and_a_button_resets() {
    let Some((page, _out)) = report_of_cells(2) else { return };
    let lines = || page.attributes(&format!("{LOSS} .line"), "d");
    let whole = lines();
    page.drag(page.point(&cursor(LOSS), 0.2, 0.5), page.point(&cursor(LOSS), 0.6, 0.5));
    assert_eq!(page.count(&format!("{LOSS}[data-zoomed]")), 1);
    assert_ne!(lines(), whole, "the lines are drawn anew");
    page.click(&format!("{LOSS} [data-action=\"reset\"]"));
    assert_eq!(page.count("[data-zoomed]"), 0);
    assert_eq!(lines().len(), whole.len());
    assert_quiet(&page);
}

#[test]
fn any_number_of_steps_zooms_to_numbers() {
    let Some((page, _out)) = report_of_cells(2) else { return };
    page.click(&format!("{SECONDS} [data-action=\"axis\"]"));
    for figure in [LOSS, SECONDS] {
        page.evaluate(&format!("document.querySelector('{}').focus()", cursor(figure)));
        for _ in 0..70 {
            page.press("+");
        }
        let drawn = page.evaluate(&format!("document.querySelector('{figure} svg').outerHTML"));
        let drawn = drawn.as_str().unwrap();
        assert!(!drawn.contains("NaN") && !drawn.contains("Infinity"), "{drawn}");
        assert!(page.count(&format!("{figure} .axes .tick")) > 4, "{drawn}");
    }
    assert_quiet(&page);
}

#[test]
fn the_axis_of_seconds_becomes_logarithmic_and_back() {
    let Some((page, _out)) = report_of_cells(2) else { return };
    let axis = format!("{SECONDS} [data-action=\"axis\"]");
    let lines = || page.attributes(&format!("{SECONDS} .line"), "d");
    let pressed = || page.attributes(&axis, "aria-pressed");
    let (before, drawn) = (pressed(), lines());
    page.click(&axis);
    assert_ne!(pressed(), before);
    assert_ne!(lines(), drawn);
    page.click(&axis);
    assert_eq!(pressed(), before);
    assert_quiet(&page);
}

#[test]
fn any_cell_can_be_the_baseline() {
    let Some((page, _out)) = report_of_cells(3) else { return };
    let shown = || page.texts("figure[data-chart=\"relative\"][data-group=\"0\"] .row");
    let before = shown();
    let values = page.attributes("#baseline-0 option", "value");
    assert_eq!(values.len(), 3, "{values:?}");
    let current = page.evaluate("document.getElementById('baseline-0').value");
    let other = values.iter().find(|value| current.as_str() != Some(value)).unwrap();
    page.choose("#baseline-0", other);
    assert_ne!(shown(), before);
    assert_quiet(&page);
}

#[test]
fn bars_begin_at_zero_and_are_as_long_as_their_times() {
    let Some((page, _out)) = report_of_cells(3) else { return };
    let bars = "#times .group:first-of-type [data-chart=rows]:first-of-type .s0";
    let per_cent = |name: &str| -> Vec<f64> {
        let found = page.attributes(bars, name);
        found.iter().map(|length| length.trim_end_matches('%').parse().unwrap()).collect()
    };
    assert_eq!(per_cent("x"), [0.0; 3]);
    let medians = page.evaluate(
        "JSON.parse(document.querySelector('#times [data-chart=rows] .plot').dataset.drawn).rows.map(row => row.marks[0].bar[1])",
    );
    let unit = per_cent("width")[0] / medians[0].as_f64().unwrap();
    for (width, median) in per_cent("width").iter().zip(medians.as_array().unwrap()) {
        assert!((width - unit * median.as_f64().unwrap()).abs() < 0.05, "{width} of {medians}");
    }
}

/// More than a hundred runs make a large page.
#[test]
fn a_large_page_draws_what_comes_near_and_all_of_it_on_paper() {
    let Some(good) = good() else { return };
    let out = tempfile::tempdir().unwrap();
    let file = report_of(&Size { cells: 11, seeds: 10, epochs: 2 }, &good.folder, out.path());
    let Some(page) = open(&file) else { return };
    let drawn = |figures: &str| page.count(&format!("{figures} .plot > svg"));
    assert_eq!((drawn(".headline"), drawn("#times figure"), drawn("#batch-norm figure")), (1, 0, 0));
    page.click(".legend input[value=\"0\"]");
    page.wait_for(
        "the curves to be drawn",
        "document.querySelectorAll('#curves figure .plot > svg').length === 6",
    );
    assert_eq!(page.count_visible("#curves figure [data-series=\"0\"] *"), 0, "it was hidden before");
    assert!(page.count_visible("#curves figure [data-series=\"1\"] *") > 0);
    page.print();
    page.wait_for(
        "all charts to be drawn",
        "document.querySelectorAll('figure[data-chart]:not(:has(.plot > svg))').length === 0",
    );
    assert_quiet(&page);
}

#[test]
fn a_chart_is_saved_with_its_styles() {
    let Some(page) = report(View::default()) else { return };
    let (name, text) = page.download(&format!("{LOSS} [data-action=\"svg\"]"));
    assert!(name.ends_with(".svg"), "{name}");
    assert!(text.starts_with("<svg") && text.contains("xmlns="), "{}", &text[..200.min(text.len())]);
    // An image has no access to the page's style sheet.
    assert!(text.contains("stroke") && text.contains("rgb("), "colours are part of the file");
    assert!(!text.contains("var(--"), "nothing refers to the page");
}

#[test]
fn the_command_is_copied() {
    let Some(page) = report(View::default()) else { return };
    page.allow_clipboard();
    page.click("#copy");
    page.wait_for("the copy to be told", "document.getElementById('status').textContent !== ''");
    let command = page.text("#command");
    assert!(command.starts_with("cargo run -- bench "), "{command}");
    let copied = page.evaluate("navigator.clipboard.readText()");
    assert_eq!(copied.as_str().map(str::trim), Some(command.trim()));
}

#[test]
fn the_runs_are_listed_beside_each_other() {
    let Some(good) = good() else { return };
    let list = good.folder.path.parent().unwrap().join("index.html");
    let Some(page) = open(&list) else { return };
    let name = good.folder.path.file_name().unwrap().to_str().unwrap();
    let links = page.attributes("#index a", "href");
    assert!(links.contains(&format!("{name}/report.html")), "{links:?}");
    let Some(violations) = page.violations() else { return };
    assert!(violations.is_empty(), "{violations:#?}");
    assert_quiet(&page);
}
