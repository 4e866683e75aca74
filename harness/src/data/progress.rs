//! How a download shows where it stands, on standard error.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::publication::PublishedFile;

/// A bar on a terminal, else a line at the start and one at the end.
#[derive(Debug)]
pub(super) struct Progress {
    name: &'static str,
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Progress {
    pub(super) fn start(file: &PublishedFile, url: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| bar(file));
        if bar.is_none() {
            tell!("downloading {} ({}) from {url}", file.name, HumanBytes(file.bytes));
        }
        Self { name: file.name, bar, started: Instant::now() }
    }

    /// `position` bytes of the file are here.
    pub(super) fn set(&self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }

    pub(super) fn finish(&self) {
        match &self.bar {
            Some(bar) => bar.finish(),
            None => tell!("downloaded {} in {:.1} s", self.name, self.started.elapsed().as_secs_f64()),
        }
    }
}

fn bar(file: &PublishedFile) -> ProgressBar {
    let template = "{msg:26} {wide_bar} {bytes:>10} of {total_bytes:>10} {eta:>4}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(file.bytes).with_style(style).with_message(file.name)
}
