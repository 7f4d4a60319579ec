//! A scene too large to be held in memory: mirrored copies of a rendered one, with grain of its own in every pixel.
//!
//! Written as it is made, as an uncompressed BigTIFF with a georeference: header first, then strip after strip.

use std::io::{self, Write};

use imagery_diff::{Raster, Reference};
use rayon::prelude::*;

use crate::chance::hash;

const BANDS: usize = 3;
/// Rows of one strip.
const STRIP_ROWS: usize = 64;
/// Largest grain to either side: the sum of two draws of half as much.
const GRAIN: i16 = 3;
/// Types of a TIFF's values: whole numbers of 2 and 8 bytes, floating point of 8.
const SHORT: u16 = 3;
const DOUBLE: u16 = 12;
const LONG8: u16 = 16;

/// Writes a mosaic of `side_px` square from the first three bands of `part`, whose grid gives corner, pixel and CRS.
/// The same part, side and seed give the same bytes.
///
/// # Errors
/// When `to` cannot be written.
///
/// # Panics
/// When the part has fewer than three bands or no CRS of EPSG.
pub fn write_mosaic(part: &Raster, side_px: usize, seed: u64, to: &mut impl Write) -> io::Result<()> {
    to.write_all(&header(part, side_px))?;
    let bands = [0, 1, 2].map(|band| part.band(band));
    let (cols, rows) = (part.grid().cols as usize, part.grid().rows as usize);
    let line_bytes = side_px * BANDS;
    let mut strip = vec![0; STRIP_ROWS * line_bytes];
    for first in (0..side_px).step_by(STRIP_ROWS) {
        let strip = &mut strip[..STRIP_ROWS.min(side_px - first) * line_bytes];
        strip.par_chunks_exact_mut(line_bytes).enumerate().for_each(|(index, line)| {
            let row = first + index;
            let from = mirrored(row, rows) * cols;
            for (col, pixel) in line.chunks_exact_mut(BANDS).enumerate() {
                let at = from + mirrored(col, cols);
                let grain = hash(seed, col as i64, row as i64).to_le_bytes();
                for (band, value) in pixel.iter_mut().enumerate() {
                    let half = |byte: u8| i16::from(byte) % (GRAIN + 1);
                    let added = half(grain[2 * band]) + half(grain[2 * band + 1]) - GRAIN;
                    *value = (bands[band][at] as i16 + added).clamp(0, 255) as u8;
                }
            }
        });
        to.write_all(strip)?;
    }
    to.flush()
}

/// Goes to and fro over `count` pixels, so that copies meet without a seam.
fn mirrored(at: usize, count: usize) -> usize {
    let within = at % (2 * count);
    within.min(2 * count - 1 - within)
}

/// All that stands before the pixels.
fn header(part: &Raster, side_px: usize) -> Vec<u8> {
    let grid = part.grid();
    let Reference::Projected(crs) = &grid.reference else { panic!("the part lies nowhere") };
    let code: u16 = crs.strip_prefix("EPSG:").and_then(|code| code.parse().ok()).expect("a code of EPSG");
    let strips = side_px.div_ceil(STRIP_ROWS);
    let side = side_px as u64;
    // GeoTIFF: projected, pixels are areas, and which CRS
    let keys = [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, code];
    let lengths = (0..strips).map(|strip| STRIP_ROWS.min(side_px - strip * STRIP_ROWS) * side_px * BANDS);
    let lengths: Vec<u64> = lengths.map(|bytes| bytes as u64).collect();
    let tie = [0.0, 0.0, 0.0, grid.origin.x, grid.origin.y, 0.0];
    let tags = |offsets: &[u64]| {
        [
            (256, long8(&[side])),
            (257, long8(&[side])),
            (258, short(&[8; BANDS])),
            (259, short(&[1])),
            (262, short(&[2])),
            (273, long8(offsets)),
            (277, short(&[BANDS as u16])),
            (278, long8(&[STRIP_ROWS as u64])),
            (279, long8(&lengths)),
            (33_550, double(&[grid.pixel_m, grid.pixel_m, 0.0])),
            (33_922, double(&tie)),
            (34_735, short(&keys)),
        ]
    };
    // the length of the header does not depend on where the strips begin
    let length = directory(&tags(&vec![0; strips])).len() as u64;
    let offsets: Vec<u64> = lengths
        .iter()
        .scan(length, |next, bytes| {
            let offset = *next;
            *next += bytes;
            Some(offset)
        })
        .collect();
    directory(&tags(&offsets))
}

/// Type, number and bytes of a tag's values.
type Values = (u16, u64, Vec<u8>);

fn short(values: &[u16]) -> Values {
    (SHORT, values.len() as u64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn long8(values: &[u64]) -> Values {
    (LONG8, values.len() as u64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn double(values: &[f64]) -> Values {
    (DOUBLE, values.len() as u64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// A BigTIFF of one directory, its values behind it.
fn directory(tags: &[(u16, Values)]) -> Vec<u8> {
    const START: u64 = 16;
    const INLINE_BYTES: usize = 8;
    let mut bytes = b"II\x2b\0\x08\0\0\0".to_vec();
    bytes.extend(START.to_le_bytes());
    bytes.extend((tags.len() as u64).to_le_bytes());
    let mut behind: Vec<u8> = Vec::new();
    let first = START + 8 + 20 * tags.len() as u64 + 8;
    for (tag, (kind, count, values)) in tags {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        if values.len() <= INLINE_BYTES {
            bytes.extend(values);
            bytes.extend(vec![0; INLINE_BYTES - values.len()]);
        } else {
            bytes.extend((first + behind.len() as u64).to_le_bytes());
            behind.extend(values);
        }
    }
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(behind);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SceneSpec, render};

    #[test]
    fn a_mosaic_lies_where_its_part_does_and_meets_without_a_seam() {
        let rendered = render(&SceneSpec { side_px: 96, ..SceneSpec::small(3) });
        let part = rendered.pair.before();
        let mut bytes = Vec::new();
        write_mosaic(part, 250, 1, &mut bytes).expect("memory can be written");
        let folder = std::env::temp_dir().join(format!("mosaic-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
        let file = folder.join("mosaic.tif");
        std::fs::write(&file, &bytes).expect("the folder for temporary files can be written");
        let info = raster_io::open(&file).expect("it is a GeoTIFF").info().clone();
        std::fs::remove_dir_all(folder).expect("it was written");
        assert_eq!((info.cols, info.rows, info.bands, info.sample_type), (250, 250, 3, "uint8"));
        assert_eq!(info.crs.as_deref(), Some("EPSG:32652"));
        let origin = part.grid().origin;
        assert_eq!(info.geotransform, Some([origin.x, 0.5, 0.0, origin.y, 0.0, -0.5]));
        // the last pixel is a pixel of the part, as far as the grain
        let last = i16::from(bytes[bytes.len() - 3]);
        let at = mirrored(249, 96) * 96 + mirrored(249, 96);
        assert!((last - part.band(0)[at] as i16).abs() <= GRAIN);
        assert_eq!([95, 96, 191, 192].map(|at| mirrored(at, 96)), [95, 95, 0, 0]);
    }
}
