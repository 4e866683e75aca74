//! Data sets: found on this machine, downloaded or made, and mapped into the
//! workers' memory.
//!
//! [`obtain`] answers a [`DataRequest`] with a [`DecodedFiles`] data set: four raw
//! IDX files that every worker maps. A published one is taken from `--data-dir`,
//! else from `TRAINMARK_DATA`, else from the user's cache, a package of the system or
//! Keras's cache, else downloaded into the first. Its content decides, not its wrapping.
//! Where none is asked for and Fashion-MNIST is not to be had, there is the procedural data set
//! `synthetic`. The user's own files are taken from the folder that is named.

mod archives;
mod choice;
mod decode;
mod decoded_files;
mod download;
mod error;
mod event;
#[cfg(test)]
mod fixtures;
pub mod idx;
mod locate;
mod own;
mod publication;
mod published;
mod resized;
mod store;
mod synthetic;
#[cfg(test)]
mod test_server;
mod transfer;

use std::path::{Path, PathBuf};

use trainmark_reports::warnings::Warning;

pub(crate) use choice::OWN as OWN_PREFIX;
pub use choice::{DatasetChoice, DatasetParser};
pub use decoded_files::{DecodedFiles, MappedDataset};
pub use download::download;
pub use error::{Absence, DataError, Mismatch};
pub use event::{DownloadEvent, Heard};
pub use locate::{Origin, Place, Sources};
pub use publication::{Address, Decoded, FileState, Packing, Publication, PublishedFile};
pub use published::{FASHION_MNIST, all as publications, find as publication};

/// What the command line asks for.
#[derive(Debug, Clone, Default)]
pub struct DataRequest {
    /// The data set.
    pub dataset: DatasetChoice,
    /// `--data-dir`: the folder that holds the published files, directly or in
    /// a subfolder of the data set's name.
    pub data_dir: Option<PathBuf>,
    /// Channels, rows and columns that the procedural data set is made in; it is 1×28×28 unless they
    /// are given.
    pub shape: Option<[usize; 3]>,
    /// Rows and columns that its images are resized to.
    pub resize: Option<[usize; 2]>,
    /// Whether downloading is forbidden.
    pub offline: bool,
}

/// Where a published data set would come from.
#[derive(Debug, Clone)]
pub struct Status {
    /// The data set.
    pub publication: &'static Publication,
    /// The folders that are looked in, with each file's state. Empty where the
    /// user has no cache folder and names none.
    pub places: Vec<Place>,
    /// Where it would be downloaded, in this order.
    pub addresses: Vec<Address>,
    /// Trainmark's cache: downloads, and decoded data sets.
    pub cache: Option<PathBuf>,
}

/// The data set that was asked for, ready to be mapped by workers; `heard` is told of a
/// download.
///
/// # Errors
/// A named folder that lacks files or holds corrupt ones; Fashion-MNIST asked
/// for by name but not to be had; no place to write decoded files to.
pub fn obtain(request: &DataRequest, heard: Heard<'_>) -> Result<DecodedFiles, DataError> {
    obtain_in(&Sources::from_process(), &FASHION_MNIST, request, heard)
}

/// Downloads what the folder lacks of a publication: `data_dir`, else
/// `TRAINMARK_DATA`, else the user's cache, where a damaged file is moved aside. Returns the
/// folder.
///
/// # Errors
/// As [`download`], no folder to download into, or a named one that holds other files of the
/// same names, which are not overwritten.
pub fn fetch(
    publication: &Publication,
    data_dir: Option<&Path>,
    heard: Heard<'_>,
) -> Result<PathBuf, DataError> {
    fetch_in(&Sources::from_process(), publication, data_dir, heard)
}

/// Where [`obtain`] would look for a publication and what is there, file by file.
pub fn status(publication: &'static Publication, data_dir: Option<&Path>) -> Status {
    let sources = Sources::from_process();
    let (places, addresses) = (sources.places(publication, data_dir), sources.addresses(publication));
    Status { publication, places, addresses, cache: sources.cache }
}

/// Training and test samples of each data set whose fingerprint is known.
pub const KNOWN_SAMPLES: (usize, usize) = (60_000, 10_000);

/// The fingerprint of the data set of this name, where it is known beforehand.
pub fn known_fingerprint(name: &str) -> Option<&'static str> {
    match name {
        choice::SYNTHETIC => Some(synthetic::FINGERPRINT),
        name => published::find(name)?.decoded,
    }
}

