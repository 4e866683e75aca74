//! `data`

use super::arguments::{DataAction, DataArguments};
use super::exit;
use crate::data;

pub(super) fn run(arguments: &DataArguments) -> anyhow::Result<i32> {
    if arguments.action == DataAction::Fetch {
        let folder = data::fetch(arguments.data_dir.as_deref())?;
        println!("fashion-mnist is in {}", folder.display());
        return Ok(exit::OK);
    }
    let status = data::status(arguments.data_dir.as_deref());
    print!("{status}");
    Ok(if status.is_complete() { exit::OK } else { exit::FAILED })
}
