//! The report as a browser shows it: opened from disk, with a look at its
//! console and its network.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use trainmark_tests::{RunFolder, bench, hostile, skip};

use crate::records::good;

/// A page after its scripts have run.
pub(crate) struct Page {
    /// Its document.
    pub(crate) dom: String,
    /// What it wrote to the console, errors that nobody caught among it.
    console: Vec<String>,
    /// Addresses that it asked the network for.
    requests: Vec<String>,
}

/// Names under which Chromium is installed.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Opens a file in headless Chromium; `None`, said aloud, where there is none.
pub(crate) fn open(file: &Path) -> Option<Page> {
    let found = NAMES.iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    let Some(program) = found else {
        skip("chromium", "it cannot be run; install Debian's package chromium");
        return None;
    };
    let profile = tempfile::tempdir().unwrap();
    let log = profile.path().join("network.json");
    let output = Command::new(program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-extensions", "--no-first-run", "--no-default-browser-check"])
        // Nobody is reached, whoever asks; what is asked for is logged all the same.
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .args(["--enable-logging=stderr", "--v=0", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().join("user").display()))
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!("file://{}", file.canonicalize().unwrap().display()))
        .env("HOME", profile.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let console = stderr.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    let dom = String::from_utf8(output.stdout).unwrap();
    Some(Page { dom, console, requests: requests(&log) })
}

/// What the page asked for by a network address. The browser's own requests
/// have no page as their origin, and do not count.
fn requests(log: &Path) -> Vec<String> {
    let log: Value = serde_json::from_str(&fs::read_to_string(log).unwrap()).unwrap();
    let events = log["events"].as_array().unwrap();
    assert!(!events.is_empty(), "the network was watched");
    let address = |event: &Value| {
        let parameters = &event["params"];
        let text = |name: &str| parameters[name].as_str().unwrap_or_default();
        let is_the_pages = ["network_isolation_key", "network_anonymization_key"]
            .iter()
            .any(|key| text(key).starts_with("file://"))
            || !["", "not an origin"].contains(&text("initiator"));
        let address = if text("url").is_empty() { text("host") } else { text("url") };
        let is_remote = ["http", "ws", "ftp"].iter().any(|scheme| address.starts_with(scheme));
        (is_the_pages && is_remote).then(|| address.to_owned())
    };
    events.iter().filter_map(address).collect()
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

pub(crate) fn assert_quiet(page: &Page) {
    assert!(page.console.is_empty(), "{:#?}", page.console);
    assert!(page.requests.is_empty(), "{:#?}", page.requests);
}

#[test]
fn a_reader_sees_answers_curves_and_cells() {
    let Some(good) = good() else { return };
    let Some(page) = open(&good.folder.path.join("report.html")) else { return };
    assert_quiet(&page);
    let dom = &page.dom;
    let id = good.folder.path.file_name().unwrap().to_str().unwrap();
    assert_eq!(between(dom, "<title>", "</title>"), format!("{id} · trainmark"));
    assert_eq!(between(dom, "<h1>", "</h1>"), id);
    let warnings = between(dom, "class=\"warnings\"", "</section>");
    assert_holds(warnings, "synthetic");
    let answers = between(dom, "id=\"answers\"", "</section>");
    assert_holds(answers, "has the lowest median: ");
    let curves = between(dom, "id=\"curves\"", "</section>");
    assert_holds(curves, "<svg");
    assert_holds(curves, "training loss against epochs");
    let cells = between(dom, "id=\"cells-table\"", "</table>");
    for backend in ["hostile", "minimal-c"] {
        assert_holds(curves, backend);
        assert_holds(cells, backend);
    }
    assert_holds(between(dom, "id=\"machine\"", "</section>"), "rustc ");
    assert_holds(between(dom, "id=\"command\"", "</pre>"), "cargo run -- bench ");
}

/// Buttons and boxes are hidden until the script that serves them has run.
#[test]
fn scripts_run_from_disk() {
    let Some(good) = good() else { return };
    let Some(page) = open(&good.folder.path.join("report.html")) else { return };
    assert_quiet(&page);
    let dom = &page.dom;
    let theme = between(dom, "<button type=\"button\" id=\"theme\"", "</button>");
    assert!(!theme.contains("hidden") && theme.ends_with(" theme"), "{theme}");
    let save = between(dom, "<p id=\"save\"", "</p>");
    assert!(!save.contains("hidden"), "{save}");
    for name in ["epochs.csv", "runs.csv", "summary.csv"] {
        assert_holds(save, name);
    }
    let legend = between(dom, "<legend>Shown cells", "</fieldset>");
    assert!(legend.contains("type=\"checkbox\"") && !legend.contains("hidden=\"\""), "{legend}");
}

#[test]
fn a_reader_sees_what_failed_and_why() {
    let out = tempfile::tempdir().unwrap();
    bench(out.path(), [hostile()]).args(["--epochs", "2"]).hostile("segfault@train_epoch:2").run().expect(1);
    let Some(page) = open(&RunFolder::only(out.path()).path.join("report.html")) else { return };
    assert_quiet(&page);
    let failures = between(&page.dom, "id=\"failures\"", "</section>");
    assert_holds(failures, "softmax hostile/none@cpu, seed 1: failed after 1 epoch");
    assert_holds(failures, "the worker was killed by SIGSEGV during train_epoch");
}

/// The watch itself: a page that does what the report must not.
#[test]
fn console_errors_and_requests_are_noticed() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("page.html");
    let page = "<!doctype html><title>x</title><img src=\"http://images.example/pixel.png\">\
        <script>console.error('boom'); fetch('https://data.example/');</script>\
        <script>nothing_of_that_name()</script>";
    fs::write(&file, page).unwrap();
    let Some(page) = open(&file) else { return };
    assert!(page.console.iter().any(|line| line.contains("boom")), "{:#?}", page.console);
    assert!(page.console.iter().any(|line| line.contains("ReferenceError")), "{:#?}", page.console);
    for host in ["http://images.example", "https://data.example"] {
        assert!(page.requests.iter().any(|url| url.starts_with(host)), "{host}: {:#?}", page.requests);
    }
}
