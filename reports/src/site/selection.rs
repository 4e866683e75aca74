//! Which of the runs that have passed are shown: of one name one record.

use std::fs;
use std::path::Path;

use super::RUNS;
use super::entry::{Entry, Verified};
use super::settings::Settings;
use super::sources::name;

/// What is shown so far, and what is not.
pub(super) struct Selection<'s> {
    settings: &'s Settings,
    out: &'s Path,
    pub(super) entries: Vec<Entry>,
    /// By their places in the folder, and why.
    pub(super) refused: Vec<(String, String)>,
    /// Names of several records, none of which the maintainers list.
    disputed: Vec<String>,
}

impl<'s> Selection<'s> {
    pub(super) fn new(settings: &'s Settings, out: &'s Path, refused: Vec<(String, String)>) -> Self {
        Self { settings, out, entries: Vec::new(), refused, disputed: Vec::new() }
    }

    /// Shows a run, or says why not.
    pub(super) fn take(&mut self, source: &Path, verified: Result<Verified, String>) {
        let taken = verified.and_then(|verified| self.decide(source, verified));
        if let Err(reason) = taken {
            self.refused.push((name(source), reason));
        }
    }

    /// A name is anybody's to give: a record of a listed name is the listed one or none, and of two others
    /// nobody can say which is the run of that name.
    fn decide(&mut self, source: &Path, verified: Verified) -> Result<(), String> {
        let run_id = verified.run_id().to_owned();
        let listed = self.settings.record_hash_of(&run_id);
        if listed.is_some_and(|hash| !verified.has_hash(hash)) {
            return Err(format!("{run_id} is a run of the maintainers, and this is another record"));
        }
        let disputed = format!("there are different records of the name {run_id}: none of them is shown");
        if self.disputed.contains(&run_id) {
            return Err(disputed);
        }
        let Some(place) = self.entries.iter().position(|entry| entry.run_id == run_id) else {
            self.entries.push(verified.publish(source, self.out, listed.is_some())?);
            return Ok(());
        };
        let shown = &self.entries[place];
        if listed.is_some() || shown.record_hash == verified.record_hash() {
            return Err(format!("the same run as {}", name(&shown.source)));
        }
        let shown = self.entries.remove(place);
        self.refused.push((name(&shown.source), disputed.clone()));
        self.disputed.push(run_id.clone());
        let folder = self.out.join(RUNS).join(&run_id);
        fs::remove_dir_all(&folder)
            .map_err(|cause| format!("cannot remove {}: {cause}", folder.display()))?;
        Err(disputed)
    }

    /// What the maintainers list and nobody has handed in, a line for each.
    pub(super) fn unmet(&self) -> Vec<String> {
        let is_met = |run: &str| self.entries.iter().any(|entry| entry.is_own && entry.run_id == run);
        let unmet = self.settings.maintainers().filter(|(run, _)| !is_met(run));
        unmet
            .map(|(run, hash)| {
                format!("{} lists {run}, and its record {hash:.12}… is not shown", Settings::FILE)
            })
            .collect()
    }
}
