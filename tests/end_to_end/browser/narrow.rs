//! What a telephone shows: names, versions and numbers of tables are whole, and tables scroll sideways instead.

use trainmark_tests::browser::{Page, View};

use super::{open, report};
use crate::records::good;

/// Pixels at the right end of a table that its shadow darkens, while more of it is to come.
const SHADOW: u32 = 14;

/// Words of cells that go on in another line or beyond their cell. A longer word than what a line of the
/// first column holds may go on.
const BROKEN_WORDS: &str = r"() => {
    const found = new Set();
    for (const cell of document.querySelectorAll('.scroll :is(th, td)')) {
        if (!cell.checkVisibility()) continue;
        const { left, right } = cell.getBoundingClientRect();
        const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
        for (let text = texts.nextNode(); text; text = texts.nextNode()) {
            if (text.parentElement.matches('.hidden')) continue;
            for (const { 0: word, index } of text.data.matchAll(/\S+/g)) {
                const range = new Range();
                range.setStart(text, index);
                range.setEnd(text, index + word.length);
                const places = [...range.getClientRects()];
                if (word.length <= 24 && new Set(places.map(one => Math.round(one.top))).size > 1) found.add(`${word} is broken`);
                if (places.some(one => one.left < left - 1 || one.right > right + 1)) found.add(`${word} leaves its cell`);
            }
        }
    }
    return [...found].join('\n');
}";

/// A table that is shown in part casts no shadow on the words above it, nor on its last column at its end.
fn assert_shadows_lie_beside_words(page: &Page) {
    let covered = page.call(
        "width => [...document.querySelectorAll('.scroll.wide')].filter(one => one.checkVisibility()).filter(one => {
            const end = one.querySelector('caption')?.getBoundingClientRect().right ?? 0;
            return end > one.getBoundingClientRect().right - Number(width);
        }).map(one => one.innerText.slice(0, 80)).join('\\n')",
        &[&SHADOW.to_string()],
    );
    assert_eq!(covered, "", "words below the shadow");
    page.evaluate(
        "document.querySelectorAll('.scroll.wide').forEach(one => { one.scrollLeft = one.scrollWidth })",
    );
    page.settle();
    let dark = "[...document.querySelectorAll('.scroll')].filter(one => getComputedStyle(one).boxShadow !== 'none').length";
    assert_eq!(page.evaluate(dark), 0, "tables at their ends promise more");
    page.evaluate("document.querySelectorAll('.scroll').forEach(one => { one.scrollLeft = 0 })");
    page.settle();
}

/// At the width of a telephone, all details open.
#[track_caller]
pub(super) fn assert_readable_when_narrow(page: &Page) {
    page.resize(360, 900);
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })");
    page.settle();
    assert_eq!(page.call(BROKEN_WORDS, &[]), "", "at 360 pixels");
    assert_shadows_lie_beside_words(page);
}

#[test]
fn a_report_keeps_words_whole_on_a_telephone() {
    let Some(page) = report(View::default()) else { return };
    assert!(page.count(".scroll") > 3);
    assert_readable_when_narrow(&page);
}

#[test]
fn a_list_of_runs_keeps_words_whole_on_a_telephone() {
    let Some(good) = good() else { return };
    let Some(page) = open(&good.folder.path.parent().unwrap().join("index.html")) else { return };
    assert_readable_when_narrow(&page);
    assert_eq!(page.count(".scroll.wide"), 1, "it is wider than the screen, and says so");
}
