//! The job that tries cases of operations, one after another with the same library.

use trainmark_plugin::host::Plugin;
use trainmark_plugin::{Error, OpenRequest, Session};

use super::announced::Announcer;
use super::protocol::{Message, Task};
use super::{Equipped, Harness};
use crate::conformance::operations::{Case, CaseName, Computing, Opens, Origin, Tried, shrink};

/// Smaller cases that are tried of one that fails, …
const MOST_OF_ONE: usize = 300;
/// … and of all: where everything is wrong, a few smallest cases say it.
const MOST_OF_ALL: usize = 2500;

pub(super) fn run(
    task: &Task,
    cases: &[CaseName],
    shrinks: bool,
    harness: &mut Harness,
) -> anyhow::Result<()> {
    let equipped = Equipped::new(task, harness)?;
    let announcer = Announcer::new(harness);
    let trials = Trials {
        sessions: Sessions { plugin: &equipped.plugin, announcer: &announcer },
        computing: Computing {
            implementation: &task.implementation,
            running_variance: equipped.convention,
            device: &task.device,
            threads: task.threads,
        },
    };
    let origin = Origin::of(&task.workload, task.seed);
    let mut left = MOST_OF_ALL;
    for name in cases {
        let Some(case) = name.case(&origin) else { anyhow::bail!("there is no case {name:?}") };
        let tried = trials.attempt(name, &case)?;
        trials.tell(name, &tried)?;
        let Tried::Failed(finding) = tried else { continue };
        if !shrinks {
            continue;
        }
        let mut tries = MOST_OF_ONE.min(left);
        left -= tries;
        shrink(name.clone(), &origin, &mut tries, &mut |smaller, case| {
            let tried = trials.attempt(smaller, case)?;
            let is_alike = matches!(&tried, Tried::Failed(found) if found.what == finding.what);
            if is_alike {
                trials.tell(smaller, &tried)?;
            }
            anyhow::Ok(is_alike)
        })?;
        left += tries;
    }
    announcer.send(&Message::Done(Box::new(equipped.done()?)))
}

struct Trials<'e, 'h> {
    sessions: Sessions<'e, 'h>,
    computing: Computing<'e>,
}

impl Trials<'_, '_> {
    fn attempt(&self, name: &CaseName, case: &Case) -> anyhow::Result<Tried> {
        self.sessions.announcer.send(&Message::Trying { case: name.clone() })?;
        Ok(case.attempt(&self.computing, &self.sessions)?)
    }

    fn tell(&self, name: &CaseName, tried: &Tried) -> anyhow::Result<()> {
        self.sessions.announcer.send(&Message::Tried { case: name.clone(), tried: tried.clone() })
    }
}

/// Those of the plugin, announced.
struct Sessions<'e, 'h> {
    plugin: &'e Plugin,
    announcer: &'e Announcer<'h>,
}

impl Opens for Sessions<'_, '_> {
    fn open<'d>(&'d self, request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        self.announcer.open(self.plugin, &request)
    }
}
