//! Ways of running the fused kernels that no GPU has judged yet. Each is off unless the
//! variable `TRAINMARK_CUDA` names it, as in `TRAINMARK_CUDA=staged,overlap`.

use trainmark_plugin::{Error, ErrorKind};

/// The variable that names switches, with commas between.
pub(crate) const VARIABLE: &str = "TRAINMARK_CUDA";

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    /// An epoch's order and outcomes go through pinned memory of the host, copied by the
    /// recording itself, so that the host waits once per epoch.
    Staged,
    /// A kernel begins while the one before it ends (programmatic dependent launch).
    Overlap,
    /// Blocks of two samples where a block of one would join the shares of every other.
    Pairs,
    /// All kernels ask for the same share of a multiprocessor's memory as shared memory, so that
    /// none waits for it to be divided anew.
    Carved,
    /// The first convolution is updated by the last block of the kernel that ends its gradient.
    Folded,
}

impl Switch {
    pub(crate) const ALL: [Self; 5] = [Self::Staged, Self::Overlap, Self::Carved, Self::Pairs, Self::Folded];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Overlap => "overlap",
            Self::Carved => "carved",
            Self::Pairs => "pairs",
            Self::Folded => "folded",
        }
    }
}

/// Which of them are on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Switches([bool; Switch::ALL.len()]);

impl Switches {
    /// Those that [`VARIABLE`] names.
    ///
    /// # Errors
    /// `unsupported` where there is no such switch.
    #[cfg(feature = "cuda")]
    pub(crate) fn from_environment() -> Result<Self, Error> {
        Self::parse(&std::env::var(VARIABLE).unwrap_or_default())
    }

    /// Names with commas between; none of nothing.
    ///
    /// # Errors
    /// As [`Switches::from_environment`].
    pub(crate) fn parse(names: &str) -> Result<Self, Error> {
        let mut switches = Self::default();
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let Some(switch) = Switch::ALL.into_iter().find(|switch| switch.name() == name) else {
                let known = Switch::ALL.map(Switch::name).join(", ");
                let message = format!("{VARIABLE}={names}: no switch {name}; there are {known}");
                return Err(Error::new(ErrorKind::Unsupported, message));
            };
            switches.0[switch as usize] = true;
        }
        Ok(switches)
    }

    pub(crate) fn has(self, switch: Switch) -> bool {
        self.0[switch as usize]
    }

    /// Names with commas between, or nothing where none is on.
    pub(crate) fn names(self) -> Option<String> {
        let on = Switch::ALL.into_iter().filter(|&switch| self.has(switch)).map(Switch::name);
        Some(on.collect::<Vec<_>>().join(", ")).filter(|names| !names.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        assert_eq!(Switches::parse(" ").unwrap(), Switches::default());
        assert_eq!(Switches::default().names(), None);
        let some = Switches::parse("pairs, staged").unwrap();
        assert!(some.has(Switch::Staged) && some.has(Switch::Pairs) && !some.has(Switch::Overlap));
        assert_eq!(some.names().unwrap(), "staged, pairs");
    }

    #[test]
    fn a_wrong_name_is_refused_with_those_that_there_are() {
        let error = Switches::parse("staged,overlaps").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert_eq!(
            error.message,
            "TRAINMARK_CUDA=staged,overlaps: no switch overlaps; there are staged, overlap, carved, pairs, folded"
        );
    }
}
