//! A rectangle of a level, put together from blocks.

use std::ops::Range;

use super::blocks::{Block, Level, MASK, Pyramid, Samples};
use crate::{RasterError, sampling::is_measured, source::Source};

/// Red, green, blue, and 1 where the pixel was observed or 0 where not: four lanes that are mixed as one.
pub(super) type Colour = [f32; 4];

/// Which values make up the picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Picture {
    /// Bands for red, green and blue, counted from 1.
    Bands([u32; 3]),
    /// A band of indices into colours.
    Palette(u32, Vec<[f32; 3]>),
}

/// Pixels of a level, row-major; its first pixel is that of `cols.start` and `rows.start`.
pub(super) struct Window {
    pub(super) cols: Range<usize>,
    pub(super) rows: Range<usize>,
    pub(super) pixels: Vec<Colour>,
}

/// Reads a rectangle of a level; `None` where nothing of it was observed.
pub(super) fn read(
    source: &Source,
    pyramid: &Pyramid,
    level: usize,
    cols: Range<usize>,
    rows: Range<usize>,
    picture: &Picture,
) -> Result<Option<Window>, RasterError> {
    let shape = pyramid.levels()[level];
    let mut window =
        Window { pixels: vec![[0.0; 4]; cols.len() * rows.len()], cols: cols.clone(), rows: rows.clone() };
    let mut observed = false;
    for row in rows.start / shape.block_rows..=(rows.end - 1) / shape.block_rows {
        for col in cols.start / shape.block_cols..=(cols.end - 1) / shape.block_cols {
            observed |= window.add(source, pyramid, level, [col, row], picture)?;
        }
    }
    Ok(observed.then_some(window))
}

impl Window {
    /// Takes over what it shares with a block; says whether anything there was observed.
    fn add(
        &mut self,
        source: &Source,
        pyramid: &Pyramid,
        level: usize,
        at: [usize; 2],
        picture: &Picture,
    ) -> Result<bool, RasterError> {
        let shape = pyramid.levels()[level];
        if source.info().has_mask {
            let mask = pyramid.block(source, level, MASK, at)?;
            match &mask.samples {
                Samples::Uniform(false) => return Ok(false),
                Samples::Uniform(true) => self.fill(&shape, at, 3, 1.0),
                Samples::Bytes(samples) => {
                    self.copy(&shape, at, &mask, samples, 3, |value| f32::from(*value >> 7));
                }
                _ => unreachable!("a mask is made of bytes"),
            }
        } else {
            self.fill(&shape, at, 3, 1.0);
        }
        match picture {
            Picture::Bands(bands) => {
                for (lane, band) in bands.iter().enumerate() {
                    let block = pyramid.block(source, level, *band, at)?;
                    match &block.samples {
                        Samples::Bytes(samples) => {
                            self.copy(&shape, at, &block, samples, lane, |value| f32::from(*value));
                        }
                        Samples::Words(samples) => {
                            self.copy(&shape, at, &block, samples, lane, |value| f32::from(*value));
                        }
                        Samples::Floats(samples) => self.copy_measured(&shape, at, &block, samples, lane),
                        Samples::Uniform(_) => unreachable!("only masks are uniform"),
                    }
                }
            }
            Picture::Palette(band, palette) => {
                let block = pyramid.block(source, level, *band, at)?;
                let colour = |index: usize, lane: usize| palette.get(index).map_or(0.0, |rgb| rgb[lane]);
                for lane in 0..3 {
                    match &block.samples {
                        Samples::Bytes(samples) => {
                            self.copy(&shape, at, &block, samples, lane, |index| {
                                colour((*index).into(), lane)
                            });
                        }
                        Samples::Words(samples) => {
                            self.copy(&shape, at, &block, samples, lane, |index| {
                                colour((*index).into(), lane)
                            });
                        }
                        Samples::Floats(_) | Samples::Uniform(_) => unreachable!("indices are whole numbers"),
                    }
                }
            }
        }
        Ok(true)
    }

    /// Columns and rows of the level that window and block share.
    fn shared(&self, shape: &Level, [col, row]: [usize; 2]) -> (Range<usize>, Range<usize>) {
        let (left, top) = (col * shape.block_cols, row * shape.block_rows);
        let cols = left.max(self.cols.start)..(left + shape.block_cols).min(self.cols.end);
        let rows = top.max(self.rows.start)..(top + shape.block_rows).min(self.rows.end);
        (cols, rows)
    }

    fn row(&mut self, row: usize, cols: &Range<usize>) -> &mut [Colour] {
        let first = (row - self.rows.start) * self.cols.len() + (cols.start - self.cols.start);
        &mut self.pixels[first..first + cols.len()]
    }

    fn fill(&mut self, shape: &Level, at: [usize; 2], lane: usize, value: f32) {
        let (cols, rows) = self.shared(shape, at);
        for row in rows {
            self.row(row, &cols).iter_mut().for_each(|pixel| pixel[lane] = value);
        }
    }

    fn copy<T>(
        &mut self,
        shape: &Level,
        at: [usize; 2],
        block: &Block,
        samples: &[T],
        lane: usize,
        value: impl Fn(&T) -> f32,
    ) {
        let (cols, rows) = self.shared(shape, at);
        let (left, top) = (at[0] * shape.block_cols, at[1] * shape.block_rows);
        for row in rows {
            let first = (row - top) * block.cols + (cols.start - left);
            let samples = &samples[first..first + cols.len()];
            for (pixel, sample) in self.row(row, &cols).iter_mut().zip(samples) {
                pixel[lane] = value(sample);
            }
        }
    }

    /// What was not measured was not observed.
    fn copy_measured(&mut self, shape: &Level, at: [usize; 2], block: &Block, samples: &[f32], lane: usize) {
        self.copy(shape, at, block, samples, lane, |value| *value);
        let (cols, rows) = self.shared(shape, at);
        for row in rows {
            for pixel in self.row(row, &cols).iter_mut().filter(|pixel| !is_measured(pixel[lane])) {
                pixel[lane] = 0.0;
                pixel[3] = 0.0;
            }
        }
    }
}
