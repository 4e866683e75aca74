//! Builds and downloads that are under way: a live line for each on a terminal, a line now
//! and then elsewhere.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};

use crate::bench::event::{Happening, Sink};
use crate::data::{DownloadEvent, PublishedFile};
use crate::registry::build::{BuildEvent, Recipe};
use crate::units;

/// How often plain lines tell of a build that goes on.
const INTERVAL: Duration = Duration::from_secs(30);

/// How often plain lines tell of a download that goes on.
const DOWNLOAD_INTERVAL: Duration = Duration::from_secs(10);

/// Shows builds and downloads, and nothing else.
#[derive(Debug, Default)]
pub struct Works {
    /// Where live lines stand; `None`: plain ones are written.
    live: Option<MultiProgress>,
    /// The live lines, by the label of the build.
    builds: HashMap<String, ProgressBar>,
    download: Option<ProgressBar>,
    plain_download: Option<PlainDownload>,
    /// When plain lines told of each build last.
    told: HashMap<String, Duration>,
}

/// A download that plain lines tell of.
#[derive(Debug)]
struct PlainDownload {
    name: &'static str,
    bytes: u64,
    begun: Instant,
    told: Duration,
}

impl PlainDownload {
    fn new(file: &PublishedFile) -> Self {
        Self { name: file.name, bytes: file.bytes, begun: Instant::now(), told: Duration::ZERO }
    }

    /// A line now and then, with so many bytes here after so long.
    fn goes_on(&mut self, position: u64, elapsed: Duration) -> Option<String> {
        if elapsed < self.told + DOWNLOAD_INTERVAL {
            return None;
        }
        self.told = elapsed;
        let [position, all] = [position, self.bytes].map(HumanBytes);
        Some(format!("{}: {position} of {all} after {}", self.name, units::seconds(elapsed.as_secs_f64())))
    }
}

impl Works {
    /// As it fits where standard error goes.
    pub fn for_stderr() -> Self {
        if super::is_live() { Self::live(MultiProgress::new()) } else { Self::default() }
    }

    /// In the place where other live lines are too.
    pub(super) fn live(lines: MultiProgress) -> Self {
        Self { live: Some(lines), ..Self::default() }
    }

    /// Lets something else print meanwhile.
    pub fn aside(&self, print: impl FnOnce()) {
        match &self.live {
            Some(lines) => lines.suspend(print),
            None => print(),
        }
    }

    /// Writes a line that stays.
    fn keep(&self, text: &str) {
        match &self.live {
            Some(lines) => lines.suspend(|| tell!("✓ {text}")),
            None => tell!("{text}"),
        }
    }

    fn build(&mut self, recipe: &Recipe, event: &BuildEvent) {
        let Some(lines) = self.live.clone() else {
            self.plain_text(recipe, event).iter().for_each(|text| tell!("{text}"));
            return;
        };
        let new = || {
            styled(lines.insert(0, ProgressBar::new_spinner()), "{spinner} {prefix} {elapsed:>4} {wide_msg}")
        };
        let line = self.builds.entry(recipe.label().to_owned()).or_insert_with(new);
        match event {
            BuildEvent::Waiting => line.set_prefix(waiting_text(recipe)),
            BuildEvent::Begun => {
                line.set_prefix(format!("building {}", recipe.label()));
                line.reset_elapsed();
                line.set_message(format!("({})", circumstances(recipe)));
            }
            BuildEvent::GoesOn { line: printed, .. } if printed.is_empty() => {}
            BuildEvent::GoesOn { line: printed, .. } => line.set_message(printed.clone()),
            BuildEvent::Ended { elapsed, result } => {
                line.finish_and_clear();
                lines.remove(line);
                self.builds.remove(recipe.label());
                ended_text(recipe, *elapsed, result).iter().for_each(|text| self.keep(text));
            }
        }
    }

