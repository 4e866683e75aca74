//! Which cells are run twice in a round. Two runs of the same cell and seed differ by
//! nothing but the machine: how far is the noise floor of every comparison.

/// A cell that may be run twice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate<'c> {
    /// Place in the plan.
    pub(super) index: usize,
    /// Device that it runs on.
    pub(super) device: &'c str,
    /// Estimated seconds of an epoch.
    pub(super) epoch_seconds: f64,
}

/// One cell per device: one that was run twice `before`, the first of them, else the one
/// whose time per epoch is the lower median, which is neither cheap nor dear.
pub(super) fn choose(candidates: &[Candidate<'_>], before: &[usize]) -> Vec<usize> {
    let mut devices: Vec<&str> = candidates.iter().map(|one| one.device).collect();
    devices.sort_unstable();
    devices.dedup();
    devices.into_iter().filter_map(|device| choose_on(device, candidates, before)).collect()
}

fn choose_on(device: &str, candidates: &[Candidate<'_>], before: &[usize]) -> Option<usize> {
    let mut on_device: Vec<_> = candidates.iter().filter(|one| one.device == device).collect();
    let is_there = |index: &&usize| on_device.iter().any(|one| one.index == **index);
    if let Some(index) = before.iter().find(is_there) {
        return Some(*index);
    }
    on_device.sort_by(|a, b| a.epoch_seconds.total_cmp(&b.epoch_seconds).then(a.index.cmp(&b.index)));
    let middle = on_device.len().checked_sub(1)? / 2;
    Some(on_device[middle].index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(of: &[(&'static str, f64)]) -> Vec<Candidate<'static>> {
        let one = |(index, &(device, epoch_seconds))| Candidate { index, device, epoch_seconds };
        of.iter().enumerate().map(one).collect()
    }

    #[test]
    fn each_device_repeats_its_lower_median() {
        assert_eq!(choose(&[], &[]), [0_usize; 0]);
        assert_eq!(choose(&candidates(&[("cpu", 1.0)]), &[]), [0]);
        assert_eq!(choose(&candidates(&[("cpu", 9.0), ("cpu", 1.0)]), &[]), [1]);
        let three = [("cpu", 9.0), ("cuda:0", 0.5), ("cpu", 1.0), ("cpu", 2.0), ("cuda:0", 0.2)];
        assert_eq!(choose(&candidates(&three), &[]), [3, 4]);
    }

    #[test]
    fn what_was_repeated_before_stays_while_it_runs() {
        let three = candidates(&[("cpu", 9.0), ("cpu", 1.0), ("cpu", 2.0)]);
        assert_eq!(choose(&three, &[0]), [0]);
        assert_eq!(choose(&three, &[7]), [2]);
    }
}
