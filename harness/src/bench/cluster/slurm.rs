//! Slurm's own commands: sbatch, squeue, scancel. Accounting, which clusters may lack, is not asked.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use trainmark_reports::text::one_line;

use super::SlurmOptions;

/// Number that Slurm gives to an array of jobs.
pub(super) type JobId = u64;

/// Columns of squeue, each with its width. The name of the node is the last, as it may be missing.
const COLUMNS: [(&str, usize); 6] = [
    ("ArrayJobID", 24),
    ("ArrayTaskID", 24),
    ("State", 24),
    ("exit_code", 16),
    ("Reason", 64),
    ("NodeList", 64),
];

/// Slurm, as its commands reach it.
#[derive(Debug, Clone, Copy)]
pub struct Slurm(());

/// A task of an array, as Slurm sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    /// In Slurm's words: `RUNNING`, `NODE_FAIL`, …
    pub(super) state: String,
    /// Its exit code.
    pub(super) code: i32,
    /// The signal that ended it; 0 if none did.
    pub(super) signal: i32,
    /// Why it waits, or why it has ended so.
    pub(super) reason: String,
    /// The node that it runs on, or did at last.
    pub(super) node: String,
}

impl Task {
    /// Whether it will be run, or is being.
    pub(super) fn is_alive(&self) -> bool {
        const OVER: [&str; 10] = [
            "BOOT_FAIL",
            "CANCELLED",
            "COMPLETED",
            "DEADLINE",
            "FAILED",
            "NODE_FAIL",
            "OUT_OF_MEMORY",
            "PREEMPTED",
            "REVOKED",
            "TIMEOUT",
        ];
        !OVER.contains(&&*self.state)
    }
}

/// What Slurm tells of arrays.
#[derive(Debug, Default)]
pub(super) struct Told {
    tasks: HashMap<(JobId, u64), Task>,
    /// Those that it still knows anything of.
    arrays: HashSet<JobId>,
}

impl Told {
    /// By squeue's lines. Of an array that was cancelled task by task the last line names none of them.
    fn read(text: &str) -> Self {
        let mut told = Self::default();
        for (job, number, task) in text.lines().filter_map(task) {
            told.arrays.insert(job);
            if let Some(number) = number {
                told.tasks.insert((job, number), task);
            }
        }
        told
    }

    /// A task of an array, if Slurm still knows it.
    pub(super) fn task(&self, job: JobId, number: u64) -> Option<&Task> {
        self.tasks.get(&(job, number))
    }

    /// Whether Slurm still knows an array, by whatever task.
    pub(super) fn knows(&self, job: JobId) -> bool {
        self.arrays.contains(&job)
    }
}

impl Slurm {
    /// Finds its commands.
    ///
    /// # Errors
    /// Where one is missing.
    pub fn find() -> anyhow::Result<Self> {
        for name in ["sbatch", "squeue", "scancel"] {
            Command::new(name).arg("--version").output().with_context(|| {
                format!(
                    "--executor slurm needs Slurm's {name}, which cannot be run here: call trainmark on a machine of the \
                     cluster that jobs are submitted from"
                )
            })?;
        }
        Ok(Self(()))
    }

    /// Processors of the smallest node that jobs with these options may get, where Slurm tells.
    pub fn fewest_processors(options: &SlurmOptions) -> Option<usize> {
        let mut arguments = vec!["--noheader".to_owned(), "--format=%c".to_owned()];
        arguments.extend(options.partition().map(|partition| format!("--partition={partition}")));
        let told = call("sinfo", &arguments).ok()?;
        // `64`, or `32+` of nodes that differ.
        told.lines().filter_map(|line| line.trim().trim_end_matches('+').parse().ok()).min()
    }

