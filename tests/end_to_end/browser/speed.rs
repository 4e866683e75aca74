//! A large report is ready at once.

use std::fs;
use std::path::Path;

use trainmark_tests::browser::{Page, View};

use super::assert_quiet;
use super::large_record::{Size, report_of};
use crate::records::good;

/// Largest report of forty cells, ten seeds and twenty epochs, in bytes.
const LARGEST: u64 = 3_000_000;

/// Longest time that its page may work until it is ready, in milliseconds.
const WORK: f64 = 300.0;

/// Longest time that a reader may wait for it: ten times as long, since other
/// programs of a busy machine lengthen this one, but not the page's own work.
const WAIT: f64 = 10.0 * WORK;

/// A load of a page, in milliseconds.
#[derive(Debug)]
struct Load {
    /// What its main thread worked.
    work: f64,
    /// Until its scripts had run and something was painted.
    wait: f64,
}

fn load(file: &Path) -> Option<Load> {
    let page = View::default().open(file)?;
    page.wait_for("the first paint", "performance.getEntriesByName('first-contentful-paint').length === 1");
    let ready = "Math.max(performance.getEntriesByName('first-contentful-paint')[0].startTime, \
        performance.getEntriesByType('navigation')[0].loadEventEnd)";
    let load = Load {
        work: 1e3 * page.processor_seconds("TaskDuration"),
        wait: page.evaluate(ready).as_f64().unwrap(),
    };
    assert_whole(&page);
    Some(load)
}

#[track_caller]
fn assert_whole(page: &Page) {
    assert_quiet(page);
    assert_eq!(page.count("#runs-table tbody tr"), 400);
    assert_eq!(page.count("#cells-table tbody tr"), 40);
    assert_eq!(page.count(".legend label"), 40);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn a_report_of_forty_cells_is_small_and_soon_ready() {
    let Some(good) = good() else { return };
    let out = tempfile::tempdir().unwrap();
    let file = report_of(&Size { cells: 40, seeds: 10, epochs: 20 }, &good.folder, out.path());
    let bytes = fs::metadata(&file).unwrap().len();
    assert!(bytes < LARGEST, "{bytes} bytes");
    let mut tries = Vec::new();
    for _ in 0..3 {
        let Some(loads) = (0..5).map(|_| load(&file)).collect::<Option<Vec<Load>>>() else { return };
        let of_loads = |value: fn(&Load) -> f64| median(loads.iter().map(value).collect());
        let (work, wait) = (of_loads(|load| load.work), of_loads(|load| load.wait));
        eprintln!("{bytes} bytes, {work:.0} ms of work, ready after {wait:.0} ms");
        if work < WORK && wait < WAIT {
            return;
        }
        tries.push(loads);
    }
    panic!("{WORK} ms of work and {WAIT} ms of waiting are allowed: {tries:#.0?}");
}
