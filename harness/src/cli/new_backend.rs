//! `new-backend`

use super::arguments::NewBackendArguments;
use super::exit;
use crate::registry::{Registry, repository_root};
use crate::scaffold;

pub(super) fn run(arguments: &NewBackendArguments) -> anyhow::Result<i32> {
    let NewBackendArguments { name, lang, dir } = arguments;
    let root = repository_root();
    scaffold::check_name(name, &Registry::discover(&root, &[])?)?;
    let written = scaffold::create(name, *lang, dir.as_deref(), &root)?;
    let options = &written.options;
    say!("wrote {}: {}", written.folder.display(), written.files.join(", "));
    say!("next:");
    say!("  cargo run -- list{options}");
    say!("  cargo run -- check {name} --workload softmax{options}");
    say!("check says what to fill in first; docs/writing-a-backend.md walks through the rest");
    Ok(exit::OK)
}
