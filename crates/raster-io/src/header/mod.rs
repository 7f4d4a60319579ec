//! What a file says about itself, read without GDAL, before GDAL may see it.
//!
//! The check goes by content, never by name, and reads only headers: each format's own walk
//! (`tiff`, `png`, `jpeg`, `jp2`) is bounded by [`HeaderLimits`], and what GDAL would act on beyond
//! decoding pixels (files and addresses named in metadata) is refused here. Nothing here needs the rest of the crate:
//! the fuzz targets compile this module alone.

mod jp2;
mod jpeg;
mod named_files;
mod png;
mod tiff;

use std::io::{Read, Seek, SeekFrom};

/// A file format that may be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TIFF or BigTIFF, with or without georeference.
    Tiff,
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// JPEG 2000: a JP2 file or a bare codestream.
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

    /// Tells a format by the first bytes of a file.
    pub fn of_content(start: &[u8]) -> Option<Format> {
        match start {
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Format::Tiff),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Format::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
            [0, 0, 0, 12, b'j', b'P', b' ', b' ', b'\r', b'\n', 0x87, b'\n', ..] => Some(Format::Jpeg2000),
            [0xff, 0x4f, 0xff, 0x51, ..] => Some(Format::Jpeg2000),
            _ => None,
        }
    }
}

/// Most pixels along one side.
pub const SIDE_PX_MAX: u64 = 150_000;

/// How large a file may declare itself to be.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderLimits {
    /// Columns and rows, each.
    pub side_px_max: u64,
    /// Columns times rows.
    pub pixels_max: u64,
    /// Bands (samples a pixel).
    pub bands_max: u32,
    /// Bytes of all decoded pixels at full resolution.
    pub decoded_bytes_max: u64,
    /// Decoded bytes a byte of file: an image of a place compresses by tens, a bomb by many thousands.
    pub expansion_max: u64,
    /// Bytes below which [`Self::expansion_max`] is not asked.
    pub expansion_free_bytes: u64,
    /// Image file directories, segments, chunks or boxes that are walked.
    pub parts_max: u32,
    /// Bytes of metadata that are read and looked through.
    pub metadata_bytes_max: u64,
    /// Bytes of one tile or strip, decoded.
    pub block_bytes_max: u64,
    /// Formats that it may have.
    pub formats: &'static [Format],
    /// Compressions that a TIFF may have.
    pub compressions: &'static [u64],
}

impl HeaderLimits {
    /// For what the decoding process hands over. Should a hostile file have taken that process over, it is as hostile;
    /// then what decodes it here is to be little: deflate alone.
    pub fn of_working_copies() -> HeaderLimits {
        HeaderLimits {
            formats: &[Format::Tiff],
            compressions: &tiff::OF_WORKING_COPIES,
            ..HeaderLimits::default()
        }
    }
}

impl Default for HeaderLimits {
    fn default() -> HeaderLimits {
        HeaderLimits {
            side_px_max: SIDE_PX_MAX,
            pixels_max: 4_000_000_000,
            bands_max: 64,
            // 30,000 x 30,000 px of four 16-bit bands fit.
            decoded_bytes_max: 8 << 30,
            expansion_max: 1_000,
            expansion_free_bytes: 64 << 20,
            parts_max: 100_000,
            metadata_bytes_max: 16 << 20,
            block_bytes_max: 512 << 20,
            formats: &[Format::Tiff, Format::Png, Format::Jpeg, Format::Jpeg2000],
            compressions: &tiff::COMPRESSIONS,
        }
    }
}

/// What a file declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Format by content.
    pub format: Format,
    /// Columns.
    pub cols: u32,
    /// Rows.
    pub rows: u32,
    /// Samples a pixel.
    pub bands: u32,
    /// Bits a sample.
    pub bits: u32,
    /// Bytes of all decoded pixels at full resolution.
    pub decoded_bytes: u64,
    /// Pixels that are decoded together, whichever of them are wanted: those of a tile or strip, or all.
    pub piece_px: u64,
    /// How the picture is stored, by number of the TIFF standard: 1 is upright.
    pub orientation: u64,
}

