//! The page of a benchmark that has not come to its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::Signal;
use trainmark_tests::browser::{Media, Page, Scheme, View};
use trainmark_tests::{RunFolder, bench, hostile, minimal_c, wait_until};

use super::accessibility::assert_accessible;
use super::{assert_holds, assert_quiet};

/// The page as it is while the second run runs, that these tests share; `None` without a C
/// compiler.
fn unfinished() -> Option<&'static str> {
    static PAGE: OnceLock<Option<String>> = OnceLock::new();
    let page = PAGE.get_or_init(|| {
        let out = tempfile::tempdir().unwrap();
        let running = bench(out.path(), [&hostile(), minimal_c()?]).args(["--seeds", "2"]).start();
        let is_second = || RunFolder::find(out.path()).is_some_and(|run| run.count("begun") == 2);
        assert!(wait_until(Duration::from_secs(120), is_second), "no second run begins");
        let page = RunFolder::only(out.path()).read("report.html");
        running.signal(Signal::KILL);
        running.finish();
        Some(page)
    });
    page.as_deref()
}

/// Opens it, with so many seconds until it is loaded anew.
fn open_unfinished(folder: &Path, view: View, seconds: &str) -> Option<Page> {
    let file: PathBuf = folder.join("report.html");
    let page = unfinished()?;
    assert_holds(page, "data-seconds=\"30\"");
    fs::write(&file, page.replace("data-seconds=\"30\"", &format!("data-seconds=\"{seconds}\""))).unwrap();
    view.open(&file)
}

#[test]
fn it_says_what_is_still_to_come() {
    let folder = tempfile::tempdir().unwrap();
    let Some(page) = open_unfinished(folder.path(), View::default(), "30") else { return };
    assert_quiet(&page);
    assert_holds(&page.text(".standing"), "1 of 4 runs have ended");
    assert_eq!((page.count_visible("progress"), page.count_visible("#reload")), (1, 1));
    for scheme in [Scheme::Light, Scheme::Dark] {
        page.show_on(Media::Screen, scheme);
        assert_accessible(&page, scheme.name());
    }
    let Some(page) = open_unfinished(folder.path(), View::default().without_scripts(), "30") else { return };
    assert_eq!((page.count_visible("#reload"), page.count_visible(".standing .unscripted")), (0, 1));
}

#[test]
fn it_loads_itself_anew_but_not_under_a_readers_hands() {
    let folder = tempfile::tempdir().unwrap();
    let Some(page) = open_unfinished(folder.path(), View::default(), "0.5") else { return };
    page.evaluate("window.loaded = 1; scrollTo(0, 700); scrollY");
    page.wait_for(
        "the page to be loaded anew",
        "window.loaded === undefined && document.readyState === 'complete'",
    );
    page.wait_for("the place to be the same", "Math.abs(scrollY - 700) < 50");
    page.click(".headline summary");
    assert_eq!(page.evaluate("document.getElementById('reload').checked"), false);
    page.evaluate("window.loaded = 2");
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(page.evaluate("window.loaded"), 2);
    assert_quiet(&page);
}
