//! Chance that nobody can foresee: from the operating system, and not from a seed.

use anyhow::Context;

/// A draw from 0..`bound`.
///
/// # Errors
/// Where the system has no random numbers.
pub(crate) fn below(bound: usize) -> anyhow::Result<usize> {
    let number = getrandom::u64().context("the system has no random numbers")?;
    // As good as even: no bound here comes near 2^64.
    Ok((number % bound.max(1) as u64) as usize)
}

/// So many different draws from 0..`bound`, or all of it, in order.
///
/// # Errors
/// As [`below`].
pub(crate) fn some_of(count: usize, bound: usize) -> anyhow::Result<Vec<usize>> {
    let mut all: Vec<usize> = (0..bound).collect();
    let count = count.min(bound);
    for place in 0..count {
        let drawn = place + below(bound - place)?;
        all.swap(place, drawn);
    }
    all.truncate(count);
    all.sort_unstable();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_different_and_within_bounds() {
        let mut seen = [false; 5];
        for _ in 0..200 {
            let drawn = some_of(2, 5).expect("there are random numbers");
            assert!(drawn.len() == 2 && drawn[0] < drawn[1] && drawn[1] < 5, "{drawn:?}");
            drawn.iter().for_each(|&place| seen[place] = true);
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(some_of(4, 2).expect("there are random numbers"), [0, 1]);
    }
}
