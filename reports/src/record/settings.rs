//! What a benchmark was started with and that changes how fast everything is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Variables, and the processors' time that there is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Variables that frameworks, allocators and the loader read, as every worker finds them;
    /// the numbers of threads, which are each cell's, aside.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Processors that the process may run on, such as `0-3,8`, where the system tells.
    #[serde(default)]
    pub allowed_processors: Option<String>,
    /// Processors that are switched on, where the system tells.
    #[serde(default)]
    pub online_processors: Option<String>,
    /// Processors whose time a control group grants together, where one does.
    #[serde(default)]
    pub processor_quota: Option<f64>,
    /// How far the process stands back for others: from −20 to 19, where the system tells.
    #[serde(default)]
    pub nice: Option<i32>,
}

impl Settings {
    /// The processors that it may use, in words.
    pub fn processors_words(&self) -> String {
        let known =
            |processors: &Option<String>| processors.clone().unwrap_or_else(|| "not known".to_owned());
        let mut words = known(&self.allowed_processors);
        if self.online_processors.is_some() && self.online_processors != self.allowed_processors {
            words = format!("{words} of {}", known(&self.online_processors));
        }
        match self.processor_quota {
            Some(quota) => format!("{words}, with the time of {quota}"),
            None => words,
        }
    }

    /// Its nice value, or that it is not known.
    pub fn nice_words(&self) -> String {
        self.nice.map_or_else(|| "not known".to_owned(), |nice| nice.to_string())
    }

    /// A variable as it stands in a list of differences.
    pub(crate) fn variable_words(&self, name: &str) -> String {
        self.variables.get(name).map_or_else(|| "not set".to_owned(), |value| format!("\"{value}\""))
    }

    /// All variables as `NAME=value`.
    pub fn variables_words(&self) -> String {
        let words: Vec<String> =
            self.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if words.is_empty() { "none".to_owned() } else { words.join(", ") }
    }
}
