//! The job after timing: an epoch of a run is held against its steps.

use anyhow::Context;

use super::announced::Announcer;
use super::calls;
use super::evidence::Evidence;
use super::protocol::{Message, Task};
use super::{Harness, Loaded, done};
use crate::conformance::{self, HELD_STEPS};
use crate::{chance, workload};

pub(super) fn run(task: &Task, evidence: &Evidence, harness: &mut Harness) -> anyhow::Result<()> {
    let workload = workload::find(&task.workload)?;
    let mapped = task.dataset.map().context("cannot map the data set")?;
    let Loaded { plugin, description, file } = task.load(harness)?;
    let convention = calls::convention(&description, &task.implementation)?;
    let subject = calls::subject(task, &workload, mapped.dataset(), convention);
    let steps = mapped.dataset().train.count().div_ceil(workload.batch_size);
    let held = chance::some_of(HELD_STEPS, steps)?;
    let announcer = Announcer::new(harness);
    let mut open = |request| announcer.open(&plugin, &request);
    conformance::audit(&subject, evidence.timed_epoch(), &held, &mut open, &mut |check| {
        announcer.tell(check)
    })?;
    announcer.send(&Message::Done(Box::new(done(&file, &mapped)?)))
}
