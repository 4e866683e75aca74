//! What a process prints: its beginning and end in a file of bounded size, its last lines at
//! hand.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use trainmark_reports::files;
use trainmark_reports::text::one_line;

/// Bytes of the end that are kept.
const TAIL: usize = 64 << 10;
/// Bytes and lines of the end that are shown.
const SHOWN: (usize, usize) = (4096, 12);
/// Bytes of a line that are shown by itself.
const LONGEST_LINE: usize = 512;

/// Reads an output as fast as it comes, so that nobody waits who prints.
#[derive(Default)]
pub(super) struct Log {
    end: Arc<Mutex<End>>,
    /// Closed with the output; `None` where none is read.
    is_closed: Option<Receiver<()>>,
}

impl Log {
    /// Reads `output` until its last writer is gone, into `file` where there is one.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub(super) fn start(mut output: PipeReader, mut file: Option<BoundedFile>) -> anyhow::Result<Self> {
        let end = Arc::new(Mutex::new(End::default()));
        let shared = Arc::clone(&end);
        let (sender, is_closed) = channel();
        let read = move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                file.iter_mut().for_each(|file| file.add(&buffer[..count]));
                locked(&shared).add(&buffer[..count]);
            }
            let mut end = locked(&shared);
            end.is_whole = true;
            file.into_iter().for_each(|file| file.finish(&mut end.bytes));
            let _ = sender.send(());
        };
        std::thread::Builder::new().spawn(read).context("cannot start a thread that reads a log")?;
        Ok(Self { end, is_closed: Some(is_closed) })
    }

    /// The last line that has ended and is not empty.
    pub(super) fn last_line(&self) -> String {
        let mut end = locked(&self.end);
        let is_whole = end.is_whole;
        // A progress bar returns to its line's start.
        let mut lines = end.bytes.make_contiguous().rsplit(|byte| matches!(byte, b'\n' | b'\r'));
        if !is_whole {
            lines.next();
        }
        // It may move a terminal's cursor.
        lines
            .map(|line| one_line(&String::from_utf8_lossy(&line[..line.len().min(LONGEST_LINE)])))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    }

    /// The last lines; `None` where nothing was printed.
    pub(super) fn last_lines(&self) -> Option<String> {
        let (bytes, count) = SHOWN;
        let mut end = locked(&self.end);
        let surplus = end.bytes.len().saturating_sub(bytes);
        let text = String::from_utf8_lossy(&end.bytes.make_contiguous()[surplus..]).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let shown = lines[lines.len().saturating_sub(count)..].join("\n");
        (!shown.trim().is_empty()).then_some(shown)
    }

    /// Waits until everything that was printed is written down.
    pub(super) fn finish(&self) {
        // A process that left the group may hold the pipe open for ever.
        let _ = self.is_closed.as_ref().map(|closed| closed.recv_timeout(Duration::from_secs(2)));
    }
}

fn locked(end: &Mutex<End>) -> MutexGuard<'_, End> {
    end.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last bytes of an output.
#[derive(Default)]
struct End {
    bytes: VecDeque<u8>,
    /// Whether nothing comes any more, so that the last line has ended too.
    is_whole: bool,
}

impl End {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.bytes.drain(..self.bytes.len().saturating_sub(TAIL));
    }
}

/// A file that takes the beginning of an output at once and its end at last: what prints without
/// end must not fill the disk.
pub(crate) struct BoundedFile {
    file: File,
    room: usize,
    surplus: usize,
}

impl BoundedFile {
    /// One that takes so many bytes, which are more than the end's, and a line that says what was
    /// left out.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(crate) fn create(path: &Path, limit: usize) -> io::Result<Self> {
        Ok(Self { file: files::create(path)?, room: limit - TAIL, surplus: 0 })
    }

    fn add(&mut self, bytes: &[u8]) {
        let head = &bytes[..bytes.len().min(self.room)];
        // A full disk shows where the records are written, or fails a build; the log is second
        // to them.
        let _ = self.file.write_all(head);
        self.room -= head.len();
        self.surplus += bytes.len() - head.len();
    }

    fn finish(mut self, end: &mut VecDeque<u8>) {
        let rest = self.surplus.min(TAIL);
        if rest < self.surplus {
            let _ = write!(self.file, "\n[{} bytes left out]\n", self.surplus - rest);
        }
        let written = end.len() - rest.min(end.len());
        let _ = self.file.write_all(&end.make_contiguous()[written..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 20;

    fn logged(print: impl FnOnce(&mut std::io::PipeWriter)) -> (Log, String) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("log");
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let log = Log::start(reader, Some(BoundedFile::create(&path, LIMIT).expect("writable")));
        let log = log.expect("a thread");
        print(&mut writer);
        drop(writer);
        log.finish();
        (log, String::from_utf8_lossy(&std::fs::read(&path).expect("readable")).into_owned())
    }

    #[test]
    fn the_last_lines_are_at_hand() {
        let (log, text) = logged(|writer| {
            write!(writer, "first\n10 %\r20 %\r\n\n  \u{1b}[2Jlast").expect("it is read");
        });
        assert_eq!(log.last_line(), "[2Jlast");
        assert!(text.starts_with("first\n10 %"), "{text}");
        let (log, _) = logged(|writer| {
            (0..100).for_each(|line| writeln!(writer, "{line}").expect("it is read"));
        });
        assert_eq!(
            log.last_lines(),
            Some((88..100).map(|line| line.to_string()).collect::<Vec<_>>().join("\n"))
        );
        assert_eq!(logged(|_| {}).0.last_lines(), None);
    }

    #[test]
    fn a_line_is_told_once_it_has_ended() {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let log = Log::start(reader, None).expect("a thread");
        write!(writer, "first\nsec").expect("it is read");
        while log.last_line().is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(log.last_line(), "first");
        drop(writer);
        log.finish();
        assert_eq!(log.last_line(), "sec");
    }

    #[test]
    fn of_too_much_the_beginning_and_the_end_are_kept() {
        let (log, text) = logged(|writer| {
            writeln!(writer, "error: first").expect("it is read");
            for _ in 0..LIMIT / 64 + 4096 {
                writer.write_all(&[b'.'; 64]).expect("it is read");
            }
            writeln!(writer, "\nthe end").expect("it is read");
        });
        assert!(text.starts_with("error: first\n....") && text.ends_with("....\nthe end\n"));
        assert!(text.contains(" bytes left out]\n"));
        assert!(text.len() < LIMIT + 100, "{}", text.len());
        assert_eq!(log.last_line(), "the end");
        let (_, text) = logged(|writer| writer.write_all(&vec![b'.'; LIMIT]).expect("it is read"));
        assert_eq!(text.len(), LIMIT, "what fits into beginning and end is whole");
    }
}