    fn plain_text(&mut self, recipe: &Recipe, event: &BuildEvent) -> Option<String> {
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

    /// Shows how a download goes.
    pub fn download(&mut self, event: DownloadEvent<'_>) {
        match (event, self.live.as_ref()) {
            (DownloadEvent::Waiting(folder), _) => self.aside(|| {
                tell!("waiting for another trainmark that downloads into {}", folder.display());
            }),
            (DownloadEvent::Begun { file, .. }, Some(lines)) => {
                let bar = lines.insert(0, ProgressBar::new(file.bytes).with_message(file.name));
                let template = "{msg:26} {wide_bar} {bytes:>10} of {total_bytes:>10} {eta:>4}";
                self.download = Some(styled(bar, template));
            }
            (DownloadEvent::Begun { file, url }, None) => {
                tell!("downloading {} ({}) from {url}", file.name, HumanBytes(file.bytes));
                self.plain_download = Some(PlainDownload::new(file));
            }
            (DownloadEvent::GoesOn(position), Some(_)) => {
                self.download.iter().for_each(|bar| bar.set_position(position));
            }
            (DownloadEvent::GoesOn(position), None) => {
                let download = self.plain_download.as_mut();
                let line = download.and_then(|one| one.goes_on(position, one.begun.elapsed()));
                line.iter().for_each(|line| tell!("{line}"));
            }
            (DownloadEvent::Ended { file, elapsed }, _) => {
                self.download.take().iter().for_each(ProgressBar::finish_and_clear);
                self.plain_download = None;
                if let Some(elapsed) = elapsed {
                    self.keep(&format!("downloaded {} in {:.1} s", file.name, elapsed.as_secs_f64()));
                }
            }
        }
    }
}

impl Sink for Works {
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()> {
        match happening {
            Happening::Build(recipe, event) => self.build(recipe, event),
            Happening::Download(event) => self.download(event),
            _ => {}
        }
        Ok(())
    }
}

fn styled(line: ProgressBar, template: &str) -> ProgressBar {
    // The template is ours and well-formed; the default style would do as well.
    if let Ok(style) = ProgressStyle::with_template(template) {
        line.set_style(style);
    }
    line.enable_steady_tick(Duration::from_millis(120));
    line
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::FASHION_MNIST;
    use crate::registry::manifest::Manifest;

    fn recipe() -> Recipe {
        let manifest = Manifest::parse(
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
            Path::new("/a"),
            Path::new("/a"),
        )
        .expect("a manifest");
        Recipe::new(&manifest, 0, Path::new("/a"), Path::new("/b"))
    }

    #[test]
    fn plain_lines_tell_of_a_long_build_now_and_then() {
        let (recipe, mut view) = (recipe(), Works::default());
        let goes_on = |seconds| BuildEvent::GoesOn {
            elapsed: Duration::from_secs(seconds),
            line: format!("Compiling {seconds}"),
        };
        let events = [BuildEvent::Waiting, BuildEvent::Begun]
            .into_iter()
            .chain([1, 29, 30, 45, 59, 61, 91].map(goes_on))
            .chain([BuildEvent::Ended { elapsed: Some(Duration::from_secs(192)), result: Ok(()) }]);
        let lines: Vec<String> = events.filter_map(|event| view.plain_text(&recipe, &event)).collect();
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
    fn plain_lines_tell_of_a_long_download_now_and_then() {
        let mut download = PlainDownload::new(&FASHION_MNIST.files[0]);
        let lines =
            [1, 9, 11, 20, 22].map(|seconds| download.goes_on(seconds << 20, Duration::from_secs(seconds)));
        let lines: Vec<String> = lines.into_iter().flatten().collect();
        assert_eq!(
            lines,
            [
                "train-images-idx3-ubyte.gz: 11.00 MiB of 25.20 MiB after 11.0 s",
                "train-images-idx3-ubyte.gz: 22.00 MiB of 25.20 MiB after 22.0 s",
            ]
        );
    }

    #[test]
    fn what_was_not_built_here_has_no_end() {
        let (recipe, mut view) = (recipe(), Works::default());
        let failed = Some(Duration::from_secs(1));
        for (elapsed, result) in [(None, Ok(())), (failed, Err("odd".to_owned()))] {
            assert_eq!(view.plain_text(&recipe, &BuildEvent::Ended { elapsed, result }), None);
        }
    }
}