impl Header {
    /// Bytes of pixels that are decoded together.
    pub fn piece_bytes(&self) -> u64 {
        let pixels = u64::from(self.cols) * u64::from(self.rows);
        self.piece_px.saturating_mul(self.decoded_bytes.div_ceil(pixels.max(1)))
    }
}

/// Why a file is refused before it is decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The file holds no byte.
    #[error("file is empty (0 bytes)")]
    Empty,
    /// Not one of the four formats.
    #[error("is not a GeoTIFF, PNG, JPEG or JPEG 2000 file by its content")]
    UnknownFormat,
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// The file ends before what its header promises.
    #[error("is cut short: {what} reaches to byte {wanted} but the file has {got}")]
    CutShort {
        /// What lies beyond the end.
        what: &'static str,
        /// Where it ends.
        wanted: u64,
        /// Length of the file.
        got: u64,
    },
    /// A part of the header breaks the rules of its format.
    #[error("has a broken header: {what}")]
    Broken {
        /// What is wrong.
        what: &'static str,
    },
    /// A declared number is over its limit.
    #[error("declares {got} {what} but at most {limit} are allowed")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// The number that the file declares.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// The file declares far more pixels than its bytes can hold in earnest.
    #[error("declares {decoded_bytes} bytes of pixels in a file of {file_bytes}: more than {limit} to one")]
    Bomb {
        /// Bytes it would decode to.
        decoded_bytes: u64,
        /// Bytes it has.
        file_bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Image file directories refer to each other in a circle.
    #[error("has image file directories that refer back to themselves (at byte {offset})")]
    DirectoryLoop {
        /// Offset of the directory that was met twice.
        offset: u64,
    },
    /// A sample type that is not decoded.
    #[error(
        "holds samples of {bits} bits ({kind}) but must hold {wanted}; gdal_translate -ot makes another file of it"
    )]
    SampleType {
        /// Bits a sample.
        bits: u64,
        /// Signed, unsigned, float or other.
        kind: &'static str,
        /// What would do.
        wanted: &'static str,
    },
    /// A compression that is not decoded.
    #[error("is compressed by {got} but must be by one of {wanted}; gdal_translate makes another file of it")]
    Compression {
        /// Name or number of the scheme.
        got: String,
        /// What would do.
        wanted: String,
    },
    /// Metadata names another file or an address, which GDAL might open.
    #[error("names another file in its metadata ({word} in {place}), which is not allowed: {way_out}")]
    NamesFile {
        /// The word that was found.
        word: &'static str,
        /// Where it was found.
        place: &'static str,
        /// What makes a file of it that is taken.
        way_out: &'static str,
    },
}

/// The orientation of a picture whose first row is its upper one, and whose first column its left one.
pub(crate) const UPRIGHT: u64 = 1;

/// Bytes at the start that tell a format.
pub(crate) const START_BYTES: usize = 16;

/// Checks the bytes of a file of `file_bytes` bytes.
///
/// # Errors
/// Why the file is refused.
pub fn inspect<R: Read + Seek>(
    mut bytes: R,
    file_bytes: u64,
    limits: &HeaderLimits,
) -> Result<Header, Refusal> {
    if file_bytes == 0 {
        return Err(Refusal::Empty);
    }
    bytes.seek(SeekFrom::Start(0)).map_err(Refusal::Unreadable)?;
    let mut start = Vec::with_capacity(START_BYTES);
    bytes.by_ref().take(START_BYTES as u64).read_to_end(&mut start).map_err(Refusal::Unreadable)?;
    let format = Format::of_content(&start)
        .filter(|format| limits.formats.contains(format))
        .ok_or(Refusal::UnknownFormat)?;
    let mut view = View { bytes, file_bytes, metadata_bytes: 0, limits };
    let header = match format {
        Format::Tiff => tiff::inspect(&mut view),
        Format::Png => png::inspect(&mut view),
        Format::Jpeg => jpeg::inspect(&mut view),
        Format::Jpeg2000 => jp2::inspect(&mut view),
    }?;
    check_size(&header, file_bytes, limits)?;
    Ok(header)
}

