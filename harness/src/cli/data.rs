//! `data`

use std::path::Path;

use super::arguments::{DataAction, DataArguments};
use super::exit;
use crate::bench::progress::Works;
use crate::data::{self, DatasetChoice, FASHION_MNIST, Publication, Status};

pub(super) fn run(arguments: &DataArguments) -> anyhow::Result<i32> {
    let publication = published(arguments.dataset.as_deref())?;
    let data_dir = arguments.data_dir.as_deref();
    if arguments.action == DataAction::Fetch {
        let mut works = Works::for_stderr();
        let folder = data::fetch(publication, data_dir, &mut |event| works.download(event))?;
        say!("{} is in {}", publication.name, folder.display());
        return Ok(exit::OK);
    }
    let status = data::status(publication, data_dir);
    for line in status_lines(&status) {
        say!("{line}");
    }
    if arguments.dataset.is_none() {
        others(data_dir).for_each(|line| say!("{line}"));
    }
    Ok(if is_complete(&status) { exit::OK } else { exit::FAILED })
}

/// What can be fetched; where nothing is said, Fashion-MNIST.
fn published(name: Option<&str>) -> anyhow::Result<&'static Publication> {
    let Some(name) = name else { return Ok(&FASHION_MNIST) };
    match name.parse().map_err(anyhow::Error::msg)? {
        DatasetChoice::Published(publication) => Ok(publication),
        other => anyhow::bail!("{other} is not published, so that there is nothing to look for or to fetch"),
    }
}

/// A line on each of the other data sets. Their sums are taken where they are named.
fn others(data_dir: Option<&Path>) -> impl Iterator<Item = String> {
    let others = data::publications().into_iter().filter(|known| known.name != FASHION_MNIST.name);
    others.map(move |known| match data::present(known, data_dir) {
        Some(folder) => format!("{}: {}", known.name, folder.display()),
        None => format!("{}: not there ({}; {})", known.name, known.about, download(known)),
    })
}

/// How much it is to download.
fn download(publication: &Publication) -> String {
    format!("{} MiB", publication.bytes().div_ceil(1 << 20))
}

/// Where a published data set is looked for, what is there, and what to do if it is not.
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
        let Publication { name, .. } = status.publication;
        let is_first = name == &FASHION_MNIST.name;
        let package = match which::which("apt-get") {
            Ok(_) if is_first => "`apt-get install dataset-fashion-mnist` installs it, ",
            _ => "",
        };
        let fetch = if is_first { "data fetch".to_owned() } else { format!("data fetch {name}") };
        lines.push(format!(
            "{name} is not there: {package}`cargo run -- {fetch}` downloads it ({}), or name the folder that \
             holds it with --data-dir or TRAINMARK_DATA; `--dataset synthetic` needs no files",
            download(status.publication)
        ));
    }
    lines
}

fn is_complete(status: &Status) -> bool {
    status.places.iter().any(data::Place::is_complete)
}
