//! A workload's numbers, as backends compute with them and as they are printed.

/// What of float32 does not have a number that a file or an option gives.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{} is {} in float32, in which backends compute", printed(*number), rounded(*number))]
pub struct NotInFloat32 {
    number: f64,
}

/// What float32 makes of a number that it does not have.
fn rounded(number: f64) -> String {
    let rounded = number as f32;
    if rounded.is_infinite() { "infinite".to_owned() } else { rounded.to_string() }
}

/// Refuses a number that float32 has as infinity, or as 0 though it is not.
///
/// # Errors
/// Where it is such a number.
pub(super) fn check_float32(number: f64) -> Result<(), NotInFloat32> {
    let rounded = number as f32;
    let is_lost = rounded.is_infinite() || (rounded == 0.0 && number != 0.0);
    if is_lost { Err(NotInFloat32 { number }) } else { Ok(()) }
}

/// Likewise a number below 1 that float32 has as 1.
///
/// # Errors
/// Where it is such a number.
pub(super) fn check_share(number: f64) -> Result<(), NotInFloat32> {
    let is_lost = number < 1.0 && number as f32 >= 1.0;
    if is_lost { Err(NotInFloat32 { number }) } else { check_float32(number) }
}

/// A number above 0 that float32 has.
///
/// # Errors
/// Why a network cannot be trained at it.
pub fn parse_learning_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate > 0.0);
    let rate =
        rate.ok_or_else(|| format!("`{text}` is no learning rate; write a number above 0, such as 0.1"))?;
    check_float32(rate).map_err(|why| why.to_string())?;
    Ok(rate)
}

/// In digits; with an exponent where they would be many zeros.
pub(super) fn printed(number: f64) -> String {
    let is_plain = number == 0.0 || (1e-6..1e9).contains(&number.abs());
    if is_plain { number.to_string() } else { format!("{number:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_refused_that_float32_has_as_another() {
        let told = |checked: Result<(), NotInFloat32>| checked.unwrap_err().to_string();
        for (number, expected) in
            [(1e39, "1e39 is infinite"), (1e-60, "1e-60 is 0"), (-1e300, "-1e300 is infinite")]
        {
            let whole = format!("{expected} in float32, in which backends compute");
            assert_eq!([told(check_float32(number)), told(check_share(number))], [whole.clone(), whole]);
        }
        for number in [0.0, 0.1, 1.0, 3e38, 1e-44, 0.999_999_999] {
            assert_eq!(check_float32(number), Ok(()), "{number}");
        }
        assert!(told(check_share(0.999_999_999)).starts_with("0.999999999 is 1 in float32"));
        assert_eq!([0.0, 0.999_999, 1.0].map(check_share), [Ok(()); 3]);
    }

    #[test]
    fn what_would_be_many_zeros_is_printed_with_an_exponent() {
        let all = [0.0, 0.1, 1e-6, 1e-7, 2.5e-40, 123_456_789.5, 1e9, -3e30].map(printed);
        assert_eq!(all, ["0", "0.1", "0.000001", "1e-7", "2.5e-40", "123456789.5", "1e9", "-3e30"]);
    }
}
