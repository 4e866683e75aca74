//! Which vector width is used: the widest that the processor has, or the one
//! that `TRAINMARK_SIMD` names.

use trainmark_plugin::Error;

/// The environment variable that forces a width.
const VARIABLE: &str = "TRAINMARK_SIMD";

/// A vector width, and with it the instructions that kernels are compiled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Width {
    /// Those that this architecture knows, widest first.
    #[cfg(target_arch = "x86_64")]
    const ALL: &[Self] = &[Self::Avx512, Self::Avx2, Self::Portable];
    #[cfg(target_arch = "aarch64")]
    const ALL: &[Self] = &[Self::Neon, Self::Portable];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    const ALL: &[Self] = &[Self::Portable];

    /// Those that this processor has, widest first; never empty.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|width| width.is_available())
    }

    pub(crate) fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => true,
            Self::Portable => true,
        }
    }

    /// The width to use.
    ///
    /// # Errors
    /// `invalid` where `TRAINMARK_SIMD` names none that this processor has.
    pub(crate) fn choose() -> Result<Self, Error> {
        let wanted = std::env::var_os(VARIABLE).map(|name| name.to_string_lossy().into_owned());
        Self::named(wanted.as_deref())
    }

    fn named(wanted: Option<&str>) -> Result<Self, Error> {
        let wanted = wanted.filter(|name| !name.is_empty());
        let found = Self::available().find(|width| wanted.is_none_or(|name| name == width.name()));
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::available().map(Self::name).collect();
            let wanted = wanted.unwrap_or_default();
            Error::invalid(format!(
                "{VARIABLE}={wanted}: no such vector width on this processor; use {}",
                names.join(" or ")
            ))
        })
    }

    /// As `TRAINMARK_SIMD` spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
            Self::Portable => "portable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_is_the_default_and_others_can_be_named() {
        assert_eq!(Width::named(None).unwrap(), Width::available().next().unwrap());
        assert_eq!(Width::named(Some("")), Width::named(None));
        for width in Width::available() {
            assert_eq!(Width::named(Some(width.name())), Ok(width));
        }
    }

    #[test]
    fn an_unknown_width_is_refused() {
        let error = Width::named(Some("mmx")).unwrap_err();
        let start = "TRAINMARK_SIMD=mmx: no such vector width on this processor; use ";
        assert!(error.message.starts_with(start) && error.message.ends_with("portable"), "{error}");
    }
}
