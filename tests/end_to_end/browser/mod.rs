//! The report as a browser shows it, opened from disk: what a reader sees, does,
//! and can do without a mouse, with a look at its console and its network.

mod accessibility;
mod charts;
mod history;
mod interaction;
mod large_record;
mod narrow;
mod rendering;
mod scales;
mod site;
mod speed;
mod sweep;
mod unfinished;
mod watching;

use std::path::Path;

use trainmark_tests::browser::{Page, View};

use crate::records::good;

/// Opens a file in a window of the usual size; `None`, said aloud, where there is no Chromium.
pub(crate) fn open(file: &Path) -> Option<Page> {
    View::default().open(file)
}

/// The report of a short benchmark of two backends; `None`, said aloud, where one
/// cannot be made or there is no Chromium.
fn report(view: View) -> Option<Page> {
    view.open(&good()?.folder.path.join("report.html"))
}

/// Text of the document between two marks.
pub(crate) fn between<'d>(dom: &'d str, start: &str, end: &str) -> &'d str {
    let (_, rest) = dom.split_once(start).unwrap_or_else(|| panic!("the page lacks {start}"));
    rest.split_once(end).unwrap_or_else(|| panic!("the page lacks {end} after {start}")).0
}

#[track_caller]
pub(crate) fn assert_holds(part: &str, text: &str) {
    assert!(part.contains(text), "no {text:?} in {}…", part.chars().take(500).collect::<String>());
}

#[track_caller]
pub(crate) fn assert_quiet(page: &Page) {
    let (console, requests) = (page.console(), page.requests());
    assert!(console.is_empty(), "{console:#?}");
    assert!(requests.is_empty(), "{requests:#?}");
}
