//! `new-version`

use super::arguments::NewVersionArguments;
use super::exit;
use crate::registry::repository_root;
use crate::scaffold;

pub(super) fn run(arguments: &NewVersionArguments) -> anyhow::Result<i32> {
    let NewVersionArguments { backend, name, path, backends } = arguments;
    let registry = super::registry(backends)?;
    let written = scaffold::create_version(registry.find(backend)?, name, path, &repository_root())?;
    say!("wrote {}, built with {}", written.folder.display(), written.packages.join(", "));
    say!("next:");
    let options: String = backends
        .backend_path
        .iter()
        .map(|path| format!(" --backend-path {}", crate::shell::quoted_path(path)))
        .collect();
    say!("  cargo run -- check {backend}@{name}{options}");
    say!("  cargo run -- bench {backend}@{},{name}{options}", written.default);
    Ok(exit::OK)
}
