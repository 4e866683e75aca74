//! How the threads share a batch.

/// The part of a batch that one thread works on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'b> {
    /// Indices of the part's samples in their split.
    pub(crate) samples: &'b [u32],
    /// Samples of the whole batch, all parts together.
    pub(crate) batch: usize,
    /// Samples of a block, which lie side by side in memory.
    pub(crate) lanes: usize,
}

impl<'b> Part<'b> {
    /// Cuts a batch into one part per thread, at the bounds of blocks of `lanes`
    /// samples and as evenly as these allow. With more threads than blocks, some
    /// parts are empty.
    pub(crate) fn split(batch: &'b [u32], threads: usize, lanes: usize) -> impl Iterator<Item = Self> {
        let blocks = batch.len().div_ceil(lanes);
        let bound = move |thread: usize| (thread * blocks / threads * lanes).min(batch.len());
        (0..threads).map(move |t| Self { samples: &batch[bound(t)..bound(t + 1)], batch: batch.len(), lanes })
    }

    /// [`Part::split`], each part with its samples' share of `values`, of which there are
    /// so many per sample.
    pub(crate) fn split_with<'v>(
        batch: &'b [u32],
        threads: usize,
        lanes: usize,
        values: &'v mut [f32],
        per_sample: usize,
    ) -> impl Iterator<Item = (Self, &'v mut [f32])> {
        let mut rest = values;
        Self::split(batch, threads, lanes).map(move |part| {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(part.samples.len() * per_sample);
            rest = others;
            (part, own)
        })
    }

    /// The part in pieces of so many blocks; the last one may be smaller.
    pub(crate) fn pieces(&self, blocks: usize) -> impl Iterator<Item = Self> {
        self.samples.chunks(blocks * self.lanes).map(|samples| Self { samples, ..*self })
    }

    pub(crate) fn blocks(&self) -> usize {
        self.samples.len().div_ceil(self.lanes)
    }

    /// The samples of a block: as many as there are lanes, or fewer in the last.
    pub(crate) fn block(&self, block: usize) -> &'b [u32] {
        let end = self.samples.len().min((block + 1) * self.lanes);
        &self.samples[block * self.lanes..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_batch_in_order_at_block_bounds() {
        for batch in [1, 2, 15, 16, 17, 96, 256, 1000] {
            let batch: Vec<u32> = (0..batch).collect();
            for threads in [1, 2, 3, 7, 100] {
                for lanes in [4, 16] {
                    let parts: Vec<Part> = Part::split(&batch, threads, lanes).collect();
                    assert_eq!(parts.len(), threads);
                    let samples: Vec<u32> = parts.iter().flat_map(|part| part.samples).copied().collect();
                    assert_eq!(samples, batch);
                    let at_bound =
                        |p: &Part| p.samples.first().is_none_or(|&s| (s as usize).is_multiple_of(lanes));
                    assert!(parts.iter().all(at_bound));
                }
            }
        }
    }

    #[test]
    fn blocks_and_pieces_cover_a_part() {
        let batch: Vec<u32> = (0..40).collect();
        let part = Part::split(&batch, 1, 16).next().unwrap();
        assert_eq!(part.blocks(), 3);
        assert_eq!(part.block(2), &batch[32..]);
        let sizes: Vec<usize> = part.pieces(2).map(|piece| piece.samples.len()).collect();
        assert_eq!(sizes, [32, 8]);
    }
}
