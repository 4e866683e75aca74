//! Which devices were asked for, and which of them this machine has.
//!
//! Graphics processors are the driver's to tell of, before anything is built: without one no
//! library is built or loaded that serves nothing else. Devices that nobody named are then
//! left out in one line; one that was named is a row with the reason.

use anyhow::bail;
use trainmark_reports::record::{Device, Unavailable};

use super::super::BenchRequest;
use super::super::progress::Progress;
use super::Prepared;
use crate::machine::gpu::{self, Found, NoGpu};
use crate::plan::Selection;
use crate::registry::{Backend, Library, Registry};

/// The devices that a selection names, by itself or by `--device`; none: all that there are.
fn named<'a>(selection: &'a Selection, request: &'a BenchRequest) -> Vec<&'a str> {
    match &selection.device {
        Some(device) => vec![device],
        None => request.devices.iter().map(String::as_str).collect(),
    }
}

/// Those that are graphics processors.
fn named_gpus<'a>(selection: &'a Selection, request: &'a BenchRequest) -> Vec<&'a str> {
    named(selection, request).into_iter().filter(|device| Device::from(*device).is_cuda()).collect()
}

/// Why a device or kind of device cannot be used on this machine, whatever the backend.
pub(super) fn missing(device: &str) -> Option<&'static NoGpu> {
    if Device::from(device).is_cuda() { gpu::found().none.as_ref() } else { None }
}

/// Whether a library is to be built and loaded.
pub(super) fn is_asked_for(library: &Library, selection: &Selection, request: &BenchRequest) -> bool {
    let named = named(selection, request);
    match library {
        Library::Built(recipe) if named.is_empty() => {
            recipe.device_kinds().iter().any(|kind| missing(kind).is_none())
        }
        // What a library serves that was given ready, it alone knows.
        Library::Given(_) => true,
        Library::Built(_) => named.iter().any(|device| library.serves(device) && missing(device).is_none()),
    }
}

/// Refuses a graphics processor that this machine does not have while it has others, and
/// tells of every selected library that waits for one where there is none.
///
/// # Errors
/// Naming the device, and those that there are.
pub(super) fn check(
    selections: &[Selection],
    request: &BenchRequest,
    registry: &Registry,
    progress: &mut dyn Progress,
    prepared: &mut Prepared,
) -> anyhow::Result<()> {
    let found = gpu::found();
    for selection in selections {
        let backend = registry.find(&selection.backend)?;
        if !backend.libraries.iter().any(is_built_for_gpus) {
            continue;
        }
        match &found.none {
            None => check_number(&named_gpus(selection, request), found)?,
            Some(_) => leave_out(&backend.name, Device::CUDA, selection, request, progress, prepared),
        }
    }
    Ok(())
}

fn is_built_for_gpus(library: &Library) -> bool {
    matches!(library, Library::Built(_)) && library.serves(Device::CUDA)
}

fn check_number(named: &[&str], found: &Found) -> anyhow::Result<()> {
    let devices = || found.gpus.iter().filter_map(|gpu| Some((gpu.device.as_deref()?, gpu.name.as_str())));
    for wanted in named {
        if *wanted != Device::CUDA && !devices().any(|(device, _)| device == *wanted) {
            let there: Vec<String> = devices().map(|(device, name)| format!("{device} ({name})")).collect();
            let visible = found.visible.as_ref().map_or_else(String::new, |listed| {
                format!(", of those that CUDA_VISIBLE_DEVICES={listed} makes visible")
            });
            bail!("no device {wanted}: there is {}{visible}", there.join(", "));
        }
    }
    Ok(())
}

/// Notes that a backend's device is not run for want of a graphics processor: as a row where
/// it was named, else in one line for all.
pub(super) fn leave_out(
    backend: &str,
    device: &str,
    selection: &Selection,
    request: &BenchRequest,
    progress: &mut dyn Progress,
    prepared: &mut Prepared,
) {
    let Some(none) = missing(device) else { return };
    let (all, gpus) = (named(selection, request), named_gpus(selection, request));
    let device = if gpus.is_empty() { device.to_owned() } else { gpus.join(",") };
    let row = Unavailable { backend: backend.to_owned(), device: Some(device), reason: none.to_string() };
    if !gpus.is_empty() {
        prepared.add_unavailable(row, progress);
        return;
    }
    if !all.is_empty() || prepared.left_out.contains(&row) {
        return;
    }
    if prepared.left_out.is_empty() {
        progress.note(&format!("{}: only the CPU is used", none.what));
    }
    prepared.left_out.push(row);
}

/// The kinds of device that a library of several is for; a backend's only one needs no name.
pub(super) fn kinds_of(backend: &Backend, library: &Library) -> Option<String> {
    match library {
        Library::Built(recipe) if backend.libraries.len() > 1 => Some(recipe.device_kinds().join(",")),
        _ => None,
    }
}
