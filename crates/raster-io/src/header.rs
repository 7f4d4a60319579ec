//! The header check: what a file really is and declares, read in Rust before GDAL sees it.
//!
//! GDAL trusts what a file says of itself; this check does not. It tells the format by content, reads
//! the declared size, follows the directories of a TIFF (never in a circle), and refuses metadata that
//! would make GDAL open another file.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use crate::RasterError;

/// Most pixels along one side.
pub const SIDE_PX_MAX: u64 = 150_000;
/// Most bytes that the decoded image may have: 30,000 x 30,000 px of four 16-bit bands fit.
pub const DECODED_BYTES_MAX: u64 = 8 << 30;
/// Most bands.
pub const BANDS_MAX: u64 = 64;
/// Most times that the decoded image may be larger than its file; small files may be [`DECODED_BYTES_FREE`].
pub const COMPRESSION_RATIO_MAX: u64 = 1_000;
/// Decoded size up to which the compression ratio does not matter.
pub const DECODED_BYTES_FREE: u64 = 64 << 20;
/// Most directories of a TIFF: images, masks and overviews.
const TIFF_DIRECTORIES_MAX: usize = 64;
/// Most entries of one TIFF directory.
const TIFF_ENTRIES_MAX: u64 = 4_096;
/// Most bytes of GDAL's own metadata in a TIFF.
const TIFF_METADATA_BYTES_MAX: u64 = 1 << 20;
/// Bytes looked at to find the start of the image in a JPEG.
const JPEG_SEGMENTS_MAX: usize = 1_000;

/// A format by content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TIFF or BigTIFF.
    Tiff,
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// JPEG 2000, as JP2 or as a bare codestream.
    Jpeg2000,
}

impl Format {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Tiff => "image/tiff",
            Format::Png => "image/png",
            Format::Jpeg => "image/jpeg",
            Format::Jpeg2000 => "image/jp2",
        }
    }
}

/// What a file declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its format by content.
    pub format: Format,
    /// Width in pixels.
    pub cols: u64,
    /// Height in pixels.
    pub rows: u64,
    /// Number of bands.
    pub bands: u64,
    /// Bits of a sample.
    pub bits: u64,
}

/// Reads and checks the header of a file.
///
/// # Errors
/// When the file cannot be read, is none of the formats, is cut off within its header, declares more
/// than the limits of this module, or holds metadata that names other files.
pub fn check(path: &Path) -> Result<Header, RasterError> {
    let mut file = File::open(path).map_err(|source| RasterError::Read { path: path.to_owned(), source })?;
    let bytes = file.metadata().map_err(|source| RasterError::Read { path: path.to_owned(), source })?.len();
    let mut reader = Reader { path, file: &mut file, bytes };
    let mut start = [0; 16];
    let got = reader.some(0, &mut start)?;
    let header = match &start[..got] {
        [] => return Err(RasterError::Format { path: path.to_owned(), got: "empty (0 bytes)".to_owned() }),
        [b'I', b'I', 42 | 43, 0, ..] => tiff(&mut reader, Endian::Little, start[2] == 43)?,
        [b'M', b'M', 0, 42 | 43, ..] => tiff(&mut reader, Endian::Big, start[3] == 43)?,
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => png(&mut reader)?,
        [0xff, 0xd8, 0xff, ..] => jpeg(&mut reader)?,
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', 0x0d, 0x0a, 0x87, 0x0a, ..] => jp2(&mut reader)?,
        [0xff, 0x4f, 0xff, 0x51, ..] => codestream(&mut reader, 0)?,
        other => return Err(RasterError::Format { path: path.to_owned(), got: describe(other) }),
    };
    within_limits(path, &header, bytes)?;
    Ok(header)
}

fn describe(start: &[u8]) -> String {
    if start.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        let text: String = String::from_utf8_lossy(start).chars().take(12).collect();
        return format!("a text that begins with {text:?}");
    }
    format!("a file that begins with the bytes {:02x?}", &start[..start.len().min(4)])
}

