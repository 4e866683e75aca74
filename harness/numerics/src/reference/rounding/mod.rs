//! How far float32 may lie from the reference: a bound for every value of a pass.
//!
//! Each layer adds to the bound of what it is given what its own roundings can add at most, in
//! whatever order its sums are taken: n terms of magnitudes m₁ … mₙ are off by n·u·Σmᵢ at most
//! (Higham, *Accuracy and Stability of Numerical Algorithms*, section 4.2). For layers that are
//! linear in what they are given that sum is the layer itself, applied to magnitudes. Where
//! rounding may decide (a near-tie of a max pool, the sign of a ReLU's input), the bound holds
//! either decision.
//!
//! What is exact in float32 in any order, such as sums of small multiples of a quarter, has the
//! bound 0: then a tie is a tie for every backend.

mod activation;
mod batch_norm;
mod linear;
mod loss;
mod network;
mod optimiser;
mod pooling;

pub use network::{Bounded, BoundedStep, Rounding};
pub use optimiser::BoundedUpdates;

/// Twice the largest relative error of one operation in float32: the second half is for what is of
/// higher order, and for formulas with an operation more than the reference's.
const UNIT: f64 = f32::EPSILON as f64;

/// What may be lost of any value where numbers that float32 only holds as subnormal ones count as
/// zero.
const SMALLEST: f64 = f32::MIN_POSITIVE as f64;

/// Operations in float32 after which an elementary function's value is that function's, in units
/// of the largest value that it takes on the way.
const FUNCTION: f64 = 4.0;

/// What so many roundings of values that add up to such a magnitude come to at most.
fn rounded(operations: usize, magnitude: f64) -> f64 {
    operations as f64 * (UNIT * magnitude + SMALLEST)
}

fn magnitudes(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value.abs()).collect()
}

/// The most that a value can be in magnitude, with its bound.
fn largest(values: &[f64], errors: &[f64]) -> Vec<f64> {
    values.iter().zip(errors).map(|(value, error)| value.abs() + error).collect()
}
