//! TIFF and BigTIFF: every image file directory, every block's place.

use std::{
    collections::HashSet,
    io::{Read, Seek},
};

use super::{Declared, Format, Header, Refusal, UPRIGHT, View, at_most, named_files};

const IMAGE_WIDTH: u16 = 256;
const IMAGE_LENGTH: u16 = 257;
const BITS_PER_SAMPLE: u16 = 258;
const COMPRESSION: u16 = 259;
const STRIP_OFFSETS: u16 = 273;
const ORIENTATION: u16 = 274;
const SAMPLES_PER_PIXEL: u16 = 277;
const ROWS_PER_STRIP: u16 = 278;
const STRIP_BYTE_COUNTS: u16 = 279;
const PLANAR_CONFIGURATION: u16 = 284;
const TILE_WIDTH: u16 = 322;
const TILE_LENGTH: u16 = 323;
const TILE_OFFSETS: u16 = 324;
const TILE_BYTE_COUNTS: u16 = 325;
const SUB_IFDS: u16 = 330;
const SAMPLE_FORMAT: u16 = 339;
const XMP: u16 = 700;
/// Names and texts of the coordinate reference system.
const GEO_ASCII_PARAMS: u16 = 34737;
const GDAL_METADATA: u16 = 42112;

/// Schemes whose decoders are maintained: none, CCITT, LZW, JPEG, Deflate, PackBits, LERC, LZMA, ZSTD,
/// WebP. Old-style JPEG (6), JPEG 2000 and JPEG XL in TIFF and the vendors' own are left out.
pub(super) const COMPRESSIONS: [u64; 13] = [1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34887, 34925, 50000, 50001];
/// None and Deflate: what working copies are written with.
pub(super) const OF_WORKING_COPIES: [u64; 2] = [1, 8];

/// What a scheme is called.
fn name_of(scheme: u64) -> String {
    let name = match scheme {
        1 => "none",
        2 => "CCITT RLE",
        3 => "CCITT fax 3",
        4 => "CCITT fax 4",
        5 => "LZW",
        6 => "old-style JPEG",
        7 => "JPEG",
        8 | 32946 => "Deflate",
        32773 => "PackBits",
        34712 => "JPEG 2000",
        34887 => "LERC",
        34925 => "LZMA",
        50000 => "ZSTD",
        50001 => "WebP",
        50002 => "JPEG XL",
        _ => return format!("scheme {scheme}"),
    };
    name.to_owned()
}

/// What a file must be compressed by, in words.
fn names_of(schemes: &[u64]) -> String {
    let mut names: Vec<String> = schemes.iter().map(|scheme| name_of(*scheme)).collect();
    // one scheme has two numbers
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names.join(", ")
}

/// Entries of one directory; the standard knows fewer than two hundred tags.
const ENTRIES_MAX: u64 = 1_000;

/// Walks all directories; the first is the image, the others are overviews and masks.
pub(super) fn inspect<R: Read + Seek>(view: &mut View<'_, R>) -> Result<Header, Refusal> {
    let layout = Layout::read(view)?;
    let mut open = vec![layout.first];
    let mut seen = HashSet::new();
    let mut image = None;
    while let Some(offset) = open.pop() {
        if !seen.insert(offset) {
            return Err(Refusal::DirectoryLoop { offset });
        }
        at_most("image file directories", seen.len() as u64, u64::from(view.limits.parts_max))?;
        let directory = Directory::read(view, &layout, offset)?;
        open.extend(directory.sub_directories.iter().copied().filter(|&offset| offset != 0));
        if directory.next != 0 {
            open.push(directory.next);
        }
        let header = directory.check(view)?;
        image.get_or_insert(header);
    }
    image.ok_or(Refusal::Broken { what: "no image file directory" })
}

/// Byte order and width of offsets.
struct Layout {
    little: bool,
    big: bool,
    first: u64,
}

