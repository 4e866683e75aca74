//! What a reader sees: on screens wide and narrow, without scripts, on paper.

use trainmark_tests::browser::{Media, Page, Scheme, View};
use trainmark_tests::{RunFolder, bench, hostile};

use super::accessibility::assert_accessible;
use super::{assert_holds, assert_quiet, between, open, report};
use crate::records::good;

#[test]
fn a_reader_sees_answers_curves_and_cells() {
    let (Some(good), Some(page)) = (good(), report(View::default())) else { return };
    assert_quiet(&page);
    let id = good.folder.path.file_name().unwrap().to_str().unwrap();
    assert_eq!(page.evaluate("document.title"), format!("{id} · trainmark"));
    assert_eq!(page.text("h1"), id);
    assert_holds(&page.text(".warnings"), "synthetic");
    assert_holds(&page.text("#answers"), "has the lowest median: ");
    assert_holds(&page.texts("#curves figcaption").join("\n").to_lowercase(), "training loss against epochs");
    assert!(page.count_visible("#curves svg .line") > 0);
    let drawn = page.texts("#curves svg text").join("\n");
    for backend in ["hostile", "minimal-c"] {
        assert_holds(&drawn, backend);
        assert_holds(&page.text("#cells-table"), backend);
    }
    assert_holds(&page.text("#machine"), "rustc ");
    assert_holds(&page.text("#command"), "cargo run -- bench ");
}

/// Buttons and boxes are hidden until the script that serves them has run.
#[test]
fn scripts_run_from_disk() {
    let Some(page) = report(View::default()) else { return };
    assert_eq!(page.text("#theme"), "Dark theme");
    assert_eq!(page.count_visible("#theme"), 1);
    assert_eq!(page.texts("#save button"), ["epochs.csv", "runs.csv", "summary.csv"]);
    assert_eq!(page.count_visible("#save button"), 3);
    assert_eq!(page.count_visible(".legend input[type=checkbox]"), 2);
    assert_eq!(page.count(".unscripted"), 0);
}

#[test]
fn a_reader_without_scripts_sees_all_but_what_needs_them() {
    let Some(page) = report(View::default().without_scripts()) else { return };
    assert_quiet(&page);
    assert_eq!(page.count("table[data-sortable] thead button"), 0, "no script has run");
    for dead in ["button", "input", "select"] {
        assert_eq!(page.count_visible(dead), 0, "a {dead} that does nothing");
    }
    for shown in
        ["#answers .lead", "#curves .unscripted", "#times .unscripted", "#cells-table td", "#runs-table td"]
    {
        assert_eq!(page.count_visible(shown), page.count(shown), "{shown}");
        assert!(page.count(shown) > 0, "{shown}");
    }
    assert_eq!(page.count_visible("figure, .shown, .legend"), 0, "an empty place for a chart");
    assert_holds(&page.text("#cells noscript"), "epochs.csv");
}

/// As a server may send it whose policy allows neither scripts nor styles within a page.
#[test]
fn a_reader_behind_a_strict_policy_sees_the_tables_and_why_there_are_no_charts() {
    let Some(good) = good() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    let own = "style-src 'unsafe-inline'; script-src 'unsafe-inline'";
    let page = good.folder.read("report.html");
    assert_holds(&page, own);
    std::fs::write(&file, page.replace(own, "style-src 'self'; script-src 'self'")).unwrap();
    let Some(page) = open(&file) else { return };
    assert_eq!(page.count("table[data-sortable] thead button"), 0, "no script has run");
    for shown in ["#answers .lead", "#curves .unscripted", "#times .unscripted", "#cells-table td"] {
        assert_eq!(page.count_visible(shown), page.count(shown), "{shown}");
        assert!(page.count(shown) > 0, "{shown}");
    }
    assert_eq!(page.count_visible("button"), 0, "a button that does nothing");
    assert_holds(&page.text("#curves .unscripted"), "Charts are drawn by a script");
}

#[test]
fn a_reader_sees_what_failed_and_why() {
    let out = tempfile::tempdir().unwrap();
    bench(out.path(), [hostile()]).args(["--epochs", "2"]).hostile("segfault@train_epoch:2").run().expect(1);
    let Some(page) = open(&RunFolder::only(out.path()).path.join("report.html")) else { return };
    assert_quiet(&page);
    let dom = page.dom();
    let failures = between(&dom, "id=\"failures\"", "</section>");
    assert_holds(failures, "softmax hostile/none@cpu, seed 1: failed after 1 epoch");
    assert_holds(failures, "the worker was killed by SIGSEGV during train_epoch");
    assert_accessible(&page, "with a failure");
}

/// Elements wider or higher than what is shown of them, on paper, where nobody scrolls.
fn cut_off(page: &Page) -> String {
    let found = page.call(
        "() => [...document.querySelectorAll('main, main *, header, header *')].filter(one => {
            const hides = property => getComputedStyle(one)[property] !== 'visible';
            return one instanceof HTMLElement && one.getClientRects().length > 0 && getComputedStyle(one).clipPath === 'none'
                && ((hides('overflowX') && one.scrollWidth > one.clientWidth + 1)
                    || (hides('overflowY') && one.scrollHeight > one.clientHeight + 1)
                    || one.getBoundingClientRect().right > innerWidth + 1);
        }).map(one => `${one.tagName}#${one.id}.${one.className} ${one.scrollWidth} in ${one.clientWidth}, to ${one.getBoundingClientRect().right}`).join('\\n')",
        &[],
    );
    found.as_str().unwrap().to_owned()
}

#[test]
fn a_page_is_as_wide_as_its_window() {
    for width in [360, 1400] {
        let Some(page) = report(View::default().width(width)) else { return };
        let widths =
            page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]");
        assert_eq!(widths[0], widths[1], "scrolls sideways at {width} pixels");
    }
}

#[test]
fn nothing_is_folded_or_cut_off_on_paper() {
    let Some(page) = report(View::default()) else { return };
    let folded = page.count("details:not([open])");
    assert!(folded > 0, "a page on a screen folds what few will read");
    // It listens after the page itself does, so it sees what is printed.
    page.evaluate(
        "addEventListener('beforeprint', () => { window.folded = document.querySelectorAll('details:not([open])').length })",
    );
    page.print();
    page.wait_for("the page to be printed", "window.folded !== undefined");
    assert_eq!(page.evaluate("window.folded"), 0);
    page.wait_for(
        "the page to be as it was",
        &format!("document.querySelectorAll('details:not([open])').length === {folded}"),
    );
    // A4 and US letter less their margins, at 96 pixels an inch.
    page.show_on(Media::Print, Scheme::Light);
    for width in [718, 739] {
        page.resize(width, 1000);
        page.settle();
        assert_eq!(cut_off(&page), "", "at {width} pixels");
    }
}

/// Dark paper would empty the cartridge.
#[test]
fn paper_is_light() {
    let Some(page) = report(View::default().scheme(Scheme::Dark)) else { return };
    page.show_on(Media::Print, Scheme::Dark);
    let brightness = |property: &str| {
        let colour = page.style("html", property);
        let channels = colour.split(|c: char| !c.is_ascii_digit()).filter_map(|one| one.parse::<u32>().ok());
        channels.take(3).sum::<u32>() / 3
    };
    assert!(
        brightness("background-color") > 230 && brightness("color") < 80,
        "{}",
        page.style("html", "color")
    );
}