fn within_limits(path: &Path, header: &Header, bytes: u64) -> Result<(), RasterError> {
    let refuse = |what, got: String, wanted: String| {
        Err(RasterError::Header { path: path.to_owned(), what, got, wanted })
    };
    let Header { cols, rows, bands, bits, .. } = *header;
    if cols == 0 || rows == 0 || cols > SIDE_PX_MAX || rows > SIDE_PX_MAX {
        return refuse("the size", format!("{cols}x{rows} px"), format!("1 to {SIDE_PX_MAX} px a side"));
    }
    if bands == 0 || bands > BANDS_MAX {
        return refuse("the number of bands", bands.to_string(), format!("1 to {BANDS_MAX}"));
    }
    if bits == 0 || bits > 64 {
        return refuse("the number of bits a sample", bits.to_string(), "1 to 64".to_owned());
    }
    let decoded = cols * rows * bands * bits.div_ceil(8);
    if decoded > DECODED_BYTES_MAX {
        return refuse(
            "the decoded size",
            format!("{decoded} bytes ({cols}x{rows} px, {bands} bands of {bits} bits)"),
            format!("at most {DECODED_BYTES_MAX} bytes"),
        );
    }
    if decoded > DECODED_BYTES_FREE && decoded / COMPRESSION_RATIO_MAX > bytes {
        return refuse(
            "the compression ratio",
            format!("{} ({bytes} bytes declare {decoded})", decoded / bytes.max(1)),
            format!("at most {COMPRESSION_RATIO_MAX}"),
        );
    }
    Ok(())
}

/// Reads at places of a file, and says so when the file is cut off.
struct Reader<'a> {
    path: &'a Path,
    file: &'a mut File,
    bytes: u64,
}

impl Reader<'_> {
    /// Fills as much of the buffer as the file has.
    fn some(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, RasterError> {
        let failed = |source| RasterError::Read { path: self.path.to_owned(), source };
        self.file.seek(SeekFrom::Start(at)).map_err(failed)?;
        let mut got = 0;
        while got < buffer.len() {
            match self.file.read(&mut buffer[got..]).map_err(failed)? {
                0 => break,
                more => got += more,
            }
        }
        Ok(got)
    }

    fn exactly<const N: usize>(&mut self, at: u64) -> Result<[u8; N], RasterError> {
        let mut buffer = [0; N];
        let got = self.some(at, &mut buffer)?;
        if got == N { Ok(buffer) } else { Err(self.cut_off(at + N as u64)) }
    }

    fn cut_off(&self, needed: u64) -> RasterError {
        self.refuse(
            "the length",
            format!("{} bytes", self.bytes),
            format!("at least {needed} bytes: the file is cut off"),
        )
    }

    fn refuse(&self, what: &'static str, got: String, wanted: String) -> RasterError {
        RasterError::Header { path: self.path.to_owned(), what, got, wanted }
    }
}

#[derive(Clone, Copy)]
enum Endian {
    Little,
    Big,
}

impl Endian {
    fn number(self, bytes: &[u8]) -> u64 {
        let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        match self {
            Endian::Little => bytes.iter().rev().fold(0, fold),
            Endian::Big => bytes.iter().fold(0, fold),
        }
    }
}

/// One entry of a TIFF directory.
struct Entry {
    tag: u64,
    kind: u64,
    count: u64,
    /// The value or, where it does not fit, its place in the file.
    value: [u8; 8],
}

mod tag {
    pub(super) const SUBFILE_TYPE: u64 = 254;
    pub(super) const WIDTH: u64 = 256;
    pub(super) const LENGTH: u64 = 257;
    pub(super) const BITS: u64 = 258;
    pub(super) const SAMPLES: u64 = 277;
    pub(super) const GDAL_METADATA: u64 = 42112;
}

/// Bytes of a value of each TIFF field type, by number.
fn tiff_type_bytes(kind: u64) -> u64 {
    match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        _ => 8,
    }
}

