//! Whether the nodes of a cluster, on which a benchmark's rounds were run, are alike.

use std::collections::BTreeSet;
use std::fmt;

use super::Warning;
use crate::number::{bytes, seconds, seed_names};
use crate::record::{Node, Record, distinct};

/// Memory that differs by less is that of the same machine: the system keeps some for itself.
const MEMORY_SHARE: f64 = 0.02;
/// Seconds by which clocks may differ before anybody must know: file servers tell times coarsely.
const CLOCK_SECONDS: f64 = 2.0;

/// Something doubtful of nodes.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeWarning {
    /// They are not alike.
    Differ {
        /// In what, and which nodes have what of it.
        differences: Vec<String>,
    },
    /// Their clocks are set differently.
    Clocks {
        /// By how many seconds.
        seconds: f64,
        /// The node whose clock is ahead of all others.
        fast: String,
        /// The one whose clock is behind.
        slow: String,
    },
    /// Rounds whose runs are not all of one node, by their seeds.
    Split {
        /// The seeds.
        seeds: Vec<u64>,
    },
}

impl fmt::Display for NodeWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differ { differences } => write!(
                f,
                "the nodes differ, so that only times of one round compare ({}); medians are over rounds of \
                 different nodes",
                differences.join(". ")
            ),
            Self::Clocks { seconds: apart, fast, slow } => write!(
                f,
                "the clock of {fast} is {} ahead of that of {slow}: times of day in the record are not in order; \
                 nothing that was measured depends on them",
                seconds(*apart)
            ),
            Self::Split { seeds } => write!(
                f,
                "the round with {} went on on another node when it was run again: cells are compared where both \
                 ran on the same one",
                seed_names(seeds)
            ),
        }
    }
}

/// What is doubtful of a benchmark whose rounds were run on nodes.
pub(super) fn nodes(record: &Record) -> Vec<Warning> {
    // The last that each said of itself.
    let mut nodes: Vec<&Node> = Vec::new();
    for node in record.rounds.iter().filter_map(|round| round.node.as_deref()) {
        nodes.retain(|known| known.name != node.name);
        nodes.push(node);
    }
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    let told = [unlike(&nodes), clocks(&nodes), split_rounds(record)];
    told.into_iter().flatten().map(Warning::Nodes).chain(own_words(&nodes)).collect()
}

/// What nodes have said of themselves; the same of several at once.
fn own_words(nodes: &[&Node]) -> Vec<Warning> {
    let texts = distinct(nodes.iter().flat_map(|node| &node.warnings));
    let told = texts.into_iter().map(|text| {
        let with = nodes.iter().filter(|node| node.warnings.contains(text));
        let machine = with.map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ");
        Warning::OfMachine { machine, warning: Box::new(Warning::Recorded(text.clone())) }
    });
    told.collect()
}

/// Says in what nodes differ.
fn unlike(nodes: &[&Node]) -> Option<NodeWarning> {
    let least = nodes.iter().map(|node| node.environment.memory_bytes).min()?;
    let memory = |node: &Node| match node.environment.memory_bytes {
        more if more as f64 > (1.0 + MEMORY_SHARE) * least as f64 => bytes(more),
        _ => bytes(least),
    };
    let differences = [
        difference("processor", nodes, |node| node.environment.cpu.clone()),
        difference("number of processors", nodes, |node| node.environment.logical_cpus.to_string()),
        difference("instruction sets", nodes, |node| node.environment.cpu_features.join(" ")),
        difference("memory", nodes, memory),
        difference("graphics processors", nodes, |node| node.environment.gpu_names().join(", ")),
        difference("driver", nodes, |node| node.environment.gpu_drivers()),
        difference("system", nodes, |node| node.environment.system.clone()),
        difference("kernel", nodes, |node| node.environment.kernel.clone()),
        difference("C library", nodes, |node| node.c_library.clone().unwrap_or_default()),
        difference("frequency governor", nodes, |node| node.environment.governor_words()),
    ];
    let differences: Vec<String> = differences.into_iter().flatten().collect();
    (!differences.is_empty()).then_some(NodeWarning::Differ { differences })
}

