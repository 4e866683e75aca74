//! With how many threads a plugin computes.

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

    /// Sets the variables of a process: they are read when a library is loaded, so a plugin
    /// itself could not set them in time.
    pub(super) fn set(self, command: &mut Command) {
        for variable in USUAL.into_iter().chain(self.variables.iter().map(String::as_str)) {
            command.env(variable, self.count.to_string());
        }
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
        assert!(
            usual.len() == USUAL.len()
                && usual.iter().all(|(_, value)| value.as_deref() == Some("1".as_ref()))
        );
        let named = set(Threads { count: 3, variables: &["MINE".to_owned()] });
        assert!(named.contains(&("MINE".into(), Some("3".into()))), "{named:?}");
        assert_eq!(named.len(), USUAL.len() + 1);
    }
}
