//! How much memory a process may use.

use serde::{Deserialize, Serialize};

use crate::{machine, units};

/// Most resident memory of a process. As JSON a number of bytes, or an object with the share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MemoryLimit {
    /// So many bytes.
    Bytes(u64),
    /// A share of what the machine or its container has, at every moment anew: the memory of a
    /// virtual machine may begin small and grow as it is needed.
    OfMachine {
        /// Between 0 and 1.
        share_of_machine: f64,
    },
}

impl MemoryLimit {
    /// What holds where nothing else is asked for.
    pub const DEFAULT: Self = Self::OfMachine { share_of_machine: 0.75 };

    /// No limit.
    pub const NONE: Self = Self::Bytes(u64::MAX);

    /// In bytes, of this machine as it is now.
    pub fn here(self) -> u64 {
        self.bytes(machine::usable_memory_bytes())
    }

    /// In bytes, of a machine with `total` bytes of memory; without a limit where it does not tell.
    fn bytes(self, total: Option<u64>) -> u64 {
        match (self, total) {
            (Self::Bytes(bytes), _) => bytes,
            (Self::OfMachine { share_of_machine }, Some(total)) => (total as f64 * share_of_machine) as u64,
            (Self::OfMachine { .. }, None) => u64::MAX,
        }
    }
}

/// Holds one process against the limit.
pub(crate) struct MemoryWatch {
    limit: MemoryLimit,
    /// The limit as it was when the machine was last asked.
    bytes: u64,
}

impl MemoryWatch {
    pub(crate) fn start(limit: MemoryLimit) -> Self {
        Self { limit, bytes: limit.bytes(machine::usable_memory_bytes()) }
    }

    /// What a process that uses so many bytes has used too much of, if it has. The machine is
    /// asked for its memory again before that is said, and not each time, which would disturb.
    pub(crate) fn passed_by(&mut self, used: u64, total: impl FnOnce() -> Option<u64>) -> Option<String> {
        if used <= self.bytes {
            return None;
        }
        self.bytes = self.limit.bytes(total());
        if used <= self.bytes {
            return None;
        }
        let bytes = units::bytes(self.bytes);
        Some(match self.limit {
            MemoryLimit::Bytes(_) => format!("more than its {bytes} of memory"),
            MemoryLimit::OfMachine { share_of_machine } => {
                let percent = share_of_machine * 100.0;
                format!(
                    "more than its {bytes} of memory, {percent:.0}% of what the machine or its container has,"
                )
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_machine_that_has_grown_is_asked_before_a_worker_is_stopped() {
        let mut watch = MemoryWatch { limit: MemoryLimit::DEFAULT, bytes: 3 * GIB };
        assert_eq!(watch.passed_by(3 * GIB, || panic!("it is below the limit")), None);
        assert_eq!(watch.passed_by(4 * GIB, || Some(8 * GIB)), None, "it has 8 GiB by now");
        assert_eq!(watch.passed_by(6 * GIB, || panic!("so it was when it was last asked")), None);
        assert_eq!(
            watch.passed_by(6 * GIB + 1, || Some(8 * GIB)).as_deref(),
            Some("more than its 6.0 GiB of memory, 75% of what the machine or its container has,")
        );
        assert_eq!(watch.passed_by(7 * GIB, || None), None, "a machine that does not tell sets no limit");
    }

    #[test]
    fn bytes_that_were_given_do_not_grow() {
        let mut watch = MemoryWatch::start(MemoryLimit::Bytes(GIB));
        assert_eq!(watch.passed_by(GIB, || None), None);
        let passed = watch.passed_by(GIB + 1, || Some(100 * GIB));
        assert_eq!(passed.as_deref(), Some("more than its 1.0 GiB of memory"));
    }

    /// A request of an earlier version has a number.
    #[test]
    fn both_kinds_are_read_back_as_they_were_written() {
        for (limit, text) in [
            (MemoryLimit::Bytes(600 << 20), "629145600"),
            (MemoryLimit::DEFAULT, r#"{"share_of_machine":0.75}"#),
            (MemoryLimit::NONE, "18446744073709551615"),
        ] {
            assert_eq!(serde_json::to_string(&limit).unwrap(), text);
            assert_eq!(serde_json::from_str::<MemoryLimit>(text).unwrap(), limit);
        }
    }
}
