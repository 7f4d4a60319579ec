//! Draws an image that was seen at a slant anew, north up.
//!
//! ```text
//! canvas ─ blocks ─ positions in the image ─ window around them ─ bilinear ─ block of every band
//! ```
//! Neither the image nor the canvas is in memory as a whole: both are files in tiles.

use std::{ops::Range, path::Path};

use gdal::{Dataset, raster::GdalType};

use crate::{
    RasterError, drivers,
    placing::Homography,
    plain::{self, From},
    sampling::is_measured,
    source::{Colours, Piece, Source},
};

/// Side of a block of the canvas, pixels; so large are its tiles.
const BLOCK_PX: usize = 512;
/// Most pixels of the image that are read for one block; a block that wants more is drawn in quarters.
const WINDOW_PX_MAX: usize = 16 << 20;
/// Tiles of the canvas that nothing is drawn on take no place and read as not observed.
const SPARSE: &str = "SPARSE_OK=TRUE";
/// Value of the mask where the image shows something.
const OBSERVED: u8 = 255;
/// Least value of a mask that counts as observed.
const MASK_MIN: u8 = 128;

/// Pixels of the drawn image.
#[derive(Clone, Copy)]
pub(crate) struct Canvas {
    pub(crate) cols: u32,
    pub(crate) rows: u32,
    /// From a pixel corner of the canvas to one of the image.
    pub(crate) back: Homography,
}

/// A rectangle of pixels.
#[derive(Clone, Debug, PartialEq)]
struct Rectangle {
    cols: Range<usize>,
    rows: Range<usize>,
}

/// The image on the canvas, written to `target`, with a mask that says where it shows something: bilinear
/// between the centres of observed pixels, the outermost half pixel as its neighbour. `dataset` is the image in tiles.
pub(crate) fn draw(
    dataset: &Dataset,
    source: &Source,
    canvas: Canvas,
    target: &Path,
) -> Result<Dataset, RasterError> {
    let bands = plain::bands(dataset, source)?;
    let size = (canvas.cols as usize, canvas.rows as usize);
    let layout = drivers::TILES.into_iter().chain([SPARSE]);
    let drawn = plain::empty(dataset, source, &bands, size, target, layout)?;
    let drawing = Drawing { dataset, source, canvas, bands, drawn };
    let whole = Rectangle { cols: 0..canvas.cols as usize, rows: 0..canvas.rows as usize };
    whole.blocks().try_for_each(|block| drawing.block(&block))?;
    Ok(drawing.drawn)
}

struct Drawing<'a> {
    dataset: &'a Dataset,
    source: &'a Source,
    canvas: Canvas,
    bands: Vec<From>,
    drawn: Dataset,
}

impl Drawing<'_> {
    /// Draws a block of every band; one that the image does not reach stays as it was made, not observed.
    fn block(&self, block: &Rectangle) -> Result<(), RasterError> {
        let places = self.places(block);
        let Some(window) = self.window(&places) else { return Ok(()) };
        if window.len() > WINDOW_PX_MAX && block.len() > 1 {
            return block.quarters().iter().try_for_each(|quarter| self.block(quarter));
        }
        let observed = self.observed(&window)?;
        for (index, band) in self.bands.iter().enumerate() {
            let values = self.values(*band, &window)?;
            let sampled = places.iter().map(|at| at.map_or(0.0, |at| mixed(at, &window, &values, &observed)));
            self.write(index + 1, block, sampled.collect())?;
        }
        let shown = |at: [f64; 2]| observed.as_ref().is_none_or(|mask| mask[window.nearest(at)] >= MASK_MIN);
        let mask = places.iter().map(|at| if at.is_some_and(shown) { OBSERVED } else { 0 });
        let (place, size) = block.place_and_size();
        plain::write_mask(&self.drawn, &self.source.path, place, size, mask.collect())
    }

    /// Where the centre of each pixel of a block lies in the image, row by row; `None` outside.
    fn places(&self, block: &Rectangle) -> Vec<Option<[f64; 2]>> {
        let (cols, rows) = self.dataset.raster_size();
        let place = |row: usize, col: usize| {
            let at = self.canvas.back.apply([col as f64 + 0.5, row as f64 + 0.5]);
            let inside = (0.0..=cols as f64).contains(&at[0]) && (0.0..=rows as f64).contains(&at[1]);
            inside.then_some(at)
        };
        block.rows.clone().flat_map(|row| block.cols.clone().map(move |col| place(row, col))).collect()
    }

    /// The pixels of the image that are mixed at some places; `None` where there are none.
    fn window(&self, places: &[Option<[f64; 2]>]) -> Option<Rectangle> {
        let (cols, rows) = self.dataset.raster_size();
        let range = |axis: usize, count: usize| {
            let along = || places.iter().flatten().map(|at| at[axis]);
            let (least, most) = (along().fold(f64::INFINITY, f64::min), along().fold(0.0, f64::max));
            // the centres on both sides
            let first = (least - 0.5).floor().max(0.0) as usize;
            first..((most - 0.5).floor().max(0.0) as usize + 2).min(count)
        };
        places.iter().any(Option::is_some).then(|| Rectangle { cols: range(0, cols), rows: range(1, rows) })
    }

    /// The mask of a window; `None` where all of the image was observed.
    fn observed(&self, window: &Rectangle) -> Result<Option<Vec<u8>>, RasterError> {
        let (place, size) = window.place_and_size();
        self.source.observed(self.dataset, Piece { overview: None, place, size })
    }

    fn values(&self, from: From, window: &Rectangle) -> Result<Vec<f32>, RasterError> {
        let fails = RasterError::gdal(&self.source.path, "read");
        let (From::Band(index) | From::Palette { band: index, .. }) = from;
        let (place, size) = window.place_and_size();
        let band = self.dataset.rasterband(index).map_err(&fails)?;
        let mut values = band.read_as::<f32>(place, size, size, None).map_err(&fails)?.into_shape_and_vec().1;
        self.source.turn_negative(index, &mut values);
        if let (From::Palette { colour, .. }, Colours::Palette(_, table)) = (from, &self.source.colours) {
            let of = |index: f32| table.get(index as usize).map_or(0.0, |rgb| rgb[colour]);
            values.iter_mut().for_each(|value| *value = of(*value));
        }
        Ok(values)
    }

    fn write<T: GdalType + Copy>(
        &self,
        band: usize,
        block: &Rectangle,
        values: Vec<T>,
    ) -> Result<(), RasterError> {
        let (place, size) = block.place_and_size();
        plain::write_band(&self.drawn, &self.source.path, band, place, size, values)
    }
}

