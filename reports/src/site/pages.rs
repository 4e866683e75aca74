//! The pages, filled in.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::entry::Entry;
use super::level::Level;
use super::number::{self, Number};
use super::rows::{Table, newest_versions};
use super::settings::Settings;
use super::{FRAMEWORKS, Making, RUNS, SiteError, defects};
use crate::html;
use crate::number::{count, utc};
use crate::record::distinct;
use crate::store::{self, StoreError};
use crate::summary::{group, summarize};
use crate::words::{Headline, TERMS};

macro_rules! template {
    ($name:literal) => {
        concat!(
            include_str!("../../templates/site/head.html"),
            include_str!(concat!("../../templates/site/", $name)),
            include_str!("../../templates/site/foot.html")
        )
    };
}

const STYLE: &str = include_str!("../../templates/site/site.css");
const SCRIPT: &str = include_str!("../../templates/site/site.js");

/// All that the pages are made of.
pub(super) struct Pages<'p> {
    /// The newest first.
    pub(super) entries: &'p [Entry],
    pub(super) refused: &'p [(String, String)],
    pub(super) settings: &'p Settings,
    pub(super) making: &'p Making<'p>,
}

/// What every page has, around its own.
#[derive(Serialize)]
struct Frame<'p, P> {
    style: String,
    script: String,
    heading: &'p str,
    /// The way from the page to the first one.
    root: &'static str,
    made: f64,
    made_words: String,
    newest: Option<f64>,
    newest_words: String,
    frameworks: &'p [Link],
    #[serde(flatten)]
    page: P,
}

#[derive(Serialize)]
struct Link {
    name: String,
    link: String,
}

#[derive(Serialize)]
struct Index<'p> {
    sections: Vec<Section>,
    terms: Vec<(String, String)>,
    refused: &'p [(String, String)],
}

/// One workload on one device of one machine.
#[derive(Serialize)]
struct Section {
    title: String,
    /// What the newest of its runs says in a sentence.
    said: Option<String>,
    said_of: String,
    table: Table,
}

#[derive(Serialize)]
struct OfFramework {
    table: Table,
}

