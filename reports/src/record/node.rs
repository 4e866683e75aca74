//! A node of a cluster, on which a round was run.

use serde::{Deserialize, Serialize};

use super::Environment;

/// Where a round was run, in a benchmark whose rounds are jobs of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its name in the cluster.
    pub name: String,
    /// The cluster's job that ran the round, such as `1204_3`.
    pub job: String,
    /// By how many seconds its clock was ahead of that of the shared folder; `None` where that does
    /// not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_seconds: Option<f64>,
    /// The machine and the tools there, and its C library.
    pub environment: Environment,
    /// Version of its C library, such as `glibc 2.36`; `None` where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c_library: Option<String>,
    /// What makes its numbers doubtful, by its own words: a battery, a slow governor, other load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
