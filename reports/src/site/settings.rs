//! What the maintainers of a site say of it: `site.toml` in the folder of its runs.

use std::path::Path;

use serde::Deserialize;

use super::SiteError;
use crate::files;

/// What the maintainers say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The title of the first page.
    pub(super) title: Option<String>,
    /// Names of the runs that they made themselves.
    #[serde(default)]
    maintainers: Vec<String>,
}

impl Settings {
    const FILE: &str = "site.toml";

    /// Of a folder of runs; nothing where it has no such file.
    pub(super) fn read(dir: &Path) -> Result<Self, SiteError> {
        let path = dir.join(Self::FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let wrong = |why: String| SiteError::Settings { path: path.clone(), why };
        let text = files::read_text(&path).map_err(|error| wrong(error.to_string()))?;
        toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))
    }

    /// Whether the maintainers have made a run themselves.
    pub(super) fn lists(&self, run_id: &str) -> bool {
        self.maintainers.iter().any(|run| run == run_id)
    }
}
