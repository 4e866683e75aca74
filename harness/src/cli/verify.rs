//! `verify`

use std::path::Path;

use trainmark_reports::submission::{Finding, Submission, findings_grid, findings_json};

use super::arguments::{VerifyArguments, VerifyFormat};
use super::{bench, exit};
use crate::grid::drawn;
use crate::verify::Verifier;

pub(super) fn run(arguments: &VerifyArguments) -> anyhow::Result<i32> {
    let submission = find(&arguments.run)?;
    let findings = Verifier::here().verify(&submission);
    let hash = submission.record_hash().ok();
    let name = arguments.run.file_name().unwrap_or_default().to_string_lossy();
    match arguments.format {
        VerifyFormat::Text => say!("{}", text(&name, hash.as_deref(), &findings).trim_end()),
        VerifyFormat::Json => say!("{}", findings_json(&name, hash.as_deref(), &findings)?),
    }
    Ok(if findings.iter().any(Finding::is_failure) { exit::FAILED } else { exit::OK })
}

fn find(run: &Path) -> anyhow::Result<Submission> {
    if run.is_file() {
        return Ok(Submission::open(run)?);
    }
    Ok(Submission::open(&bench::find_run(run)?)?)
}

fn text(name: &str, hash: Option<&str>, findings: &[Finding]) -> String {
    let grid = findings_grid(name, findings);
    let failed = findings.iter().filter(|finding| finding.is_failure()).count();
    let verdict = match failed {
        0 => "nothing speaks against it".to_owned(),
        failed => format!("{failed} of {} checks failed: not fit to be published", findings.len()),
    };
    let hash = hash.map_or_else(String::new, |hash| format!("record  SHA-256 {hash}\n"));
    format!("{}\n\n{hash}{name}: {verdict}", drawn(&grid, &["verdict", "what was found"]))
}
