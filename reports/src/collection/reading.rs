//! Reading many records at once.

use std::path::{Path, PathBuf};

use super::Identity;
use crate::record::Record;
use crate::store::StoreError;
use crate::threads;

type Read<T> = (PathBuf, Result<(Identity, T), StoreError>);

/// What `make` makes of the record of each of these run folders.
pub(super) fn all<T: Send>(
    folder: &Path,
    paths: Vec<PathBuf>,
    make: impl Fn(Record) -> T + Sync,
) -> Vec<Read<T>> {
    let read = threads::on_all(&paths, |path| one(&folder.join(path), &make));
    paths.into_iter().zip(read).collect()
}

fn one<T>(folder: &Path, make: &impl Fn(Record) -> T) -> Result<(Identity, T), StoreError> {
    let record = Record::read(folder)?;
    Ok((Identity::of(&record.started), make(record)))
}
