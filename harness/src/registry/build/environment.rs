//! What a build and its probes find in their environment.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::{Network, Recipe};

/// Sends output into colours, words into another language, files into another folder, or `cd`
/// to another place than a script means.
const UNSET: [&str; 8] = [
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CDPATH",
    "CLICOLOR_FORCE",
    "FORCE_COLOR",
    "LANGUAGE",
    "LC_MESSAGES",
];

/// Makes compilers speak as a reason is looked for in what they print.
const PLAIN: [(&str, &str); 4] =
    [("CARGO_TERM_COLOR", "never"), ("GCC_COLORS", ""), ("LC_ALL", "C"), ("NO_COLOR", "1")];

/// Flags of rustc in the user's environment, with what stands between them.
const RUSTC_FLAGS: [(&str, &str); 2] = [("CARGO_ENCODED_RUSTFLAGS", "\u{1f}"), ("RUSTFLAGS", " ")];

/// Names the Python that serves backends in Python, or an environment of one.
const PYTHON: &str = "TRAINMARK_PYTHON";

/// A user who denies warnings means his own code; cargo spares only what comes from a registry.
const NO_DENIED_WARNINGS: &str = "--cap-lints=warn";

impl Network {
    /// What tells a build's usual tools, and its own scripts.
    fn variables(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Allowed => &[],
            Self::Forbidden => {
                &[("CARGO_NET_OFFLINE", "true"), ("PIP_NO_INDEX", "1"), ("TRAINMARK_OFFLINE", "1")]
            }
        }
    }
}

impl Recipe {
    /// Variables that are set, or unset where they have no value.
    pub(super) fn environment(&self, network: Network) -> Vec<(&'static str, Option<OsString>)> {
        let unset = UNSET.into_iter().map(|name| (name, None));
        let set = PLAIN.iter().chain(network.variables());
        let set = set.map(|(name, value)| (*name, Some(OsString::from(*value))));
        let flags = RUSTC_FLAGS.into_iter().filter_map(|(name, separator)| {
            Some((name, Some(without_denied_warnings(&std::env::var_os(name)?, separator))))
        });
        let target = [("CARGO_TARGET_DIR", Some(self.target.clone().into_os_string()))];
        let python = std::env::var_os(PYTHON).map(|named| (PYTHON, Some(as_meant_here(named))));
        unset.chain(set).chain(flags).chain(target).chain(python).collect()
    }
}

/// What the user has named from where he is; builds run in another folder. The name of a program
/// is looked for on the PATH.
pub(super) fn as_meant_here(named: OsString) -> OsString {
    let is_path = named.as_encoded_bytes().contains(&b'/') || Path::new(&named).is_dir();
    match std::path::absolute(&named) {
        Ok(path) if is_path => path.into_os_string(),
        _ => named,
    }
}

fn without_denied_warnings(flags: &OsStr, separator: &str) -> OsString {
    let mut flags = flags.to_owned();
    if !flags.is_empty() {
        flags.push(separator);
    }
    flags.push(NO_DENIED_WARNINGS);
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_meant_from_where_the_user_is_and_a_program_from_the_path() {
        let here = std::env::current_dir().expect("there is one");
        let meant = |named: &str| as_meant_here(named.into());
        assert_eq!(meant("python3.12"), "python3.12");
        assert_eq!(meant("src"), here.join("src"), "a folder");
        assert_eq!(meant("venvs/mine"), here.join("venvs/mine"));
        assert_eq!(meant("/usr/bin/python3"), "/usr/bin/python3");
    }

    #[test]
    fn warnings_are_not_denied_whatever_flags_there_are() {
        let with = |flags: &str, separator: &str| without_denied_warnings(OsStr::new(flags), separator);
        assert_eq!(with("-D warnings", " "), "-D warnings --cap-lints=warn");
        assert_eq!(with("-D\u{1f}warnings", "\u{1f}"), "-D\u{1f}warnings\u{1f}--cap-lints=warn");
        assert_eq!(with("", " "), "--cap-lints=warn");
    }
}
