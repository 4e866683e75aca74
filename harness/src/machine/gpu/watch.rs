//! What a run takes of its graphics processor: memory, energy, and what held its clocks down.
//!
//! All of it is asked for in the harness's process: energy when an epoch begins and when it
//! has ended, the rest by a thread a few times a second. Nothing of it lies between the
//! worker's two readings of its clock.

use std::collections::BTreeSet;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use nvml_wrapper::Device;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::enums::device::UsedGpuMemory;
use trainmark_reports::record::{GpuUse, MemoryBasis};

use super::{Found, found};
use crate::worker::protocol::Message;

/// Time between two samples.
const PERIOD: Duration = Duration::from_millis(100);

/// The name of the call whose energy counts.
const TIMED_CALL: &str = "train_epoch";

/// Watches one run on a graphics processor.
pub struct RunWatch {
    device: Device<'static>,
    /// As it was before the run.
    before: GpuUse,
    energy: Energy,
    /// Tells the sampling thread to sample, and which process the worker is; when it is gone
    /// the thread ends.
    worker: Sender<Option<u32>>,
    sampler: JoinHandle<Seen>,
}

impl RunWatch {
    /// Begins to watch the device `id`, before the worker is started; `None` where the driver
    /// does not know it.
    pub fn start(id: &str) -> Option<Self> {
        let found: &'static Found = found();
        let device = found.device(id)?;
        let before = GpuUse {
            sm_clock_mhz: device.clock_info(Clock::SM).ok(),
            temperature_celsius: device.temperature(TemperatureSensor::Gpu).ok(),
            ..GpuUse::default()
        };
        let used_before = device.memory_info().ok().map(|memory| memory.used);
        let for_thread = found.device(id)?;
        let (worker, told) = channel::<Option<u32>>();
        let sample = move || {
            let mut seen = Seen { used_before, ..Seen::default() };
            let mut process = None;
            loop {
                match told.recv_timeout(PERIOD) {
                    Ok(id) => process = id.or(process),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return seen,
                }
                seen.sample(&for_thread, process);
            }
        };
        let sampler = std::thread::Builder::new().spawn(sample).ok()?;
        Some(Self { device, before, energy: Energy::default(), worker, sampler })
    }

    /// Follows what the worker says.
    pub fn hear(&mut self, message: &Message) {
        if self.energy.is_due(message) {
            let millijoules = self.device.total_energy_consumption().ok();
            self.energy.note(message, millijoules);
        }
        match message {
            // The thread samples at once: a run may be over before its next time.
            Message::Loaded { process, .. } => self.tell(Some(*process)),
            Message::Opened { .. } => self.tell(None),
            Message::Epoch(epoch) if epoch.epoch == 1 => self.tell(None),
            _ => {}
        }
    }

    /// Makes the thread sample, and tells it the worker's process where it is news.
    fn tell(&self, process: Option<u32>) {
        // A thread that is gone has sampled what it could.
        let _ = self.worker.send(process);
    }

    /// What was seen, once the worker has ended.
    pub fn finish(self) -> GpuUse {
        drop(self.worker);
        let seen = self.sampler.join().unwrap_or_default();
        let (peak_memory_bytes, memory_basis) = seen.peak();
        GpuUse {
            peak_memory_bytes,
            memory_basis,
            energy_joules: self.energy.joules(),
            throttle_reasons: seen.reasons.map(|reasons| reasons.into_iter().map(str::to_owned).collect()),
            ..self.before
        }
    }
}

/// What the samples have shown.
#[derive(Default)]
struct Seen {
    /// Bytes in use before the run.
    used_before: Option<u64>,
    /// Most bytes of the worker.
    of_worker: Option<u64>,
    /// Most bytes of all together.
    of_all: Option<u64>,
    /// What held the clocks down; `None` where the driver never said.
    reasons: Option<BTreeSet<&'static str>>,
}

impl Seen {
    fn sample(&mut self, device: &Device<'_>, worker: Option<u32>) {
        self.of_all = self.of_all.max(device.memory_info().ok().map(|memory| memory.used));
        self.of_worker = self.of_worker.max(worker.and_then(|worker| memory_of(device, worker)));
        if let Ok(reasons) = device.current_throttle_reasons() {
            self.reasons.get_or_insert_with(BTreeSet::new).extend(names(reasons));
        }
    }

    /// The worker's own where the driver lists it. It does not in a container with process
    /// numbers of its own: there it is what all used beyond what was used before.
    fn peak(&self) -> (Option<u64>, Option<MemoryBasis>) {
        if self.of_worker.is_some() {
            return (self.of_worker, Some(MemoryBasis::Process));
        }
        let beyond = self.of_all.zip(self.used_before).map(|(most, before)| most.saturating_sub(before));
        (beyond, beyond.map(|_| MemoryBasis::Device))
    }
}

