//! What a build prints: kept in a bounded file, its last line at hand.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use trainmark_reports::csv::one_line;

/// Bytes of the beginning that go into the file: the first error is there.
const HEAD: usize = 4 << 20;
/// Bytes of the end that are kept where more was printed.
const TAIL: usize = 64 << 10;
/// Bytes of a line that are kept to show.
const LONGEST_LINE: usize = 512;

/// Reads a build's output as fast as it comes.
pub(super) struct Log {
    last_line: Arc<Mutex<String>>,
    is_closed: Receiver<()>,
}

impl Log {
    /// Reads `output` until its last writer is gone, into `file` where there is one.
    pub(super) fn start(mut output: PipeReader, file: Option<File>) -> Self {
        let last_line = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&last_line);
        let (sender, is_closed) = channel();
        std::thread::spawn(move || {
            let mut kept = Kept { file, room: HEAD, tail: VecDeque::new(), left_out: 0 };
            let mut line = Vec::new();
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                kept.add(&buffer[..count]);
                follow(&buffer[..count], &mut line, &shared);
            }
            publish(&mut line, &shared);
            kept.finish();
            let _ = sender.send(());
        });
        Self { last_line, is_closed }
    }

    /// The last line that is not empty.
    pub(super) fn last_line(&self) -> String {
        self.last_line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until everything that was printed is written down.
    pub(super) fn finish(&self) {
        // A process that left the build's group may hold the pipe open for ever.
        let _ = self.is_closed.recv_timeout(Duration::from_secs(2));
    }
}

/// Beginning and end of an output.
struct Kept {
    file: Option<File>,
    room: usize,
    tail: VecDeque<u8>,
    left_out: usize,
}

impl Kept {
    fn add(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        let (head, rest) = bytes.split_at(bytes.len().min(self.room));
        // On a full disk the build itself fails; its log is second to that.
        let _ = file.write_all(head);
        self.room -= head.len();
        self.tail.extend(rest);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
        self.left_out += surplus;
    }

    fn finish(self) {
        let Some(mut file) = self.file else { return };
        if self.left_out > 0 {
            let _ = write!(file, "\n[{} bytes left out]\n", self.left_out);
        }
        let (front, back) = self.tail.as_slices();
        let _ = file.write_all(front).and_then(|()| file.write_all(back));
    }
}

/// Cuts bytes into lines, also where a progress bar returns to a line's start.
fn follow(bytes: &[u8], line: &mut Vec<u8>, last: &Mutex<String>) {
    for part in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
        let room = LONGEST_LINE.saturating_sub(line.len());
        line.extend(&part[..part.len().min(room)]);
        if part.ends_with(b"\n") || part.ends_with(b"\r") {
            publish(line, last);
        }
    }
}

fn publish(line: &mut Vec<u8>, last: &Mutex<String>) {
    // It may move a terminal's cursor.
    let text = one_line(&String::from_utf8_lossy(line));
    line.clear();
    if !text.is_empty() {
        *last.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(print: impl FnOnce(&mut std::io::PipeWriter)) -> (Log, String) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("log");
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let log = Log::start(reader, Some(File::create(&path).expect("writable")));
        print(&mut writer);
        drop(writer);
        log.finish();
        (log, String::from_utf8_lossy(&std::fs::read(&path).expect("readable")).into_owned())
    }

    #[test]
    fn the_last_line_is_at_hand() {
        let (log, text) = logged(|writer| {
            write!(writer, "first\n10 %\r20 %\r\n\n  \u{1b}[2Jlast").expect("it is read");
        });
        assert_eq!(log.last_line(), "[2Jlast");
        assert!(text.starts_with("first\n10 %"), "{text}");
    }

    #[test]
    fn of_too_much_the_beginning_and_the_end_are_kept() {
        let (log, text) = logged(|writer| {
            writeln!(writer, "error: first").expect("it is read");
            for _ in 0..HEAD / 64 + 4096 {
                writer.write_all(&[b'.'; 64]).expect("it is read");
            }
            writeln!(writer, "\nthe end").expect("it is read");
        });
        assert!(text.starts_with("error: first\n....") && text.ends_with("....\nthe end\n"));
        assert!(text.contains(" bytes left out]\n"));
        assert!(text.len() < HEAD + TAIL + 100, "{}", text.len());
        assert_eq!(log.last_line(), "the end");
    }
}