/// The numbers of one image, as a format's walk found them.
struct Declared {
    format: Format,
    cols: u64,
    rows: u64,
    bands: u64,
    bits: u64,
}

impl Declared {
    /// Holds the numbers against the limits.
    fn accept(self, limits: &HeaderLimits) -> Result<Header, Refusal> {
        if self.cols == 0 || self.rows == 0 || self.bands == 0 || self.bits == 0 {
            return Err(Refusal::Broken { what: "an image without pixels" });
        }
        at_most("columns", self.cols, limits.side_px_max)?;
        at_most("rows", self.rows, limits.side_px_max)?;
        at_most("bands", self.bands, u64::from(limits.bands_max))?;
        // Cannot overflow: the three factors have just been bounded.
        at_most("pixels", self.cols * self.rows, limits.pixels_max)?;
        let decoded_bytes = self
            .cols
            .checked_mul(self.rows)
            .and_then(|pixels| pixels.checked_mul(self.bands))
            .and_then(|samples| samples.checked_mul(self.bits.div_ceil(8)))
            .unwrap_or(u64::MAX);
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Header {
            format: self.format,
            cols: small(self.cols),
            rows: small(self.rows),
            bands: small(self.bands),
            bits: small(self.bits),
            decoded_bytes,
            piece_px: self.cols * self.rows,
            orientation: UPRIGHT,
        })
    }
}

fn check_size(header: &Header, file_bytes: u64, limits: &HeaderLimits) -> Result<(), Refusal> {
    at_most("decoded bytes", header.decoded_bytes, limits.decoded_bytes_max)?;
    let allowed = file_bytes.saturating_mul(limits.expansion_max).max(limits.expansion_free_bytes);
    if header.decoded_bytes > allowed {
        let decoded_bytes = header.decoded_bytes;
        return Err(Refusal::Bomb { decoded_bytes, file_bytes, limit: limits.expansion_max });
    }
    Ok(())
}

fn at_most(what: &'static str, got: u64, limit: u64) -> Result<(), Refusal> {
    if got > limit { Err(Refusal::TooLarge { what, got, limit }) } else { Ok(()) }
}

/// A file that is read in small pieces, each inside the file and within the limits.
struct View<'a, R> {
    bytes: R,
    file_bytes: u64,
    metadata_bytes: u64,
    limits: &'a HeaderLimits,
}

