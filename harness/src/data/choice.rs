//! How a data set is named, on the command line and in a workload's file.

use std::ffi::OsStr;
use std::fmt;
use std::path::{self, Path, PathBuf};
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use serde::{Deserialize, Serialize};

use super::publication::Publication;
use super::published;
use crate::registry::suggestion;

const AUTO: &str = "auto";
pub(super) const SYNTHETIC: &str = "synthetic";
/// What stands before the folder of a data set of the user's own.
pub(crate) const OWN: &str = "idx:";

/// Which data set to train on. As JSON it is its name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DatasetChoice {
    /// Fashion-MNIST where it can be had, else the procedural data set.
    #[default]
    Auto,
    /// The procedural data set.
    Synthetic,
    /// A published data set, or an error.
    Published(&'static Publication),
    /// The IDX files of a folder.
    Own(PathBuf),
}

impl DatasetChoice {
    /// The same, its folder taken from `base` where it is a relative path.
    #[must_use]
    pub fn relative_to(self, base: &Path) -> Self {
        match self {
            Self::Own(folder) => Self::Own(base.join(folder)),
            other => other,
        }
    }

    /// The same, which another working folder does not change.
    #[must_use]
    pub fn absolute(self) -> Self {
        match self {
            Self::Own(folder) => Self::Own(path::absolute(&folder).unwrap_or(folder)),
            other => other,
        }
    }

    /// Every name that stands for a data set by itself.
    pub fn names() -> impl Iterator<Item = &'static str> {
        described().map(|(name, _)| name)
    }
}

/// Every name, and what it stands for.
fn described() -> impl Iterator<Item = (&'static str, &'static str)> {
    let published = published::all().into_iter().map(|known| (known.name, known.about));
    let auto = (AUTO, "Fashion-MNIST where it can be had, else the procedural data set");
    [auto].into_iter().chain(published).chain([(SYNTHETIC, "The procedural data set")])
}

impl fmt::Display for DatasetChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str(AUTO),
            Self::Synthetic => f.write_str(SYNTHETIC),
            Self::Published(publication) => f.write_str(publication.name),
            Self::Own(folder) => write!(f, "{OWN}{}", folder.display()),
        }
    }
}

impl FromStr for DatasetChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(folder) = text.strip_prefix(OWN) {
            let is_plain = !folder.is_empty() && !folder.chars().any(char::is_control);
            return match is_plain {
                true => Ok(Self::Own(folder.into())),
                false => Err(format!("`{OWN}` is followed by the folder of the files, as in {OWN}./pets")),
            };
        }
        match text {
            AUTO => Ok(Self::Auto),
            SYNTHETIC => Ok(Self::Synthetic),
            name => published::find(name).map(Self::Published).ok_or_else(|| {
                // Whoever writes hundreds of letters means none of them.
                let name: String = name.chars().take(40).collect();
                let name = trainmark_reports::text::one_line(&name);
                let names = Self::names().chain(["idx:DIR"]);
                format!("`{name}` is no data set{}", suggestion(&name, names))
            }),
        }
    }
}

impl TryFrom<String> for DatasetChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<DatasetChoice> for String {
    fn from(choice: DatasetChoice) -> Self {
        choice.to_string()
    }
}

/// Reads the value of `--dataset`; help and completions have the names.
#[derive(Debug, Clone, Copy)]
pub struct DatasetParser;

impl TypedValueParser for DatasetParser {
    type Value = DatasetChoice;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<DatasetChoice, clap::Error> {
        let parse = |text: &str| text.parse::<DatasetChoice>();
        parse.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let own = ("idx:DIR", "Your own: four IDX files in a folder (docs/workloads.md)");
        let values = described().chain([own]);
        Some(Box::new(values.map(|(name, about)| PossibleValue::new(name).help(about))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_as_it_is_written() {
        for name in DatasetChoice::names().chain(["idx:./pets", "idx:/a b/c"]) {
            let choice: DatasetChoice = name.parse().unwrap();
            assert_eq!(choice.to_string(), name);
            let json = serde_json::to_string(&choice).unwrap();
            assert_eq!(json, format!("{name:?}"));
            assert_eq!(serde_json::from_str::<DatasetChoice>(&json).unwrap(), choice);
        }
    }

    #[test]
    fn what_is_none_is_answered_with_what_was_meant() {
        let message = |text: &str| text.parse::<DatasetChoice>().unwrap_err();
        let meant = message("fashion_mnist");
        assert!(
            meant
                .starts_with("`fashion_mnist` is no data set; did you mean fashion-mnist? (there are: auto,")
        );
        assert!(meant.ends_with(", idx:DIR)"), "{meant}");
        assert_eq!(message("idx:"), "`idx:` is followed by the folder of the files, as in idx:./pets");
        assert!(message("idx:a\nb").starts_with("`idx:`"));
        assert!(message(&"x\n".repeat(4000)).len() < 300);
    }

    #[test]
    fn only_a_relative_folder_is_moved() {
        let moved =
            |text: &str| text.parse::<DatasetChoice>().unwrap().relative_to(Path::new("/w")).to_string();
        assert_eq!(
            ["idx:pets", "idx:/pets", "synthetic"].map(moved),
            ["idx:/w/pets", "idx:/pets", "synthetic"]
        );
        assert!(DatasetChoice::Own("pets".into()).absolute().to_string().starts_with("idx:/"));
    }
}
