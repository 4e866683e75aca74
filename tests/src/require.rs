//! What a test needs beyond Rust, and what happens where it is missing.

/// Says that a test is skipped for want of `name`.
///
/// # Panics
/// Where `TRAINMARK_REQUIRE` is `all` or a comma-separated list that holds `name`.
pub fn skip(name: &str, why: &str) {
    let required = std::env::var("TRAINMARK_REQUIRE").unwrap_or_default();
    let is_required = required.split(',').any(|one| one.trim() == "all" || one.trim() == name);
    assert!(!is_required, "TRAINMARK_REQUIRE={required} asks for {name}: {why}");
    eprintln!("skipped, because of {name}: {why}");
}
