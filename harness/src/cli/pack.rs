//! `pack`

use std::path::{Path, PathBuf};

use trainmark_reports::submission::{Anonymizer, Contents, Packed, pack};

use super::arguments::PackArguments;
use super::{bench, exit};
use crate::{registry, units};

pub(super) fn run(arguments: &PackArguments) -> anyhow::Result<i32> {
    let folder = bench::find_run(&arguments.run)?;
    let out = arguments.out.as_deref().unwrap_or(Path::new("."));
    let anonymizer = anonymizer(&folder, &arguments.hide);
    let packed = pack(&folder, out, &anonymizer)?;
    say!("{}", told(&packed, anonymizer.too_short()).trim_end());
    Ok(exit::OK)
}

/// Of this user, this machine and the places that a record may name.
pub(super) fn anonymizer(run: &Path, hidden: &[String]) -> Anonymizer {
    let home = std::env::home_dir();
    let places = [
        home.clone(),
        Some(registry::repository_root()),
        std::env::current_dir().ok(),
        run.canonicalize().ok(),
    ];
    let places = places.into_iter().flatten().map(|place| place.to_string_lossy().into_owned());
    let own_name = |path: PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
    let users = ["USER", "LOGNAME"].iter().filter_map(|name| std::env::var(name).ok());
    // In a container the home may be the user's, and the user `root`, who is everywhere.
    let users = users.chain(home.and_then(own_name)).filter(|name| name != "root");
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let names = users.map(|name| (name, "[user]")).chain([(host, "[host]")]);
    Anonymizer::new(places, names.chain(hidden.iter().map(|name| (name.clone(), "[name]"))))
}

fn told(packed: &Packed, too_short: &[String]) -> String {
    let Packed { path, bytes, contents } = packed;
    let Contents { manifest, replaced, .. } = contents;
    let mut text = format!(
        "{}  {}, {}\n",
        path.display(),
        units::count(manifest.files.len(), "file"),
        units::bytes(*bytes)
    );
    text += &format!(
        "{} replaced\n",
        units::count(*replaced, "name or path").replace("name or paths", "names or paths")
    );
    if let Some(hash) = contents.record_hash() {
        text += &format!("record  SHA-256 {hash}\n");
    }
    for line in &manifest.left_out {
        text += &format!("left out: {line}\n");
    }
    for name in too_short {
        text += &format!("not replaced: `{name}`, which is too short to be told from other words\n");
    }
    text + &format!("\nLook at it, then: trainmark verify {}\n", crate::shell::quoted_path(path))
}