/// The name of the data set that has this fingerprint, where it is known beforehand.
pub fn known_by_fingerprint(fingerprint: &str) -> Option<&'static str> {
    let names = publications().into_iter().map(|known| known.name).chain([choice::SYNTHETIC]);
    names.into_iter().find(|name| known_fingerprint(name) == Some(fingerprint))
}

/// The folder in which files of a publication's names are, whatever they hold.
pub fn present(publication: &Publication, data_dir: Option<&Path>) -> Option<PathBuf> {
    let folders = Sources::from_process().folders(publication, data_dir).into_iter();
    folders.map(|(_, folder)| folder).find(|folder| publication.is_present(folder))
}

/// `auto` is the published data set that is taken where none is named.
fn obtain_in(
    sources: &Sources,
    auto: &Publication,
    request: &DataRequest,
    heard: Heard<'_>,
) -> Result<DecodedFiles, DataError> {
    let original = obtain_original(sources, auto, request, heard)?;
    match request.resize {
        Some(to) => resized::prepare(original, to, sources.cache.as_deref()),
        None => Ok(original),
    }
}

fn obtain_original(
    sources: &Sources,
    auto: &Publication,
    request: &DataRequest,
    heard: Heard<'_>,
) -> Result<DecodedFiles, DataError> {
    let procedural = |shape| synthetic::prepare(shape, sources.cache.as_deref());
    match &request.dataset {
        DatasetChoice::Own(_) if request.data_dir.is_some() => Err(DataError::Contradiction(
            "--dataset idx:DIR names the folder of its files itself: drop --data-dir",
        )),
        DatasetChoice::Own(folder) => own::obtain(folder, sources.cache.as_deref()),
        DatasetChoice::Synthetic if request.data_dir.is_some() => Err(DataError::Contradiction(
            "--dataset synthetic reads no files: drop --data-dir, or use --dataset fashion-mnist",
        )),
        DatasetChoice::Synthetic => procedural(request.shape),
        DatasetChoice::Published(publication) => obtain_published(sources, publication, request, heard),
        DatasetChoice::Auto => match obtain_published(sources, auto, request, heard) {
            Err(DataError::Absent(absence)) => {
                let (because, published) = (absence.to_string(), auto.name.to_owned());
                let notice = Warning::StandIn { because, published };
                Ok(DecodedFiles { notice: Some(notice.to_string()), ..procedural(None)? })
            }
            other => other,
        },
    }
}

fn obtain_published(
    sources: &Sources,
    publication: &Publication,
    request: &DataRequest,
    heard: Heard<'_>,
) -> Result<DecodedFiles, DataError> {
    let dir = locate_or_download(sources, publication, request, heard)?;
    let kept = store::Kept {
        name: publication.name,
        key: &publication.key(),
        fingerprint: publication.decoded,
        classes: Some(publication.classes),
        cache: sources.cache.as_deref(),
    };
    store::store(&kept, || decode::decode(publication, &dir))
}

/// The folder that holds all files of the publication.
fn locate_or_download(
    sources: &Sources,
    publication: &Publication,
    request: &DataRequest,
    heard: Heard<'_>,
) -> Result<PathBuf, DataError> {
    let places = sources.places(publication, request.data_dir.as_deref());
    if let [place] = &places[..]
        && place.origin.is_named()
    {
        place.check()?;
    }
    if let Some(place) = places.iter().find(|place| place.is_complete()) {
        return Ok(place.dir.clone());
    }
    if request.offline && !places.is_empty() {
        let found = places.iter().filter(|place| place.origin == Origin::Cache || !place.is_empty());
        let found: Vec<String> = found.map(Place::to_string).collect();
        return Err(Absence::Offline { dataset: publication.name, found: found.join("; ") }.into());
    }
    let dir = sources.downloads(publication).ok_or(Absence::NoCache)?;
    download(publication, &sources.addresses(publication), &dir, heard)?;
    Ok(dir)
}

fn fetch_in(
    sources: &Sources,
    publication: &Publication,
    data_dir: Option<&Path>,
    heard: Heard<'_>,
) -> Result<PathBuf, DataError> {
    let place = sources.places(publication, data_dir).into_iter().next();
    let Some(place) = place.filter(|place| place.origin.is_downloaded_into()) else {
        return Err(Absence::NoCache.into());
    };
    if place.origin.is_named() {
        place.check_free()?;
    }
    download(publication, &sources.addresses(publication), &place.dir, heard)?;
    Ok(place.dir)
}

#[cfg(test)]
mod tests;
