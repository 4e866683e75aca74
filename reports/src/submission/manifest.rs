//! What a pack holds, with the hash of each file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a pack holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format, now 1.
    pub schema: u32,
    /// Name of the run.
    pub run_id: String,
    /// Version of the trainmark that packed it.
    pub trainmark: String,
    /// SHA-256 of each file, in hexadecimal digits, by its path in the pack.
    pub files: BTreeMap<String, String>,
    /// What the run folder had and the pack has not, and why.
    pub left_out: Vec<String>,
}

impl Manifest {
    /// Its name in a pack.
    pub const FILE: &str = "manifest.json";
    /// [`Self::schema`] of this version.
    pub const SCHEMA: u32 = 1;
}

/// Whether a text is a SHA-256 in hexadecimal digits.
pub(crate) fn is_sha256(hash: &str) -> bool {
    hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// SHA-256 in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
