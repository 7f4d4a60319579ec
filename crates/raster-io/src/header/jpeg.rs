//! JPEG: the segments up to the first scan, and the end marker.

use std::io::{Read, Seek};

use super::{Declared, Format, Header, Refusal, UPRIGHT, View, at_most, named_files, tiff};

/// Bytes at the end in which the end marker must lie; some cameras append a little.
const TAIL_BYTES: u64 = 64 << 10;

/// What a segment of EXIF begins with; a small TIFF follows.
const EXIF: &[u8] = b"Exif\0\0";

/// Walks the segments to the start of the first scan.
pub(super) fn inspect<R: Read + Seek>(view: &mut View<'_, R>) -> Result<Header, Refusal> {
    let mut at = 2;
    let mut parts = 0;
    let mut header = None;
    let mut orientation = UPRIGHT;
    loop {
        parts += 1;
        at_most("segments", parts, u64::from(view.limits.parts_max))?;
        let mut start = [0; 4];
        view.read_at("a segment", at, &mut start)?;
        if start[0] != 0xff {
            return Err(Refusal::Broken { what: "bytes between segments" });
        }
        if start[1] == 0xff {
            at += 1;
            continue;
        }
        let length = u64::from(u16::from_be_bytes([start[2], start[3]]));
        if length < 2 {
            return Err(Refusal::Broken { what: "a segment shorter than its own length" });
        }
        view.inside("a segment", at, length + 2)?;
        match start[1] {
            0xc0..=0xc2 if header.is_none() => header = Some(frame_header(view, at + 4)?),
            0xc0..=0xc2 => return Err(Refusal::Broken { what: "a second frame header" }),
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let got = format!("JPEG of another process (frame {:02x})", start[1]);
                return Err(Refusal::Compression { got, wanted: "baseline and progressive JPEG".to_owned() });
            }
            0xda => break,
            0xe0..=0xef | 0xfe => {
                let content = view.metadata("a segment", at + 4, length - 2)?;
                named_files::refuse(&content, "a segment")?;
                if let Some(exif) = content.strip_prefix(EXIF) {
                    orientation = tiff::orientation_of(exif).unwrap_or(orientation);
                }
            }
            0xd8 | 0xd9 => return Err(Refusal::Broken { what: "an image that ends before its first scan" }),
            _ => (),
        }
        at += length + 2;
    }
    check_end(view, at)?;
    let header = header.ok_or(Refusal::Broken { what: "no frame header before the first scan" })?;
    Ok(Header { orientation, ..header })
}

fn frame_header<R: Read + Seek>(view: &mut View<'_, R>, at: u64) -> Result<Header, Refusal> {
    let mut data = [0; 6];
    view.read_at("the frame header", at, &mut data)?;
    let bits = u64::from(data[0]);
    if bits != 8 {
        return Err(Refusal::SampleType { bits, kind: "unsigned integers", wanted: "8 bits" });
    }
    Declared {
        format: Format::Jpeg,
        cols: u64::from(u16::from_be_bytes([data[3], data[4]])),
        rows: u64::from(u16::from_be_bytes([data[1], data[2]])),
        bands: u64::from(data[5]),
        bits,
    }
    .accept(view.limits)
}

/// The decoder fills what is missing with grey, so a file without its end marker is refused.
fn check_end<R: Read + Seek>(view: &mut View<'_, R>, scan: u64) -> Result<(), Refusal> {
    let length = (view.file_bytes - scan).min(TAIL_BYTES);
    let mut tail = vec![0; length as usize];
    view.read_at("the last scan", view.file_bytes - length, &mut tail)?;
    if tail.windows(2).any(|pair| pair == [0xff, 0xd9]) {
        return Ok(());
    }
    Err(Refusal::CutShort { what: "the end marker", wanted: view.file_bytes + 2, got: view.file_bytes })
}
