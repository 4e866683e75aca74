use std::fs;
use std::path::{Path, PathBuf};

use super::Collection;
use crate::example;
use crate::record::{Event, Started};
use crate::store::EVENTS_FILE;

/// Writes the example's record, begun so many days later, into `parent`.
fn write(parent: &Path, days: u32, change: impl Fn(&mut Started)) {
    let mut events = example::events();
    let Event::Started(started) = &mut events[0] else { panic!("no `started`") };
    started.run_id = format!("run-{days}");
    started.unix_time += 86_400.0 * f64::from(days);
    change(started);
    fs::create_dir_all(parent).unwrap();
    example::write(parent, &events);
}

fn paths(collection: &Collection) -> Vec<&str> {
    collection.runs.iter().map(|run| run.path.to_str().unwrap()).collect()
}

#[test]
fn runs_of_all_levels_are_read_in_the_order_of_their_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, 3, |_| ());
    write(&root.join("server/2026"), 1, |_| ());
    write(&root.join("laptop"), 2, |_| ());
    write(&root.join(".git/objects"), 9, |_| ());
    write(&root.join("run-3/inside"), 8, |_| ());
    std::os::unix::fs::symlink("..", root.join("laptop/up")).unwrap();
    assert!(crate::files::is_link(&root.join("latest")));
    let collection = Collection::read(root).unwrap();
    assert_eq!(paths(&collection), ["server/2026/run-1", "laptop/run-2", "run-3"]);
    assert_eq!(collection.runs[1].record.started.run_id, "run-2");
    assert!(collection.unreadable.is_empty() && collection.copies.is_empty());
    let one = Collection::read(&root.join("run-3")).unwrap();
    assert_eq!(paths(&one), [""], "a run folder by itself");
}

#[test]
fn what_cannot_be_read_is_kept_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, 1, |_| ());
    write(&root.join("old"), 2, |started| started.schema = 7);
    fs::create_dir(root.join("damaged")).unwrap();
    fs::write(root.join("damaged").join(EVENTS_FILE), "{}\n{}\n").unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    fs::create_dir(root.join("torn")).unwrap();
    fs::write(root.join("torn").join(EVENTS_FILE), "{\"event\":").unwrap();
    let deep = root.join("1/2/3/4/5/6/7/8/9");
    write(&deep, 3, |_| ());
    let collection = Collection::read(root).unwrap();
    assert_eq!(paths(&collection), ["run-1"]);
    let told: Vec<String> =
        collection.unreadable.iter().map(|(path, reason)| format!("{}: {reason}", path.display())).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_copy_of_a_run_is_no_second_run() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(&root.join("a"), 1, |_| ());
    write(&root.join("b"), 1, |_| ());
    // Between two copies by its name.
    write(&root.join("aa"), 1, |started| started.environment.cpu = "Another CPU".to_owned());
    let collection = Collection::read(root).unwrap();
    assert_eq!(paths(&collection), ["aa/run-1", "a/run-1"]);
    assert_eq!(collection.copies, [(PathBuf::from("b/run-1"), PathBuf::from("a/run-1"))]);
    assert_eq!(collection.disputed, []);
}

#[test]
fn of_different_records_of_one_run_none_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for place in ["a", "b"] {
        write(&root.join(place), 1, |_| ());
    }
    write(&root.join("c"), 1, |started| started.command = "another".to_owned());
    write(root, 2, |_| ());
    let collection = Collection::read(root).unwrap();
    assert_eq!((paths(&collection), collection.copies.len()), (vec!["run-2"], 0));
    let told: Vec<String> = collection.disputed.iter().map(ToString::to_string).collect();
    let expected =
        "a/run-1, b/run-1, c/run-1: there are different records of the name run-1: none of them counts";
    assert_eq!(told, [expected]);
}

#[test]
fn packs_are_found_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, 1, |_| ());
    fs::create_dir_all(root.join("b/.git")).unwrap();
    for name in ["z.tar.gz", "b/a.tar.gz", "b/.hidden.tar.gz", "b/.git/c.tar.gz", "run-1/d.tar.gz", "e.tar"] {
        fs::write(root.join(name), "no pack").unwrap();
    }
    std::os::unix::fs::symlink("z.tar.gz", root.join("link.tar.gz")).unwrap();
    let collection = Collection::read(root).unwrap();
    assert_eq!(paths(&collection), ["run-1"]);
    assert_eq!(collection.packs, ["b/a.tar.gz", "z.tar.gz"].map(PathBuf::from));
    assert!(collection.unreadable.is_empty());
}

#[test]
fn a_folder_without_runs_is_empty_and_a_missing_one_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let collection = Collection::read(folder.path()).unwrap();
    assert!(collection.runs.is_empty() && collection.unreadable.is_empty());
    assert!(Collection::read(&folder.path().join("nowhere")).is_err());
}