/// `memory: 64.0 GiB on node1, node2; 32.0 GiB on node3`, where it is not the same on all.
fn difference(what: &str, nodes: &[&Node], of: impl Fn(&Node) -> String) -> Option<String> {
    let values = distinct(nodes.iter().map(|node| of(node)));
    if values.len() < 2 {
        return None;
    }
    let told = values.into_iter().map(|value| {
        let with = nodes.iter().filter(|node| of(node) == value);
        let names: Vec<&str> = with.map(|node| node.name.as_str()).collect();
        let value = if value.is_empty() { "none".to_owned() } else { value };
        format!("{value} on {}", names.join(", "))
    });
    Some(format!("{what}: {}", told.collect::<Vec<_>>().join("; ")))
}

/// Says so when two clocks differ.
fn clocks(nodes: &[&Node]) -> Option<NodeWarning> {
    let told = nodes.iter().filter_map(|node| Some((node.clock_ahead_seconds?, node.name.clone())));
    let mut told: Vec<(f64, String)> = told.collect();
    told.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let ((behind, slow), (ahead, fast)) = (told.first()?.clone(), told.last()?.clone());
    (ahead - behind > CLOCK_SECONDS).then_some(NodeWarning::Clocks { seconds: ahead - behind, fast, slow })
}

/// Names the rounds whose runs are not all of one node.
fn split_rounds(record: &Record) -> Option<NodeWarning> {
    let places: BTreeSet<(u64, &str)> =
        record.samples().filter_map(|run| Some((run.seed, run.node.as_deref()?))).collect();
    let seeds: Vec<u64> = places.iter().map(|(seed, _)| *seed).collect();
    let split = distinct(seeds.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]));
    (!split.is_empty()).then_some(NodeWarning::Split { seeds: split })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    /// The example with each round on a node of its own.
    fn record() -> Record {
        let mut record = example::record();
        for round in &mut record.rounds {
            round.node = Some(Box::new(example::node(&format!("node{}", round.seed))));
        }
        for run in &mut record.runs {
            run.node = Some(format!("node{}", run.seed));
        }
        record
    }

    fn told(record: &Record) -> Vec<String> {
        nodes(record).iter().map(ToString::to_string).collect()
    }

    fn node(record: &mut Record, place: usize) -> &mut Node {
        record.rounds[place].node.as_mut().unwrap()
    }

    #[test]
    fn nodes_that_are_alike_need_no_word() {
        assert_eq!(told(&record()), [""; 0]);
        assert_eq!(told(&example::record()), [""; 0]);
        let mut record = record();
        // The kernel keeps another MiB for itself.
        node(&mut record, 1).environment.memory_bytes += 1 << 20;
        node(&mut record, 1).clock_ahead_seconds = Some(1.5);
        assert_eq!(told(&record), [""; 0]);
    }

    #[test]
    fn differences_are_told_with_the_nodes_that_have_them() {
        let mut record = record();
        "Other CPU".clone_into(&mut node(&mut record, 2).environment.cpu);
        node(&mut record, 0).environment.memory_bytes *= 2;
        node(&mut record, 1).c_library = Some("glibc 2.41".to_owned());
        node(&mut record, 1).clock_ahead_seconds = Some(-3.5);
        node(&mut record, 0).clock_ahead_seconds = Some(0.5);
        node(&mut record, 0).warnings = vec!["the machine runs on its battery".to_owned()];
        node(&mut record, 2).warnings = vec!["the machine runs on its battery".to_owned()];
        assert_eq!(
            told(&record),
            [
                "the nodes differ, so that only times of one round compare (processor: Example CPU at 3 GHz on node1, \
                 node2; Other CPU on node3. memory: 16.0 GiB on node1; 8.0 GiB on node2, node3. C library: glibc \
                 2.36 on node1, node3; glibc 2.41 on node2); medians are over rounds of different nodes",
                "the clock of node1 is 4.00 s ahead of that of node2: times of day in the record are not in order; \
                 nothing that was measured depends on them",
                "node1, node3: the machine runs on its battery",
            ]
        );
    }

    #[test]
    fn a_round_on_two_nodes_is_named() {
        let mut record = record();
        record.runs.iter_mut().find(|run| run.seed == 2).unwrap().node = Some("node7".to_owned());
        assert_eq!(
            told(&record),
            [
                "the round with seed 2 went on on another node when it was run again: cells are compared where both \
              ran on the same one"
            ]
        );
    }
}
