//! The processes that a process has started, and those that they have. Where the system does not
//! show them as files, as Linux does, less is known of them: not when they were started.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How often a family is looked through: each look takes time from the processors that a worker
/// computes on.
const LOOK_PERIOD: Duration = Duration::from_millis(250);
/// More processes than these are not waited for to stand still.
const MOST_MEMBERS: usize = 10_000;
/// How long killed processes may take to be gone.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between two looks at processes that are being killed.
const PACE: Duration = Duration::from_millis(2);

/// Everything below a process. Sessions and groups do not matter; what has lost its parent is
/// the next subreaper's.
#[derive(Debug)]
pub(crate) struct Family {
    root: u32,
    members: Vec<u32>,
    /// When each of them was started: numbers are given again.
    births: Vec<Option<u64>>,
    looked: Option<Instant>,
}

impl Family {
    pub(crate) fn below(root: u32) -> Self {
        Self { root, members: Vec::new(), births: Vec::new(), looked: None }
    }

    /// Their resident memory in bytes, where it is known. What several of them share, such as the
    /// pages after a fork, counts for each.
    pub(crate) fn rss_bytes(&mut self) -> Option<u64> {
        self.look();
        total(&self.members, crate::machine::rss_bytes)
    }

    /// The same, with what they share divided among them, which takes the system longer to tell.
    pub(crate) fn pss_bytes(&mut self) -> Option<u64> {
        if self.members.len() < 2 {
            return self.rss_bytes();
        }
        let pss = |member| crate::machine::pss_bytes(member).or_else(|| crate::machine::rss_bytes(member));
        total(&self.members, pss)
    }

    /// Whether there is more than one.
    pub(crate) fn is_large(&self) -> bool {
        self.members.len() > 1
    }

    fn look(&mut self) {
        if self.members.is_empty() || self.looked.is_none_or(|looked| looked.elapsed() > LOOK_PERIOD) {
            self.members = descendants(self.root);
            self.births = self.members.iter().map(|&member| birth(member)).collect();
            self.looked = Some(Instant::now());
        }
    }

    /// Sends all of them a signal, as they are now. Whether there are any.
    pub(crate) fn signal(&self, signal: Signal) -> bool {
        let members = descendants(self.root);
        send(&members, signal);
        !members.is_empty()
    }

    /// Kills all of them, and waits until they are gone: a large one is unmapped slowly.
    pub(crate) fn end(&self) {
        let members = self.frozen();
        send(&members, Signal::KILL);
        let start = Instant::now();
        while !members.iter().all(|&member| has_ended(member)) && start.elapsed() < PATIENCE {
            std::thread::sleep(PACE);
        }
    }

    /// Kills those that were there at the last look, where the root is gone: a plugin may have
    /// killed it.
    pub(crate) fn end_orphans(&self) {
        let births = self.members.iter().copied().zip(&self.births);
        let orphans = births.filter(|(member, at)| at.is_some() && birth(*member) == **at);
        send(&orphans.map(|(member, _)| member).collect::<Vec<_>>(), Signal::KILL);
    }

    /// Stops all of them, so that none can start another one meanwhile.
    fn frozen(&self) -> Vec<u32> {
        let mut members = Vec::new();
        loop {
            let found = descendants(self.root);
            if found == members || members.len() > MOST_MEMBERS {
                return found;
            }
            send(&found, Signal::STOP);
            members = found;
        }
    }

    /// Whether the first of them stands still, stopped by a signal.
    pub(crate) fn is_stopped(&self) -> bool {
        self.members.first().and_then(|&first| state(first)) == Some('T')
    }

    /// Processor seconds that all but one of them have taken until now, also those that have
    /// ended.
    pub(crate) fn cpu_seconds_besides(&self, one: u32) -> f64 {
        let ticks = |process: u32| Ticks::of(process).unwrap_or_default();
        let others = descendants(self.root).into_iter().map(|member| {
            let Ticks { own, ended } = ticks(member);
            if member == one { ended } else { own + ended }
        });
        let sum = others.sum::<u64>() + ticks(self.root).ended;
        sum as f64 / rustix::param::clock_ticks_per_second() as f64
    }
}

fn total(members: &[u32], of_one: impl Fn(u32) -> Option<u64>) -> Option<u64> {
    members.iter().filter_map(|&member| of_one(member)).reduce(u64::saturating_add)
}

fn send(processes: &[u32], signal: Signal) {
    for process in processes.iter().filter_map(|&one| i32::try_from(one).ok().and_then(Pid::from_raw)) {
        // Already gone is as good.
        let _ = kill_process(process, signal);
    }
}

/// Whether nothing of a process is left but its number.
fn has_ended(process: u32) -> bool {
    state(process).is_none_or(|state| matches!(state, 'Z' | 'X'))
}

/// When a process was started, in ticks since the system was.
fn birth(process: u32) -> Option<u64> {
    fields(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)?.nth(19)?.parse().ok()
}

