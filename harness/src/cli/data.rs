//! `data`

use super::arguments::{DataAction, DataArguments};
use super::exit;
use crate::bench::progress::Works;
use crate::data::{self, Status};

pub(super) fn run(arguments: &DataArguments) -> anyhow::Result<i32> {
    if arguments.action == DataAction::Fetch {
        let mut works = Works::for_stderr();
        let folder = data::fetch(arguments.data_dir.as_deref(), &mut |event| works.download(event))?;
        say!("fashion-mnist is in {}", folder.display());
        return Ok(exit::OK);
    }
    let status = data::status(arguments.data_dir.as_deref());
    for line in status_lines(&status) {
        say!("{line}");
    }
    Ok(if is_complete(&status) { exit::OK } else { exit::FAILED })
}

/// Where Fashion-MNIST is looked for, what is there, and what to do if it is not.
pub(super) fn status_lines(status: &Status) -> Vec<String> {
    let mut lines: Vec<String> = status
        .places
        .iter()
        .flat_map(|place| place.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    if let Some(cache) = &status.cache {
        lines.push(format!("cache: {}", cache.display()));
    }
    if !is_complete(status) {
        let package = match which::which("apt-get") {
            Ok(_) => "`apt-get install dataset-fashion-mnist` installs it, ",
            Err(_) => "",
        };
        lines.push(format!(
            "fashion-mnist is not there: {package}`cargo run -- data fetch` downloads it (30 MiB), or name the folder that \
             holds it with --data-dir or TRAINMARK_DATA; `--dataset synthetic` needs no files"
        ));
    }
    lines
}

fn is_complete(status: &Status) -> bool {
    status.places.iter().any(data::Place::is_complete)
}
