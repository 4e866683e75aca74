//! From what was asked for to cells.

use std::collections::HashSet;

use super::script::{Screen, Scripted};
use crate::bench::prepare::Preparer;
use crate::bench::{Selected, ThreadCounts};
use crate::registry::Registry;
use crate::worker::protocol::DeviceInfo;
use crate::workload;

/// The cells that a library by its path gives, and what the screen was told.
fn prepared(scripted: &Scripted, selected: Selected) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    prepared_with(scripted, selected, &[4])
}

/// The same with these numbers of threads.
fn prepared_with(
    scripted: &Scripted,
    selected: Selected,
    threads: &[usize],
) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let folder = tempfile::tempdir()?;
    let library = folder.path().join("liba.so");
    std::fs::write(&library, "not looked at")?;
    let selections = vec![library.display().to_string()];
    let selected = Selected { selections, threads: ThreadCounts::new(threads), ..selected };
    let mut screen = Screen::default();
    let mut preparer = Preparer::new(&selected, Registry::default(), &scripted.script, &mut screen)?;
    let wanted = preparer.wanted()?;
    preparer.find_cells(wanted, &HashSet::new())?;
    let cells = preparer.cells.iter().map(|one| format!("{} of {}", one.cell, one.cell.threads)).collect();
    Ok((cells, screen.lines))
}

fn selected(workloads: &[&str]) -> Selected {
    Selected {
        workloads: workloads.iter().map(|name| workload::find(name).expect("there is one")).collect(),
        ..Selected::default()
    }
}

#[test]
fn cells_stand_workload_by_workload() {
    let scripted = Scripted::new(&[]);
    let (cells, lines) = prepared(&scripted, selected(&["lenet-bn", "lenet"])).expect("it loads");
    assert_eq!(cells, ["lenet-bn a/primitive@cpu of 4", "lenet a/none@cpu of 4"]);
    assert_eq!(lines, [""; 0]);
}

#[test]
fn every_number_of_threads_is_a_cell_that_tells_it() {
    let scripted = Scripted::new(&[]);
    let (cells, _) = prepared_with(&scripted, selected(&["lenet"]), &[1, 2, 1]).expect("it loads");
    assert_eq!(cells, ["lenet a/none@cpu, 1 thread of 1", "lenet a/none@cpu, 2 threads of 2"]);
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

/// What is told before anything is built, of a library with these implementations.
fn told_of_fit(implementations: &[&str], selected: Selected) -> Result<Vec<String>, String> {
    let scripted = Scripted::new(&[]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = folder.path().join("liba.so");
    std::fs::write(&library, "not looked at").expect("writable");
    let selections = implementations.iter().map(|name| format!("{}{name}", library.display())).collect();
    let selected = Selected { selections, threads: ThreadCounts::new(&[4]), ..selected };
    let mut screen = Screen::default();
    let mut preparer =
        Preparer::new(&selected, Registry::default(), &scripted.script, &mut screen).expect("it is there");
    let wanted = preparer.wanted().expect("it loads");
    preparer.check_fit(&wanted).map_err(|error| error.to_string())?;
    Ok(screen.lines)
}

#[test]
fn what_fits_no_workload_is_told_or_refused_by_the_names() {
    let both = || selected(&["lenet-bn", "lenet"]);
    assert_eq!(told_of_fit(&[""], both()), Ok(Vec::new()));
    assert_eq!(told_of_fit(&["/primitive", "/none"], both()), Ok(Vec::new()), "each has one that takes it");
    let left = "lenet is left out of a/primitive, a/builtin: it has no batch norm, and takes BACKEND or BACKEND/none";
    assert_eq!(told_of_fit(&["/primitive", "/builtin"], both()), Ok(vec![left.to_owned()]));
    let left =
        "lenet-bn is left out of a/none: it has batch norm, and takes BACKEND or BACKEND/IMPLEMENTATION";
    assert_eq!(told_of_fit(&["/none"], both()), Ok(vec![left.to_owned()]));

    let refused = told_of_fit(&["/builtin"], selected(&["softmax", "lenet"]));
    let words = "nothing to run: no implementation that was asked for fits softmax, lenet; one without batch norm \
                 takes BACKEND or BACKEND/none";
    assert_eq!(refused, Err(words.to_owned()));
    let words = "nothing to run: no implementation that was asked for fits lenet-bn; one with batch norm takes \
                 BACKEND or BACKEND/IMPLEMENTATION";
    assert_eq!(told_of_fit(&["/none"], selected(&["lenet-bn"])), Err(words.to_owned()));
    let implementations = vec!["none".to_owned()];
    let refused = told_of_fit(&[""], Selected { implementations, ..selected(&["lenet-bn"]) });
    assert_eq!(refused, Err(words.to_owned()));
}
