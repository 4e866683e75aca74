//! `list`

use crate::bench::prepare::describe;
use crate::executor::{Executor, Limits};
use crate::registry::{Backend, Library};

use super::arguments::BackendArguments;
use super::exit;

pub(super) fn run(arguments: &BackendArguments) -> anyhow::Result<i32> {
    let registry = super::registry(arguments)?;
    let executor = describing_executor()?;
    for backend in &registry.backends {
        say!("{}  {}", backend.name, backend.summary);
        for line in backend_lines(backend, &executor)? {
            say!("  {line}");
        }
    }
    for (name, reason) in &registry.broken {
        say!("{name}\n  unavailable: {reason}");
    }
    if registry.backends.is_empty() && registry.broken.is_empty() {
        say!("no backend found; run this in the repository, or name a folder with --backend-path");
        return Ok(exit::FAILED);
    }
    Ok(exit::OK)
}

/// Starts workers that only describe their library.
pub(super) fn describing_executor() -> anyhow::Result<Executor> {
    super::executor(Limits { call: std::time::Duration::from_secs(60), memory_bytes: u64::MAX })
}

/// What is known of a backend: its abilities if it is built, else how to get there.
pub(super) fn backend_lines(backend: &Backend, executor: &Executor) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for library in &backend.libraries {
        if let Library::Built(recipe) = library {
            let kinds = recipe.device_kinds().join(", ");
            match (recipe.is_fresh(), recipe.missing_need()) {
                (Err(error), _) => {
                    lines.push(format!("{kinds}: unavailable: {error:#}"));
                    continue;
                }
                (Ok(false), Some(need)) => {
                    lines.push(format!(
                        "{kinds}: unavailable: building it needs {}: {}",
                        need.tool, need.hint
                    ));
                    continue;
                }
                (Ok(false), None) => {
                    lines.push(format!("{kinds}: not built yet; `bench` and `check` build it"));
                    continue;
                }
                (Ok(true), _) => {}
            }
        }
        match describe(&library.path(), executor)? {
            Err(reason) => lines.push(format!("unavailable: {reason}")),
            Ok(info) => {
                lines.push(format!("framework        {}", info.framework));
                for one in &info.implementations {
                    lines.push(format!("implementation   {:<10} {}", one.name, one.summary));
                }
                for device in &info.devices {
                    let state = device
                        .unavailable
                        .as_ref()
                        .map_or_else(|| "available".to_owned(), |reason| format!("unavailable: {reason}"));
                    lines.push(format!("device           {:<10} {state}", device.id));
                }
                lines.extend(info.notes.iter().map(|note| format!("note             {note}")));
            }
        }
    }
    Ok(lines)
}
