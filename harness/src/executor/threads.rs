//! With how many threads a plugin computes.

use std::ffi::OsString;
use std::process::Command;

/// Variables that set the size of the usual thread pools: OpenMP's, those of libraries for
/// linear algebra, rayon's.
const USUAL: [&str; 6] = [
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
];

/// OpenMP's variable for how threads wait, …
const WAITING: &str = "OMP_WAIT_POLICY";
/// … and its value for those that leave their processor to others.
const ASLEEP: &str = "passive";

/// How many threads a plugin computes with, and what tells its libraries so.
#[derive(Debug, Clone, Copy)]
pub struct Threads<'a> {
    /// How many.
    pub count: usize,
    /// Variables that set it besides the usual ones, as the backend's manifest names them.
    pub variables: &'a [String],
}

impl Threads<'_> {
    /// One thread, of a plugin that computes nothing.
    pub const ONE: Self = Self { count: 1, variables: &[] };

    /// Whether a variable is one of those that every process gets for the number of its threads.
    pub(crate) fn sets(name: &str) -> bool {
        USUAL.contains(&name)
    }

    /// How threads of OpenMP wait for each other: as the user has said, or asleep. Those that
    /// spin win a few microseconds on a machine of their own, and lose several times the work
    /// where another guest of the host has their processor.
    pub(crate) fn waiting_policy() -> [(&'static str, OsString); 1] {
        let users = std::env::var_os(WAITING).filter(|value| !value.is_empty());
        [(WAITING, users.unwrap_or_else(|| ASLEEP.into()))]
    }

    /// Sets the variables of a process: they are read when a library is loaded, so a plugin
    /// itself could not set them in time.
    pub(super) fn set(self, command: &mut Command) {
        for variable in USUAL.into_iter().chain(self.variables.iter().map(String::as_str)) {
            command.env(variable, self.count.to_string());
        }
        command.envs(Self::waiting_policy());
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn the_usual_variables_are_set_and_those_that_are_named() {
        let set = |threads: Threads<'_>| {
            let mut command = Command::new("worker");
            threads.set(&mut command);
            let set = command.get_envs().map(|(name, value)| (name.to_owned(), value.map(OsStr::to_owned)));
            set.collect::<Vec<_>>()
        };
        let usual = set(Threads::ONE);
        let (waiting, counts): (Vec<_>, Vec<_>) = usual.iter().partition(|(name, _)| name == WAITING);
        assert!(
            counts.len() == USUAL.len()
                && counts.iter().all(|(_, value)| value.as_deref() == Some("1".as_ref()))
        );
        assert_eq!(waiting, [&(WAITING.into(), Some(ASLEEP.into()))], "alike for all");
        let named = set(Threads { count: 3, variables: &["MINE".to_owned()] });
        assert!(named.contains(&("MINE".into(), Some("3".into()))), "{named:?}");
        assert_eq!(named.len(), USUAL.len() + 2);
    }
}
