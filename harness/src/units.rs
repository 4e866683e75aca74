//! Sizes and durations as people read and write them.

use std::time::Duration;

use jiff::SignedDuration;

/// Bytes with a binary unit, such as `1.5 GiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A duration in the unit that fits, such as `0.47 s`, `3 min 20 s`, `1 h 05 min`.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.0995 => format!("{:.1} ms", s * 1e3),
        s if s < 9.95 => format!("{s:.2} s"),
        s if s < 99.5 => format!("{s:.1} s"),
        s if s < 3600.0 => format!("{} min {:02} s", (s / 60.0) as u64, (s % 60.0) as u64),
        s => format!("{} h {:02} min", (s / 3600.0) as u64, (s % 3600.0 / 60.0) as u64),
    }
}

/// A number and its noun, such as `1 epoch`, `3 epochs`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Parses a duration such as `90`, `90s`, `1.5h`, `1h 30m`; a bare number is seconds.
///
/// # Errors
/// Where it is no positive duration.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let bare = text.trim().parse::<f64>().map(|seconds| format!("{seconds}s"));
    let parsed = bare.as_deref().unwrap_or(text).trim().parse::<SignedDuration>().ok();
    match parsed.and_then(|duration| Duration::try_from(duration).ok()) {
        Some(duration) if !duration.is_zero() && duration.as_secs() < 1_000_000_000 => Ok(duration),
        _ => Err(format!("`{text}` is no duration; write for example 90s, 15m or 1h")),
    }
}

/// Parses a size such as `512MiB`, `8GiB`, `8G`, `1TiB`; a bare number is bytes.
///
/// # Errors
/// Where it is no positive size.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, i32); 9] = [
        ("KiB", 10),
        ("MiB", 20),
        ("GiB", 30),
        ("TiB", 40),
        ("K", 10),
        ("M", 20),
        ("G", 30),
        ("T", 40),
        ("B", 0),
    ];
    let text = text.trim();
    let unit = UNITS.iter().find_map(|(unit, power)| Some((text.strip_suffix(unit)?, *power)));
    let (number, power) = unit.unwrap_or((text, 0));
    let value = number.trim_end().parse::<f64>().ok().map(|value| value * f64::from(power).exp2());
    match value {
        Some(value) if (1.0..1e18).contains(&value) => Ok(value as u64),
        _ => Err(format!("`{text}` is no size; write for example 512MiB or 8GiB")),
    }
}

/// Bytes as hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        assert_eq!(parse_duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(parse_duration("1.5h"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration(" 90 "), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("15min"), Ok(Duration::from_secs(900)));
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
        for bad in ["", "m", "-3s", "0", "nan", "inf", "1e300s", "3 days"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(parse_bytes("512MiB"), Ok(512 << 20));
        assert_eq!(parse_bytes("8G"), Ok(8 << 30));
        assert_eq!([parse_bytes("900TiB"), parse_bytes("1T")], [Ok(900 << 40), Ok(1 << 40)]);
        assert_eq!(parse_bytes("1.5 KiB"), Ok(1536));
        assert_eq!([parse_bytes("7B"), parse_bytes("7")], [Ok(7), Ok(7)]);
        for bad in ["", "GiB", "-1", "0", "nan"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_fits_its_size() {
        assert_eq!(seconds(0.0213), "21.3 ms");
        assert_eq!(seconds(4.456), "4.46 s");
        assert_eq!(seconds(200.0), "3 min 20 s");
        assert_eq!(seconds(3900.0), "1 h 05 min");
        assert_eq!(bytes(1 << 20), "1.0 MiB");
        assert_eq!([0, 1, 2].map(|number| count(number, "run")), ["0 runs", "1 run", "2 runs"]);
    }
}
