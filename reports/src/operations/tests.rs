use std::fs;

use super::*;
use crate::example;
use crate::record::Record;

fn names(operations: &Operations) -> Vec<String> {
    operations.cells.iter().map(OperationCell::label).collect()
}

/// A folder of runs with one run in it, and this text as the file beside it.
fn beside(text: &str) -> (tempfile::TempDir, std::path::PathBuf, Record) {
    let parent = tempfile::tempdir().unwrap();
    let folder = example::write(parent.path(), &example::events());
    fs::write(parent.path().join(FILE), text).unwrap();
    let record = Record::read(&folder).unwrap();
    (parent, folder, record)
}

fn json(operations: &Operations) -> String {
    serde_json::to_string(operations).unwrap()
}

#[test]
fn without_a_file_there_is_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let folder = example::write(parent.path(), &example::events());
    let record = Record::read(&folder).unwrap();
    assert_eq!(of_run(&folder, &record).unwrap(), None);
    crate::write_all(&folder, &record).unwrap();
    assert!(!folder.join("operations.csv").exists() && !folder.join(FILE).exists());
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let operations = example::operations();
    write(&folder.path().join("new"), &operations).unwrap();
    assert_eq!(read(&folder.path().join("new")).unwrap(), Some(operations));
}

#[test]
fn a_file_that_cannot_be_used_is_a_line_and_no_error() {
    let whole = json(&example::operations());
    let cases = [
        (whole.replacen("\"schema\":1", "\"schema\":2", 1), "it has schema 2, this trainmark reads schema 1"),
        (whole[..whole.len() / 2].to_owned(), "it is damaged: EOF"),
        ("{}".to_owned(), "it names no schema"),
        (whole.replacen("\"cells\"", "\"cell\"", 1), "missing field `cells`"),
        (String::new(), "it is damaged"),
    ];
    for (text, expected) in cases {
        let (_parent, folder, record) = beside(&text);
        let shown = of_run(&folder, &record).unwrap().unwrap();
        assert_eq!(shown.operations, None);
        let [line] = &shown.left_out[..] else { panic!("{:?}", shown.left_out) };
        assert!(
            line.contains(expected) && line.contains(FILE) && line.contains("`trainmark operations`"),
            "{line}"
        );
        assert!(!folder.join(FILE).exists(), "what cannot be used is not copied");
        crate::write_all(&folder, &record).unwrap();
    }
}

#[test]
fn cells_of_other_libraries_are_left_out_with_the_reason() {
    let mut operations = example::operations();
    operations.cells[0].library_hash = "ef".repeat(32);
    let (_parent, folder, record) = beside(&json(&operations));
    let shown = of_run(&folder, &record).unwrap().unwrap();
    assert_eq!(names(&shown.operations.unwrap()), ["handwritten primitive", "tch builtin", "tch"]);
    assert_eq!(
        shown.left_out,
        [
            "handwritten: measured with another library (SHA-256 efefefefefef…) than this run's (cdcdcdcdcdcd…)"
        ]
    );
}

#[test]
fn backends_that_did_not_run_are_not_spoken_of() {
    let mut operations = example::operations();
    for cell in &mut operations.cells {
        cell.backend = "elsewhere".to_owned();
    }
    let (_parent, folder, record) = beside(&json(&operations));
    assert_eq!(of_run(&folder, &record).unwrap(), None);
    assert!(!folder.join(FILE).exists());
}

#[test]
fn a_run_keeps_what_it_showed() {
    let (parent, folder, record) = beside(&json(&example::operations()));
    let shown = of_run(&folder, &record).unwrap();
    assert!(shown.is_some());
    // Measured anew later, or gone.
    fs::write(parent.path().join(FILE), "{}").unwrap();
    assert_eq!(of_run(&folder, &record).unwrap(), shown);
    fs::remove_file(parent.path().join(FILE)).unwrap();
    assert_eq!(of_run(&folder, &record).unwrap(), shown);
}

#[test]
fn what_is_measured_again_replaces_the_older() {
    let older = example::operations();
    let mut newer = Operations { cells: vec![older.cells[0].clone()], ..older.clone() };
    newer.cells[0].results.truncate(1);
    newer.cells[0].results[0].unix_time += 1.0;
    let merged = newer.clone().on_top_of(older.clone());
    assert_eq!(names(&merged), names(&older));
    assert_eq!(merged.cells[0].results.len(), older.cells[0].results.len());
    assert_eq!(merged.cells[0].results[0], newer.cells[0].results[0]);
    assert_eq!(merged.cells[0].results[1], older.cells[0].results[1]);

    newer.cells[0].library_hash = "another".to_owned();
    let merged = newer.clone().on_top_of(older.clone());
    assert_eq!(merged.cells[0].results.len(), 1, "nothing is kept of another library");
    newer.environment.cpu = "another".to_owned();
    assert_eq!(newer.clone().on_top_of(older.clone()), newer, "nothing is kept of another machine");
}

#[test]
fn the_fastest_is_so_by_its_interval() {
    let time = |low, high| Some(OperationTime { seconds: (low + high) / 2.0, low, high, samples: 10 });
    use Rank::{AmongFastest, Fastest, Other};
    assert_eq!(ranks(&[time(1.0, 2.0), None, time(3.0, 4.0)]), [Fastest, Other, Other]);
    assert_eq!(ranks(&[time(1.0, 2.0), time(2.0, 2.5), time(3.0, 4.0)]), [AmongFastest, AmongFastest, Other]);
    assert_eq!(ranks(&[time(-1.0, 0.5), time(3.0, 4.0)]), [Fastest, Other]);
    assert_eq!(ranks(&[time(1.0, 2.0), None]), [Other, Other], "nothing to compare with");
    assert!(ranks(&[]).is_empty());
}

#[test]
fn flops_are_told_of_what_multiplies_and_is_above_the_noise() {
    let operations = example::operations();
    let flops = |cell: usize, name: &str| operations.gflops(operations.cells[cell].result(name).unwrap());
    // 44,236,800 multiply-adds in 1/512 s.
    assert_eq!(flops(0, "conv1"), Some(2.0 * 44_236_800.0 * 512.0 / 1e9));
    assert_eq!(flops(0, "linear1"), None, "below the noise");
    assert_eq!(flops(0, "pool1"), None, "no multiply-adds");
    assert_eq!(flops(3, "conv1"), None, "unsupported");
}
