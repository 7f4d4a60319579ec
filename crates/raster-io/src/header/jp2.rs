//! JPEG 2000: the boxes around the codestream and its size segment.

use std::io::{Read, Seek};

use super::{Declared, Format, Header, Refusal, View, at_most, named_files};

/// Tiles of a codestream; the standard's own limit.
const TILES_MAX: u64 = 65_535;

/// Walks the boxes to the codestream; a bare codestream has none.
pub(super) fn inspect<R: Read + Seek>(view: &mut View<'_, R>) -> Result<Header, Refusal> {
    let mut start = [0; 4];
    view.read_at("the file header", 0, &mut start)?;
    if start == [0xff, 0x4f, 0xff, 0x51] {
        return codestream(view, 0, view.file_bytes);
    }
    let mut at = 0;
    let mut parts = 0;
    let mut header = None;
    while at < view.file_bytes {
        parts += 1;
        at_most("boxes", parts, u64::from(view.limits.parts_max))?;
        let part = Part::read(view, at)?;
        match &part.kind {
            b"jp2c" if header.is_none() => header = Some(codestream(view, part.data, part.end)?),
            b"jp2c" => return Err(Refusal::Broken { what: "a second codestream" }),
            // A fragment table or a data reference points into other files.
            b"ftbl" | b"dtbl" | b"url " => {
                let (word, place) = ("a fragment table", "its boxes");
                let way_out = "gdal_translate makes a file of the pixels alone";
                return Err(Refusal::NamesFile { word, place, way_out });
            }
            // a GeoTIFF or GML may be in it
            _ => {
                let content = view.metadata("a box", part.data, part.end - part.data)?;
                named_files::refuse_of_crs(&content, "a box")?;
            }
        }
        at = part.end;
    }
    header.ok_or(Refusal::Broken { what: "no codestream" })
}

/// One box: its kind, where its data starts and where it ends.
struct Part {
    kind: [u8; 4],
    data: u64,
    end: u64,
}

impl Part {
    fn read<R: Read + Seek>(view: &mut View<'_, R>, at: u64) -> Result<Part, Refusal> {
        let mut start = [0; 8];
        view.read_at("a box", at, &mut start)?;
        let kind = [start[4], start[5], start[6], start[7]];
        let (data, length) = match u32::from_be_bytes([start[0], start[1], start[2], start[3]]) {
            0 => (at + 8, view.file_bytes - at),
            1 => {
                let mut wide = [0; 8];
                view.read_at("a box", at + 8, &mut wide)?;
                (at + 16, u64::from_be_bytes(wide))
            }
            length => (at + 8, u64::from(length)),
        };
        view.inside("a box", at, length)?;
        let end = at + length;
        if end < data {
            return Err(Refusal::Broken { what: "a box shorter than its own header" });
        }
        Ok(Part { kind, data, end })
    }
}

/// Reads the size segment, which the standard puts first, and looks for the end marker.
fn codestream<R: Read + Seek>(view: &mut View<'_, R>, start: u64, end: u64) -> Result<Header, Refusal> {
    let mut size = [0; 44];
    if end < start + size.len() as u64 {
        return Err(Refusal::Broken { what: "a codestream without its size segment" });
    }
    view.read_at("the codestream", start, &mut size)?;
    if size[..4] != [0xff, 0x4f, 0xff, 0x51] {
        return Err(Refusal::Broken { what: "a codestream without its size segment" });
    }
    let wide =
        |at: usize| u64::from(u32::from_be_bytes([size[at], size[at + 1], size[at + 2], size[at + 3]]));
    let (far_x, far_y, near_x, near_y) = (wide(8), wide(12), wide(16), wide(20));
    let (tile_cols, tile_rows) = (wide(24), wide(28));
    if tile_cols == 0 || tile_rows == 0 || far_x <= near_x || far_y <= near_y {
        return Err(Refusal::Broken { what: "an image or tile without pixels" });
    }
    at_most("tiles", far_x.div_ceil(tile_cols).saturating_mul(far_y.div_ceil(tile_rows)), TILES_MAX)?;
    let bits = u64::from(size[42] & 0x7f) + 1;
    let is_signed = size[42] & 0x80 != 0;
    if bits > 16 || (is_signed && bits <= 8) {
        let kind = if is_signed { "signed integers" } else { "unsigned integers" };
        let wanted = "unsigned integers of 1 to 16 bits, or signed ones of 9 to 16";
        return Err(Refusal::SampleType { bits, kind, wanted });
    }
    if size[43] == 0 {
        return Err(Refusal::Broken { what: "a component without samples" });
    }
    let mut last = [0; 2];
    view.read_at("the codestream", end - 2, &mut last)?;
    if last != [0xff, 0xd9] {
        return Err(Refusal::CutShort { what: "the end marker", wanted: end + 2, got: view.file_bytes });
    }
    let bands = u64::from(u16::from_be_bytes([size[40], size[41]]));
    let (cols, rows) = (far_x - near_x, far_y - near_y);
    let header = Declared { format: Format::Jpeg2000, cols, rows, bands, bits }.accept(view.limits)?;
    // any rectangle is decoded alone, of a tile of whatever size
    Ok(Header { piece_px: 1, ..header })
}
