//! Runs of one seed that are no pair, since they were made on two nodes of a cluster.

use std::collections::HashMap;

use crate::record::{Cell, Record};

/// A node's place among those of a round is above this bit; seeds are below.
const PLACE_BIT: u32 = 48;

/// The rounds by which values are paired.
pub(super) struct Places<'r> {
    /// The runs that were not made on the first node of their round: to these another round.
    moved: HashMap<(&'r Cell, u64), u64>,
}

impl Record {
    /// Where the samples were made.
    pub(super) fn places(&self) -> Places<'_> {
        let mut nodes: HashMap<u64, Vec<&str>> = HashMap::new();
        let mut moved = HashMap::new();
        for run in self.samples().filter(|run| run.is_ok()) {
            let Some(node) = run.node.as_deref() else { continue };
            let of_round = nodes.entry(run.seed).or_default();
            let place = of_round.iter().position(|known| *known == node).unwrap_or_else(|| {
                of_round.push(node);
                of_round.len() - 1
            });
            if place > 0 {
                moved.insert((&run.cell, run.seed), run.seed | (place as u64) << PLACE_BIT);
            }
        }
        Places { moved }
    }
}

impl Places<'_> {
    /// The round that a cell's run of a seed is of: the seed's, or one of its own that it shares with
    /// those of the same node.
    pub(super) fn round_of(&self, cell: &Cell, seed: u64) -> u64 {
        self.moved.get(&(cell, seed)).copied().unwrap_or(seed)
    }
}

#[cfg(test)]
mod tests {
    use crate::example;

    #[test]
    fn runs_of_two_nodes_are_no_pair() {
        let mut record = example::record();
        let cells: Vec<_> = record.runs.iter().filter(|run| run.seed == 1 && run.is_ok()).collect();
        let cells: Vec<_> = cells.into_iter().take(3).map(|run| run.cell.clone()).collect();
        let nodes = ["node1", "node2", "node2"];
        for run in record.runs.iter_mut().filter(|run| run.seed == 1) {
            let place = cells.iter().position(|cell| *cell == run.cell);
            run.node = Some(place.map_or("node1", |place| nodes[place]).to_owned());
        }
        let places = record.places();
        let rounds: Vec<u64> = cells.iter().map(|cell| places.round_of(cell, 1)).collect();
        assert!(rounds[0] == 1 && rounds[1] > 1000 && rounds[1] == rounds[2], "{rounds:?}");
        assert_eq!(places.round_of(&cells[1], 2), 2);
    }
}
