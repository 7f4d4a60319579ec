//! From samples to colours: which level, bilinear mixing, stretch and tone.

use super::{
    Observed, Render, Tile,
    blocks::{Level, Pyramid},
    window::{self, Colour, Picture, Window},
};
use crate::{RasterError, lattice::Lattice, sampling::Placed, source::Source};

/// Pixels of a level per pixel of the picture that bilinear mixing still sees all of.
const LEVEL_PX_MAX: f64 = 1.5;
/// Most pixels of a level that one picture is drawn from: a tenth of them is usual, more are asked for by scenes whose
/// pixels are far from square.
const WINDOW_PX_MAX: usize = 16 << 20;
/// Most samples along a side of a pixel, where the coarsest level is much finer than the picture.
const SAMPLES_MAX: usize = 16;
/// Share of a pixel's neighbours that must have been observed; the rest is rounding.
const OBSERVED_MIN: f32 = 0.999;
/// Positions this far beyond the outer edge still belong to it, pixels.
const EDGE_PX: f64 = 1e-3;
/// Steps of the tone curve.
const CURVE_STEPS: usize = 1 << 12;

/// Draws `cols x rows` pixels that lie at `placed` in the grid of `lattice`.
pub(super) fn draw(
    source: &Source,
    pyramid: &Pyramid,
    lattice: &Lattice,
    placed: Placed,
    [cols, rows]: [u32; 2],
    render: &Render,
    picture: &Picture,
) -> Result<Tile, RasterError> {
    let canvas = Canvas { lattice, placed, cols: cols as usize, rows: rows as usize };
    let source_px = canvas.source_px();
    let levels = pyramid.levels();
    let mut tile = Tile::empty(cols, rows);
    let fine_enough = level(levels, source_px);
    let small_enough = (fine_enough..levels.len())
        .map(|level| (level, canvas.extent(&levels[level], scale(levels, level))))
        .find(|(_, window)| {
            window.as_ref().is_none_or(|[across, down]| across.len() * down.len() <= WINDOW_PX_MAX)
        });
    let Some((level, window)) = small_enough else { return Err(too_large(source, levels)) };
    let Some([across, down]) = window else { return Ok(tile) };
    let scale = scale(levels, level);
    let Some(window) = window::read(source, pyramid, level, across, down, picture)? else { return Ok(tile) };
    let coarser = source_px / scale[0].max(scale[1]);
    let samples = if coarser <= LEVEL_PX_MAX { 1 } else { (coarser.round() as usize).min(SAMPLES_MAX) };
    let view = View { window: &window, shape: levels[level], scale };
    canvas.paint(&view, samples, &Tone::of(render), &mut tile);
    Ok(tile)
}

/// The coarsest level that is fine enough.
fn level(levels: &[Level], source_px: f64) -> usize {
    let fine_enough = |level: &usize| {
        let [across, down] = scale(levels, *level);
        across.max(down) * LEVEL_PX_MAX / 2.0 < source_px
    };
    (1..levels.len()).rev().find(fine_enough).unwrap_or(0)
}

/// Source pixels per pixel of a level along both axes.
fn scale(levels: &[Level], level: usize) -> [f64; 2] {
    let (whole, level) = (levels[0], levels[level]);
    [whole.cols as f64 / level.cols as f64, whole.rows as f64 / level.rows as f64]
}

fn too_large(source: &Source, levels: &[Level]) -> RasterError {
    let coarsest = levels[levels.len() - 1];
    RasterError::PictureTooLarge {
        path: source.path.clone(),
        cols: coarsest.cols,
        rows: coarsest.rows,
        max: WINDOW_PX_MAX,
    }
}

/// Where the pixels of the picture lie.
struct Canvas<'a> {
    lattice: &'a Lattice,
    placed: Placed,
    cols: usize,
    rows: usize,
}

