//! How long each kernel of a training step takes alone.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use trainmark_plugin::{Error, OpenRequest, Session};

use super::Training;
use super::network::Batch;
use crate::cuda::device::{Device, KeptLaunch, Launch, Launcher};
use crate::cuda::switches::{Switch, Switches};

/// Runs of a recording that are timed, after one that is not.
const TURNS: usize = 5;
/// A device begins slowly: its clocks rise under load.
const WARM_UP: Duration = Duration::from_millis(300);

/// What keeps kernels instead of running them.
#[derive(Default)]
struct Kept(RefCell<Vec<KeptLaunch>>);

impl Launcher for Kept {
    fn launch(&self, launch: &Launch<'_>) -> Result<(), Error> {
        self.0.borrow_mut().push(KeptLaunch::of(launch));
        Ok(())
    }
}

/// Times each kernel of a step on the first batch of the training set: so many of the same one
/// behind each other, and then as many whole steps. What a step takes beyond the sum of its kernels
/// is what changing from one to another costs. Gives the name and the seconds of each, the step
/// as the last.
///
/// # Errors
/// `unsupported` where the model is not fused; the device's.
pub(crate) fn time_kernels(
    device: Box<dyn Device>,
    request: &OpenRequest<'_>,
    switches: Switches,
    parameters: &[&[f32]],
    repeats: usize,
) -> Result<Vec<(&'static str, f64)>, Error> {
    let mut training = Training::open(device, request, switches, request.batch_size)?;
    let step = training.kept_step(request.batch_size.min(request.dataset.train.count()))?;
    let alone = step.iter().map(|kept| (kept.launch().kernel, std::slice::from_ref(kept)));
    let mut warm_up = WARM_UP;
    let mut times = Vec::new();
    for (kernel, launches) in [("step", &step[..])].into_iter().chain(alone) {
        training.set_parameters(parameters)?;
        // What a kernel needs of those before it.
        step.iter().try_for_each(|kept| training.device.launch(&kept.launch()))?;
        let launches: Vec<&KeptLaunch> = (0..repeats).flat_map(|_| launches).collect();
        let seconds = time(&*training.device, &launches, switches.has(Switch::Overlap), warm_up)?;
        times.push((kernel, seconds / repeats as f64));
        warm_up = Duration::ZERO;
    }
    times.rotate_left(1);
    Ok(times)
}

impl Training {
    /// The launches of a step on the first samples of the training set.
    fn kept_step(&mut self, samples: usize) -> Result<Vec<KeptLaunch>, Error> {
        let order: Vec<u32> = (0..samples as u32).collect();
        let list = self.send(&order)?;
        let batch =
            Batch { samples: self.train, order: list.order, first: 0, count: samples, follows_kernel: false };
        let kept = Kept::default();
        self.network.train(&kept, &self.workspace, &batch, (list.outcomes, 0))?;
        Ok(kept.0.into_inner())
    }
}

/// Seconds of launches that are recorded behind each other, the least of several runs once the
/// device is warm.
fn time(
    device: &dyn Device,
    launches: &[&KeptLaunch],
    may_overlap: bool,
    warm_up: Duration,
) -> Result<f64, Error> {
    let recording = device.record(&mut || {
        launches.iter().enumerate().try_for_each(|(place, kept)| {
            // Only the very first has no kernel before it.
            device.launch(&Launch { overlaps: may_overlap && place > 0, ..kept.launch() })
        })
    })?;
    let run = || -> Result<f64, Error> {
        let start = Instant::now();
        device.replay(recording)?;
        device.finish()?;
        Ok(start.elapsed().as_secs_f64())
    };
    let start = Instant::now();
    run()?;
    while start.elapsed() < warm_up {
        run()?;
    }
    (0..TURNS).try_fold(f64::INFINITY, |least, _| Ok(least.min(run()?)))
}
