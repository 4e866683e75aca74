//! Numbers as a reader sees them: three significant digits, the unit beside.

/// Three significant digits, without an exponent where one can do without.
pub(crate) fn significant(value: f64) -> String {
    if !value.is_finite() {
        return "not finite".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    match magnitude {
        5.. | ..-4 => format!("{value:.2e}"),
        _ => format!("{value:.*}", (2 - magnitude).max(0) as usize),
    }
}

/// `4.21 s`.
pub(crate) fn seconds(value: f64) -> String {
    format!("{} s", significant(value))
}

/// A time to wait: `47 s`, `6 min 20 s`, `1 h 05 min`.
pub(crate) fn whole_seconds(value: f64) -> String {
    // What is not finite, too, becomes a number.
    let whole = value.max(0.0).ceil() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// `12.3 J`.
pub(crate) fn joules(value: f64) -> String {
    format!("{} J", significant(value))
}

/// `2.33×`.
pub(crate) fn ratio(value: f64) -> String {
    format!("{}×", significant(value))
}

/// `78 %`, `3.1 %`: two significant digits, and all digits before the point.
pub(crate) fn percent(value: f64) -> String {
    if !value.is_finite() {
        return "not finite".to_owned();
    }
    if value == 0.0 {
        return "0 %".to_owned();
    }
    // Rounded first: 9.96 has one digit before the point, 10 has two.
    let rounded: f64 = format!("{value:.1e}").parse().unwrap_or(value);
    let magnitude = rounded.abs().log10().floor() as i32;
    match magnitude {
        2.. => format!("{value:.0} %"),
        _ => format!("{rounded:.*} %", (1 - magnitude).max(0) as usize),
    }
}

/// A fraction of 1 in four decimals, as test accuracy over 10 000 samples has.
pub(crate) fn fraction(value: f64) -> String {
    format!("{value:.4}")
}

/// `312 MiB`.
pub(crate) fn bytes(value: u64) -> String {
    let mebibytes = value as f64 / f64::from(1 << 20);
    if mebibytes < 1024.0 { format!("{mebibytes:.0} MiB") } else { format!("{:.1} GiB", mebibytes / 1024.0) }
}

/// `1 seed`, `3 seeds`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `seed 2`, `seeds 2, 3`.
pub(crate) fn seed_names(seeds: &[u64]) -> String {
    let names: Vec<String> = seeds.iter().map(u64::to_string).collect();
    format!("seed{} {}", if seeds.len() == 1 { "" } else { "s" }, names.join(", "))
}

/// Seconds since the Unix epoch as `2026-01-31 13:05 UTC`.
pub(crate) fn utc(unix_time: f64) -> String {
    formatted(unix_time, "%Y-%m-%d %H:%M UTC").unwrap_or_else(|| "at an unknown time".to_owned())
}

/// The day of the same, in UTC: `2026-01-31`.
pub(crate) fn date(unix_time: f64) -> String {
    formatted(unix_time, "%Y-%m-%d").unwrap_or_else(|| "unknown".to_owned())
}

fn formatted(unix_time: f64, format: &str) -> Option<String> {
    let second = (unix_time >= 0.0).then_some(unix_time as i64)?;
    Some(jiff::Timestamp::from_second(second).ok()?.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let shown: Vec<_> = [0.0, 0.000_012_3, 0.0123, 1.0, 9.876, 123.4, 12_345.6, 1.0e7, f64::NAN]
            .into_iter()
            .map(significant)
            .collect();
        assert_eq!(shown, ["0", "1.23e-5", "0.0123", "1.00", "9.88", "123", "12346", "1.00e7", "not finite"]);
    }

    #[test]
    fn percentages_have_two_digits() {
        let shown: Vec<_> = [0.0, 0.004_51, 0.996, 3.12, 9.96, 77.7, 99.6, 117.4, f64::NAN]
            .into_iter()
            .map(percent)
            .collect();
        let expected = ["0 %", "0.0045 %", "1.0 %", "3.1 %", "10 %", "78 %", "100 %", "117 %", "not finite"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn times_to_wait_are_whole() {
        let shown = [0.0, 0.2, 59.2, 380.0, 3900.0, -1.0, f64::NAN].map(whole_seconds);
        assert_eq!(shown, ["0 s", "1 s", "1 min 00 s", "6 min 20 s", "1 h 05 min", "0 s", "0 s"]);
    }

    #[test]
    fn times_are_dates() {
        assert_eq!(utc(0.0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(951_782_400.0), "2000-02-29 00:00 UTC");
        assert_eq!(utc(1_767_225_599.9), "2025-12-31 23:59 UTC");
        for unknown in [f64::NAN, f64::INFINITY, -1.0, 1e12] {
            assert_eq!(utc(unknown), "at an unknown time");
        }
    }

    #[test]
    fn memory_changes_its_unit() {
        assert_eq!(bytes(312 << 20), "312 MiB");
        assert_eq!(bytes(3 << 29), "1.5 GiB");
    }
}
