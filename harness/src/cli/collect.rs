//! `collect`

use std::path::Path;

use super::{bench, exit, table};
use crate::bench::on_cluster::{Gathered, collect};
use crate::bench::progress;
use crate::{shell, units};

pub(super) fn run(run: &Path) -> anyhow::Result<i32> {
    let folder = bench::find_run(run)?;
    let mut screen = progress::for_stderr();
    let Gathered { rounds, ended, alive, finished, is_over } = collect(&folder, screen.as_mut())?;
    drop(screen);
    say!("{}", table::render(&finished.record).trim_end());
    say!("\nreport  {}", folder.join("report.html").display());
    let rounds = format!("{ended} of {} ended", units::count(rounds, "round"));
    if alive > 0 {
        say!("{rounds}; {} waiting or running: collect again later", units::count(alive, "job"));
        return Ok(exit::OK);
    }
    if !is_over {
        tell!(
            "{rounds}, and no job waits or runs: `bench --resume {}` runs what is missing",
            shell::quoted_path(&folder)
        );
        return Ok(exit::FAILED);
    }
    Ok(if finished.went_well() { exit::OK } else { exit::FAILED })
}
