//! Times as clients write them.

use jiff::Timestamp;

/// The instant that a text tells as an RFC 3339 time.
pub fn time_of(text: &str) -> Option<Timestamp> {
    if is_rfc3339(text) { text.parse().ok() } else { None }
}

/// Whether a text has the form of an RFC 3339 time: the parser takes all of ISO 8601, such as zones without a colon
/// and fractions behind a comma.
fn is_rfc3339(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00t00:00:00";
    let bytes = text.as_bytes();
    let as_form = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b't' => matches!(byte, b't' | b'T' | b' '),
        other => byte == other,
    };
    let Some(rest) = bytes.get(FORM.len()..) else { return false };
    let zone = match rest.split_first() {
        Some((b'.', fraction)) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        _ => rest,
    };
    let zone_form = matches!(zone, [b'z' | b'Z'])
        || matches!(zone, [b'+' | b'-', a, b, b':', c, d]
            if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()));
    bytes.iter().zip(FORM).all(as_form) && zone_form
}