impl Layout {
    fn read<R: Read + Seek>(view: &mut View<'_, R>) -> Result<Layout, Refusal> {
        let mut start = [0; 16];
        let have = view.file_bytes.min(16) as usize;
        view.read_at("the file header", 0, &mut start[..have])?;
        let little = start[0] == b'I';
        let mut layout = Layout { little, big: false, first: 0 };
        layout.big = layout.number(&start[2..4]) == 43;
        if layout.big {
            view.inside("the file header", 0, 16)?;
            if layout.number(&start[4..6]) != 8 {
                return Err(Refusal::Broken { what: "offsets of a BigTIFF that are not 8 bytes wide" });
            }
            layout.first = layout.number(&start[8..16]);
        } else {
            view.inside("the file header", 0, 8)?;
            layout.first = layout.number(&start[4..8]);
        }
        Ok(layout)
    }

    /// An unsigned number of up to 8 bytes.
    fn number(&self, bytes: &[u8]) -> u64 {
        let add = |sum: u64, &byte: &u8| sum << 8 | u64::from(byte);
        if self.little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
    }

    fn offset_bytes(&self) -> usize {
        if self.big { 8 } else { 4 }
    }

    fn entry_bytes(&self) -> usize {
        if self.big { 20 } else { 12 }
    }
}

/// What one directory says that matters here.
#[derive(Default)]
struct Directory {
    next: u64,
    sub_directories: Vec<u64>,
    cols: u64,
    rows: u64,
    bits: Vec<u64>,
    compression: Option<u64>,
    samples: Option<u64>,
    sample_format: Option<u64>,
    orientation: Option<u64>,
    rows_per_strip: Option<u64>,
    tile: (Option<u64>, Option<u64>),
    separate: bool,
    block_offsets: Option<Vec<u64>>,
    block_bytes: Option<Vec<u64>>,
}

impl Directory {
    fn read<R: Read + Seek>(
        view: &mut View<'_, R>,
        layout: &Layout,
        offset: u64,
    ) -> Result<Directory, Refusal> {
        const WHAT: &str = "an image file directory";
        let count_bytes = if layout.big { 8 } else { 2 };
        let mut count = [0; 8];
        view.read_at(WHAT, offset, &mut count[..count_bytes])?;
        let count = layout.number(&count[..count_bytes]);
        at_most("tags in a directory", count, ENTRIES_MAX)?;
        let entry_bytes = layout.entry_bytes();
        let table_bytes = count as usize * entry_bytes + layout.offset_bytes();
        let mut table = vec![0; table_bytes];
        view.read_at(WHAT, offset + count_bytes as u64, &mut table)?;
        let (entries, next) = table.split_at(count as usize * entry_bytes);
        let mut directory = Directory { next: layout.number(next), ..Directory::default() };
        let mut tags = HashSet::new();
        for entry in entries.chunks_exact(entry_bytes) {
            let entry = Entry::read(layout, entry);
            // of two values one would be checked here and the other decoded
            if !tags.insert(entry.tag) {
                return Err(Refusal::Broken { what: "a tag that is there twice in a directory" });
            }
            directory.take(view, layout, &entry)?;
        }
        let any = |of: [u16; 2]| of.iter().any(|tag| tags.contains(tag));
        if any([STRIP_OFFSETS, STRIP_BYTE_COUNTS]) && any([TILE_OFFSETS, TILE_BYTE_COUNTS]) {
            return Err(Refusal::Broken { what: "both strips and tiles" });
        }
        Ok(directory)
    }

