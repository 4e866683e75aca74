//! Builds the libraries that a request asks for and that are missing or stale.

use std::collections::HashSet;
use std::path::PathBuf;

use trainmark_reports::record::Unavailable;

use super::super::BenchRequest;
use super::super::progress::Progress;
use super::{Prepared, devices};
use crate::executor::Executor;
use crate::plan::Selection;
use crate::registry::build::{BuildEvent, Network, Recipe, build_all};
use crate::registry::{Backend, Library, Registry};

/// Builds what is stale among the selected libraries. Returns those that could
/// not be built, each of which has its row in `prepared`.
///
/// # Errors
/// Where a selection names no backend, or the user interrupts.
pub(super) fn build_stale(
    selections: &[Selection],
    request: &BenchRequest,
    registry: &Registry,
    executor: &Executor,
    progress: &mut dyn Progress,
    prepared: &mut Prepared,
) -> anyhow::Result<HashSet<PathBuf>> {
    let mut unbuilt = HashSet::new();
    let mut stale: Vec<(&Backend, &Recipe)> = Vec::new();
    for selection in selections {
        let backend = registry.find(&selection.backend)?;
        for library in backend.libraries.iter().filter(|one| devices::is_asked_for(one, selection, request)) {
            let Library::Built(recipe) = library else { continue };
            match recipe.is_fresh() {
                Ok(true) => {}
                Ok(false) if stale.iter().any(|(_, known)| known.library() == recipe.library()) => {}
                Ok(false) => stale.push((backend, recipe)),
                Err(error) => {
                    prepared.add_unavailable(row(backend, recipe, &format!("{error:#}")), progress);
                    unbuilt.insert(recipe.library());
                }
            }
        }
    }
    prepared.is_built = !stale.is_empty();
    let network = if request.offline { Network::Forbidden } else { Network::Allowed };
    let (backends, recipes): (Vec<_>, Vec<_>) = stale.into_iter().unzip();
    let results = build_all(&recipes, network, &executor.interrupt, &mut |index, event| {
        progress.build(recipes[index], event);
        // At once: another build may take minutes still.
        if let BuildEvent::Ended { result: Err(reason), .. } = event
            && !executor.interrupt.is_set()
        {
            progress.unavailable(&row(backends[index], recipes[index], reason));
        }
    });
    executor.interrupt.check()?;
    // In the order of the request, however they ended.
    for (index, result) in results.into_iter().enumerate() {
        if let Err(reason) = result {
            prepared.unavailable.push(row(backends[index], recipes[index], &reason));
            unbuilt.insert(recipes[index].library());
        }
    }
    Ok(unbuilt)
}

/// Names the device only where the backend has other libraries for others.
fn row(backend: &Backend, recipe: &Recipe, reason: &str) -> Unavailable {
    let device = (backend.libraries.len() > 1).then(|| recipe.device_kinds().join(","));
    Unavailable { backend: backend.name.clone(), device, reason: reason.to_owned() }
}
