//! Builds that are under way: a live line for each on a terminal, a line now and
//! then elsewhere.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::registry::build::{BuildEvent, Recipe};
use crate::units;

/// How often plain lines tell of a build that goes on.
const INTERVAL: Duration = Duration::from_secs(30);

/// Shows builds.
pub trait BuildView {
    /// Shows what there is to tell of a build.
    fn hear(&mut self, recipe: &Recipe, event: &BuildEvent);
    /// Lets something else print meanwhile.
    fn aside(&mut self, print: &mut dyn FnMut());
}

/// The view that fits where standard error goes.
pub fn builds_for_stderr() -> Box<dyn BuildView> {
    if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        Box::new(LiveBuilds::new(MultiProgress::new()))
    } else {
        Box::new(PlainBuilds::default())
    }
}

/// `downloads libtorch, 543 MB; log: …`
fn circumstances(recipe: &Recipe) -> String {
    let downloads = recipe.downloads().map(|what| format!("downloads {what}; ")).unwrap_or_default();
    format!("{downloads}log: {}", recipe.log().display())
}

fn waiting_text(recipe: &Recipe) -> String {
    format!("waiting for another build of {}", recipe.label())
}

/// `built tch in 3 min 12 s`; nothing where another process has built it, or
/// where it failed: that becomes a row of its own.
fn ended_text(recipe: &Recipe, elapsed: Option<Duration>, result: &Result<(), String>) -> Option<String> {
    let elapsed = elapsed.filter(|_| result.is_ok())?;
    Some(format!("built {} in {}", recipe.label(), units::seconds(elapsed.as_secs_f64())))
}

/// Plain lines on standard error.
#[derive(Debug, Default)]
pub(super) struct PlainBuilds {
    /// When each build was told of last.
    told: HashMap<String, Duration>,
}

impl PlainBuilds {
    fn text(&mut self, recipe: &Recipe, event: &BuildEvent) -> Option<String> {
        let label = recipe.label();
        match event {
            BuildEvent::Waiting => Some(waiting_text(recipe)),
            BuildEvent::Begun => Some(format!("building {label} ({})", circumstances(recipe))),
            BuildEvent::GoesOn { elapsed, line } => {
                let told = self.told.entry(label.to_owned()).or_default();
                if *elapsed < *told + INTERVAL {
                    return None;
                }
                *told = *elapsed;
                Some(format!("building {label} · {} · {line}", units::seconds(elapsed.as_secs_f64())))
            }
            BuildEvent::Ended { elapsed, result } => ended_text(recipe, *elapsed, result),
        }
    }
}

impl BuildView for PlainBuilds {
    fn hear(&mut self, recipe: &Recipe, event: &BuildEvent) {
        if let Some(text) = self.text(recipe, event) {
            tell!("{text}");
        }
    }

    fn aside(&mut self, print: &mut dyn FnMut()) {
        print();
    }
}

/// A line per build, in the place where other live lines are too.
pub(super) struct LiveBuilds {
    lines: MultiProgress,
    builds: HashMap<String, ProgressBar>,
}

impl LiveBuilds {
    pub(super) fn new(lines: MultiProgress) -> Self {
        Self { lines, builds: HashMap::new() }
    }

    fn line(&mut self, recipe: &Recipe) -> &ProgressBar {
        self.builds.entry(recipe.label().to_owned()).or_insert_with(|| {
            let line = self.lines.insert(0, ProgressBar::new_spinner());
            // The template is ours and well-formed; the default style would do as well.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {elapsed:>4} {wide_msg}") {
                line.set_style(style);
            }
            line.enable_steady_tick(Duration::from_millis(120));
            line
        })
    }
}

impl BuildView for LiveBuilds {
    fn hear(&mut self, recipe: &Recipe, event: &BuildEvent) {
        match event {
            BuildEvent::Waiting => {
                let line = self.line(recipe);
                line.set_prefix(waiting_text(recipe));
            }
            BuildEvent::Begun => {
                let line = self.line(recipe);
                line.set_prefix(format!("building {}", recipe.label()));
                line.reset_elapsed();
                line.set_message(format!("({})", circumstances(recipe)));
            }
            BuildEvent::GoesOn { line, .. } if line.is_empty() => {}
            BuildEvent::GoesOn { line, .. } => self.line(recipe).set_message(line.clone()),
            BuildEvent::Ended { elapsed, result } => {
                if let Some(line) = self.builds.remove(recipe.label()) {
                    line.finish_and_clear();
                    self.lines.remove(&line);
                }
                if let Some(text) = ended_text(recipe, *elapsed, result) {
                    self.aside(&mut || tell!("✓ {text}"));
                }
            }
        }
    }

    fn aside(&mut self, print: &mut dyn FnMut()) {
        self.lines.suspend(print);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::registry::manifest::Manifest;

    fn recipe() -> Recipe {
        let manifest: Manifest = toml::from_str(
            r#"
            name = "tch"
            summary = ""
            [[artifact]]
            devices = ["cpu"]
            build = ["make"]
            library = "made"
            inputs = ["."]
            downloads = "libtorch 2.11.0, 543 MB, unless one is found"
            "#,
        )
        .expect("a manifest");
        Recipe::new(&manifest, 0, Path::new("/a"), Path::new("/b"))
    }

    #[test]
    fn plain_lines_tell_of_a_long_build_now_and_then() {
        let (recipe, mut view) = (recipe(), PlainBuilds::default());
        let goes_on = |seconds| BuildEvent::GoesOn {
            elapsed: Duration::from_secs(seconds),
            line: format!("Compiling {seconds}"),
        };
        let events = [BuildEvent::Waiting, BuildEvent::Begun]
            .into_iter()
            .chain([1, 29, 30, 45, 59, 61, 91].map(goes_on))
            .chain([BuildEvent::Ended { elapsed: Some(Duration::from_secs(192)), result: Ok(()) }]);
        let lines: Vec<String> = events.filter_map(|event| view.text(&recipe, &event)).collect();
        assert_eq!(
            lines,
            [
                "waiting for another build of tch",
                "building tch (downloads libtorch 2.11.0, 543 MB, unless one is found; log: /b/tch/tch-cpu.log)",
                "building tch · 30.0 s · Compiling 30",
                "building tch · 61.0 s · Compiling 61",
                "building tch · 91.0 s · Compiling 91",
                "built tch in 3 min 12 s",
            ]
        );
    }

    #[test]
    fn what_was_not_built_here_has_no_end() {
        let (recipe, mut view) = (recipe(), PlainBuilds::default());
        let failed = Some(Duration::from_secs(1));
        for (elapsed, result) in [(None, Ok(())), (failed, Err("odd".to_owned()))] {
            assert_eq!(view.text(&recipe, &BuildEvent::Ended { elapsed, result }), None);
        }
    }
}
