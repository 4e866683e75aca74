//! Identifiers of graphics processors, each of which there is once in the world.

/// How a driver's identifiers begin: of a processor, and of a part of one.
const PREFIXES: [&str; 2] = ["GPU-", "MIG-"];
/// A driver takes abbreviations; of fewer digits, it could be a word.
const FEWEST_DIGITS: usize = 4;

/// The identifiers in a text, such as `GPU-8f3c2a10-…`, in the order in which they stand there.
pub(super) fn device_identifiers(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut place = 0;
    while let Some((start, prefix)) = next(text, place) {
        let rest = &text[start + prefix.len()..];
        let length = rest.find(|c: char| !c.is_ascii_hexdigit() && c != '-').unwrap_or(rest.len());
        let digits = rest[..length].bytes().filter(u8::is_ascii_hexdigit).count();
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let is_within = is_word(text[..start].chars().next_back()) || is_word(rest[length..].chars().next());
        place = start + prefix.len();
        if digits >= FEWEST_DIGITS && !is_within {
            place += length;
            found.push(&text[start..place]);
        }
    }
    found
}

fn next(text: &str, from: usize) -> Option<(usize, &'static str)> {
    let places = PREFIXES.iter().filter_map(|prefix| Some((from + text[from..].find(prefix)?, *prefix)));
    places.min()
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn identifiers_are_told_from_words() {
        let found = |text: &str| device_identifiers(text).join(" ");
        let whole = "GPU-8f3c2a10-1111-2222-3333-444455556666";
        assert_eq!(found(&format!("on {whole}: out of memory, {whole}")), format!("{whole} {whole}"));
        assert_eq!(found("CUDA_VISIBLE_DEVICES=MIG-8f3c2a10-1111,GPU-8f3c"), "MIG-8f3c2a10-1111 GPU-8f3c");
        assert_eq!(found("MIG-GPU-8f3c2a10-1111/1/0"), "GPU-8f3c2a10-1111");
        assert_eq!(found("GPU-bound, GPU-accelerated, GPU-0, a GPU-, MIG-enabled, NGPU-8f3c2a10"), "");
    }
}
