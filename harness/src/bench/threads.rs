//! With how many threads backends are to compute on the processor.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::machine;

/// One number of threads or several, each a cell of its own. In a request one stands as a number, as
/// versions without lists wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMore", into = "OneOrMore")]
pub struct ThreadCounts(Vec<usize>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(usize),
    More(Vec<usize>),
}

impl ThreadCounts {
    /// These, each once; none: as many as there are processors.
    pub fn new(counts: &[usize]) -> Self {
        if counts.is_empty() {
            return Self(vec![machine::logical_cpus()]);
        }
        Self(trainmark_reports::record::distinct(counts.iter().copied()))
    }

    /// Every number.
    pub fn all(&self) -> &[usize] {
        &self.0
    }

    /// The greatest.
    pub fn most(&self) -> usize {
        self.0.iter().copied().max().unwrap_or(1)
    }

    /// Refuses several, where something `is_done` with one number at a time.
    ///
    /// # Errors
    /// With the numbers.
    pub fn check_one(&self, is_done: &str) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.are_several(),
            "--threads {self}: {is_done} with one number of threads at a time"
        );
        Ok(())
    }

    /// Whether there are several, so that a cell's name tells its own.
    pub fn are_several(&self) -> bool {
        self.0.len() > 1
    }
}

impl Default for ThreadCounts {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl fmt::Display for ThreadCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&counts.join(","))
    }
}

impl From<OneOrMore> for ThreadCounts {
    fn from(counts: OneOrMore) -> Self {
        match counts {
            OneOrMore::One(one) => Self::new(&[one]),
            OneOrMore::More(more) => Self::new(&more),
        }
    }
}

impl From<ThreadCounts> for OneOrMore {
    fn from(counts: ThreadCounts) -> Self {
        match counts.0[..] {
            [one] => Self::One(one),
            _ => Self::More(counts.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_a_number_and_several_are_a_list() {
        for (counts, json) in [(&[2_usize] as &[usize], "2"), (&[1, 4, 1], "[1,4]")] {
            let counts = ThreadCounts::new(counts);
            assert_eq!(serde_json::to_string(&counts).unwrap(), json);
            assert_eq!(serde_json::from_str::<ThreadCounts>(json).unwrap(), counts);
        }
        let counts = ThreadCounts::new(&[1, 4, 2]);
        assert_eq!((counts.most(), counts.are_several(), counts.to_string()), (4, true, "1,4,2".to_owned()));
        assert_eq!(ThreadCounts::default().all(), [machine::logical_cpus()]);
    }
}
