//! What the maintainers of a site say of it: `site.toml` in the folder of its runs.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::SiteError;
use crate::files;
use crate::submission::is_sha256;

/// What the maintainers say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The title of the first page.
    pub(super) title: Option<String>,
    /// The runs that they made themselves, each with the SHA-256 of its record: a name alone is anybody's to
    /// give.
    #[serde(default)]
    maintainers: BTreeMap<String, String>,
}

impl Settings {
    pub(super) const FILE: &str = "site.toml";

    /// Of a folder of runs; nothing where it has no such file.
    pub(super) fn read(dir: &Path) -> Result<Self, SiteError> {
        let path = dir.join(Self::FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let wrong = |why: String| SiteError::Settings { path: path.clone(), why };
        let text = files::read_text(&path).map_err(|error| wrong(error.to_string()))?;
        Self::parse(&text).map_err(wrong)
    }

    fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str =
            "under `[maintainers]` write NAME = \"HASH\", as `trainmark verify NAME` prints it";
        let told = |error: toml::de::Error| error.message().to_owned();
        let values: toml::Table = toml::from_str(text).map_err(told)?;
        if values.get("maintainers").is_some_and(|value| !value.is_table()) {
            return Err(format!("names alone do not tell which runs are the maintainers': {FORM}"));
        }
        let settings: Self = toml::from_str(text).map_err(told)?;
        if let Some((run, _)) = settings.maintainers().find(|(_, hash)| !is_sha256(hash)) {
            return Err(format!("that of {run} is no SHA-256: {FORM}"));
        }
        Ok(settings)
    }

    /// The runs that the maintainers have made themselves, each with the SHA-256 of its record.
    pub(super) fn maintainers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.maintainers.iter().map(|(run, hash)| (run.as_str(), hash.as_str()))
    }

    /// SHA-256 of the record of a run that the maintainers have made themselves.
    pub(super) fn record_hash_of(&self, run_id: &str) -> Option<&str> {
        self.maintainers.get(run_id).map(String::as_str)
    }
}
