//! Is training from Rust as fast as from Python?

use super::Field;
use crate::statistics::Verdict;

const RUST: &str = "Rust";
const PYTHON: &str = "Python";

impl Field<'_> {
    /// The fastest framework that is used from Rust against the fastest used from Python; nothing
    /// where only one of them has a time. Where the former's engine is not its own, also the
    /// fastest of those in Rust that name none. Then against each further one in Python.
    pub(super) fn rust_against_python(&self) -> Option<String> {
        let [rust, python] = [RUST, PYTHON].map(|language| self.first_of(language, |_| true));
        let (rust, python) = (rust?, python?);
        let names = (format!("the fastest framework in {RUST}"), format!("the fastest in {PYTHON}"));
        let [of_rust, of_python] = [rust, python].map(|place| self.with_engine(place));
        let (rust_named, python_named) =
            (format!("{}, {of_rust},", names.0), format!("{}, {of_python}", names.1));
        let (place, times) = (self.place(), self.times_as_long(rust, python));
        let told = match self.verdict(rust, python) {
            Verdict::Lower | Verdict::Higher => {
                format!("For {place} {rust_named} takes {times} as long as {python_named}")
            }
            Verdict::NoDifferenceShown => format!(
                "For {place} no difference is shown between {rust_named} and {python_named}: {times} as long"
            ),
            Verdict::NeedsMoreSeeds => format!(
                "For {place} {rust_named} takes by medians {times} as long as {python_named}; whether that is more than \
                 chance needs more seeds"
            ),
        };
        let told = format!("{told}{}.", self.of_own_engine(rust, python));
        let others = self.others_of(PYTHON, python);
        if others.is_empty() {
            return Some(told);
        }
        let held: Vec<String> = others.into_iter().map(|other| self.held_against(rust, other)).collect();
        Some(format!("{told} {} takes {}.", self.named(rust), held.join("; ")))
    }

    /// The fastest cell of each further framework of a language, the shortest time first.
    fn others_of(&self, language: &str, first: usize) -> Vec<usize> {
        let mut seen = vec![self.backend(first)];
        let mut is_new = |place: &usize| {
            let backend = self.backend(*place);
            let is_new = !seen.contains(&backend);
            seen.push(backend);
            is_new
        };
        let places = self.frameworks.iter().copied();
        places.filter(|&place| self.is_used_from(place, language)).filter(|place| is_new(place)).collect()
    }

    /// `0.71× [0.69, 0.73] as long as jax (primitive)`
    fn held_against(&self, subject: usize, baseline: usize) -> String {
        let doubt = doubt(self.verdict(subject, baseline));
        format!("{} as long as {}{doubt}", self.times_as_long(subject, baseline), self.named(baseline))
    }

    /// `; candle (builtin), the fastest in Rust that wraps no engine, takes 2.10× [1.90, 2.30]`
    fn of_own_engine(&self, rust: usize, python: usize) -> String {
        if self.engine(rust).is_none() {
            return String::new();
        }
        let own = self.first_of(RUST, |place| self.engine(place).is_none());
        own.map_or_else(String::new, |own| {
            let doubt = doubt(self.verdict(own, python));
            format!(
                "; {}, the fastest in {RUST} that wraps no engine, takes {}{doubt}",
                self.named(own),
                self.times_as_long(own, python)
            )
        })
    }

    /// The framework's cell of a language with the shortest time.
    fn first_of(&self, language: &str, is_meant: impl Fn(usize) -> bool) -> Option<usize> {
        let mut places = self.frameworks.iter().copied();
        places.find(|&place| self.is_used_from(place, language) && is_meant(place))
    }

    fn is_used_from(&self, place: usize, language: &str) -> bool {
        let found = self.record.started.language_of(self.group.cells[place].cell);
        found.is_some_and(|found| found.eq_ignore_ascii_case(language))
    }

    fn verdict(&self, subject: usize, baseline: usize) -> Verdict {
        let comparison = self.relative.get(baseline, subject);
        comparison.map_or(Verdict::NeedsMoreSeeds, |comparison| comparison.verdict)
    }

    fn times_as_long(&self, subject: usize, baseline: usize) -> String {
        self.times(subject, baseline, self.relative.get(baseline, subject).copied())
    }

    fn engine(&self, place: usize) -> Option<&str> {
        self.record.started.engine_of(self.group.cells[place].cell)
    }

    /// `candle (builtin)`
    fn named(&self, place: usize) -> String {
        format!("{}{}", self.backend(place), self.implementation(place))
    }

    /// `tch (builtin) over libtorch 2.11.0`
    fn with_engine(&self, place: usize) -> String {
        let over = self.engine(place).map_or_else(String::new, |engine| format!(" over {engine}"));
        format!("{}{over}", self.named(place))
    }
}

/// What is said behind a ratio that is no shown difference.
fn doubt(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Lower | Verdict::Higher => "",
        Verdict::NoDifferenceShown => ", no difference shown",
        Verdict::NeedsMoreSeeds => " by medians",
    }
}