/// The value between the centres of the four pixels around a place; those that were not observed, or not measured,
/// have no say.
fn mixed(at: [f64; 2], window: &Rectangle, values: &[f32], observed: &Option<Vec<u8>>) -> f32 {
    let ((left, right, over), (top, bottom, down)) =
        (between(at[0], &window.cols), between(at[1], &window.rows));
    let corners = [
        (top, left, (1.0 - down) * (1.0 - over)),
        (top, right, (1.0 - down) * over),
        (bottom, left, down * (1.0 - over)),
        (bottom, right, down * over),
    ];
    let (mut sum, mut weight) = (0.0, 0.0);
    for (row, col, share) in corners {
        let at = row * window.cols.len() + col;
        let seen = observed.as_ref().is_none_or(|mask| mask[at] >= MASK_MIN) && is_measured(values[at]);
        if seen && share > 0.0 {
            sum += values[at] * share;
            weight += share;
        }
    }
    sum / weight
}

/// The two pixels of a window whose centres lie around a position along one axis, and the share of the second.
fn between(at: f64, window: &Range<usize>) -> (usize, usize, f32) {
    let last = window.len() - 1;
    let centred = (at - 0.5 - window.start as f64).clamp(0.0, last as f64);
    let first = centred.floor() as usize;
    (first, (first + 1).min(last), (centred - first as f64) as f32)
}

impl Rectangle {
    fn len(&self) -> usize {
        self.cols.len() * self.rows.len()
    }

    /// In the words of GDAL.
    fn place_and_size(&self) -> ((isize, isize), (usize, usize)) {
        ((self.cols.start as isize, self.rows.start as isize), (self.cols.len(), self.rows.len()))
    }

    /// Index of the pixel that holds a place of the image, among those of this window.
    fn nearest(&self, at: [f64; 2]) -> usize {
        let within =
            |at: f64, range: &Range<usize>| (at as usize).clamp(range.start, range.end - 1) - range.start;
        within(at[1], &self.rows) * self.cols.len() + within(at[0], &self.cols)
    }

    /// Blocks of [`BLOCK_PX`], row by row.
    fn blocks(&self) -> impl Iterator<Item = Rectangle> {
        let parts = |whole: &Range<usize>| {
            let end = whole.end;
            whole.clone().step_by(BLOCK_PX).map(move |first| first..(first + BLOCK_PX).min(end))
        };
        let cols = self.cols.clone();
        parts(&self.rows)
            .flat_map(move |rows| parts(&cols).map(move |cols| Rectangle { cols, rows: rows.clone() }))
    }

    /// Four parts, or two of a line.
    fn quarters(&self) -> Vec<Rectangle> {
        let halves = |whole: &Range<usize>| {
            let middle = whole.start + whole.len().div_ceil(2);
            [whole.start..middle, middle..whole.end]
        };
        let (cols, rows) = (halves(&self.cols), halves(&self.rows));
        let parts = rows
            .iter()
            .flat_map(|rows| cols.iter().map(|cols| Rectangle { cols: cols.clone(), rows: rows.clone() }));
        parts.filter(|part| part.len() > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_that_were_not_observed_have_no_say_in_what_lies_between() {
        let window = Rectangle { cols: 4..6, rows: 7..9 };
        let values = [10.0, 20.0, -9_999.0, f32::NAN];
        let middle = [5.0, 8.0];
        assert_eq!(mixed(middle, &window, &values, &Some(vec![255, 255, 0, 255])), 15.0);
        assert_eq!(mixed([4.5, 7.5], &window, &values, &None), 10.0);
        assert_eq!(mixed([4.0, 7.0], &window, &values, &None), 10.0, "beyond the outermost centre");
        assert!(mixed(middle, &window, &values, &Some(vec![0; 4])).is_nan(), "nothing is known there");
    }

    #[test]
    fn blocks_and_quarters_cover_each_pixel_once() {
        let whole = Rectangle { cols: 0..1_300, rows: 0..700 };
        assert_eq!(whole.blocks().count(), 6);
        assert_eq!(whole.blocks().map(|block| block.len()).sum::<usize>(), whole.len());
        for part in [whole, Rectangle { cols: 3..4, rows: 0..5 }, Rectangle { cols: 7..8, rows: 7..8 }] {
            assert_eq!(part.quarters().iter().map(Rectangle::len).sum::<usize>(), part.len());
        }
    }
}
