//! How rounds are sent to Slurm, as the user asks for it.

use anyhow::{bail, ensure};
use serde::{Deserialize, Serialize};

/// Most nodes that a benchmark may ask for: more than rounds are none.
const MOST_NODES: u32 = 1000;

/// How rounds are sent to Slurm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlurmOptions {
    /// Most rounds at the same time; `None`: as many as Slurm has nodes for.
    pub nodes: Option<u32>,
    /// Further options of sbatch, such as `--partition=long`.
    pub sbatch: Vec<String>,
}

/// An option of sbatch that the user must leave to trainmark.
struct Own {
    letter: Option<char>,
    name: &'static str,
    why: &'static str,
}

impl Own {
    const fn new(letter: Option<char>, name: &'static str, why: &'static str) -> Self {
        Self { letter, name, why }
    }

    /// That which sbatch would take a word for.
    fn find(word: &str) -> Option<&'static Self> {
        let given = Given::read(word)?;
        OWN.iter().find(|own| given.is(own.letter, own.name, LEAST_PREFIX))
    }
}

const OWN: [Own; 11] = [
    Own::new(Some('a'), "array", "trainmark sets --array itself"),
    Own::new(Some('o'), "output", "trainmark sets --output itself"),
    Own::new(Some('e'), "error", "what a job says of errors goes with its output, which trainmark reads"),
    Own::new(Some('N'), "nodes", "trainmark sets --nodes itself; the number of nodes is --nodes N"),
    Own::new(Some('D'), "chdir", "trainmark sets --chdir itself"),
    Own::new(
        Some('M'),
        "clusters",
        "jobs of another cluster are not followed: call trainmark on a machine that is of it",
    ),
    Own::new(None, "open-mode", "trainmark sets --open-mode itself"),
    Own::new(None, "parsable", "trainmark sets --parsable itself"),
    Own::new(None, "wrap", "trainmark submits scripts of its own"),
    Own::new(Some('W'), "wait", "trainmark waits for its jobs itself"),
    Own::new(None, "test-only", "nothing would be submitted"),
];

/// Letters of sbatch's options that take no value: another option may follow in the same word.
const WITHOUT_VALUE: &str = "HhIkOQsuVv";
/// So many letters of a long option's name are one option's at least: sbatch refuses fewer.
const LEAST_PREFIX: usize = 2;

impl SlurmOptions {
    /// The partition that is asked for.
    pub(super) fn partition(&self) -> Option<&str> {
        let mut options = self.sbatch.iter().filter_map(|option| Given::read(option));
        options.find(|given| given.is(Some('p'), "partition", "part".len())).map(|given| given.value)
    }

    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// Naming the option, and why.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.nodes.is_some_and(|nodes| !(1..=MOST_NODES).contains(&nodes)) {
            bail!("--nodes {} is not within 1 to {MOST_NODES}", self.nodes.unwrap_or_default());
        }
        for option in &self.sbatch {
            let is_option = option.starts_with('-') && !option.trim_matches(['-', ' ']).is_empty();
            ensure!(
                is_option && !option.contains(['\n', '"']),
                "--sbatch={option}: write an option of sbatch, as in --sbatch=--partition=long"
            );
            // What follows the first = is written as one value.
            let before = option.split('=').next().unwrap_or(option);
            if let Some(own) = before.split_whitespace().find_map(Own::find) {
                bail!("--sbatch={option}: {}", own.why);
            }
        }
        Ok(())
    }
}

/// An option as sbatch reads it.
struct Given<'o> {
    name: Name<'o>,
    /// What follows; of a letter that takes a value this may follow at once.
    value: &'o str,
}

enum Name<'o> {
    Letter(char),
    /// The whole name, or the beginning of it.
    Long(&'o str),
}

impl<'o> Given<'o> {
    /// `None` where it is no option.
    fn read(option: &'o str) -> Option<Self> {
        let (name, value) = match option.strip_prefix("--") {
            Some(long) => {
                let (name, value) = long.split_once(['=', ' ']).unwrap_or((long, ""));
                (Name::Long(name), value)
            }
            None => {
                let letters = option.strip_prefix('-')?;
                let mut letters = letters.trim_start_matches(|letter| WITHOUT_VALUE.contains(letter)).chars();
                (Name::Letter(letters.next()?), letters.as_str())
            }
        };
        Some(Self { name, value: value.trim_start_matches(['=', ' ']) })
    }

    /// Whether it is the option of this letter and name, of which so many letters are no other's.
    fn is(&self, letter: Option<char>, name: &str, least: usize) -> bool {
        match self.name {
            Name::Letter(given) => letter == Some(given),
            Name::Long(given) => given.len() >= least && name.starts_with(given),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(option: &str) -> Result<(), String> {
        let options = SlurmOptions { nodes: None, sbatch: vec![option.to_owned()] };
        options.check().map_err(|error| error.to_string())
    }

    #[test]
    fn options_that_trainmark_sets_itself_are_refused() {
        let words = "trainmark sets --array itself";
        for array in ["--array=1-2", "--array 1-2", "--arr=1-3", "--ar=1", "-a 3", "-a1-3", "-a=1", "-Ha1-3"]
        {
            assert_eq!(check(array), Err(format!("--sbatch={array}: {words}")));
        }
        // The script would hold both.
        assert!(check("-p long --array=1-3").is_err_and(|error| error.ends_with(words)));
        for own in [
            "-o/dev/null",
            "--outp=x",
            "--err=x",
            "-ex",
            "--open-mode=truncate",
            "--chdir=/nope",
            "--chd=/nope",
            "-D/nope",
            "--wrap=ls",
            "--parsable",
            "--wait",
            "-W",
            "--test-only",
            "--test",
            "-M other",
            "-Mother",
            "--clusters=other",
            "--cluster=other",
        ] {
            assert!(check(own).is_err(), "{own}");
        }
    }

    #[test]
    fn who_asks_for_nodes_is_told_of_the_other_option() {
        let is_told = |option: &str| check(option).is_err_and(|error| error.ends_with("--nodes N"));
        assert!(["--nodes=4", "--node=4", "-N4", "-N 4"].into_iter().all(is_told));
        assert!(!is_told("--array=1-2") && !is_told("--chdir=/nope"));
        let none = SlurmOptions { nodes: Some(0), sbatch: Vec::new() };
        assert!(none.check().is_err());
    }

    #[test]
    fn the_partition_is_known_in_each_form() {
        let of = |option: &str| {
            let sbatch = vec!["--time=10".to_owned(), option.to_owned()];
            SlurmOptions { nodes: None, sbatch }.partition().map(str::to_owned)
        };
        for long in ["--partition=long", "--partition long", "--part=long", "-p long", "-plong", "-p=long"] {
            assert_eq!(of(long).as_deref(), Some("long"), "{long}");
        }
        for other in ["--priority=3", "--parsable", "--pa=long", "-n 3", "--hold"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn options_that_are_the_users_pass() {
        for fine in [
            "--partition=long",
            "--part=long",
            "-p long",
            "-plong",
            "-naN",
            "--nodelist=node1",
            "--cluster-constraint=x",
            "--mem=2G",
            "-mblock",
            "--wait-all-nodes=1",
            "--time=1:00:00",
            "--comment=a -N b",
            "--dependency=afterok:7",
            "-dafterok:7",
            "--hold",
            "-H",
        ] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for no_option in ["partition=long", "--", "-", "--comment=\"x\""] {
            assert!(check(no_option).is_err_and(|error| error.ends_with("--sbatch=--partition=long")));
        }
    }
}