fn tiff(reader: &mut Reader<'_>, endian: Endian, big: bool) -> Result<Header, RasterError> {
    let mut next =
        if big { endian.number(&reader.exactly::<8>(8)?) } else { endian.number(&reader.exactly::<4>(4)?) };
    let mut seen = BTreeSet::new();
    let mut first: Option<Header> = None;
    while next != 0 {
        if !seen.insert(next) {
            return Err(reader.refuse(
                "the chain of directories",
                "a circle".to_owned(),
                "finite".to_owned(),
            ));
        }
        if seen.len() > TIFF_DIRECTORIES_MAX {
            let wanted = format!("at most {TIFF_DIRECTORIES_MAX}");
            return Err(reader.refuse("the number of directories", "more".to_owned(), wanted));
        }
        let (entries, after) = tiff_directory(reader, endian, big, next)?;
        let header = tiff_header(reader, endian, &entries)?;
        no_foreign_files(reader, endian, big, &entries)?;
        match first {
            None => first = Some(header),
            Some(_) => within_limits(reader.path, &header, reader.bytes.max(1))?,
        }
        next = after;
    }
    first.ok_or_else(|| reader.refuse("the number of directories", "0".to_owned(), "at least 1".to_owned()))
}

/// Entries of a directory and the place of the next one.
fn tiff_directory(
    reader: &mut Reader<'_>,
    endian: Endian,
    big: bool,
    at: u64,
) -> Result<(Vec<Entry>, u64), RasterError> {
    let (count, start, size) = if big {
        (endian.number(&reader.exactly::<8>(at)?), at + 8, 20)
    } else {
        (endian.number(&reader.exactly::<2>(at)?), at + 2, 12)
    };
    if count > TIFF_ENTRIES_MAX {
        let wanted = format!("at most {TIFF_ENTRIES_MAX}");
        return Err(reader.refuse("the number of entries of a directory", count.to_string(), wanted));
    }
    let mut entries = Vec::with_capacity(count as usize);
    for index in 0..count {
        let place = start + index * size;
        let entry = if big {
            let bytes = reader.exactly::<20>(place)?;
            let mut value = [0; 8];
            value.copy_from_slice(&bytes[12..20]);
            Entry {
                tag: endian.number(&bytes[0..2]),
                kind: endian.number(&bytes[2..4]),
                count: endian.number(&bytes[4..12]),
                value,
            }
        } else {
            let bytes = reader.exactly::<12>(place)?;
            let mut value = [0; 8];
            value[..4].copy_from_slice(&bytes[8..12]);
            Entry {
                tag: endian.number(&bytes[0..2]),
                kind: endian.number(&bytes[2..4]),
                count: endian.number(&bytes[4..8]),
                value,
            }
        };
        entries.push(entry);
    }
    let place = start + count * size;
    let next = if big {
        endian.number(&reader.exactly::<8>(place)?)
    } else {
        endian.number(&reader.exactly::<4>(place)?)
    };
    Ok((entries, next))
}

fn tiff_header(reader: &Reader<'_>, endian: Endian, entries: &[Entry]) -> Result<Header, RasterError> {
    let number = |tag: u64| {
        let entry = entries.iter().find(|entry| entry.tag == tag)?;
        let bytes = tiff_type_bytes(entry.kind) as usize;
        Some(endian.number(&entry.value[..bytes]))
    };
    let side = |tag, what| {
        number(tag).ok_or_else(|| reader.refuse(what, "missing".to_owned(), "in every directory".to_owned()))
    };
    let samples = number(tag::SAMPLES).unwrap_or(1);
    // several BitsPerSample lie elsewhere in the file; no driver here reads more than 64
    let several = entries.iter().any(|entry| entry.tag == tag::BITS && entry.count > 2);
    let bits = if several { 16 } else { number(tag::BITS).unwrap_or(1) };
    let _ = tag::SUBFILE_TYPE;
    Ok(Header {
        format: Format::Tiff,
        cols: side(tag::WIDTH, "the width")?,
        rows: side(tag::LENGTH, "the height")?,
        bands: samples,
        bits,
    })
}

