//! The page of a benchmark that runs: written when there is something new, between what is timed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use trainmark_reports::record::{Event, Run, RunOutcome};
use trainmark_reports::words::{Progress, Rest};
use trainmark_reports::{Record, html};

use super::clock_time;
use super::event::{Happening, Sink};
use super::progress::Count;

/// A page that takes longer than this is not written after every run, …
const LONG: Duration = Duration::from_secs(1);
/// … but once this many times as long has passed.
const SHARE: u32 = 20;

/// Keeps the CSV files and the page of a run folder up to date while the benchmark runs, and
/// shows the results so far before every round but the first. Stands between the record, which
/// hears everything first, and the screen.
pub(super) struct Page<'s> {
    folder: PathBuf,
    screen: &'s mut dyn Sink,
    count: Count,
    /// Audits that are still to come; `None` before the runs are planned.
    audits: Option<usize>,
    /// When it was written last, and how long that took.
    written: Option<(Instant, Duration)>,
}

impl<'s> Page<'s> {
    /// Of a benchmark that begins or goes on.
    pub(super) fn new(folder: &Path, screen: &'s mut dyn Sink) -> Self {
        Self { folder: folder.to_owned(), screen, count: Count::default(), audits: None, written: None }
    }

    /// Writes it for the first time, and says where it is.
    ///
    /// # Errors
    /// Where nobody can be told.
    pub(super) fn open(&mut self) -> anyhow::Result<()> {
        self.write();
        let address = file_address(&self.folder.join(html::FILE));
        let text = format!("report so far  {address}");
        self.screen.hear(Happening::Note(&text))
    }

    /// Whether the time has come to write it.
    fn is_due(&self) -> bool {
        self.written.is_none_or(|(at, took)| took < LONG || at.elapsed() > SHARE * took)
    }

    /// What cannot be written now may be written after the next run, or is an error at the end.
    fn write(&mut self) {
        if !self.is_due() {
            return;
        }
        let start = Instant::now();
        if let Ok(record) = Record::read(&self.folder) {
            let progress = self.progress(&record);
            let _ = trainmark_reports::write_so_far(&self.folder, &record, &progress);
        }
        self.written = Some((Instant::now(), start.elapsed()));
    }

    fn progress(&self, record: &Record) -> Progress {
        let has_ended = |run: &&Run| run.begun.is_some() && run.end.outcome != RunOutcome::Interrupted;
        let done = record.runs.iter().filter(has_ended).count();
        let rest = self.audits.map(|audits| Rest {
            runs: self.count.runs_left(),
            audits,
            seconds: self.count.seconds_left(),
        });
        Progress { unix_time: clock_time(), done, rest }
    }

    fn show_results(&mut self) -> anyhow::Result<()> {
        match Record::read(&self.folder) {
            Ok(record) if !record.runs.is_empty() => self.screen.hear(Happening::SoFar(&record)),
            _ => Ok(()),
        }
    }

    fn recorded(&mut self, event: &Event) -> anyhow::Result<()> {
        match event {
            Event::Begun(run) => self.count.begin_run(run.what.epochs),
            Event::Epoch(epoch) => self.count.end_epoch(epoch.what.number),
            // One that was interrupted is still to come.
            Event::Ended(run) if run.what.end.outcome != RunOutcome::Interrupted => {
                self.count.end_run();
            }
            Event::Audited(_) => {
                self.audits = self.audits.map(|audits| audits.saturating_sub(1));
                self.write();
            }
            // On a cluster rounds begin while others go on.
            Event::Round(round) if round.node.is_none() => self.show_results()?,
            _ => {}
        }
        Ok(())
    }
}

impl Sink for Page<'_> {
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()> {
        self.screen.hear(happening)?;
        match happening {
            Happening::Planned { audits, .. } => {
                self.count.plan(&happening);
                self.audits = Some(audits);
                self.write();
            }
            Happening::Replanned { runs, seconds } => self.count.replan(runs, seconds),
            Happening::Pause => self.write(),
            Happening::Recorded(event) => self.recorded(event)?,
            _ => {}
        }
        Ok(())
    }
}

/// What stands for itself in an address.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A file's address for a browser, which terminals make a link of.
fn file_address(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    format!("file://{}", utf8_percent_encode(&path.to_string_lossy(), &PLAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_word() {
        assert_eq!(file_address(Path::new("/a b/ü#1/report.html")), "file:///a%20b/%C3%BC%231/report.html");
    }
}
