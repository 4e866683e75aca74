//! What stands in the way of several builds, looked at before the first one begins: nobody
//! should wait ten minutes to read of a tool that is not there.

use std::time::Duration;

use super::disk::Disks;
use super::{Network, Recipe, place};
use crate::interrupt::Interrupt;
use crate::side_by_side::side_by_side;

/// Longest time that a probe may take while nothing is built yet. Some ask every Python that
/// there is, on a machine that is busy.
const PROBE_PATIENCE: Duration = Duration::from_secs(30);

/// For each library that is to be built, the reason why it cannot be, if there is one: what it
/// needs and this machine lacks, a folder that it cannot go to, or a disk that has no room for it
/// beside those before it.
pub fn obstacles(recipes: &[&Recipe], network: Network, interrupt: &Interrupt) -> Vec<Option<String>> {
    let missing = side_by_side(recipes, |recipe| recipe.missing_need(network, PROBE_PATIENCE, interrupt));
    let mut disks = Disks::default();
    let both = recipes.iter().zip(missing);
    both.map(|(recipe, missing)| {
        missing.or_else(|| place::check(&recipe.target).and_then(|()| disks.take(recipe)).err())
    })
    .collect()
}