    /// Submits a script with these tasks, to begin after all of `after` have ended.
    pub(super) fn submit(self, script: &Path, array: &str, after: &[JobId]) -> anyhow::Result<JobId> {
        let mut arguments = vec!["--parsable".to_owned(), format!("--array={array}")];
        if !after.is_empty() {
            let jobs: Vec<String> = after.iter().map(u64::to_string).collect();
            arguments.push(format!("--dependency=afterany:{}", jobs.join(":")));
        }
        arguments.push(script.to_string_lossy().into_owned());
        let told = call("sbatch", &arguments)?;
        // `1204`, or `1204;cluster`.
        let number = told.trim().split(';').next().unwrap_or_default();
        number.parse().with_context(|| format!("sbatch told no number of a job: {}", one_line(&told)))
    }

    /// What Slurm still knows of these arrays.
    pub(super) fn tasks(self, jobs: &[JobId]) -> anyhow::Result<Told> {
        let jobs: Vec<String> = jobs.iter().map(u64::to_string).collect();
        let columns: Vec<String> = COLUMNS.iter().map(|(name, width)| format!("{name}:{width}")).collect();
        let arguments = [
            format!("--jobs={}", jobs.join(",")),
            "--array".to_owned(),
            "--states=all".to_owned(),
            "--noheader".to_owned(),
            format!("--Format={}", columns.join(",")),
        ];
        match call("squeue", &arguments) {
            Ok(told) => Ok(Told::read(&told)),
            // All are over since long.
            Err(error) if error.to_string().contains("Invalid job id") => Ok(Told::default()),
            Err(error) => Err(error),
        }
    }

    /// Cancels arrays.
    pub(super) fn cancel(self, jobs: &[JobId]) -> anyhow::Result<()> {
        let jobs: Vec<String> = jobs.iter().map(u64::to_string).collect();
        call("scancel", &jobs).map(drop)
    }
}

/// What a command prints.
fn call<A: AsRef<OsStr>>(name: &str, arguments: &[A]) -> anyhow::Result<String> {
    let output = Command::new(name).args(arguments).stdin(std::process::Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} refused: {}", one_line(said.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A line of squeue: the array, the task's number where it has one, and the task.
fn task(line: &str) -> Option<(JobId, Option<u64>, Task)> {
    let mut rest = line;
    let mut fields = COLUMNS.iter().map(|&(_, width)| {
        let end = rest.char_indices().nth(width).map_or(rest.len(), |(end, _)| end);
        let (field, after) = rest.split_at(end);
        rest = after;
        field.trim().to_owned()
    });
    let (job, number) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok());
    let (state, status, reason) = (fields.next()?, fields.next()?, fields.next()?);
    let node = fields.next().unwrap_or_default();
    let status: i32 = status.parse().unwrap_or_default();
    let (code, signal) = (status >> 8 & 0xff, status & 0x7f);
    Some((job, number, Task { state, code, signal, reason, node }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fields: [&str; 6]) -> String {
        fields.iter().zip(COLUMNS).map(|(field, (_, width))| format!("{field:width$}")).collect()
    }

    #[test]
    fn a_task_is_read_as_squeue_writes_it() {
        let told = task(&line(["12", "3", "FAILED", "1792", "NonZeroExitCode", "node2"])).unwrap();
        assert_eq!((told.0, told.1), (12, Some(3)));
        assert_eq!((told.2.code, told.2.signal, &*told.2.node), (7, 0, "node2"));
        assert!(!told.2.is_alive());
        let (_, _, waiting) = task(&line(["12", "4", "PENDING", "0", "(a reason of words)", ""])).unwrap();
        assert_eq!((&*waiting.reason, &*waiting.node, waiting.is_alive()), ("(a reason of words)", "", true));
        assert_eq!(task(""), None);
    }

    #[test]
    fn an_array_is_known_by_a_line_that_names_none_of_its_tasks() {
        let lines = [
            line(["12", "3", "RUNNING", "0", "None", "node2"]),
            line(["14", "N/A", "CANCELLED", "0", "None", ""]),
        ];
        let told = Told::read(&lines.join("\n"));
        assert!(told.task(12, 3).is_some_and(Task::is_alive));
        assert!(told.task(12, 2).is_none() && told.task(14, 1).is_none());
        assert!(told.knows(12) && told.knows(14) && !told.knows(13));
    }
}
