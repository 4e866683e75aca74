//! With how many threads a plugin computes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Command;

use trainmark_reports::ceiling::Peak;
use trainmark_reports::record::Settings;

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
const POLICY: &str = "OMP_WAIT_POLICY";
/// … its value for those that leave their processor to others at once, …
const ASLEEP: &str = "passive";
/// … and how many turns GNU's OpenMP waits awake before that, whatever the policy.
const TURNS: &str = "GOMP_SPINCOUNT";
/// A fraction of a millisecond: longer than it takes to end a parallel loop together, and too short
/// to burn the time of whoever needs the processor.
const FEW: &str = "10000";

/// How threads of OpenMP wait for each other; alike for all that is timed in a benchmark, unless the
/// user has said otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Waiting {
    /// Asleep from the first: where others have a share of the processors, those that spin take
    /// from the threads that they wait for, and a step lasts many times as long.
    #[default]
    Asleep,
    /// Awake for a moment, then asleep: on processors of one's own, waking costs more than most
    /// loops last.
    Briefly,
}

impl Waiting {
    /// On processors that have shown this when their peak was measured.
    pub fn at(peak: Option<&Peak>) -> Self {
        if peak.and_then(Peak::is_steady) == Some(true) { Self::Briefly } else { Self::Asleep }
    }

    /// As a record says, so that a benchmark goes on as it began.
    pub fn recorded(settings: Option<&Settings>) -> Self {
        let turns = settings.and_then(|settings| settings.variables.get(TURNS));
        if turns.is_some_and(|turns| turns == FEW) { Self::Briefly } else { Self::Asleep }
    }

    /// The variables that say so, and what the user has set of them, which then holds alone.
    pub(crate) fn variables(self) -> BTreeMap<&'static str, OsString> {
        self.beside([POLICY, TURNS].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
    }

    fn beside(
        self,
        users: impl Iterator<Item = (&'static str, OsString)>,
    ) -> BTreeMap<&'static str, OsString> {
        let users: BTreeMap<_, _> = users.filter(|(_, value)| !value.is_empty()).collect();
        match (self, users.is_empty()) {
            (_, false) => users,
            (Self::Asleep, true) => BTreeMap::from([(POLICY, ASLEEP.into())]),
            (Self::Briefly, true) => BTreeMap::from([(POLICY, ASLEEP.into()), (TURNS, FEW.into())]),
        }
    }
}

/// How many threads a plugin computes with, and what tells its libraries so.
#[derive(Debug, Clone, Copy)]
pub struct Threads<'a> {
    /// How many.
    pub count: usize,
    /// Variables that set it besides the usual ones, as the backend's manifest names them.
    pub variables: &'a [String],
    /// How they wait for each other.
    pub waiting: Waiting,
}

impl Threads<'_> {
    /// One thread, of a plugin that computes nothing.
    pub const ONE: Self = Self { count: 1, variables: &[], waiting: Waiting::Asleep };

    /// Whether a variable is one of those that every process gets for the number of its threads.
    pub(crate) fn sets(name: &str) -> bool {
        USUAL.contains(&name)
    }

    /// Sets the variables of a process: they are read when a library is loaded, so a plugin
    /// itself could not set them in time.
    pub fn set(self, command: &mut Command) {
        for variable in USUAL.into_iter().chain(self.variables.iter().map(String::as_str)) {
            command.env(variable, self.count.to_string());
        }
        command.envs(self.waiting.variables());
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
        let (waiting, counts): (Vec<_>, Vec<_>) = usual.iter().partition(|(name, _)| name == POLICY);
        assert!(
            counts.len() == USUAL.len()
                && counts.iter().all(|(_, value)| value.as_deref() == Some("1".as_ref()))
        );
        assert_eq!(waiting, [&(POLICY.into(), Some(ASLEEP.into()))], "alike for all");
        let variables = &["MINE".to_owned()];
        let named = set(Threads { count: 3, variables, waiting: Waiting::Briefly });
        assert!(named.contains(&("MINE".into(), Some("3".into()))), "{named:?}");
        assert!(named.contains(&(TURNS.into(), Some(FEW.into()))), "{named:?}");
        assert_eq!(named.len(), USUAL.len() + 3);
    }

    #[test]
    fn what_the_user_says_of_waiting_holds_alone() {
        let said = |waiting: Waiting, users: &[(&'static str, &str)]| {
            let users = users.iter().map(|(name, value)| (*name, OsString::from(value)));
            waiting
                .beside(users)
                .into_iter()
                .map(|(name, value)| format!("{name}={}", value.display()))
                .collect::<Vec<_>>()
        };
        assert_eq!(said(Waiting::Asleep, &[]), ["OMP_WAIT_POLICY=passive"]);
        assert_eq!(
            said(Waiting::Briefly, &[(POLICY, "")]),
            ["GOMP_SPINCOUNT=10000", "OMP_WAIT_POLICY=passive"]
        );
        assert_eq!(said(Waiting::Briefly, &[(POLICY, "active")]), ["OMP_WAIT_POLICY=active"]);
        assert_eq!(said(Waiting::Asleep, &[(TURNS, "7")]), ["GOMP_SPINCOUNT=7"]);
    }

    #[test]
    fn threads_wait_awake_only_where_nobody_takes_their_processors() {
        let peak = |median| Peak {
            operations_per_second: 1e11,
            threads: 2,
            instructions: "AVX2".to_owned(),
            median_operations_per_second: median,
        };
        let at = |median| Waiting::at(Some(&peak(median)));
        assert_eq!(at(Some(0.97e11)), Waiting::Briefly);
        assert_eq!(at(Some(0.5e11)), Waiting::Asleep);
        assert_eq!(at(None), Waiting::Asleep, "it is not known");
        assert_eq!(Waiting::at(None), Waiting::Asleep);
    }

    #[test]
    fn a_benchmark_goes_on_waiting_as_it_began() {
        for waiting in [Waiting::Asleep, Waiting::Briefly] {
            let set = waiting.beside(std::iter::empty()).into_iter();
            let variables = set.map(|(name, value)| (name.to_owned(), value.display().to_string())).collect();
            let settings = Settings { variables, ..Settings::default() };
            assert_eq!(Waiting::recorded(Some(&settings)), waiting);
        }
        assert_eq!(Waiting::recorded(None), Waiting::Asleep);
    }
}