    /// Notes one tag.
    fn take<R: Read + Seek>(
        &mut self,
        view: &mut View<'_, R>,
        layout: &Layout,
        entry: &Entry<'_>,
    ) -> Result<(), Refusal> {
        entry.check_place(view, layout)?;
        let mut one = || -> Result<u64, Refusal> {
            let numbers = entry.numbers(view, layout)?;
            numbers.first().copied().ok_or(Refusal::Broken { what: "a tag without a value" })
        };
        match entry.tag {
            IMAGE_WIDTH => self.cols = one()?,
            IMAGE_LENGTH => self.rows = one()?,
            BITS_PER_SAMPLE => self.bits = entry.numbers(view, layout)?,
            COMPRESSION => self.compression = Some(one()?),
            SAMPLES_PER_PIXEL => self.samples = Some(one()?),
            ORIENTATION => self.orientation = Some(one()?),
            SAMPLE_FORMAT => self.sample_format = Some(one()?),
            ROWS_PER_STRIP => self.rows_per_strip = Some(one()?),
            PLANAR_CONFIGURATION => self.separate = one()? == 2,
            TILE_WIDTH => self.tile.0 = Some(one()?),
            TILE_LENGTH => self.tile.1 = Some(one()?),
            STRIP_OFFSETS | TILE_OFFSETS => self.block_offsets = Some(entry.numbers(view, layout)?),
            STRIP_BYTE_COUNTS | TILE_BYTE_COUNTS => self.block_bytes = Some(entry.numbers(view, layout)?),
            SUB_IFDS => self.sub_directories = entry.numbers(view, layout)?,
            GDAL_METADATA => named_files::refuse(&entry.bytes(view, layout)?, "the tag GDAL_METADATA")?,
            XMP => named_files::refuse(&entry.bytes(view, layout)?, "its XMP")?,
            GEO_ASCII_PARAMS => {
                named_files::refuse_of_crs(&entry.bytes(view, layout)?, "the tag GeoAsciiParams")?;
            }
            _ => (),
        }
        Ok(())
    }

    /// Holds the directory against the limits and the length of the file.
    fn check<R: Read + Seek>(&self, view: &View<'_, R>) -> Result<Header, Refusal> {
        let compression = self.compression.unwrap_or(1);
        if !view.limits.compressions.contains(&compression) {
            let got = format!("{} ({compression})", name_of(compression));
            return Err(Refusal::Compression { got, wanted: names_of(view.limits.compressions) });
        }
        let samples = self.samples.unwrap_or(1);
        let bits = self.bits.iter().copied().max().unwrap_or(1);
        check_sample_type(bits, self.sample_format.unwrap_or(1))?;
        let (cols, rows) = (self.cols, self.rows);
        let header =
            Declared { format: Format::Tiff, cols, rows, bands: samples, bits }.accept(view.limits)?;
        let piece_px = self.check_blocks(view, &header, compression)?;
        Ok(Header { piece_px, orientation: self.orientation.unwrap_or(UPRIGHT), ..header })
    }

    /// The pixels of a tile or strip.
    fn check_blocks<R: Read + Seek>(
        &self,
        view: &View<'_, R>,
        header: &Header,
        compression: u64,
    ) -> Result<u64, Refusal> {
        let (cols, rows) = (u64::from(header.cols), u64::from(header.rows));
        let (block_cols, block_rows) = match self.tile {
            (Some(tile_cols), Some(tile_rows)) => (tile_cols, tile_rows),
            (None, None) => (cols, self.rows_per_strip.unwrap_or(rows).min(rows)),
            _ => return Err(Refusal::Broken { what: "tiles with only one side given" }),
        };
        if block_cols == 0 || block_rows == 0 {
            return Err(Refusal::Broken { what: "tiles or strips without pixels" });
        }
        at_most("columns in a tile", block_cols, view.limits.side_px_max)?;
        at_most("rows in a tile", block_rows, view.limits.side_px_max)?;
        let planes = if self.separate { u64::from(header.bands) } else { 1 };
        let samples = if self.separate { 1 } else { u64::from(header.bands) };
        if compression != 1 {
            let bytes = block_cols * block_rows * samples * u64::from(header.bits).div_ceil(8);
            at_most("bytes in one tile or strip", bytes, view.limits.block_bytes_max)?;
        }
        let blocks = cols.div_ceil(block_cols) * rows.div_ceil(block_rows) * planes;
        let missing = Refusal::Broken { what: "tiles or strips without a place in the file" };
        let (Some(offsets), Some(bytes)) = (&self.block_offsets, &self.block_bytes) else {
            return Err(missing);
        };
        if (offsets.len() as u64) < blocks || (bytes.len() as u64) < blocks {
            return Err(missing);
        }
        offsets
            .iter()
            .zip(bytes)
            .try_for_each(|(&offset, &bytes)| view.inside("a tile or strip", offset, bytes))?;
        // libtiff reads the rows of one strip that is not compressed
        Ok(if blocks == 1 && compression == 1 { block_cols } else { block_cols * block_rows })
    }
}

