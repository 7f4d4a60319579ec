//! PNG: the image header and the chain of chunks.

use std::io::{Read, Seek};

use super::{Declared, Format, Header, Refusal, View, at_most};

const SIGNATURE_BYTES: u64 = 8;
/// Length, type and checksum around a chunk's data.
const FRAME_BYTES: u64 = 12;

/// Walks the chunks to the end.
pub(super) fn inspect<R: Read + Seek>(view: &mut View<'_, R>) -> Result<Header, Refusal> {
    let mut at = SIGNATURE_BYTES;
    let mut parts = 0;
    let mut header = None;
    loop {
        parts += 1;
        at_most("chunks", parts, u64::from(view.limits.parts_max))?;
        let mut start = [0; 8];
        view.read_at("a chunk", at, &mut start)?;
        let length = u64::from(u32::from_be_bytes([start[0], start[1], start[2], start[3]]));
        view.inside("a chunk", at, length + FRAME_BYTES)?;
        match &start[4..8] {
            b"IHDR" if header.is_none() && length == 13 => header = Some(image_header(view, at + 8)?),
            b"IHDR" => return Err(Refusal::Broken { what: "a second or misshapen IHDR chunk" }),
            _ if header.is_none() => return Err(Refusal::Broken { what: "no IHDR chunk at the start" }),
            b"IEND" => break,
            _ => (),
        }
        at += length + FRAME_BYTES;
    }
    header.ok_or(Refusal::Broken { what: "no IHDR chunk at the start" })
}

fn image_header<R: Read + Seek>(view: &mut View<'_, R>, at: u64) -> Result<Header, Refusal> {
    let mut data = [0; 13];
    view.read_at("the IHDR chunk", at, &mut data)?;
    let number =
        |at: usize| u64::from(u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]]));
    let bits = u64::from(data[8]);
    let bands = match data[9] {
        0 => 1,
        2 | 3 => 3,
        4 => 2,
        6 => 4,
        _ => return Err(Refusal::Broken { what: "a colour type that does not exist" }),
    };
    if !matches!(bits, 1 | 2 | 4 | 8 | 16) {
        return Err(Refusal::SampleType { bits, kind: "unsigned integers", wanted: "1, 2, 4, 8 or 16 bits" });
    }
    Declared { format: Format::Png, cols: number(0), rows: number(4), bands, bits }.accept(view.limits)
}
