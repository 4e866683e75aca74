//! The scripts that Slurm runs. Each is complete: it can be submitted by hand, too.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use trainmark_reports::files;
use trainmark_reports::record::Plan;

use super::layout::Layout;
use super::{AUDIT_COMMAND, ROUND_COMMAND, SlurmOptions};
use crate::shell;

/// Exit code of a job whose node does not see the run folder.
pub(super) const UNSEEN: i32 = 66;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A round, by its seed.
    Round,
    /// A part of the audits, by its number.
    Audit,
}

impl Kind {
    /// As files are named by it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Round => "round",
            Self::Audit => "audit",
        }
    }

    /// Name of its script.
    pub(super) fn file(self) -> String {
        format!("{}.sh", self.name())
    }

    fn command(self) -> &'static str {
        match self {
            Self::Round => ROUND_COMMAND,
            Self::Audit => AUDIT_COMMAND,
        }
    }
}

/// Writes both.
pub(super) fn write(layout: &Layout, options: &SlurmOptions, plan: &Plan) -> anyhow::Result<()> {
    for kind in [Kind::Round, Kind::Audit] {
        let path = layout.script(kind);
        let text = text(layout, options, plan, kind);
        files::replace(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Parts that the audits are done in: as many as there may be nodes, and each has something to do.
pub(super) fn audit_parts(options: &SlurmOptions, rounds: usize, cells: usize) -> usize {
    options.nodes.map_or(rounds, |nodes| nodes as usize).min(rounds).min(cells).max(1)
}

/// The tasks of an array: `1,3-7`, at most so many at the same time.
pub(super) fn array(numbers: &[u64], options: &SlurmOptions) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let told = ranges.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    let throttle = options.nodes.map_or_else(String::new, |nodes| format!("%{nodes}"));
    told.collect::<Vec<_>>().join(",") + &throttle
}

fn text(layout: &Layout, options: &SlurmOptions, plan: &Plan, kind: Kind) -> String {
    let numbers: Vec<u64> = match kind {
        Kind::Round => plan.seeds.clone(),
        Kind::Audit => (0..audit_parts(options, plan.seeds.len(), plan.cells.len()) as u64).collect(),
    };
    // Slurm reads % as the beginning of a name of its own.
    let output = layout.of_slurm(&format!("{}-", kind.name())).to_string_lossy().replace('%', "%%");
    let own = [
        format!("--job-name=trainmark-{}", kind.name()),
        format!("--array={}", array(&numbers, options)),
        "--nodes=1".to_owned(),
        "--exclusive".to_owned(),
        "--requeue".to_owned(),
        "--open-mode=append".to_owned(),
        format!("--output={output}%a.out"),
        format!("--chdir={}", layout.folder().display()),
    ];
    let mut text = "#!/bin/sh\n".to_owned();
    for option in own.iter().chain(&options.sbatch) {
        let option = match option.split_once('=') {
            Some((name, value)) if value.contains(char::is_whitespace) => format!("{name}=\"{value}\""),
            _ => option.clone(),
        };
        text += &format!("#SBATCH {option}\n");
    }
    let run = shell::quoted_path(layout.folder());
    let program = shell::quoted_path(&layout.program());
    text + &format!(
        r#"# Its program ends in order when Slurm ends the job, and this shell after it.
trap : TERM INT
run={run}
if [ ! -d "$run/slurm" ]; then
    echo "error: $(hostname) does not see $run" >&2
    exit {UNSEEN}
fi
{program} {command} "$run" "$SLURM_ARRAY_TASK_ID"
code=$?
if [ $code -eq 132 ]; then
    echo "error: trainmark met an illegal instruction: it was built for another processor than that of $(hostname)" >&2
fi
exit $code
"#,
        command = kind.command()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_names_what_is_missing() {
        let all = SlurmOptions::default();
        let two = SlurmOptions { nodes: Some(2), sbatch: Vec::new() };
        assert_eq!(array(&[1, 2, 3], &all), "1-3");
        assert_eq!(array(&[2, 4, 5, 9], &two), "2,4-5,9%2");
        assert_eq!(audit_parts(&two, 10, 64), 2);
        assert_eq!((audit_parts(&all, 10, 64), audit_parts(&all, 10, 3)), (10, 3));
    }
}
