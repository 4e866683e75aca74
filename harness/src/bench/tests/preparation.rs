//! From what was asked for to cells.

use std::collections::HashSet;

use super::script::{Screen, Scripted};
use crate::bench::Selected;
use crate::bench::prepare::Preparer;
use crate::registry::Registry;
use crate::worker::protocol::DeviceInfo;

/// The cells that a library by its path gives, and what the screen was told.
fn prepared(scripted: &Scripted, selected: Selected) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let folder = tempfile::tempdir()?;
    let library = folder.path().join("liba.so");
    std::fs::write(&library, "not looked at")?;
    let selections = vec![library.display().to_string()];
    let selected = Selected { selections, threads: 4, ..selected };
    let mut screen = Screen::default();
    let mut preparer = Preparer::new(&selected, Registry::default(), &scripted.script, &mut screen)?;
    let wanted = preparer.wanted()?;
    preparer.find_cells(wanted, &HashSet::new())?;
    let cells = preparer.cells.iter().map(|one| format!("{} of {}", one.cell, one.cell.threads)).collect();
    Ok((cells, screen.lines))
}

fn selected(workloads: &[&str]) -> Selected {
    Selected { workloads: workloads.iter().map(|&name| name.to_owned()).collect(), ..Selected::default() }
}

#[test]
fn cells_stand_workload_by_workload() {
    let scripted = Scripted::new(&[]);
    let (cells, lines) = prepared(&scripted, selected(&["lenet-bn", "lenet"])).expect("it loads");
    assert_eq!(cells, ["lenet-bn a/primitive@cpu of 4", "lenet a/none@cpu of 4"]);
    assert_eq!(lines, [""; 0]);
}

#[test]
fn a_device_that_a_backend_cannot_use_is_a_row() {
    let mut scripted = Scripted::new(&[]);
    let unavailable = Some("no such card".to_owned());
    let odd = DeviceInfo { id: "odd:0".to_owned(), unavailable, adapter: None, is_software: false };
    scripted.script.described.devices.push(odd);
    let (cells, lines) = prepared(&scripted, selected(&["lenet-bn"])).expect("it loads");
    assert_eq!((cells.len(), lines), (1, vec!["a@odd:0: no such card".to_owned()]));
}

#[test]
fn what_no_backend_has_is_refused_with_what_there_is() {
    let scripted = Scripted::new(&[]);
    let devices = vec!["tpu".to_owned()];
    let error = prepared(&scripted, Selected { devices, ..selected(&["lenet-bn"]) });
    let error = error.expect_err("there is none").to_string();
    assert_eq!(error, "no selected backend has the device tpu; did you mean cpu? (there are: cpu)");
    let implementations = vec!["primitiv".to_owned()];
    let error = prepared(&scripted, Selected { implementations, ..selected(&["lenet-bn"]) });
    let error = error.expect_err("there is none").to_string();
    assert_eq!(
        error,
        "no selected backend has the implementation primitiv; did you mean primitive? (there are: primitive)"
    );
}
