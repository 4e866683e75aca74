//! temporary
use super::protocol::*;
pub(super) fn run(_task: &Task, harness: &mut super::Harness) -> anyhow::Result<()> {
    harness.send(&Message::Done(Box::default()))
}
