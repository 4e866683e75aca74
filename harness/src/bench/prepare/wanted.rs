//! A backend that was asked for, with all that was said of it.

use anyhow::bail;
use trainmark_reports::record::{Device, Implementation, Unavailable};

use super::ReadyLibrary;
use super::devices::missing;
use crate::bench::request::Selected;
use crate::plan::Selection;
use crate::registry::{Backend, Library, suggestion};
use crate::worker::protocol::BackendInfo;
use crate::workload::Workload;

/// A backend that was asked for.
pub(in crate::bench) struct Wanted<'r> {
    /// The request.
    pub(super) selected: &'r Selected,
    /// The part of it that is of this backend.
    pub(super) selection: Selection,
    /// The backend.
    pub(super) backend: Backend,
    /// Those of its libraries that load.
    pub(super) ready: Vec<ReadyLibrary>,
}

impl<'r> Wanted<'r> {
    /// Before any of its libraries is loaded.
    pub(super) fn new(selected: &'r Selected, selection: Selection, backend: Backend) -> Self {
        Self { selected, selection, backend, ready: Vec::new() }
    }
}

impl Wanted<'_> {
    /// The devices that are named, by the selection or by `--device`; none: all that there are.
    pub(super) fn devices(&self) -> Vec<&str> {
        match &self.selection.device {
            Some(device) => vec![device],
            None => self.selected.devices.iter().map(String::as_str).collect(),
        }
    }

    /// Those that are graphics processors.
    pub(super) fn gpus(&self) -> Vec<&str> {
        self.devices().into_iter().filter(|device| Device::from(*device).is_cuda()).collect()
    }

    /// Whether a device such as `cuda:0` was asked for; `cuda` asks for every such device.
    pub(super) fn wants(&self, device: &Device) -> bool {
        let named = self.devices();
        named.is_empty() || named.iter().any(|wanted| device.is_meant_by(wanted))
    }

    /// The libraries that are to be built and loaded.
    pub(super) fn libraries(&self) -> impl Iterator<Item = &Library> {
        self.backend.libraries.iter().filter(|library| self.needs(library))
    }

    fn needs(&self, library: &Library) -> bool {
        let named = self.devices();
        match library {
            Library::Built(recipe) if named.is_empty() => {
                recipe.is_by_default() && recipe.device_kinds().iter().any(|kind| missing(kind).is_none())
            }
            // What a library serves that was given ready, it alone knows.
            Library::Given(_) => true,
            Library::Built(_) => {
                named.iter().any(|device| library.serves(device) && missing(device).is_none())
            }
        }
    }

    /// The implementations that are to be run, for a workload.
    ///
    /// # Errors
    /// Where the selection names one that the backend does not have.
    pub(super) fn implementations(
        &self,
        info: &BackendInfo,
        workload: &Workload,
    ) -> anyhow::Result<Vec<String>> {
        let selected = self.selection.implementation.as_deref();
        if !workload.model.has_batch_norm() {
            return Ok(if self.fits(workload) { vec![Implementation::NONE.to_owned()] } else { Vec::new() });
        }
        let mut names: Vec<&str> = info.implementations.iter().map(|one| one.name.as_str()).collect();
        if let Some(name) = selected {
            if name != Implementation::NONE && !names.contains(&name) {
                bail!("{} has no implementation {name}{}", info.name, suggestion(name, names.into_iter()));
            }
            names.retain(|one| *one == name);
        } else if !self.selected.implementations.is_empty() {
            names.retain(|name| self.selected.implementations.iter().any(|wanted| wanted == name));
        } else {
            names.retain(|name| self.backend.extra_implementations.iter().all(|extra| extra != name));
        }
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    /// That one of its libraries cannot be used. Its device is named only where the backend has
    /// other libraries for others.
    pub(super) fn unavailable(&self, library: &Library, reason: String) -> Unavailable {
        let device = match library {
            Library::Built(recipe) if self.backend.libraries.len() > 1 => {
                Some(recipe.device_kinds().join(","))
            }
            _ => None,
        };
        Unavailable { backend: self.backend.name.clone(), device, reason }
    }
}
