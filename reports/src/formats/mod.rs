//! Documents for other programs and places than a browser: Markdown for a pull
//! request, JSON for a script.

mod grid;
pub mod json;
pub mod markdown;

pub use grid::Grid;

/// A number, or `–` where there is none.
pub(crate) fn shown(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| "–".to_owned(), show)
}

#[cfg(test)]
mod tests;
