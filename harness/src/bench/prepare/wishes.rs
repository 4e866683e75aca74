//! Wishes that no backend can meet: a device or implementation that there is
//! nowhere is a slip of the keyboard, and must not end in an empty report.

use anyhow::bail;
use trainmark_reports::record::{Device, Implementation};

use super::wanted::Wanted;
use super::{Preparer, ReadyLibrary};
use crate::registry::{Library, suggestion};

impl Preparer<'_> {
    /// Checks what was asked for, once every selected library has described itself.
    /// Where one could not, it may be the one that would have met the wish.
    ///
    /// # Errors
    /// Naming the wish, the nearest that there is, and all that there is.
    pub(super) fn check_wishes(&self, wanted: &[Wanted<'_>]) -> anyhow::Result<()> {
        if !self.unavailable.is_empty() {
            return Ok(());
        }
        let libraries: Vec<&ReadyLibrary> = wanted.iter().flat_map(|one| &one.ready).collect();
        let devices: Vec<&str> =
            libraries.iter().flat_map(|one| &one.info.devices).map(|one| &*one.id).collect();
        for wish in self.selected.devices.iter().chain(wanted.iter().flat_map(|one| &one.selection.device)) {
            if !devices.iter().any(|device| Device::from(*device).is_meant_by(wish)) {
                let known = known_devices(devices, wanted);
                bail!("no selected backend has the device {wish}{}", suggestion(wish, known.into_iter()));
            }
        }
        let implementations = libraries.iter().flat_map(|one| &one.info.implementations);
        let implementations = sorted(implementations.map(|one| &*one.name).collect());
        for wish in &self.selected.implementations {
            if wish != Implementation::NONE && !implementations.contains(&&**wish) {
                let known = suggestion(wish, implementations.into_iter());
                bail!("no selected backend has the implementation {wish}{known}");
            }
        }
        if self.cells.is_empty() {
            return self.nothing_fits();
        }
        Ok(())
    }
}

/// Devices that libraries name, and kinds of device that others are built for.
fn known_devices<'a>(mut devices: Vec<&'a str>, wanted: &'a [Wanted<'_>]) -> Vec<&'a str> {
    for library in wanted.iter().flat_map(|one| &one.backend.libraries) {
        if let Library::Built(recipe) = library {
            devices.extend(recipe.device_kinds().iter().map(String::as_str));
        }
    }
    sorted(devices)
}

/// Every name once, by the alphabet.
fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names.dedup();
    names
}
