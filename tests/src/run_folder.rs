//! What a benchmark left behind.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A row of a CSV file, by column.
pub type Row = HashMap<String, String>;

/// A run folder.
#[derive(Debug, Clone)]
pub struct RunFolder {
    /// Where it lies.
    pub path: PathBuf,
}

impl RunFolder {
    /// The only run in a folder of runs.
    pub fn only(parent: &Path) -> Self {
        Self::find(parent).unwrap_or_else(|| panic!("there is not one run in {}", parent.display()))
    }

    /// The only run in a folder of runs, if there is one yet.
    pub fn find(parent: &Path) -> Option<Self> {
        let entries = fs::read_dir(parent).ok()?.map(|entry| entry.unwrap().path());
        // What is hidden is not yet there.
        let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
        let mut runs = entries
            .filter(|path| !path.is_symlink() && !is_hidden(path) && path.join("events.jsonl").is_file());
        let path = runs.next()?;
        runs.next().is_none().then_some(Self { path })
    }

    /// Sees that every run has ended well and once, and that each of its epochs is there once.
    ///
    /// # Panics
    /// Where one is lost or stands twice.
    pub fn assert_complete(&self, runs: usize, epochs_of_each: usize) {
        self.assert_complete_at_last(runs, epochs_of_each);
        let mut ended: HashMap<String, usize> = HashMap::new();
        for event in self.events().iter().filter(|event| event["event"] == "ended") {
            *ended.entry(format!("{} {}", event["cell"]["backend"], event["seed"])).or_default() += 1;
        }
        assert!(ended.len() == runs && ended.values().all(|count| *count == 1), "{ended:?}");
    }

    /// The same where runs were interrupted, and made again.
    ///
    /// # Panics
    /// Where one is lost, or an epoch stands twice.
    pub fn assert_complete_at_last(&self, runs: usize, epochs_of_each: usize) {
        let rows = self.rows("runs.csv");
        assert_eq!(rows.len(), runs);
        assert!(rows.iter().all(|row| row["outcome"] == "ok"), "{rows:?}");
        let mut epochs: HashMap<[String; 3], usize> = HashMap::new();
        for row in self.rows("epochs.csv") {
            *epochs.entry(["backend", "seed", "epoch"].map(|column| row[column].clone())).or_default() += 1;
        }
        assert_eq!(epochs.len(), runs * epochs_of_each, "an epoch is lost");
        assert!(epochs.values().all(|count| *count == 1), "an epoch stands twice: {epochs:?}");
    }

    /// A file's text.
    pub fn read(&self, name: &str) -> String {
        let path = self.path.join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The header of a CSV file.
    pub fn columns(&self, name: &str) -> Vec<String> {
        self.read(name).lines().next().unwrap().split(',').map(str::to_owned).collect()
    }

    /// The rows of a CSV file.
    pub fn rows(&self, name: &str) -> Vec<Row> {
        let text = self.read(name);
        csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
    }

    /// The only row of `runs.csv` for a backend.
    pub fn run(&self, backend: &str) -> Row {
        let mut rows = self.rows("runs.csv").into_iter().filter(|row| row["backend"] == backend);
        let row = rows.next().unwrap_or_else(|| panic!("no row of {backend}:\n{}", self.read("runs.csv")));
        assert!(rows.next().is_none(), "two rows of {backend}:\n{}", self.read("runs.csv"));
        row
    }

    /// The events of the record.
    ///
    /// # Panics
    /// Where a line is not whole.
    pub fn events(&self) -> Vec<Value> {
        let text = self.read("events.jsonl");
        assert!(text.is_empty() || text.ends_with('\n'), "the last line is torn: {text}");
        text.lines().map(|line| serde_json::from_str(line).expect("a line is whole")).collect()
    }

    /// How many events of a kind there are by now; a line that is being written does not count.
    pub fn count(&self, kind: &str) -> usize {
        let text = self.read("events.jsonl");
        text.lines().filter(|line| line.starts_with(&format!("{{\"event\":\"{kind}\""))).count()
    }
}
