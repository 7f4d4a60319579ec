//! Numbers of things in words.

/// A number with its thing, in the plural where there is not one.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}
