//! The job after timing: an epoch of a run is held against its steps.

use super::announced::Announcer;
use super::evidence::Evidence;
use super::protocol::{Message, Task};
use super::{Equipped, Harness};
use crate::chance;
use crate::conformance::{self, HELD_STEPS};

pub(super) fn run(task: &Task, evidence: &Evidence, harness: &mut Harness) -> anyhow::Result<()> {
    let equipped = Equipped::new(task, harness)?;
    let subject = equipped.subject();
    let steps = subject.dataset.train.count().div_ceil(subject.workload.batch_size);
    let held = chance::some_of(HELD_STEPS, steps)?;
    let announcer = Announcer::new(harness);
    let mut open = |request| announcer.open(&equipped.plugin, &request);
    conformance::audit(&subject, evidence.timed_epoch(), &held, &mut open, &mut |check| {
        announcer.tell(check)
    })?;
    announcer.send(&Message::Done(Box::new(equipped.done()?)))
}
