//! What one check of a submission has found.

use serde::Serialize;

use crate::formats::Grid;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing speaks against the record.
    Ok,
    /// Something does.
    Failed,
    /// There is nothing to hold the record against.
    NotJudged,
}

impl Verdict {
    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::NotJudged => "not judged",
        }
    }
}

/// What one check has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub check: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What was found, in one line.
    pub detail: String,
}

impl Finding {
    /// Nothing speaks against the record.
    pub fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, detail: detail.into() }
    }

    /// Something does.
    pub fn failed(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Failed, detail: detail.into() }
    }

    /// There is nothing to hold the record against.
    pub fn not_judged(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::NotJudged, detail: detail.into() }
    }

    /// Of what was looked for: what is wrong, the first with the number of the others, or that all is well.
    pub fn of(check: &'static str, wrong: &[String], well: impl Into<String>) -> Self {
        match wrong {
            [] => Self::ok(check, well),
            [one] => Self::failed(check, one),
            [first, others @ ..] => Self::failed(check, format!("{first}; and {} more", others.len())),
        }
    }

    /// Whether something speaks against the record.
    pub fn is_failure(&self) -> bool {
        self.verdict == Verdict::Failed
    }
}

/// All of them as a table.
pub fn findings_grid(title: &str, findings: &[Finding]) -> Grid {
    let header = ["check", "verdict", "what was found"].map(str::to_owned).to_vec();
    let row = |one: &Finding| vec![one.check.to_owned(), one.verdict.name().to_owned(), one.detail.clone()];
    Grid { title: title.to_owned(), header, rows: findings.iter().map(row).collect() }
}

/// All of them for a program, with the SHA-256 of the record that they are of.
///
/// # Errors
/// When they cannot be encoded, which is a bug.
pub fn findings_json(
    run: &str,
    record_hash: Option<&str>,
    findings: &[Finding],
) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Document<'a> {
        kind: &'static str,
        schema: u32,
        run: &'a str,
        record_sha256: Option<&'a str>,
        passed: bool,
        checks: &'a [Finding],
    }
    let passed = !findings.iter().any(Finding::is_failure);
    let schema = crate::record::SCHEMA;
    let (kind, record_sha256) = ("verification", record_hash);
    serde_json::to_string_pretty(&Document { kind, schema, run, record_sha256, passed, checks: findings })
}
