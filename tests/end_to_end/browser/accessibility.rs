//! axe finds nothing to complain of, narrow or wide, light or dark, folded or not.

use trainmark_tests::browser::{Media, Page, Scheme, View};

use super::{open, report};

#[track_caller]
pub(super) fn assert_accessible(page: &Page, how: &str) {
    let Some(violations) = page.violations() else { return };
    assert!(violations.is_empty(), "{how}: {violations:#?}");
}

/// In both schemes, narrow and wide, then with all details open.
#[track_caller]
pub(super) fn assert_accessible_however_shown(page: &Page) {
    for scheme in [Scheme::Light, Scheme::Dark] {
        page.show_on(Media::Screen, scheme);
        for width in [360, 1400] {
            page.resize(width, 900);
            page.settle();
            assert_accessible(page, &format!("{} at {width} pixels", scheme.name()));
        }
    }
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })");
    assert_accessible(page, "with all details open");
}

#[test]
fn axe_finds_nothing() {
    let Some(page) = report(View::default()) else { return };
    assert_accessible_however_shown(&page);
}

/// The check itself: a page that breaks two rules.
#[test]
fn axe_notices_what_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, "<!doctype html><html lang=\"en\"><title>x</title><main><h1>x</h1><p style=\"color: #ddd; background: #fff\">pale</p><button></button></main>").unwrap();
    let Some(violations) = open(&file).and_then(|page| page.violations()) else { return };
    let rules: Vec<&str> = violations.iter().map(|violation| &*violation.rule).collect();
    assert_eq!(rules, ["button-name", "color-contrast"], "{violations:#?}");
    assert!(violations[1].targets[0].starts_with("[\"p\"]: "), "{violations:#?}");
}
