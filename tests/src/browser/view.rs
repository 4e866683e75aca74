//! How a reader looks at a page.

use std::path::Path;

use super::page::Page;

/// Size of the window, colours that the system asks for, whether scripts run.
#[derive(Debug, Clone, Copy)]
pub struct View {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) scheme: Scheme,
    pub(super) runs_scripts: bool,
}

/// The system's colours: `prefers-color-scheme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Scheme {
    /// Its name in a media query.
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// What a page is shown on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// A screen.
    Screen,
    /// Paper.
    Print,
}

impl Default for View {
    fn default() -> Self {
        Self { width: 1280, height: 900, scheme: Scheme::Light, runs_scripts: true }
    }
}

impl View {
    /// A window of this width, in CSS pixels.
    pub fn width(self, width: u32) -> Self {
        Self { width, ..self }
    }

    /// A system in these colours.
    pub fn scheme(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    /// A browser that runs no scripts.
    pub fn without_scripts(self) -> Self {
        Self { runs_scripts: false, ..self }
    }

    /// Opens a file in a window of its own, loaded and laid out; `None`, said
    /// aloud, where there is no browser.
    pub fn open(self, file: &Path) -> Option<Page> {
        Page::open(file, self)
    }
}
