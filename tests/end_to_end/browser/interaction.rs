//! What a reader does with mouse and keyboard.

use std::collections::HashSet;

use trainmark_tests::browser::{Media, Page, Scheme, View};

use super::large_record::{Size, report_of};
use super::{assert_quiet, open, report};
use crate::records::good;

fn colours(page: &Page) -> [String; 2] {
    ["color", "background-color"].map(|property| page.style("html", property))
}

#[test]
fn the_theme_button_changes_colours() {
    for scheme in [Scheme::Light, Scheme::Dark] {
        let Some(page) = report(View::default().scheme(scheme)) else { return };
        let other = if scheme == Scheme::Light { "Dark theme" } else { "Light theme" };
        let (before, named) = (colours(&page), page.text("#theme"));
        assert_eq!(named, other);
        page.click("#theme");
        let after = colours(&page);
        assert_ne!(before[0], after[0]);
        assert_ne!(before[1], after[1]);
        assert_ne!(page.text("#theme"), named);
        page.click("#theme");
        assert_eq!((colours(&page), page.text("#theme")), (before, named));
        assert_quiet(&page);
    }
}

/// The button's word is the last: what the system asks for changes nothing any more.
#[test]
fn the_systems_colours_are_followed_until_the_button_is_pressed() {
    let Some(page) = report(View::default()) else { return };
    let light = colours(&page);
    page.show_on(Media::Screen, Scheme::Dark);
    page.wait_for(
        "the button to be named anew",
        "document.getElementById('theme').textContent === 'Light theme'",
    );
    let dark = colours(&page);
    assert_ne!(light, dark);
    page.click("#theme");
    assert_eq!(colours(&page), light);
    page.show_on(Media::Screen, Scheme::Light);
    page.settle();
    assert_eq!((colours(&page), page.text("#theme")), (light, "Dark theme".to_owned()));
}

#[test]
fn a_box_of_the_legend_hides_its_cell_in_all_charts_of_its_group() {
    let Some(page) = report(View::default()) else { return };
    let (group, charts) = (".group:has(.legend)", page.count(".group:has(.legend) figure svg"));
    assert!(charts >= 4, "{charts} charts");
    let shown = |series: &str| {
        page.count_visible(&format!("{group} figure svg:has([data-series=\"{series}\"] .line:not(.off *))"))
    };
    let marks = |series: &str| page.count_visible(&format!("{group} figure [data-series=\"{series}\"] *"));
    let all = [marks("0"), marks("1")];
    assert!(shown("0") == charts && shown("1") == charts, "each chart shows both cells");
    page.click(".legend input[value=\"1\"]");
    assert_eq!((marks("0"), marks("1")), (all[0], 0));
    page.click(".legend input[value=\"1\"]");
    assert_eq!([marks("0"), marks("1")], all);
    // The name is part of the box.
    page.click(".legend label:has([value=\"0\"])");
    assert_eq!((marks("0"), marks("1")), (0, all[1]));
}

/// Sorts by a column; its keys in the order of rows, and what assistive software is told.
fn sorted(page: &Page, column: usize) -> (Vec<f64>, Vec<String>) {
    page.click(&format!("#runs-table thead th:nth-child({column}) button"));
    let keys = page.attributes(&format!("#runs-table tbody tr > :nth-child({column})"), "data-key");
    (
        keys.iter().map(|key| key.parse().unwrap()).collect(),
        page.attributes("#runs-table thead th", "aria-sort"),
    )
}

/// More than nine seeds, since text sorts up to nine as numbers do.
#[test]
fn a_heading_sorts_rows_by_number_and_back() {
    let Some(good) = good() else { return };
    let out = tempfile::tempdir().unwrap();
    let file = report_of(&Size { cells: 2, seeds: 12, epochs: 3 }, &good.folder, out.path());
    let Some(page) = open(&file) else { return };
    let headings = page.texts("#runs-table thead th");
    for name in ["Seed", "Training", "Test accuracy"] {
        let column = 1 + headings.iter().position(|heading| heading == name).unwrap();
        let rows = page.texts("#runs-table tbody tr");
        let (up, told) = sorted(&page, column);
        assert!(up.len() == 24 && up.is_sorted(), "{name}: {up:?}");
        assert_eq!(told[column - 1], "ascending");
        let others = told.iter().enumerate().filter(|(other, _)| *other != column - 1);
        assert!(others.into_iter().all(|(_, told)| told.is_empty()), "{told:?}");
        let (down, told) = sorted(&page, column);
        assert!(down.iter().rev().is_sorted() && down[0] == up[23], "{name}: {down:?}");
        assert_eq!(told[column - 1], "descending");
        let both = [rows, page.texts("#runs-table tbody tr")].map(HashSet::<String>::from_iter);
        assert_eq!(both[0], both[1], "rows stay whole");
    }
}

#[test]
fn files_are_saved_as_they_lie_beside_the_report() {
    let (Some(good), Some(page)) = (good(), report(View::default())) else { return };
    for (index, name) in ["epochs.csv", "runs.csv", "summary.csv"].iter().enumerate() {
        let (saved, text) = page.download(&format!("#save button:nth-of-type({})", index + 1));
        assert_eq!(saved, *name);
        assert_eq!(text, good.folder.read(name));
    }
    assert_quiet(&page);
}

#[test]
fn the_keyboard_reaches_every_control_and_shows_where_it_is() {
    let Some(page) = report(View::default()) else { return };
    let mut reached = Vec::new();
    let controls = page.count_visible("button, input, select, summary, a[href], [tabindex=\"0\"]");
    for _ in 0..=controls {
        page.press("Tab");
        let Some(focus) = page.focus() else { break };
        assert!(focus.is_shown, "{focus:?} cannot be told from what has no focus");
        reached.push(focus);
    }
    assert_eq!(reached[0].element, "a.skip");
    assert!(reached.iter().any(|focus| focus.element == "button#theme"));
    let texts = |element: &str| -> Vec<&str> {
        reached
            .iter()
            .filter(|one| one.element.split(['#', '.']).next() == Some(element))
            .map(|one| one.text.trim())
            .collect()
    };
    assert_eq!(
        texts("input"),
        page.texts(".legend label").iter().map(|label| label.trim()).collect::<Vec<_>>()
    );
    let buttons = texts("button");
    for heading in page.texts("table[data-sortable] thead th:not(.compact .extra)") {
        assert!(buttons.contains(&heading.as_str()), "{heading} is out of reach: {buttons:?}");
    }
    assert_eq!(texts("summary").len(), page.count("summary"));
    assert_eq!(reached.len(), controls, "each control has one place in the order");
}

#[test]
fn the_keyboard_does_what_the_mouse_does() {
    let Some(page) = report(View::default()) else { return };
    let focus =
        |selector: &str| page.call("selector => document.querySelector(selector).focus()", &[selector]);
    focus("#theme");
    page.press("Enter");
    assert_eq!(page.text("#theme"), "Light theme");
    page.press("Space");
    assert_eq!(page.text("#theme"), "Dark theme");
    focus(".legend input");
    page.press("Space");
    assert_eq!(page.count_visible("figure [data-series=\"0\"] *"), 0);
    focus("#cells-table thead button");
    page.press("Enter");
    assert_eq!(page.attributes("#cells-table thead th:first-child", "aria-sort"), ["ascending"]);
    assert_eq!(page.focus().unwrap().text, "Cell", "sorting takes nobody's focus away");
    focus("#conformance summary");
    page.press("Enter");
    assert_eq!(page.count_visible("#conformance details[open] table"), 1);
}
