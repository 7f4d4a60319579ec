//! The header check for a file on disk.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use crate::{
    error::RasterError,
    header::{Header, HeaderLimits, Refusal, START_BYTES, inspect},
};

/// Checks a file on disk against [`HeaderLimits::default`].
///
/// # Errors
/// When the file cannot be read, is none of the formats, is cut off, declares more than the limits, or
/// holds metadata that names other files.
pub(crate) fn check(path: &Path) -> Result<Header, RasterError> {
    check_within(path, &HeaderLimits::default())
}

/// Checks a file that the decoding process made against [`HeaderLimits::of_working_copies`].
///
/// # Errors
/// As [`check`].
pub(crate) fn check_working_copy(path: &Path) -> Result<Header, RasterError> {
    check_within(path, &HeaderLimits::of_working_copies())
}

fn check_within(path: &Path, limits: &HeaderLimits) -> Result<Header, RasterError> {
    let unreadable = |source| RasterError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        let kind = std::io::ErrorKind::InvalidInput;
        return Err(unreadable(std::io::Error::new(kind, "is not a regular file")));
    }
    let mut start = Vec::with_capacity(START_BYTES);
    file.by_ref().take(START_BYTES as u64).read_to_end(&mut start).map_err(unreadable)?;
    inspect(BufReader::new(file), metadata.len(), limits).map_err(|refusal| match refusal {
        Refusal::Empty | Refusal::UnknownFormat => {
            RasterError::Format { path: path.to_owned(), got: describe(&start) }
        }
        Refusal::Unreadable(source) => unreadable(source),
        refusal => RasterError::Refused { path: path.to_owned(), refusal },
    })
}

fn describe(start: &[u8]) -> String {
    if start.is_empty() {
        return "empty (0 bytes)".to_owned();
    }
    if start.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        let text: String = String::from_utf8_lossy(start).chars().take(12).collect();
        return format!("a text that begins with {text:?}");
    }
    format!("a file that begins with the bytes {:02x?}", &start[..start.len().min(4)])
}
