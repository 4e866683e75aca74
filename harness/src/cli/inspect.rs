//! `inspect`

use super::exit;
use crate::workload;

pub(super) fn run(name: Option<&str>) -> anyhow::Result<i32> {
    let workloads = match name {
        Some(name) => vec![workload::find(name)?],
        None => workload::all(),
    };
    for (index, workload) in workloads.iter().enumerate() {
        if index > 0 {
            say!("");
        }
        say!("{}", workload::inspect(workload)?.trim_end());
    }
    Ok(exit::OK)
}
