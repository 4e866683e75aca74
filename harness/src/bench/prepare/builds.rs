//! Builds the libraries that a request asks for and that are missing or stale.

use std::collections::HashSet;
use std::path::PathBuf;

use super::Preparer;
use super::wanted::Wanted;
use crate::bench::event::{Happening, Sink};
use crate::data::DecodedFiles;
use crate::interrupt::Interrupt;
use crate::registry::Library;
use crate::registry::build::{BuildEvent, Network, Recipe, build_all, obstacles};

/// A library that is to be built.
pub(super) struct Stale<'w> {
    pub(super) wanted: &'w Wanted<'w>,
    pub(super) library: &'w Library,
    pub(super) recipe: &'w Recipe,
}

impl Stale<'_> {
    /// Tells how its build goes.
    ///
    /// # Errors
    /// Where nobody can be told.
    pub(super) fn tell(
        &self,
        event: &BuildEvent,
        interrupt: &Interrupt,
        sink: &mut dyn Sink,
    ) -> anyhow::Result<()> {
        sink.hear(Happening::Build(self.recipe, event))?;
        // At once: another build may take minutes still.
        if let BuildEvent::Ended { result: Err(reason), .. } = event
            && !interrupt.is_set()
        {
            sink.hear(Happening::Unavailable(&self.wanted.unavailable(self.library, reason.clone())))?;
        }
        Ok(())
    }
}

/// What is to be built of the wanted libraries, and what cannot be.
pub(super) struct Survey<'w> {
    /// Those that are missing or stale, and of which nothing stands in the way.
    stale: Vec<Stale<'w>>,
    /// Those that cannot be built, each of which has its row.
    unbuilt: HashSet<PathBuf>,
}

impl Preparer<'_> {
    /// Looks at what building the wanted libraries needs, before anything is built or fetched.
    ///
    /// # Errors
    /// Where the user interrupts, or something cannot be told.
    pub(super) fn survey<'w>(&mut self, wanted: &'w [Wanted<'w>]) -> anyhow::Result<Survey<'w>> {
        let mut unbuilt = HashSet::new();
        let stale = self.stale(wanted, &mut unbuilt)?;
        let stale = self.buildable(stale, &mut unbuilt)?;
        self.tell_downloads(&stale)?;
        Ok(Survey { stale, unbuilt })
    }

    /// Builds what is stale, and checks meanwhile on a data set, if there is one, what is built.
    /// Returns those that could not be built, each of which has its row.
    ///
    /// # Errors
    /// Where the user interrupts, or something cannot be told.
    pub(super) fn build_stale(
        &mut self,
        survey: Survey<'_>,
        wanted: &[Wanted<'_>],
        dataset: Option<&DecodedFiles>,
    ) -> anyhow::Result<HashSet<PathBuf>> {
        let Survey { stale, mut unbuilt } = survey;
        self.is_built = !stale.is_empty();
        let results = match dataset.filter(|_| self.is_built) {
            Some(dataset) => self.build_and_check(&stale, wanted, &unbuilt, dataset)?,
            None => self.build(&stale)?,
        };
        // In the order of the request, however they ended.
        for (one, result) in stale.iter().zip(results) {
            if let Err(reason) = result {
                self.unavailable.push(one.wanted.unavailable(one.library, reason));
                unbuilt.insert(one.recipe.library());
            }
        }
        Ok(unbuilt)
    }

    /// The wanted libraries that are missing or stale, each once.
    fn stale<'w>(
        &mut self,
        wanted: &'w [Wanted<'w>],
        unbuilt: &mut HashSet<PathBuf>,
    ) -> anyhow::Result<Vec<Stale<'w>>> {
        let mut stale: Vec<Stale<'_>> = Vec::new();
        for one in wanted {
            for library in one.libraries() {
                let Library::Built(recipe) = library else { continue };
                match recipe.is_fresh() {
                    Ok(true) => {}
                    Ok(false) if stale.iter().any(|known| known.recipe.library() == recipe.library()) => {}
                    Ok(false) => stale.push(Stale { wanted: one, library, recipe }),
                    Err(error) => {
                        self.add_unavailable(one.unavailable(library, format!("{error:#}")))?;
                        unbuilt.insert(recipe.library());
                    }
                }
            }
        }
        Ok(stale)
    }

    /// Those of which nothing stands in the way. The others have their rows at once, before
    /// anything is built.
    fn buildable<'w>(
        &mut self,
        stale: Vec<Stale<'w>>,
        unbuilt: &mut HashSet<PathBuf>,
    ) -> anyhow::Result<Vec<Stale<'w>>> {
        let recipes: Vec<&Recipe> = stale.iter().map(|one| one.recipe).collect();
        let interrupt = self.runner.interrupt();
        let obstacles = obstacles(&recipes, self.network(), interrupt);
        interrupt.check()?;
        let mut buildable = Vec::new();
        for (one, obstacle) in stale.into_iter().zip(obstacles) {
            let Some(reason) = obstacle else {
                buildable.push(one);
                continue;
            };
            self.add_unavailable(one.wanted.unavailable(one.library, reason))?;
            unbuilt.insert(one.recipe.library());
        }
        Ok(buildable)
    }

    /// Tells at once what all builds together may fetch.
    fn tell_downloads(&mut self, stale: &[Stale<'_>]) -> anyhow::Result<()> {
        let fetching = stale.iter().filter_map(|one| Some((one.recipe.label(), one.recipe.downloads()?)));
        let fetching: Vec<String> = fetching.map(|(label, what)| format!("{label}: {what}")).collect();
        if self.selected.offline || fetching.is_empty() {
            return Ok(());
        }
        self.sink.hear(Happening::Note(&format!("to be downloaded first: {}", fetching.join("; "))))
    }

    pub(super) fn network(&self) -> Network {
        if self.selected.offline { Network::Forbidden } else { Network::Allowed }
    }

    fn build(&mut self, stale: &[Stale<'_>]) -> anyhow::Result<Vec<Result<(), String>>> {
        let network = self.network();
        let recipes: Vec<&Recipe> = stale.iter().map(|one| one.recipe).collect();
        let interrupt = self.runner.interrupt();
        let mut told = Ok(());
        let results = build_all(&recipes, network, interrupt, &mut |index, event| {
            if told.is_ok() {
                told = stale[index].tell(event, interrupt, self.sink);
            }
        });
        interrupt.check()?;
        told.map(|()| results)
    }
}
