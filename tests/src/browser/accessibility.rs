//! axe, which checks a page against the rules of accessibility.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use super::page::Page;
use crate::build::repository_root;
use crate::require::skip;

/// A rule that a page breaks.
#[derive(Debug)]
pub struct Violation {
    /// The rule's name, such as `color-contrast`.
    pub rule: String,
    /// What is wrong, and the page that explains it.
    pub help: String,
    /// Where: selectors, and what is wrong there.
    pub targets: Vec<String>,
}

/// axe's source, fetched once; `None`, said aloud, where it cannot be had.
fn axe() -> Option<&'static str> {
    static SOURCE: OnceLock<Result<String, String>> = OnceLock::new();
    let source = SOURCE.get_or_init(|| {
        let output = Command::new("bash").arg(repository_root().join("scripts/axe.sh")).output();
        let output = output.map_err(|error| format!("bash cannot be run: {error}"))?;
        if !output.status.success() {
            return Err(format!("scripts/axe.sh: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
    });
    match source {
        Ok(source) => Some(source),
        Err(why) => {
            skip("axe", why);
            None
        }
    }
}

impl Page {
    /// The rules that it breaks as it is now shown; `None`, said aloud, without axe.
    pub fn violations(&self) -> Option<Vec<Violation>> {
        let axe = axe()?;
        self.evaluate(&format!("if (!window.axe) {{ {axe} }}"));
        let result = self.evaluate("axe.run(document, { resultTypes: ['violations'] })");
        // A run that looked at nothing would find nothing.
        assert!(!result["passes"].as_array().unwrap().is_empty(), "axe checked no rule: {result}");
        Some(result["violations"].as_array().unwrap().iter().map(violation).collect())
    }
}

fn violation(of_rule: &Value) -> Violation {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let nodes = of_rule["nodes"].as_array().unwrap().iter();
    Violation {
        rule: text(&of_rule["id"]),
        help: format!("{} ({})", text(&of_rule["help"]), text(&of_rule["helpUrl"])),
        targets: nodes.map(|node| format!("{}: {}", node["target"], text(&node["failureSummary"]))).collect(),
    }
}