/// Refuses GDAL metadata that makes GDAL open another file (`OVERVIEW_FILE` in the domain `OVERVIEWS`,
/// or any path of a virtual file system).
fn no_foreign_files(
    reader: &mut Reader<'_>,
    endian: Endian,
    big: bool,
    entries: &[Entry],
) -> Result<(), RasterError> {
    for entry in entries.iter().filter(|entry| entry.tag == tag::GDAL_METADATA) {
        let length = entry.count.saturating_mul(tiff_type_bytes(entry.kind));
        if length > TIFF_METADATA_BYTES_MAX {
            let wanted = format!("at most {TIFF_METADATA_BYTES_MAX} bytes");
            return Err(reader.refuse("the GDAL metadata", format!("{length} bytes"), wanted));
        }
        let inline = if big { 8 } else { 4 };
        let mut text = vec![0; length as usize];
        if length <= inline {
            text.copy_from_slice(&entry.value[..length as usize]);
        } else {
            let place = endian.number(&entry.value[..inline as usize]);
            let got = reader.some(place, &mut text)?;
            if got < text.len() {
                return Err(reader.cut_off(place.saturating_add(length)));
            }
        }
        let text = String::from_utf8_lossy(&text).to_ascii_lowercase();
        for word in ["overview_file", "domain=\"overviews\"", "/vsi", "<vrtdataset", "&#"] {
            if text.contains(word) {
                let got = format!("one that holds {word:?}");
                return Err(reader.refuse(
                    "the GDAL metadata",
                    got,
                    "free of references to other files".to_owned(),
                ));
            }
        }
    }
    Ok(())
}

fn png(reader: &mut Reader<'_>) -> Result<Header, RasterError> {
    let start = reader.exactly::<26>(0)?;
    if &start[12..16] != b"IHDR" {
        return Err(reader.refuse("the first chunk", format!("{:02x?}", &start[12..16]), "IHDR".to_owned()));
    }
    let number = |bytes: &[u8]| Endian::Big.number(bytes);
    let bands = match start[25] {
        0 => 1,
        2 => 3,
        // a palette is expanded to colours
        3 => 3,
        4 => 2,
        6 => 4,
        other => {
            return Err(reader.refuse("the colour type", other.to_string(), "0, 2, 3, 4 or 6".to_owned()));
        }
    };
    Ok(Header {
        format: Format::Png,
        cols: number(&start[16..20]),
        rows: number(&start[20..24]),
        bands,
        bits: u64::from(start[24]),
    })
}

fn jpeg(reader: &mut Reader<'_>) -> Result<Header, RasterError> {
    let mut at = 2;
    for _ in 0..JPEG_SEGMENTS_MAX {
        let [prefix, marker, high, low] = reader.exactly::<4>(at)?;
        if prefix != 0xff {
            return Err(reader.refuse("a segment", format!("{prefix:#04x}"), "0xff".to_owned()));
        }
        match marker {
            0xff => at += 1,
            // start of frame, but for the three markers of that range that are tables
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let frame = reader.exactly::<10>(at)?;
                return Ok(Header {
                    format: Format::Jpeg,
                    rows: Endian::Big.number(&frame[5..7]),
                    cols: Endian::Big.number(&frame[7..9]),
                    bands: u64::from(frame[9]),
                    bits: u64::from(frame[4]),
                });
            }
            _ => at += 2 + Endian::Big.number(&[high, low]),
        }
    }
    Err(reader.refuse("the start of the frame", "missing".to_owned(), "there".to_owned()))
}

