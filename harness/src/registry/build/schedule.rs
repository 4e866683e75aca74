//! Several builds: side by side where memory and processors allow.

use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::{BuildEvent, Network, Recipe};
use crate::interrupt::{Interrupt, Interrupted};
use crate::machine;

/// Builds beyond one per processor: each has stretches in which it keeps a single processor busy,
/// or none, as while it compiles one large file, links, or fetches.
const MORE_BUILDS: usize = 1;

/// What builds that run at the same time may use together.
#[derive(Debug, Clone, Copy)]
struct Room {
    /// Bytes; builds tell how many they need.
    memory: u64,
    /// Builds at once.
    builds: usize,
}

impl Room {
    /// What is there while no build runs.
    fn now() -> Self {
        Self {
            memory: machine::available_memory_bytes().unwrap_or_default(),
            builds: machine::logical_cpus() + MORE_BUILDS,
        }
    }

    /// Position in `waiting` of the build that may start beside those that run:
    /// the first one whose backend is not being built, if there is room for it.
    /// None overtakes it, lest a large one wait for ever.
    fn next(self, recipes: &[&Recipe], waiting: &[usize], running: &[usize]) -> Option<usize> {
        let next = waiting
            .iter()
            .position(|&index| running.iter().all(|&other| recipes[other].target != recipes[index].target))?;
        let memory: u64 = running.iter().map(|&index| recipes[index].artifact.memory).sum();
        let fits = running.len() < self.builds
            && memory.saturating_add(recipes[waiting[next]].artifact.memory) <= self.memory;
        (fits || running.is_empty()).then_some(next)
    }
}

/// Builds every library of `recipes`; `heard` is told how each, by its index,
/// goes. Returns for each the reason why it was not built, if so.
pub fn build_all(
    recipes: &[&Recipe],
    network: Network,
    interrupt: &Interrupt,
    heard: &mut dyn FnMut(usize, &BuildEvent),
) -> Vec<Result<(), String>> {
    let mut results = vec![Err(Interrupted.to_string()); recipes.len()];
    let mut waiting = order(recipes);
    let mut running: Vec<usize> = Vec::new();
    let mut room = Room::now();
    let (sender, events) = channel();
    std::thread::scope(|scope| {
        loop {
            if running.is_empty() {
                room = Room::now();
            }
            while !interrupt.is_set()
                && let Some(next) = room.next(recipes, &waiting, &running)
            {
                let index = waiting.remove(next);
                running.push(index);
                let (recipe, events) = (recipes[index], sender.clone());
                let build = move || build(index, recipe, network, interrupt, &events);
                if let Err(error) = Builder::new().spawn_scoped(scope, build) {
                    running.pop();
                    results[index] = Err(format!("cannot start a thread for its build: {error}"));
                }
            }
            if running.is_empty() {
                return;
            }
            let Ok((index, event)) = events.recv() else { return };
            heard(index, &event);
            if let BuildEvent::Ended { result, .. } = event {
                running.retain(|&other| other != index);
                results[index] = result;
            }
        }
    });
    results
}

/// The order in which builds start, by their places: those that fetch something first, so that
/// the network works while others compile.
fn order(recipes: &[&Recipe]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..recipes.len()).collect();
    order.sort_by_key(|&index| recipes[index].downloads().is_none());
    order
}

fn build(
    index: usize,
    recipe: &Recipe,
    network: Network,
    interrupt: &Interrupt,
    events: &Sender<(usize, BuildEvent)>,
) {
    let mut begun = None;
    let mut told = Duration::ZERO;
    let result = recipe.build(network, interrupt, &mut |event| {
        match &event {
            BuildEvent::Begun => begun = Some(Instant::now()),
            // A few times a second is enough for any reader.
            BuildEvent::GoesOn { elapsed, .. } if *elapsed < told + Duration::from_millis(100) => return,
            BuildEvent::GoesOn { elapsed, .. } => told = *elapsed,
            _ => {}
        }
        // The receiver goes only after every build has ended.
        let _ = events.send((index, event));
    });
    let elapsed = begun.map(|begun| begun.elapsed());
    let result = result.map_err(|error| format!("{error:#}"));
    let _ = events.send((index, BuildEvent::Ended { elapsed, result }));
}

#[cfg(test)]
mod tests {
    use super::super::tests::{artifact, recipe_of};
    use super::*;

    fn recipe(name: &str, gibibytes: u64) -> Recipe {
        let mut artifact = artifact(&["true"]);
        artifact.memory = gibibytes << 30;
        let target = name.split('-').next().unwrap_or_default();
        recipe_of(name, target.as_ref(), artifact)
    }

    #[test]
    fn what_fetches_something_starts_first() {
        let mut recipes = [recipe("a", 1), recipe("b", 1), recipe("c", 1), recipe("d", 1)];
        for place in [1, 3] {
            recipes[place].artifact.downloads = Some("much".to_owned());
        }
        assert_eq!(order(&recipes.each_ref()), [1, 3, 0, 2]);
    }

    #[test]
    fn a_build_starts_where_there_is_room() {
        let recipes = [recipe("a", 2), recipe("b", 4), recipe("c", 1), recipe("a-cuda", 1)];
        let recipes = recipes.each_ref();
        let [a, b, c, a_cuda] = [0, 1, 2, 3];
        let room = Room { memory: 6 << 30, builds: 2 };
        assert_eq!(room.next(&recipes, &[b, c], &[a]), Some(0), "6 GiB fit into 6");
        assert_eq!(room.next(&recipes, &[c], &[a, b]), None, "two run, and no more may");
        let small = Room { memory: 5 << 30, ..room };
        assert_eq!(small.next(&recipes, &[b, c], &[a]), None, "and the small one does not overtake");
        let none = Room { memory: 0, builds: 1 };
        assert_eq!(none.next(&recipes, &[b], &[]), Some(0), "one always runs");
        assert_eq!(room.next(&recipes, &[a_cuda, c], &[a]), Some(1), "one folder, one build");
        assert_eq!(room.next(&recipes, &[a_cuda], &[a]), None);
    }
}