impl Canvas<'_> {
    fn at(&self, col: f64, row: f64) -> [f64; 2] {
        let [right, down] = self.placed.first;
        self.lattice.at(right + col * self.placed.step_px, down + row * self.placed.step_px)
    }

    /// Source pixels per pixel of the picture in its middle.
    fn source_px(&self) -> f64 {
        let (col, row) = (self.cols as f64 / 2.0, self.rows as f64 / 2.0);
        let (here, east, south) = (self.at(col, row), self.at(col + 1.0, row), self.at(col, row + 1.0));
        let length = |to: [f64; 2]| (to[0] - here[0]).hypot(to[1] - here[1]);
        length(east).min(length(south))
    }

    /// Columns and rows of a level that the picture shows; `None` where it shows nothing.
    fn extent(&self, shape: &Level, scale: [f64; 2]) -> Option<[std::ops::Range<usize>; 2]> {
        let (mut least, mut most) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for row in 0..self.rows {
            self.along(row as f64, 1, |indices, at, by| {
                let steps = (indices.len() - 1) as f64;
                for axis in 0..2 {
                    let end = at[axis] + steps * by[axis];
                    least[axis] = least[axis].min(at[axis]).min(end);
                    most[axis] = most[axis].max(at[axis]).max(end);
                }
            });
        }
        let range = |axis: usize, size: usize| {
            // half a pixel of the picture to each side, and a neighbour to mix with
            let margin = self.source_px() / scale[axis] / 2.0 + 1.0;
            let first = (least[axis] / scale[axis] - margin).floor().clamp(0.0, size as f64) as usize;
            let end = (most[axis] / scale[axis] + margin).ceil().clamp(0.0, size as f64) as usize;
            (first < end).then_some(first..end)
        };
        Some([range(0, shape.cols)?, range(1, shape.rows)?])
    }

    /// Positions of a row in stretches, `samples` to a pixel.
    fn along(&self, row: f64, samples: usize, each: impl FnMut(std::ops::Range<usize>, [f64; 2], [f64; 2])) {
        let [right, down] = self.placed.first;
        let step_px = self.placed.step_px / samples as f64;
        // the first of several samples lies left of the middle
        let before = (samples as f64 - 1.0) / 2.0 * step_px;
        let first = [right - before, down + row * self.placed.step_px];
        self.lattice.along(first, step_px, self.cols * samples, each);
    }

    fn paint(&self, view: &View<'_>, samples: usize, tone: &Tone, tile: &mut Tile) {
        let mut line: Vec<Colour> = vec![[0.0; 4]; self.cols];
        let share = 1.0 / (samples * samples) as f32;
        let mut observed = 0;
        for (row, pixels) in tile.rgba.chunks_exact_mut(self.cols * 4).enumerate() {
            line.fill([0.0; 4]);
            for sample in 0..samples {
                let down = (sample as f64 + 0.5) / samples as f64 - 0.5;
                self.along(row as f64 + down, samples, |indices, at, by| {
                    view.mix(&mut line, samples, indices, at, by);
                });
            }
            for (pixel, colour) in pixels.chunks_exact_mut(4).zip(&line) {
                if colour[3] * share >= OBSERVED_MIN {
                    observed += 1;
                    tone.apply(colour, share, pixel);
                }
            }
        }
        tile.observed = Observed::of(observed, self.cols * self.rows);
    }
}

/// A window of a level, as source positions see it.
struct View<'a> {
    window: &'a Window,
    shape: Level,
    scale: [f64; 2],
}

