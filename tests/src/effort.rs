//! How much a test does.

/// The number that a variable of the environment asks for, else `otherwise`.
///
/// # Panics
/// Where the variable holds something else.
pub fn asked_for(variable: &str, otherwise: usize) -> usize {
    match std::env::var(variable) {
        Ok(number) => number.parse().unwrap_or_else(|_| panic!("{variable}={number} is no number")),
        Err(_) => otherwise,
    }
}
