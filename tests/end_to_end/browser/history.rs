//! The page of a history, as a browser shows it.

use std::fs;

use trainmark_tests::invoke;

use super::accessibility::assert_accessible_however_shown;
use super::narrow::assert_readable_when_narrow;
use super::{assert_quiet, open};

#[test]
fn a_history_is_read_without_a_mouse_and_without_a_network() {
    let parent = tempfile::tempdir().unwrap();
    crate::history::nightly(parent.path(), 20);
    let page = invoke(["history"]).args([parent.path()]).args(["--format", "html"]).run().expect(0).stdout;
    let file = parent.path().join("history.html");
    fs::write(&file, page).unwrap();
    let Some(page) = open(&file) else { return };
    assert_eq!(page.count("svg.history[role=img]"), 2, "a series and its control");
    assert_eq!(page.texts("svg.history .tick").iter().filter(|text| *text == "slower").count(), 1);
    assert!(page.texts("svg.history desc")[0].contains("slower by 1.2"));
    let shown = "getComputedStyle(document.querySelector('figcaption'), '::first-letter').textTransform";
    assert_eq!(page.evaluate(shown), "none", "a workload's name is shown as it is written");
    assert_accessible_however_shown(&page);
    let wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
    page.resize(360, 900);
    assert_eq!(page.evaluate(wide), false, "it scrolls sideways");
    assert_readable_when_narrow(&page);
    assert_quiet(&page);
}
