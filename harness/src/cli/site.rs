//! `site`

use anyhow::Context;
use trainmark_reports::files;
use trainmark_reports::site::{Making, Written, write};

use super::arguments::SiteArguments;
use super::{exit, pack};
use crate::registry;
use crate::verify::Verifier;

pub(super) fn run(arguments: &SiteArguments) -> anyhow::Result<i32> {
    let path = registry::repository_root().join("docs/defects.md");
    let defects = files::read_text(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let verifier = Verifier::here();
    let making = Making {
        verify: &|submission| verifier.verify(submission),
        anonymizer: &pack::anonymizer(&arguments.dir, &arguments.hide),
        defects: &defects,
        unix_time: crate::bench::unix_time(),
    };
    let Written { shown, refused, first, pages, unmet } = write(&arguments.dir, &arguments.out, &making)?;
    for (run, reason) in &refused {
        say!("not shown  {run}: {reason}");
    }
    for line in &unmet {
        say!("{line}");
    }
    say!("{shown} of {} shown, {pages} pages", crate::units::count(shown + refused.len(), "run"));
    say!("site  {}", first.display());
    Ok(if shown == 0 { exit::FAILED } else { exit::OK })
}