/// Bytes that a process has of a device, where the driver lists it.
fn memory_of(device: &Device<'_>, process: u32) -> Option<u64> {
    let processes = device.running_compute_processes().ok()?;
    let used =
        processes.into_iter().filter(|one| one.pid == process).filter_map(|one| match one.used_gpu_memory {
            UsedGpuMemory::Used(bytes) => Some(bytes),
            UsedGpuMemory::Unavailable => None,
        });
    used.reduce(|a, b| a + b)
}

/// What holds clocks down, in words; an idle processor and one whose clocks somebody has set
/// are as they should be.
fn names(reasons: ThrottleReasons) -> impl Iterator<Item = &'static str> {
    let known = [
        (ThrottleReasons::SW_POWER_CAP, "power cap"),
        (ThrottleReasons::HW_SLOWDOWN, "hardware slowdown"),
        (ThrottleReasons::SYNC_BOOST, "sync boost"),
        (ThrottleReasons::SW_THERMAL_SLOWDOWN, "software thermal slowdown"),
        (ThrottleReasons::HW_THERMAL_SLOWDOWN, "hardware thermal slowdown"),
        (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, "power brake slowdown"),
    ];
    known.into_iter().filter(move |(reason, _)| reasons.contains(*reason)).map(|(_, name)| name)
}

/// Sums the energy of the timed calls.
#[derive(Debug, Default)]
struct Energy {
    /// The counter when the present call began, in millijoules.
    begun: Option<u64>,
    millijoules: Option<u64>,
    /// Whether the counter could not be read at some beginning or end.
    is_broken: bool,
    is_in_call: bool,
}

impl Energy {
    /// Whether a timed call begins or has ended.
    fn is_due(&self, message: &Message) -> bool {
        self.is_in_call || is_beginning(message)
    }

    /// Takes the counter at the beginning or end of a timed call.
    fn note(&mut self, message: &Message, counter: Option<u64>) {
        let is_beginning = is_beginning(message);
        self.is_broken |= counter.is_none();
        if self.is_in_call
            && let Some((begun, now)) = self.begun.zip(counter)
        {
            *self.millijoules.get_or_insert(0) += now.saturating_sub(begun);
        }
        self.is_in_call = is_beginning;
        self.begun = counter.filter(|_| is_beginning);
    }

    /// The sum; `None` where it could not be read, or where the counter, which goes on a few
    /// times a second only, stood still in all calls.
    fn joules(&self) -> Option<f64> {
        let millijoules = self.millijoules.filter(|sum| !self.is_broken && *sum > 0)?;
        Some(millijoules as f64 / 1e3)
    }
}

fn is_beginning(message: &Message) -> bool {
    matches!(message, Message::Calling { call } if call == TIMED_CALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calling(call: &str) -> Message {
        Message::Calling { call: call.to_owned() }
    }

    /// The joules of calls with the counter's value at each.
    fn joules(heard: &[(&str, Option<u64>)]) -> Option<f64> {
        let mut energy = Energy::default();
        for (call, counter) in heard {
            let message = calling(call);
            if energy.is_due(&message) {
                energy.note(&message, *counter);
            }
        }
        energy.joules()
    }

    #[test]
    fn only_the_energy_of_training_counts() {
        let epoch = |from, to| {
            [("train_epoch", Some(from)), ("get_parameters", Some(to)), ("predict", Some(to + 500))]
        };
        let two = [&[("open", Some(0))][..], &epoch(1000, 3500), &epoch(9000, 9250)].concat();
        assert_eq!(joules(&two), Some(2.75));
        assert_eq!(joules(&epoch(1000, 1000)), None, "the counter stood still");
        assert_eq!(joules(&[("train_epoch", None), ("get_parameters", None)]), None);
        let torn =
            [&epoch(1000, 3500)[..], &[("train_epoch", Some(4000)), ("get_parameters", None)]].concat();
        assert_eq!(joules(&torn), None, "less than all of it");
        assert_eq!(joules(&[("open", Some(1))]), None);
    }

    #[test]
    fn the_worker_s_own_memory_comes_first() {
        let seen = |of_worker| Seen { used_before: Some(100), of_worker, of_all: Some(350), reasons: None };
        assert_eq!(seen(Some(200)).peak(), (Some(200), Some(MemoryBasis::Process)));
        assert_eq!(seen(None).peak(), (Some(250), Some(MemoryBasis::Device)));
        assert_eq!(Seen::default().peak(), (None, None));
    }

    #[test]
    fn idleness_is_no_reason() {
        let told = |reasons| names(reasons).collect::<Vec<_>>();
        assert!(told(ThrottleReasons::GPU_IDLE | ThrottleReasons::APPLICATIONS_CLOCKS_SETTING).is_empty());
        assert_eq!(told(ThrottleReasons::GPU_IDLE | ThrottleReasons::SW_POWER_CAP), ["power cap"]);
    }
}