/// The letter for what a process is doing.
fn state(process: u32) -> Option<char> {
    fields(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)?.next()?.chars().next()
}

/// Clock ticks of a process's own, and of its children that it has seen end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ticks {
    own: u64,
    ended: u64,
}

impl Ticks {
    fn of(process: u32) -> Option<Self> {
        Self::read(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    /// Of the text of a `stat` file.
    fn read(stat: &str) -> Option<Self> {
        let numbers = fields(stat)?.skip(11).take(4).map(|field| field.parse::<u64>().ok());
        let [user, system, ended_user, ended_system] =
            numbers.collect::<Option<Vec<_>>>()?.try_into().ok()?;
        Some(Self { own: user + system, ended: ended_user + ended_system })
    }
}

/// The fields of a `stat` file from the third one, the state, on. The name before may hold
/// anything.
fn fields(stat: &str) -> Option<impl Iterator<Item = &str>> {
    Some(stat.rsplit_once(')')?.1.split_ascii_whitespace())
}

/// Everything below a process, parents first; also what has ended but is not forgotten yet.
fn descendants(root: u32) -> Vec<u32> {
    let mut found = children(root);
    let mut next = 0;
    while let Some(&process) = found.get(next) {
        // Numbers may be given again meanwhile: nothing is listed twice.
        let new: Vec<u32> = children(process).into_iter().filter(|one| !found.contains(one)).collect();
        found.extend(new);
        next += 1;
    }
    found
}

fn children(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let mut is_told = false;
    let mut found = Vec::new();
    for list in lists {
        is_told = true;
        found.extend(list.split_ascii_whitespace().filter_map(|number| number.parse::<u32>().ok()));
    }
    if !is_told {
        found = parents().into_iter().filter(|&(_, parent)| parent == process).map(|(one, _)| one).collect();
    }
    found
}

/// Every process with its parent, for systems that keep no lists of children.
fn parents() -> HashMap<u32, u32> {
    if let Some(parents) = crate::machine::parents() {
        return parents;
    }
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let with_parent = |number: u32| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        let parent = fields(&stat)?.nth(1)?.parse().ok()?;
        Some((number, parent))
    };
    numbers.filter_map(with_parent).collect()
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A shell with two children, one of them in a session of its own.
    fn shell() -> Child {
        let script = "sleep 100 & setsid sleep 100 & echo ready; wait";
        let mut shell = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0; 6];
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut ready).unwrap();
        shell
    }

    #[test]
    fn all_below_a_process_are_found_and_killed() {
        let mut shell = shell();
        let mut family = Family::below(shell.id());
        assert_eq!(descendants(shell.id()).len(), 2);
        let by_parent = parents().into_values().filter(|&parent| parent == shell.id()).count();
        assert_eq!(by_parent, 2, "kernels without lists");
        let rss = family.rss_bytes().unwrap();
        assert!(rss > 1 << 16 && family.is_large(), "{rss}");
        assert!(family.pss_bytes().unwrap() <= rss);
        family.end();
        shell.wait().unwrap();
        assert_eq!(descendants(shell.id()), [0; 0]);
    }

    #[test]
    fn what_was_seen_is_killed_when_its_root_is_gone() {
        let mut shell = shell();
        let mut family = Family::below(shell.id());
        family.rss_bytes().unwrap();
        let members = family.members.clone();
        assert_eq!(members.len(), 2);
        shell.kill().unwrap();
        shell.wait().unwrap();
        assert!(members.iter().all(|&member| !has_ended(member)), "in the hands of somebody else");
        family.births[0] = Some(0);
        family.end_orphans();
        let is_gone = || {
            std::thread::sleep(PACE);
            has_ended(members[1])
        };
        assert!((0..1000).any(|_| is_gone()), "the one that was seen");
        assert!(!has_ended(members[0]), "but no other that has its number");
        send(&members[..1], Signal::KILL);
    }

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "7 (a) S (b) S 1 7 7 0 -1 4194560 900 80 0 0 11 22 33 44 20 0 1 0 5 6 7";
        assert_eq!(Ticks::read(stat), Some(Ticks { own: 33, ended: 77 }));
        assert_eq!(Ticks::read("7 (a) S 1"), None);
    }

    #[test]
    fn processor_time_of_children_is_counted_while_they_run_and_afterwards() {
        let script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo ready; sleep 100";
        let command = format!("sh -c '{script}' & wait; echo ended; exec sleep 100");
        let mut shell = Command::new("sh").args(["-c", &command]).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0; 6];
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut ready).unwrap();
        let family = Family::below(shell.id());
        let running = family.cpu_seconds_besides(0);
        assert!(running > 0.01, "{running}");
        let child = children(shell.id())[0];
        assert!(family.cpu_seconds_besides(child) < running);
        family.end();
        let mut ended = [0; 6];
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut ended).unwrap();
        let afterwards = family.cpu_seconds_besides(0);
        assert!(afterwards > 0.01, "{afterwards}");
        shell.kill().unwrap();
        shell.wait().unwrap();
    }
}
