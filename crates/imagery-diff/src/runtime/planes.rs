//! Channels with a border, laid out so that every tap of a convolution reads one slice.
//!
//! Some rows of every channel, a band, are copied into planes with a border of zeros: a tap is a slice of a plane, without
//! edges and without steps. With a stride the plane is split into rows and columns that leave the same remainder first, which
//! makes the taps slices again. A band is small enough to stay in the processor's second cache while it is read.

use std::ops::Range;

/// Zeros after the last plane: whoever reads several vectors at once may read beyond it.
const SLACK: usize = 64;

/// A band of some channels with their borders, split by the stride.
pub(crate) struct Planes {
    /// Rows and columns of a channel.
    rows: usize,
    cols: usize,
    side: usize,
    stride: usize,
    /// Rows of a result that are read for at once.
    band: usize,
    /// Columns of a plane.
    width: usize,
    /// Values of a plane.
    area: usize,
    /// For each channel `stride * stride` planes: rows and columns of the bordered channel that leave the same remainder.
    values: Vec<f32>,
}

impl Planes {
    /// Planes of `channels` channels of `rows` by `cols` pixels for square filters of side `side`; all rows of the result
    /// are read for at once.
    #[inline(always)]
    pub(crate) fn whole(channels: usize, size: [usize; 2], filter: [usize; 2]) -> Planes {
        Planes::new(channels, size, filter, |made, _| made)
    }

    /// The same with the fewest rows of the result at a time of which tiles of `length` places waste less than an eighth.
    #[inline(always)]
    pub(crate) fn in_bands(channels: usize, size: [usize; 2], filter: [usize; 2], length: usize) -> Planes {
        Planes::new(channels, size, filter, |made, width| {
            let fits = |band: &usize| (band * width).next_multiple_of(length) * 8 <= band * width * 9;
            (1..made).find(fits).unwrap_or(made)
        })
    }

    /// The same with as many rows at a time as `band` says for the rows of the result and the width of a plane.
    #[inline(always)]
    fn new(
        channels: usize,
        [rows, cols]: [usize; 2],
        [side, stride]: [usize; 2],
        band: impl Fn(usize, usize) -> usize,
    ) -> Planes {
        let bordered = |length: usize| (length + side - 1).div_ceil(stride);
        let width = bordered(cols);
        let band = band(rows.div_ceil(stride), width);
        // One row more than the border asks for: the last tap of the last row's unread places lies there.
        let area = (bordered(band * stride) + 1) * width;
        let values = vec![0.0; channels * area * stride * stride + SLACK];
        Planes { rows, cols, side, stride, band, width, area, values }
    }

    /// The rows of the result, band by band.
    pub(crate) fn bands(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (made, band) = (self.rows.div_ceil(self.stride), self.band);
        (0..made).step_by(band).map(move |first| first..made.min(first + band))
    }

    /// Places from one row of a result to the next; those beyond the last column of the result have no meaning.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// All planes one after the other.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Where the slice of values begins that a tap reads of a channel.
    pub(crate) fn start_of(&self, channel: usize, tap: usize) -> usize {
        self.start_at(channel, tap / self.side, tap % self.side)
    }

    /// Where the slice of values begins that holds, for each place, what lies so many rows below and columns right of the
    /// first tap.
    pub(crate) fn start_at(&self, channel: usize, row: usize, col: usize) -> usize {
        let plane = (row % self.stride) * self.stride + col % self.stride;
        let start = (channel * self.stride * self.stride + plane) * self.area;
        start + (row / self.stride) * self.width + col / self.stride
    }

    /// Takes what the band of the result from row `first` on reads of an image, `[channels, rows, cols]`; beyond its edges
    /// there are zeros.
    #[inline(always)]
    pub(crate) fn fill(&mut self, image: &[f32], first: usize) {
        match self.stride {
            1 => self.fill_split::<1>(image, first),
            2 => self.fill_split::<2>(image, first),
            4 => self.fill_split::<4>(image, first),
            stride => unreachable!("no convolution here has a stride of {stride}"),
        }
    }

    #[inline(always)]
    fn fill_split<const STRIDE: usize>(&mut self, image: &[f32], first: usize) {
        let border = self.side / 2;
        for (channel, pixels) in image.chunks_exact(self.rows * self.cols).enumerate() {
            for row in 0..self.band * STRIDE + self.side - 1 {
                let source = (first * STRIDE + row).checked_sub(border).filter(|row| *row < self.rows);
                let line = source.map(|row| &pixels[row * self.cols..][..self.cols]);
                for across in 0..STRIDE {
                    // Places before the first pixel: they and those beyond the last one stay the zeros that they were made as.
                    let before = border.saturating_sub(across).div_ceil(STRIDE);
                    let start = self.start_at(channel, row, across);
                    let to = &mut self.values[start..][..self.width][before..];
                    let Some(line) = line else {
                        to.fill(0.0);
                        continue;
                    };
                    let line = line.get(before * STRIDE + across - border..).unwrap_or(&[]);
                    let (whole, rest) = line.as_chunks::<STRIDE>();
                    for (to, pixels) in to.iter_mut().zip(whole) {
                        *to = pixels[0];
                    }
                    if let Some((to, pixel)) = to.get_mut(whole.len()).zip(rest.first()) {
                        *to = *pixel;
                    }
                }
            }
        }
    }
}
