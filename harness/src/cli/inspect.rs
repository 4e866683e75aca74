//! `inspect`

use super::exit;
use crate::workload;

pub(super) fn run(name: Option<&str>, as_toml: bool) -> anyhow::Result<i32> {
    let workloads = match name {
        Some(name) => vec![workload::open(name)?],
        None => workload::all(),
    };
    for (index, workload) in workloads.iter().enumerate() {
        if index > 0 {
            say!("");
        }
        match as_toml {
            true => say!("# docs/workloads.md explains every key.\n{}", workload.to_toml().trim_end()),
            false => say!("{}", workload::inspect(workload)?.trim_end()),
        }
    }
    Ok(exit::OK)
}
