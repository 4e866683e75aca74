//! The log of what a worker prints: a file of bounded size, and its tail.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::Context;

/// Bytes kept in the file: a plugin that prints without end must not fill the disk.
const FILE_LIMIT: usize = 1 << 20;
/// Bytes kept for the tail.
const TAIL_LIMIT: usize = 4096;
/// Lines shown of the tail.
const TAIL_LINES: usize = 12;

/// Reads a worker's output as fast as it comes, so that the worker never waits.
pub(super) struct LogDrain {
    tail: Receiver<VecDeque<u8>>,
}

impl LogDrain {
    pub(super) fn start(mut output: PipeReader, path: &Path) -> anyhow::Result<Self> {
        let mut file =
            File::create(path).with_context(|| format!("cannot create the log {}", path.display()))?;
        let (sender, tail) = channel();
        std::thread::spawn(move || {
            let mut last = VecDeque::with_capacity(2 * TAIL_LIMIT);
            let mut room = FILE_LIMIT;
            let mut is_cut = false;
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                let kept = count.min(room);
                // A full disk shows where the records are written; the log is second to them.
                let _ = file.write_all(&buffer[..kept]);
                if kept < count && !is_cut {
                    is_cut = true;
                    let _ = file.write_all(b"\n[output cut here: more than 1 MiB]\n");
                }
                room -= kept;
                last.extend(&buffer[count.saturating_sub(TAIL_LIMIT)..count]);
                let surplus = last.len().saturating_sub(TAIL_LIMIT);
                last.drain(..surplus);
            }
            let _ = sender.send(last);
        });
        Ok(Self { tail })
    }

    /// The last lines, once every writer is gone; `None` where nothing was printed.
    pub(super) fn tail(&mut self) -> Option<String> {
        // A process that left the worker's group may hold the pipe open for ever.
        let bytes = self.tail.recv_timeout(Duration::from_secs(2)).ok()?;
        let text = String::from_utf8_lossy(&bytes.into_iter().collect::<Vec<_>>()).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        (!tail.trim().is_empty()).then_some(tail)
    }
}
