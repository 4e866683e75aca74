//! A learned parameter per channel: the cells side by side, each a median over seeds with a
//! line from the least to the greatest. The page's script draws it.

use serde_json::{Value, json};

use super::colours::{Colours, is_ring};
use super::curves::spread;
use crate::record::Cell;

/// The first `most` channels of a parameter; `None` where no value is finite. A cell has the
/// values of every seed per channel.
pub(super) fn chart(
    cells: &[(&Cell, Vec<Vec<f64>>)],
    colours: &Colours,
    most: usize,
    title: &str,
) -> Option<Value> {
    let shown = cells.iter().flat_map(|(_, channels)| channels.iter().take(most));
    shown.flatten().find(|value| value.is_finite())?;
    let of_cells = cells.iter().map(|(cell, channels)| {
        json!({
            "colour": colours.get(cell),
            "ring": is_ring(&cell.implementation),
            "points": channels.iter().take(most).cloned().map(spread).collect::<Vec<_>>(),
        })
    });
    Some(json!({ "title": title, "cells": of_cells.collect::<Vec<_>>() }))
}
