//! The pages of `site`: quiet, accessible, small, and as wide as the screen.

use std::path::{Path, PathBuf};

use trainmark_tests::browser::Page;
use trainmark_tests::invoke;

use super::accessibility::assert_accessible_however_shown;
use super::narrow::assert_readable_when_narrow;
use super::{assert_holds, assert_quiet, open};
use crate::records::good;

/// Most bytes of a page that is no report.
const MOST: u64 = 128 << 10;

/// A site of one run; `None`, said aloud, where that cannot be made.
fn site(parent: &Path) -> Option<PathBuf> {
    let runs = good()?.folder.path.parent()?.to_owned();
    let out = parent.join("site");
    let told = invoke(["site"]).args([&runs]).args([Path::new("--out"), &out]).run().expect(0).stdout;
    assert!(told.contains("1 of 1 run shown, 6 pages\n"), "{told}");
    Some(out)
}

fn assert_fits(page: &Page) {
    for width in [360, 1400] {
        page.resize(width, 900);
        page.settle();
        let wider = page.evaluate("document.documentElement.scrollWidth > innerWidth");
        assert_eq!(wider, false, "wider than {width} pixels");
    }
}

#[test]
fn every_page_is_quiet_accessible_and_small() {
    let parent = tempfile::tempdir().unwrap();
    let Some(out) = site(parent.path()) else { return };
    let id = good().unwrap().folder.path.file_name().unwrap().to_str().unwrap().to_owned();
    for (name, shown) in [
        ("index.html", "softmax on cpu"),
        ("frameworks/hostile.html", "self-reported"),
        (&*format!("runs/{id}/index.html"), "cargo run -- bench"),
        ("defects.html", "max_pool2d"),
    ] {
        let file = out.join(name);
        let bytes = file.metadata().unwrap().len();
        assert!(bytes < MOST, "{name} has {bytes} bytes");
        let Some(page) = open(&file) else { return };
        assert_holds(&page.text("main"), shown);
        assert_holds(&page.text("header .summary"), "(today)");
        assert_fits(&page);
        assert_readable_when_narrow(&page);
        assert_accessible_however_shown(&page);
        assert_quiet(&page);
    }
}

#[test]
fn every_link_within_the_site_leads_somewhere() {
    let parent = tempfile::tempdir().unwrap();
    let Some(out) = site(parent.path()) else { return };
    let id = good().unwrap().folder.path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut followed = 0;
    for name in ["index.html", "frameworks/minimal-c.html", &format!("runs/{id}/index.html"), "defects.html"]
    {
        let page = std::fs::read_to_string(out.join(name)).unwrap();
        for link in page.split("href=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0) {
            let link = link.replace("&#x2f;", "/");
            let (path, _) = link.split_once('#').unwrap_or((&link, ""));
            if !path.is_empty() && !path.starts_with("https://") {
                let place = out.join(name).parent().unwrap().join(path);
                assert!(place.is_file(), "{name} links to {path}");
                followed += 1;
            }
        }
    }
    assert!(followed > 20, "{followed}");
}
