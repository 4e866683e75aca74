//! What the words of a report mean, for readers who meet them for the first time.

use serde::Serialize;

/// A word and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Term {
    /// The word as it stands in a report, in lower case but for names.
    pub word: &'static str,
    /// What it means, as the rest of a sentence that begins with it.
    pub meaning: &'static str,
}

/// All of them, in the order in which a reader meets them.
pub const TERMS: [Term; 9] = [
    Term {
        word: "cell",
        meaning: "one backend with one implementation of batch norm, on one device, training one workload",
    },
    Term { word: "builtin", meaning: "batch norm as the framework's own layer" },
    Term { word: "primitive", meaning: "batch norm composed of the framework's elementary operations" },
    Term {
        word: "ceiling",
        meaning: "a backend written to show what the machine can do, and nothing to choose; the nearer it comes to the \
                  peak, the more it shows",
    },
    Term {
        word: "interval",
        meaning: "[low, high]: of 100 such benchmarks, 95 would find one that holds the true value",
    },
    Term {
        word: "noise floor",
        meaning: "by so much the means over the seeds may differ of a cell that is run twice in each round; less than \
                  that says nothing",
    },
    Term {
        word: "Holm",
        meaning: "a correction: the more comparisons are made, the clearer each must be, lest one of them \
                  looks like a difference by chance",
    },
    Term { word: "ranked", meaning: "compared with others: no run of the cell computed another function" },
    Term {
        word: "no difference shown",
        meaning: "noise explains what was measured; that does not mean that the two are equal",
    },
];

/// The terms that a text uses.
pub fn terms_in(text: &str) -> Vec<Term> {
    let text = text.to_lowercase();
    TERMS.into_iter().filter(|term| text.contains(&term.word.to_lowercase())).collect()
}
