//! `inspect`

use super::exit;
use crate::workload;

pub(super) fn run(name: Option<&str>, as_toml: bool) -> anyhow::Result<i32> {
    let Some(name) = name else {
        list();
        return Ok(exit::OK);
    };
    let workload = workload::open(name)?;
    match as_toml {
        true => say!("# docs/workloads.md explains every key.\n{}", workload.to_toml().trim_end()),
        false => say!("{}", workload::inspect(&workload)?.trim_end()),
    }
    Ok(exit::OK)
}

fn list() {
    let workloads = workload::all();
    let width = workloads.iter().map(|workload| workload.name.len()).max().unwrap_or(0);
    for workload in workloads {
        say!("{:<width$}  {}", workload.name, workload.summary);
    }
}
