use std::collections::HashSet;

use super::*;
use crate::example;
use crate::summary::{group, summarize};

/// The names that are there, each once.
fn assert_named_once<R>(columns: &[Column<'_, R>]) {
    let keys = columns.iter().filter_map(|column| column.key.as_deref()).collect::<Vec<_>>();
    let titles = columns.iter().filter_map(|column| column.title.as_deref()).collect::<Vec<_>>();
    let shorts = columns.iter().filter_map(|column| column.short.as_deref()).collect::<Vec<_>>();
    for names in [keys, titles, shorts] {
        let unique: HashSet<&&str> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "{names:?}");
    }
    for column in columns {
        let names = [&column.key, &column.title, &column.short];
        assert!(names.into_iter().any(Option::is_some), "a column stands in no output");
    }
}

#[test]
fn every_column_has_a_name_that_no_other_has() {
    let record = example::record();
    let groups = group(summarize(&record));
    assert_named_once(&cells_of_groups(&record, &groups).columns);
    assert_named_once(&runs(&record).columns);
    assert_named_once(&epochs(&record).columns);
    assert_named_once(&repeats(&record).columns);
    assert_named_once(&operations(&record, &example::operations()).columns);
}

#[test]
fn a_value_is_told_and_sorted_by_what_it_is() {
    let number = Value::number(Some(1.5), crate::number::seconds).with(" (2 of 3)");
    assert_eq!((number.told(), number.sort_key()), ("1.50 s (2 of 3)".to_owned(), Some(1.5)));
    let absent = Value::number(Some(f64::NAN), crate::number::seconds).or("not measured");
    assert_eq!((absent.told(), absent.told_in_short()), ("not measured".to_owned(), "–".to_owned()));
    let values = [number, absent, Value::count(3), Value::line(Some("a\nb"))];
    assert_eq!(serde_json::to_string(&values).unwrap(), r#"[1.5,null,3,"a b"]"#);
}

#[test]
fn a_column_may_go_where_no_row_has_a_value_of_it() {
    let shown = |record: &crate::Record| {
        let groups = group(summarize(record));
        let table = cells_of_groups(record, &groups);
        let memory = table.columns.iter().find(|column| column.short.as_deref() == Some("device memory"));
        memory.unwrap().values(&table.rows).is_some()
    };
    assert_eq!([example::record(), example::record_on_gpu()].map(|record| shown(&record)), [false, true]);
}