impl View<'_> {
    /// Adds the colours at evenly spaced positions to the pixels they belong to.
    fn mix(
        &self,
        line: &mut [Colour],
        samples: usize,
        indices: std::ops::Range<usize>,
        at: [f64; 2],
        by: [f64; 2],
    ) {
        let window = self.window;
        let width = window.cols.len();
        // relative to the centre of the window's first pixel: small numbers keep their precision
        let starts = [window.cols.start as f64, window.rows.start as f64];
        let first = [0, 1].map(|axis| (at[axis] / self.scale[axis] - 0.5 - starts[axis]) as f32);
        let step = [0, 1].map(|axis| (by[axis] / self.scale[axis]) as f32);
        let lasts = [self.shape.cols as f64 - 1.0, self.shape.rows as f64 - 1.0];
        let least = [0, 1].map(|axis| (-0.5 - EDGE_PX - starts[axis]) as f32);
        let most = [0, 1].map(|axis| (lasts[axis] + 0.5 + EDGE_PX - starts[axis]) as f32);
        let inner = [0, 1].map(|axis| (-starts[axis]) as f32);
        let outer = [0, 1].map(|axis| (lasts[axis] - starts[axis]) as f32);
        let (last_col, last_row) = (width - 1, window.rows.len() - 1);
        for (count, index) in indices.enumerate() {
            let x = first[0] + count as f32 * step[0];
            let y = first[1] + count as f32 * step[1];
            if x < least[0] || x > most[0] || y < least[1] || y > most[1] {
                continue;
            }
            let (x, y) = (x.clamp(inner[0], outer[0]), y.clamp(inner[1], outer[1]));
            let (left, top) = ((x as usize).min(last_col), (y as usize).min(last_row));
            let (fx, fy) = (x - left as f32, y - top as f32);
            let (right, bottom) = ((left + 1).min(last_col), (top + 1).min(last_row));
            let pixel = |row: usize, col: usize| &window.pixels[row * width + col];
            let (a, b) = (pixel(top, left), pixel(top, right));
            let (c, d) = (pixel(bottom, left), pixel(bottom, right));
            let sum = &mut line[index / samples];
            for lane in 0..4 {
                let upper = a[lane] + (b[lane] - a[lane]) * fx;
                let lower = c[lane] + (d[lane] - c[lane]) * fx;
                sum[lane] += upper + (lower - upper) * fy;
            }
        }
    }
}

/// Values to 8-bit colours.
struct Tone {
    low: [f32; 3],
    /// What a range of values is multiplied by to become 0 to 1.
    scale: [f32; 3],
    /// Colours of evenly spaced shares of the range; `None` where the curve is straight.
    curve: Option<Vec<u8>>,
}

impl Tone {
    fn of(render: &Render) -> Tone {
        let exponent = 1.0 / render.gamma;
        let colour = |step: usize| {
            let share = step as f64 / (CURVE_STEPS - 1) as f64;
            (share.powf(exponent) * 255.0).round() as u8
        };
        Tone {
            low: render.stretch.map(|[low, _]| low as f32),
            scale: render.stretch.map(|[low, high]| (1.0 / (high - low)) as f32),
            curve: (exponent != 1.0).then(|| (0..CURVE_STEPS).map(colour).collect()),
        }
    }

    fn apply(&self, sum: &Colour, share: f32, pixel: &mut [u8]) {
        for lane in 0..3 {
            let of_range = ((sum[lane] * share - self.low[lane]) * self.scale[lane]).clamp(0.0, 1.0);
            pixel[lane] = match &self.curve {
                None => (of_range * 255.0 + 0.5) as u8,
                Some(curve) => curve[(of_range * (CURVE_STEPS - 1) as f32 + 0.5) as usize],
            };
        }
        pixel[3] = 255;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halving(cols: usize) -> Vec<Level> {
        [1, 2, 4]
            .map(|by| Level { cols: cols / by, rows: cols / by, block_cols: 512, block_rows: 512 })
            .into()
    }

    #[test]
    fn the_coarsest_level_that_is_fine_enough_is_read() {
        let levels = halving(4_096);
        let chosen = [0.3, 1.0, 1.4, 1.6, 2.0, 3.2, 4.0, 50.0].map(|source_px| level(&levels, source_px));
        assert_eq!(chosen, [0, 0, 0, 1, 1, 2, 2, 2]);
    }

    #[test]
    fn a_stretch_goes_from_black_to_white_and_gamma_brightens_the_middle() {
        let tone = |gamma| {
            let render = Render { stretch: [[100.0, 300.0]; 3], gamma, ..Render::plain(256) };
            let tone = Tone::of(&render);
            [50.0, 100.0, 200.0, 300.0, 999.0].map(|value| {
                let mut pixel = [0; 4];
                tone.apply(&[value, value, value, 1.0], 1.0, &mut pixel);
                assert_eq!(pixel[3], 255);
                pixel[1]
            })
        };
        assert_eq!(tone(1.0), [0, 0, 128, 255, 255]);
        let curved = tone(2.0);
        assert_eq!([curved[0], curved[1], curved[4]], [0, 0, 255]);
        assert!(curved[2].abs_diff(180) <= 1, "0.5 to the power of 0.5 is 0.707");
    }
}
