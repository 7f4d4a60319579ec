//! Parts of files (RFC 9110, 14): GDAL reads a large image window by window, a range of bytes each.

use axum::http::{HeaderMap, Method, header};

use crate::etag;

/// What a request wants of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Whole,
    /// Bytes from `first` to `last`, both among them.
    Part {
        first: u64,
        last: u64,
    },
    /// None that there are.
    Beyond,
}

/// What a request wants of a file of so many bytes with this tag. Several ranges at once, and what is no range, are
/// answered with the whole, as the RFC allows.
pub(crate) fn wanted(method: &Method, headers: &HeaderMap, tag: &str, bytes: u64) -> Wanted {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_of_this = text(header::IF_RANGE).is_none_or(|given| given == etag::quoted(tag));
    let range = text(header::RANGE).filter(|_| *method == Method::GET && is_of_this);
    range.and_then(|range| part(range, bytes)).unwrap_or(Wanted::Whole)
}

/// The part of a range such as `bytes=0-499`, `bytes=500-` or `bytes=-500`.
fn part(range: &str, bytes: u64) -> Option<Wanted> {
    let (unit, ends) = range.split_once('=')?;
    let (first, last) = ends.trim().split_once('-')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last),
        (Some(first), None) if last.is_empty() => (first, u64::MAX),
        // the last so many
        (None, Some(0)) if first.is_empty() => return Some(Wanted::Beyond),
        (None, Some(count)) if first.is_empty() => (bytes.saturating_sub(count), u64::MAX),
        _ => return None,
    };
    let end = bytes.checked_sub(1).filter(|end| first <= *end);
    Some(end.map_or(Wanted::Beyond, |end| Wanted::Part { first, last: last.min(end) }))
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_the_part_of_the_file_that_it_names() {
        for (range, wanted) in [
            ("bytes=0-0", Some(Wanted::Part { first: 0, last: 0 })),
            ("bytes=2-5", Some(Wanted::Part { first: 2, last: 5 })),
            ("Bytes=2-99", Some(Wanted::Part { first: 2, last: 9 })),
            ("bytes=9-", Some(Wanted::Part { first: 9, last: 9 })),
            ("bytes=-3", Some(Wanted::Part { first: 7, last: 9 })),
            ("bytes=-30", Some(Wanted::Part { first: 0, last: 9 })),
            ("bytes=10-", Some(Wanted::Beyond)),
            ("bytes=-0", Some(Wanted::Beyond)),
            ("bytes=5-2", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=0-18446744073709551616", None),
            ("lines=0-1", None),
            ("bytes", None),
        ] {
            assert_eq!(part(range, 10), wanted, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Some(Wanted::Beyond), "an empty file has no part");
    }

    #[test]
    fn a_part_is_sent_of_the_file_that_the_client_has_a_part_of() {
        let wanted = |method, if_range: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, "bytes=2-5".parse().unwrap());
            headers.extend(if_range.map(|tag| (header::IF_RANGE, tag.parse().unwrap())));
            wanted(&method, &headers, "abc", 10)
        };
        let part = Wanted::Part { first: 2, last: 5 };
        assert_eq!(wanted(Method::GET, None), part);
        assert_eq!(wanted(Method::GET, Some("\"abc\"")), part);
        assert_eq!(wanted(Method::GET, Some("\"another\"")), Wanted::Whole);
        assert_eq!(wanted(Method::HEAD, None), Wanted::Whole);
    }
}
