//! `list`

use std::time::Duration;

use trainmark_reports::record::Device;

use crate::bench::prepare::{Described, describe};
use crate::executor::{Executor, Limits, MemoryLimit};
use crate::interrupt::Interrupt;
use crate::machine::{self, gpu};
use crate::registry::build::{Freshness, Network, Recipe};
use crate::registry::{Backend, Library, Registry};
use crate::side_by_side::side_by_side;

use super::arguments::BackendArguments;
use super::exit;

/// Longest time in which a library describes itself: none computes for that.
const DESCRIBING: Duration = Duration::from_secs(15);

/// Longest time that a probe may take: who asks what there is waits for no more.
const PROBING: Duration = Duration::from_secs(5);

pub(super) fn run(arguments: &BackendArguments) -> anyhow::Result<i32> {
    let registry = super::registry(arguments)?;
    let executor = describing_executor()?;
    executor.interrupt.listen()?;
    for (backend, lines) in registry.backends.iter().zip(backend_lines(&registry, &executor)?) {
        say!("{}  {}", backend.name, backend.summary);
        lines.iter().for_each(|line| say!("  {line}"));
    }
    for (name, reason) in &registry.broken {
        say!("{name}\n  unavailable: {reason}");
    }
    if registry.backends.is_empty() && registry.broken.is_empty() {
        say!("no backend found; run this in the repository, or name a folder with --backend-path");
        return Ok(exit::FAILED);
    }
    say!("devices");
    for line in device_lines() {
        say!("  {line}");
    }
    Ok(exit::OK)
}

/// The machine's devices, a line each, and what hides others.
pub(super) fn device_lines() -> Vec<String> {
    let found = gpu::found();
    let mut lines = vec![format!("{:<16} {} threads", Device::CPU, machine::logical_cpus())];
    for one in &found.gpus {
        lines.push(format!("{:<16} {}", one.device.as_deref().unwrap_or(Device::CUDA), one.summary()));
    }
    lines.extend(found.none.as_ref().map(|none| format!("{:<16} unavailable: {none}", Device::CUDA)));
    if let Some(listed) = found.visible.as_ref().filter(|_| !found.gpus.is_empty()) {
        lines.push(format!("CUDA_VISIBLE_DEVICES={listed} chooses and orders the cuda devices"));
    }
    lines
}

/// Starts workers that only describe their library.
pub(super) fn describing_executor() -> anyhow::Result<Executor> {
    super::executor(Limits::new(DESCRIBING, MemoryLimit::NONE))
}

/// What is known of each backend, looked at side by side: a library that is slow to load and a
/// probe that hangs hold up no other.
///
/// # Errors
/// Where no worker can be started, or the user interrupts.
pub(super) fn backend_lines(registry: &Registry, executor: &Executor) -> anyhow::Result<Vec<Vec<String>>> {
    side_by_side(&registry.backends, |backend| lines_of(backend, executor)).into_iter().collect()
}

/// What is known of a backend: its abilities if it is built, else how to get there.
fn lines_of(backend: &Backend, executor: &Executor) -> anyhow::Result<Vec<String>> {
    let mut lines = versions_of(backend, &executor.interrupt)?;
    if !backend.is_in_all() {
        lines.push(format!("no part of `all`: `bench all --with {}` takes it", backend.name));
    }
    for library in &backend.libraries {
        if let (Library::Built(recipe), Some(none)) = (library, &gpu::found().none)
            && recipe.device_kinds().iter().all(|kind| kind == Device::CUDA)
        {
            // Neither built nor loaded by anything else here.
            lines.push(format!("{}: unavailable: {none}", Device::CUDA));
            continue;
        }
        if let Library::Built(recipe) = library
            && let Some(state) = unbuilt(recipe, &executor.interrupt)?
        {
            lines.push(format!("{}: {state}", recipe.device_kinds().join(", ")));
            continue;
        }
        match describe(&library.path(), executor)? {
            Err(failure) => lines.push(format!("unavailable: {}", failure.reason)),
            Ok(Described { info, .. }) => {
                lines.push(format!("framework        {}", info.framework));
                lines.extend(python(library).map(|served| format!("python           {served}")));
                for one in &info.implementations {
                    let is_extra = backend.extra_implementations.contains(&one.name);
                    let named = if is_extra { "; only where it is named" } else { "" };
                    lines.push(format!("implementation   {:<10} {}{named}", one.name, one.summary));
                }
                for device in &info.devices {
                    let state = device
                        .unavailable
                        .as_ref()
                        .map_or_else(|| "available".to_owned(), |reason| format!("unavailable: {reason}"));
                    let adapter = device.adapter(&info.name);
                    let adapter =
                        adapter.map_or_else(String::new, |adapter| format!(", {}", adapter.words()));
                    lines.push(format!("device           {:<10} {state}{adapter}", device.id));
                }
                lines.extend(info.notes.iter().map(|note| format!("note             {note}")));
            }
        }
    }
    Ok(lines)
}

/// A backend's versions, the newest first, and how far each is; none where it has one.
fn versions_of(backend: &Backend, interrupt: &Interrupt) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for (version, of_version) in backend.every_version() {
        let state = if of_version.name == backend.name {
            "the default".to_owned()
        } else {
            state_of_version(of_version, interrupt)?
        };
        lines.push(format!("version          {version:<10} {state}"));
    }
    Ok(lines)
}

/// How far the libraries of a version are that this machine can use. None is loaded for that.
fn state_of_version(backend: &Backend, interrupt: &Interrupt) -> anyhow::Result<String> {
    let mut states = Vec::new();
    for library in backend.libraries.iter().filter(|library| library.is_meant_by_default()) {
        let Library::Built(recipe) = library else { continue };
        let state = unbuilt(recipe, interrupt)?.unwrap_or_else(|| "built".to_owned());
        if !states.contains(&state) {
            states.push(state);
        }
    }
    Ok(states.join("; "))
}

/// Which Python serves a library that is built, if one does.
fn python(library: &Library) -> Option<String> {
    match library {
        Library::Built(recipe) if recipe.is_python() => recipe.python(),
        Library::Built(_) | Library::Given(_) => None,
    }
}

/// Why a library is not to be had as it is, and what would change that; `None`
/// where it is built.
fn unbuilt(recipe: &Recipe, interrupt: &Interrupt) -> anyhow::Result<Option<String>> {
    let freshness = match recipe.freshness() {
        Ok(Freshness::Fresh) => return Ok(None),
        Ok(freshness) => freshness,
        Err(error) => return Ok(Some(format!("unavailable: {error:#}"))),
    };
    let found = recipe.look(Network::Allowed, PROBING, interrupt);
    interrupt.check()?;
    let found = match found {
        Ok(found) if recipe.is_python() => format!("; {found}"),
        Ok(_) => String::new(),
        Err(missing) => return Ok(Some(format!("unavailable: {missing}"))),
    };
    let downloads = recipe.downloads().map(|what| format!(" (downloads {what})")).unwrap_or_default();
    let when = match recipe.is_by_default() {
        true => String::new(),
        false => format!("where {} is named, ", recipe.device_kinds().join(" or ")),
    };
    Ok(Some(match freshness {
        Freshness::Failed(reason) => format!("not built: {reason}"),
        Freshness::Stale => {
            format!("out of date; {when}`bench` and `check` build it again{downloads}{found}")
        }
        Freshness::Absent | Freshness::Fresh => {
            format!("not built yet; {when}`bench` and `check` build it{downloads}{found}")
        }
    }))
}
