//! Wishes that no backend can meet: a device or implementation that there is
//! nowhere is a slip of the keyboard, and must not end in an empty report.

use anyhow::bail;
use trainmark_reports::record::Implementation;

use super::BenchRequest;
use super::prepare::{Prepared, ReadyLibrary};
use crate::plan::{Selection, device_is_wanted};
use crate::registry::{Library, Registry, suggestion};

/// Checks what was asked for, once every selected library has described itself.
/// Where one could not, it may be the one that would have met the wish.
///
/// # Errors
/// Naming the wish, the nearest that there is, and all that there is.
pub(super) fn check(
    request: &BenchRequest,
    selected: &[(Selection, Vec<ReadyLibrary>)],
    registry: &Registry,
    prepared: &Prepared,
) -> anyhow::Result<()> {
    if !prepared.unavailable.is_empty() {
        return Ok(());
    }
    let libraries: Vec<&ReadyLibrary> = selected.iter().flat_map(|(_, libraries)| libraries).collect();
    let devices: Vec<&str> = libraries.iter().flat_map(|one| &one.info.devices).map(|one| &*one.id).collect();
    let wanted = selected.iter().filter_map(|(selection, _)| selection.device.as_ref());
    for wanted in request.devices.iter().chain(wanted) {
        if !devices.iter().any(|device| device_is_wanted(device, Some(wanted), &[])) {
            let known = known_devices(devices, selected, registry);
            bail!("no selected backend has the device {wanted}{}", suggestion(wanted, known.into_iter()));
        }
    }
    let implementations = libraries.iter().flat_map(|one| &one.info.implementations);
    let mut implementations: Vec<&str> = implementations.map(|one| &*one.name).collect();
    implementations.sort_unstable();
    implementations.dedup();
    for wanted in &request.implementations {
        if wanted != Implementation::NONE && !implementations.contains(&&**wanted) {
            let known = suggestion(wanted, implementations.into_iter());
            bail!("no selected backend has the implementation {wanted}{known}");
        }
    }
    if prepared.cells.is_empty() {
        let workloads = request.workloads.join(", ");
        bail!("nothing to run: no implementation that was asked for fits {workloads} (see `inspect`)");
    }
    Ok(())
}

/// Devices that libraries name, and kinds of device that others are built for.
fn known_devices<'a>(
    mut devices: Vec<&'a str>,
    selected: &[(Selection, Vec<ReadyLibrary>)],
    registry: &'a Registry,
) -> Vec<&'a str> {
    for backend in &registry.backends {
        if selected.iter().any(|(selection, _)| selection.backend == backend.name) {
            let recipes = backend.libraries.iter().filter_map(|library| match library {
                Library::Built(recipe) => Some(recipe),
                Library::Given(_) => None,
            });
            devices.extend(recipes.flat_map(|recipe| recipe.device_kinds()).map(String::as_str));
        }
    }
    devices.sort_unstable();
    devices.dedup();
    devices
}
