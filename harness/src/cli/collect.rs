//! `collect`

use std::path::Path;

use super::{bench, exit, table};
use crate::bench::on_cluster::{Gathered, collect};
use crate::bench::progress;

pub(super) fn run(run: &Path) -> anyhow::Result<i32> {
    let folder = bench::find_run(run)?;
    let mut screen = progress::for_stderr();
    let Gathered { standing, finished } = collect(&folder, screen.as_mut())?;
    drop(screen);
    let may_go_on = standing.may_go_on();
    let render = if may_go_on { table::render_so_far } else { table::render };
    say!("{}", render(&finished.record).trim_end());
    say!("\nreport  {}", folder.join("report.html").display());
    if may_go_on {
        say!("{}", standing.words(&folder));
        return Ok(exit::OK);
    }
    if !standing.is_over {
        tell!("{}", standing.words(&folder));
        return Ok(exit::FAILED);
    }
    Ok(if finished.went_well() { exit::OK } else { exit::FAILED })
}