#[derive(Serialize)]
struct OfRun<'p> {
    summary: String,
    command: &'p str,
    continued: Option<String>,
    table: Table,
    libraries: Vec<(String, String)>,
    findings: Vec<(&'p str, &'p str, &'p str)>,
    files: Vec<(&'p str, String)>,
}

#[derive(Serialize)]
struct Defects {
    document: String,
}

impl Pages<'_> {
    /// Writes all pages, and returns how many.
    pub(super) fn write(&self, out: &Path) -> Result<usize, SiteError> {
        let numbers = number::of_all(self.entries);
        let backends = distinct(numbers.iter().map(|number| number.backend.as_str()));
        let links: Vec<Link> = backends
            .iter()
            .map(|name| Link { name: (*name).to_owned(), link: framework_page(name) })
            .collect();
        let newest = newest_versions(&numbers);
        let title = self.settings.title.as_deref().unwrap_or("Which framework now");
        self.put(out, super::FILE, template!("index.html"), title, "", &links, self.index(&numbers))?;
        for name in &backends {
            let own: Vec<&Number> = numbers.iter().filter(|number| number.backend == *name).collect();
            let heading = format!("{name} over its versions");
            let page = OfFramework { table: Table::over_versions(self.entries, &own, &newest) };
            self.put(out, &framework_page(name), template!("framework.html"), &heading, "../", &links, page)?;
        }
        for (place, entry) in self.entries.iter().enumerate() {
            let own: Vec<&Number> = numbers.iter().filter(|number| number.entry == place).collect();
            let (name, page) = (format!("{RUNS}/{}/index.html", entry.run_id), self.run(entry, &own));
            self.put(out, &name, template!("run.html"), &entry.run_id, "../../", &links, page)?;
        }
        let page = Defects { document: defects::html(self.making.defects) };
        self.put(out, "defects.html", template!("defects.html"), "Defects found", "", &links, page)?;
        store::replace_file(&out.join("numbers.csv"), super::rows::csv(self.entries, &numbers)?.as_bytes())?;
        Ok(2 + backends.len() + self.entries.len())
    }

    #[expect(clippy::too_many_arguments, reason = "a page's place, and what it is filled with")]
    fn put<P: Serialize>(
        &self,
        out: &Path,
        name: &str,
        template: &'static str,
        heading: &str,
        root: &'static str,
        frameworks: &[Link],
        page: P,
    ) -> Result<(), StoreError> {
        let newest = self.entries.first().map(Entry::unix_time);
        let frame = Frame {
            style: [html::STYLE, STYLE, html::PRINT_STYLE].concat(),
            script: [html::SCRIPT, SCRIPT].concat(),
            heading,
            root,
            made: self.making.unix_time,
            made_words: utc(self.making.unix_time),
            newest,
            newest_words: newest.map_or_else(String::new, utc),
            frameworks,
            page,
        };
        let text = html::fill("page.html", template, &frame)?;
        let path = out.join(name);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.map_err(|cause| StoreError::io("create", &path, cause))?;
        store::replace_file(&path, text.as_bytes())
    }

    fn index(&self, numbers: &[Number]) -> Index<'_> {
        let levels =
            Level::ALL.into_iter().map(|level| (level.name().to_owned(), level.meaning().to_owned()));
        let words = TERMS.iter().map(|term| (term.word.to_owned(), term.meaning.to_owned()));
        Index {
            sections: self.sections(numbers),
            terms: levels.chain(words).collect(),
            refused: self.refused,
        }
    }

    fn sections(&self, numbers: &[Number]) -> Vec<Section> {
        let key = |number: &Number| {
            let Number { workload, definition, dataset, device, machine, .. } = number;
            (workload.clone(), definition.clone(), dataset.clone(), device.clone(), machine.clone())
        };
        let newest = newest_versions(numbers);
        let keys = distinct(numbers.iter().map(key));
        let sections = keys.into_iter().zip(1..).map(|(of, place)| {
            let own: Vec<&Number> = numbers.iter().filter(|number| key(number) == of).collect();
            let (workload, _, dataset, device, machine) = of;
            let title = format!("{workload} on {device}: {machine}");
            let table = Table::now(self.entries, &own, &newest, format!("now-{place}"), &dataset);
            let said = own.first().and_then(|number| self.said(number));
            let said_of = own.first().map_or_else(String::new, |number| utc(number.unix_time));
            Section { title, said, said_of, table }
        });
        sections.collect()
    }

    /// What a run says of the group of one of its numbers.
    fn said(&self, number: &Number) -> Option<String> {
        let record = &self.entries[number.entry].record;
        let groups = group(summarize(record));
        let own =
            groups.iter().find(|group| group.workload == number.workload && group.device == number.device)?;
        Headline::of(record, std::slice::from_ref(own)).sentences.into_iter().next()
    }

    fn run<'p>(&self, entry: &'p Entry, numbers: &[&Number]) -> OfRun<'p> {
        let started = &entry.record.started;
        let libraries = numbers.iter().filter_map(|number| {
            let name = format!("{}/{}@{}", number.backend, number.implementation, number.device);
            Some((name, number.library_hash.clone()?))
        });
        let findings = entry.findings.iter();
        OfRun {
            summary: format!(
                "{}, {}, {}, {}",
                started.plan.dataset.name,
                count(started.plan.seeds.len(), "seed"),
                count(started.plan.epochs as usize, "epoch"),
                entry.record.outcome_words()
            ),
            command: &started.command,
            continued: entry.record.continued_words(),
            table: Table::of_run(self.entries, numbers),
            libraries: distinct(libraries),
            findings: findings.map(|one| (one.check, one.verdict.name(), one.detail.as_str())).collect(),
            files: entry.files.iter().map(|(name, bytes)| (name.as_str(), kibibytes(*bytes))).collect(),
        }
    }
}

pub(super) fn framework_page(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    format!("{FRAMEWORKS}/{}.html", name.chars().map(plain).collect::<String>())
}

fn kibibytes(bytes: u64) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}