impl<R: Read + Seek> View<'_, R> {
    /// Fills `buffer` from `offset`.
    fn read_at(&mut self, what: &'static str, offset: u64, buffer: &mut [u8]) -> Result<(), Refusal> {
        self.inside(what, offset, buffer.len() as u64)?;
        self.bytes.seek(SeekFrom::Start(offset)).map_err(Refusal::Unreadable)?;
        self.bytes.read_exact(buffer).map_err(Refusal::Unreadable)
    }

    /// Proves that `length` bytes from `offset` lie in the file.
    fn inside(&self, what: &'static str, offset: u64, length: u64) -> Result<(), Refusal> {
        let wanted = offset.saturating_add(length);
        if wanted > self.file_bytes {
            return Err(Refusal::CutShort { what, wanted, got: self.file_bytes });
        }
        Ok(())
    }

    /// Reads metadata to look through, counted against the limit.
    fn metadata(&mut self, what: &'static str, offset: u64, length: u64) -> Result<Vec<u8>, Refusal> {
        self.inside(what, offset, length)?;
        self.metadata_bytes = self.metadata_bytes.saturating_add(length);
        at_most("bytes of metadata", self.metadata_bytes, self.limits.metadata_bytes_max)?;
        let mut buffer = vec![0; length as usize];
        self.read_at(what, offset, &mut buffer)?;
        Ok(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn checked(bytes: &[u8]) -> Result<Header, Refusal> {
        inspect(Cursor::new(bytes), bytes.len() as u64, &HeaderLimits::default())
    }

    /// A little-endian TIFF of one directory, then `rest`.
    fn tiff_of(entries: &[(u16, u16, u32, u32)], next: u32, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![b'I', b'I', 42, 0, 8, 0, 0, 0];
        bytes.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(count.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(next.to_le_bytes());
        bytes.extend(rest);
        bytes
    }

    /// 8 x 8 px of one byte each in one strip at the end of the file.
    fn small(next: u32) -> Vec<u8> {
        let end = 8 + 2 + 5 * 12 + 4;
        let entries = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (273, 4, 1, end), (279, 4, 1, 64)];
        tiff_of(&entries, next, &[7; 64])
    }

    #[test]
    fn an_honest_tiff_passes() {
        let header = checked(&small(0)).expect("nothing is wrong with it");
        assert_eq!((header.cols, header.rows, header.bands, header.bits), (8, 8, 1, 8));
    }

    #[test]
    fn a_small_file_that_declares_a_huge_image_is_refused() {
        let bomb = |side| tiff_of(&[(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8)], 0, &[]);
        assert!(matches!(checked(&bomb(200_000)), Err(Refusal::TooLarge { what: "columns", .. })));
        // 40,000 blocks' places and lengths all point at the same 64 bytes.
        let (blocks, start) = (40_000u32, 8 + 2 + 7 * 12 + 4);
        let entries = [
            (256, 4, 1, 40_000),
            (257, 4, 1, 40_000),
            (258, 3, 1, 8),
            (259, 3, 1, 8),
            (273, 4, blocks, start),
            (278, 4, 1, 1),
            (279, 4, blocks, start),
        ];
        let bytes = tiff_of(&entries, 0, &8u32.to_le_bytes().repeat(blocks as usize));
        assert!(matches!(checked(&bytes), Err(Refusal::Bomb { .. })), "{:?}", checked(&bytes));
    }

    #[test]
    fn a_tiff_that_says_something_twice_is_refused() {
        let at = 8 + 2 + 6 * 12 + 4;
        let own = [(256, 4, 1, 4), (257, 4, 1, 4), (258, 3, 1, 8), (273, 4, 1, at), (279, 4, 1, 16)];
        let with = |more| checked(&tiff_of(&[&own[..], &[more]].concat(), 0, &[7; 16]));
        assert!(with((305, 2, 1, 0)).is_ok());
        // libtiff would take the first, which is not what is checked last
        for more in [(257, 4, 1, 4), (258, 3, 1, 16), (273, 4, 1, at), (324, 4, 1, at), (325, 4, 1, 16)] {
            assert!(matches!(with(more), Err(Refusal::Broken { .. })), "{more:?}");
        }
    }

    #[test]
    fn what_is_refused_is_told_with_what_would_do() {
        let at = 8 + 2 + 6 * 12 + 4;
        let own = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (273, 4, 1, at), (279, 4, 1, 64)];
        let with = |more| checked(&tiff_of(&[&own[..], &[more]].concat(), 0, &[7; 64]));
        assert!(with((274, 3, 1, 6)).is_ok_and(|header| header.orientation == 6));
        let told = with((259, 3, 1, 34712)).unwrap_err().to_string();
        assert!(told.contains("by JPEG 2000 (34712) but must be by one of none, CCITT RLE,"), "{told}");
        let told = with((339, 3, 1, 2)).unwrap_err().to_string();
        assert!(
            told.contains("8 bits (signed integers) but must hold unsigned integers of 1 to 16"),
            "{told}"
        );
        let told = with((339, 3, 1, 5)).unwrap_err().to_string();
        assert!(told.contains("8 bits (complex or unknown) but must hold"), "{told}");
    }

    #[test]
    fn the_orientation_of_a_jpeg_is_in_its_exif() {
        let exif = [&b"Exif\0\0"[..], &tiff_of(&[(271, 2, 1, 0), (274, 3, 1, 6)], 0, &[])].concat();
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe1];
        bytes.extend((2 + exif.len() as u16).to_be_bytes());
        bytes.extend(exif);
        bytes.extend([0xff, 0xc0, 0, 11, 8, 0, 4, 0, 6, 1, 1, 0x11, 0, 0xff, 0xda, 0, 2, 0xff, 0xd9]);
        let header = checked(&bytes).expect("its segments are whole");
        assert_eq!((header.cols, header.rows, header.orientation), (6, 4, 6));
        for length in 0..bytes.len() {
            assert!(checked(&bytes[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn pixels_that_are_decoded_together_are_those_of_a_tile_or_strip() {
        assert_eq!(checked(&small(0)).unwrap().piece_px, 8, "one strip as it is can be read row by row");
        let start = 8 + 2 + 7 * 12 + 4;
        let packed = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 5)];
        let strip = [&packed[..], &[(273, 4, 1, start), (278, 4, 1, 9), (279, 4, 1, 64)]].concat();
        assert_eq!(checked(&tiff_of(&strip, 0, &[7; 64])).unwrap().piece_px, 64);
        let tile = [&packed[..], &[(322, 3, 1, 16), (323, 3, 1, 16), (324, 4, 1, start + 12)]].concat();
        let tile = [&tile[..], &[(325, 4, 1, 64)]].concat();
        assert_eq!(checked(&tiff_of(&tile, 0, &[7; 76])).unwrap().piece_px, 256);
    }

    #[test]
    fn directories_in_a_circle_are_refused() {
        assert!(matches!(checked(&small(8)), Err(Refusal::DirectoryLoop { offset: 8 })));
    }

    /// A JPEG 2000 file with nothing behind its signature but one box.
    fn jp2_of(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let mut jp2 = vec![0, 0, 0, 12, b'j', b'P', b' ', b' ', b'\r', b'\n', 0x87, b'\n'];
        jp2.extend((8 + content.len() as u32).to_be_bytes());
        jp2.extend(kind);
        jp2.extend(content);
        jp2
    }

    #[test]
    fn metadata_that_names_an_overview_file_is_refused_in_a_tiff_and_in_a_jp2() {
        let xml = b"<GDALMetadata><Item name=\"OVERVIEW_FILE\" domain=\"OVERVIEWS\">/vsicurl/x</Item></GDALMetadata>";
        let place = 8 + 2 + 12 + 4;
        let bytes = tiff_of(&[(42112, 2, xml.len() as u32, place)], 0, xml);
        assert!(matches!(checked(&bytes), Err(Refusal::NamesFile { word: "overview_file", .. })));
        assert!(matches!(
            checked(&jp2_of(b"xml ", xml)),
            Err(Refusal::NamesFile { word: "overview_file", .. })
        ));
    }

    #[test]
    fn a_reference_system_that_names_a_file_is_refused_in_a_tiff_and_in_a_jp2() {
        let text =
            br#"ESRI PE String = PROJCS["x",EXTENSION["PROJ4","+proj=merc +nadgrids=/pipe +wktext"]]|"#;
        let place = 8 + 2 + 12 + 4;
        let bytes = tiff_of(&[(34737, 2, text.len() as u32, place)], 0, text);
        assert!(matches!(checked(&bytes), Err(Refusal::NamesFile { word: "proj4", .. })));
        assert!(matches!(checked(&jp2_of(b"uuid", &bytes)), Err(Refusal::NamesFile { word: "proj4", .. })));
    }

    #[test]
    fn an_offset_beyond_the_end_is_refused() {
        let mut bytes = small(0);
        bytes.truncate(bytes.len() - 1);
        assert!(matches!(checked(&bytes), Err(Refusal::CutShort { what: "a tile or strip", .. })));
        assert!(matches!(checked(&small(u32::MAX)), Err(Refusal::CutShort { .. })));
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_is_an_error_and_never_a_panic() {
        let whole = small(0);
        for length in 0..whole.len() {
            assert!(checked(&whole[..length]).is_err(), "cut at {length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn changed_bytes_never_cause_a_panic(
            changes in proptest::collection::vec((0usize..140, proptest::num::u8::ANY), 1..12),
        ) {
            let mut bytes = small(0);
            for (at, value) in changes {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            let _ = checked(&bytes);
        }
    }
}
