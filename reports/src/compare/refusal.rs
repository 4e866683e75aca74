//! Why two runs are not compared.

/// Two runs are not compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// They trained with different data.
    #[error(
        "not comparable: A trained on {} ({:.12}…), B on {} ({:.12}…), which are different data; run one of \
         them again on the other's data set",
        names[0], fingerprints[0], names[1], fingerprints[1]
    )]
    DataSet {
        /// Names of A's and B's data set.
        names: [String; 2],
        /// Their SHA-256.
        fingerprints: [String; 2],
    },
    /// A workload's name means two things.
    #[error("not comparable: {workload} is another training in B than in A: {what}; run one of them again")]
    Workload {
        /// Name of the workload.
        workload: String,
        /// What differs, A's value first.
        what: String,
    },
    /// They ran on different machines.
    #[error(
        "A and B ran on different machines: {}; their times tell of the machines, not of the backends: with \
         --across-machines they are compared all the same",
        differences.join("; ")
    )]
    Machines {
        /// Each difference in words.
        differences: Vec<String>,
    },
}