fn check_sample_type(bits: u64, format: u64) -> Result<(), Refusal> {
    const WANTED: &str =
        "unsigned integers of 1 to 16 or 32 bits, signed ones of 16 or 32, or floating point of 16, 32 or 64";
    let kind = match (format, bits) {
        // GDAL reads signed ones of 8 bits as if they had no sign
        (1 | 4, 1..=16 | 32) | (2, 16 | 32) | (3, 16 | 32 | 64) => return Ok(()),
        (1 | 4, _) => "unsigned integers",
        (2, _) => "signed integers",
        (3, _) => "floating point",
        _ => "complex or unknown",
    };
    Err(Refusal::SampleType { bits, kind, wanted: WANTED })
}

/// The orientation that the first directory of a small TIFF in memory tells, as EXIF is one.
pub(super) fn orientation_of(exif: &[u8]) -> Option<u64> {
    let start = exif.get(..8)?;
    let layout = Layout { little: start[0] == b'I', big: false, first: 0 };
    let first = layout.number(&start[4..8]) as usize;
    let count = layout.number(exif.get(first..first.checked_add(2)?)?) as usize;
    let entries = exif.get(first + 2..)?.chunks_exact(layout.entry_bytes()).take(count);
    let of = entries.map(|entry| Entry::read(&layout, entry)).find(|entry| entry.tag == ORIENTATION)?;
    (of.kind == 3).then(|| layout.number(&of.value[..2]))
}

/// One tag of a directory.
struct Entry<'a> {
    tag: u16,
    kind: u64,
    count: u64,
    value: &'a [u8],
}

impl<'a> Entry<'a> {
    fn read(layout: &Layout, bytes: &'a [u8]) -> Entry<'a> {
        let (count, value) = if layout.big { bytes[4..].split_at(8) } else { bytes[4..].split_at(4) };
        Entry {
            tag: layout.number(&bytes[0..2]) as u16,
            kind: layout.number(&bytes[2..4]),
            count: layout.number(count),
            value,
        }
    }

    /// Bytes of one element; unknown types count as one byte, as libtiff skips them.
    fn element_bytes(&self) -> u64 {
        match self.kind {
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 | 17 | 18 => 8,
            _ => 1,
        }
    }

    fn total_bytes(&self) -> u64 {
        self.count.saturating_mul(self.element_bytes())
    }

    /// Proves that the value lies in the file.
    fn check_place<R: Read + Seek>(&self, view: &View<'_, R>, layout: &Layout) -> Result<(), Refusal> {
        if self.total_bytes() <= self.value.len() as u64 {
            return Ok(());
        }
        view.inside("a tag's value", layout.number(self.value), self.total_bytes())
    }

    fn bytes<R: Read + Seek>(&self, view: &mut View<'_, R>, layout: &Layout) -> Result<Vec<u8>, Refusal> {
        if self.total_bytes() <= self.value.len() as u64 {
            return Ok(self.value[..self.total_bytes() as usize].to_vec());
        }
        view.metadata("a tag's value", layout.number(self.value), self.total_bytes())
    }

    fn numbers<R: Read + Seek>(&self, view: &mut View<'_, R>, layout: &Layout) -> Result<Vec<u64>, Refusal> {
        if !matches!(self.kind, 1 | 3 | 4 | 13 | 16 | 18) {
            return Err(Refusal::Broken { what: "a number in a tag that is not an unsigned integer" });
        }
        let bytes = self.bytes(view, layout)?;
        Ok(bytes.chunks_exact(self.element_bytes() as usize).map(|bytes| layout.number(bytes)).collect())
    }
}