fn jp2(reader: &mut Reader<'_>) -> Result<Header, RasterError> {
    let mut at = 0;
    for _ in 0..JPEG_SEGMENTS_MAX {
        let start = reader.exactly::<16>(at)?;
        let (mut length, mut content) = (Endian::Big.number(&start[0..4]), 8);
        if length == 1 {
            length = Endian::Big.number(&start[8..16]);
            content = 16;
        }
        if &start[4..8] == b"jp2c" {
            return codestream(reader, at + content);
        }
        if length < 8 {
            break;
        }
        at = at.saturating_add(length);
    }
    Err(reader.refuse("the codestream", "missing".to_owned(), "there".to_owned()))
}

fn codestream(reader: &mut Reader<'_>, at: u64) -> Result<Header, RasterError> {
    let size = reader.exactly::<43>(at)?;
    if size[..4] != [0xff, 0x4f, 0xff, 0x51] {
        return Err(reader.refuse(
            "the codestream",
            format!("{:02x?}", &size[..4]),
            "SOC and SIZ".to_owned(),
        ));
    }
    let number = |from: usize| Endian::Big.number(&size[from..from + 4]);
    Ok(Header {
        format: Format::Jpeg2000,
        cols: number(8).saturating_sub(number(16)),
        rows: number(12).saturating_sub(number(20)),
        bands: Endian::Big.number(&size[40..42]),
        bits: u64::from(size[42] & 0x7f) + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(bytes: &[u8]) -> Result<Header, RasterError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        check(file.path())
    }

    fn message(bytes: &[u8]) -> String {
        let text = checked(bytes).unwrap_err().to_string();
        text.split_once(' ').unwrap().1.to_owned()
    }

    /// A little-endian TIFF of one directory.
    fn tiff_of(entries: &[(u16, u16, u32, u32)], next: u32) -> Vec<u8> {
        let mut bytes = b"II\x2a\0\x08\0\0\0".to_vec();
        bytes.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(count.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(next.to_le_bytes());
        bytes
    }

    #[test]
    fn a_text_an_empty_file_and_an_unknown_format_are_told_apart() {
        assert!(message(b"").starts_with("is empty (0 bytes)"));
        assert!(message(b"hello, this is text").starts_with("is a text that begins with \"hello, this \""));
        assert!(
            message(b"\0\x01\x02\x03garbage")
                .starts_with("is a file that begins with the bytes [00, 01, 02, 03]")
        );
    }

    #[test]
    fn a_small_file_that_declares_a_huge_image_is_refused() {
        let bomb = tiff_of(&[(256, 4, 1, 200_000), (257, 4, 1, 200_000)], 0);
        assert_eq!(message(&bomb), "the size is 200000x200000 px but must be 1 to 150000 px a side");
        let ratio = tiff_of(&[(256, 4, 1, 20_000), (257, 4, 1, 20_000), (258, 3, 1, 8)], 0);
        assert!(message(&ratio).starts_with("the compression ratio is"));
    }

    #[test]
    fn directories_in_a_circle_are_refused() {
        let circle = tiff_of(&[(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8)], 8);
        assert_eq!(message(&circle), "the chain of directories is a circle but must be finite");
    }

    #[test]
    fn metadata_that_names_an_overview_file_is_refused() {
        let xml = b"<GDALMetadata><Item name=\"OVERVIEW_FILE\" domain=\"OVERVIEWS\">/vsicurl/x</Item></GDALMetadata>";
        let entries =
            |place| [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (42112, 2, xml.len() as u32, place)];
        let mut bytes = tiff_of(&entries(0), 0);
        bytes = tiff_of(&entries(bytes.len() as u32), 0);
        bytes.extend(xml);
        assert!(message(&bytes).starts_with("the GDAL metadata is one that holds \"overview_file\""));
    }

    #[test]
    fn a_header_that_is_cut_off_anywhere_is_an_error_and_never_a_panic() {
        let whole = tiff_of(&[(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8)], 0);
        assert!(checked(&whole).is_ok());
        for length in 0..whole.len() {
            assert!(checked(&whole[..length]).is_err(), "cut at {length}");
        }
    }
}
