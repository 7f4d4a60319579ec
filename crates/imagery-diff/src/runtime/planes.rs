//! Channels with a border, laid out so that every tap of a convolution reads one slice.
//!
//! Every channel is copied once into a plane with a border of zeros: a tap is a slice of that plane, without edges and
//! without steps. With a stride of two the plane is split into its even and odd rows and columns first, which makes the taps
//! slices again.

/// Zeros after the last plane: whoever reads several vectors at once may read beyond it.
const SLACK: usize = 64;

/// Some channels with their borders, split by the stride.
pub(crate) struct Planes {
    /// Rows and columns of a channel.
    rows: usize,
    cols: usize,
    side: usize,
    stride: usize,
    /// Columns of a plane.
    width: usize,
    /// Values of a plane.
    area: usize,
    /// For each channel `stride * stride` planes: rows and columns of the bordered channel that leave the same remainder.
    values: Vec<f32>,
}

impl Planes {
    /// Planes of `channels` channels of `rows` by `cols` pixels for square filters of side `side`.
    pub(crate) fn new(channels: usize, [rows, cols]: [usize; 2], side: usize, stride: usize) -> Planes {
        let bordered = |length: usize| (length + side - 1).div_ceil(stride);
        let (height, width) = (bordered(rows), bordered(cols));
        // One row more than the border asks for: the last tap of the last row's unread places lies there.
        let area = (height + 1) * width;
        let values = vec![0.0; channels * area * stride * stride + SLACK];
        Planes { rows, cols, side, stride, width, area, values }
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

    /// Takes an image, `[channels, rows, cols]`; the border stays zero.
    pub(crate) fn fill(&mut self, image: &[f32]) {
        let pixels = self.rows * self.cols;
        for (channel, pixels) in image.chunks_exact(pixels).enumerate() {
            self.fill_channel(channel, pixels);
        }
    }

    fn fill_channel(&mut self, channel: usize, pixels: &[f32]) {
        let border = self.side / 2;
        let planes = self.stride * self.stride * self.area;
        let values = &mut self.values[channel * planes..][..planes];
        for (row, from) in pixels.chunks_exact(self.cols).enumerate() {
            let (down, phase) = ((row + border) / self.stride, (row + border) % self.stride);
            for across in 0..self.stride {
                let start = (phase * self.stride + across) * self.area + down * self.width;
                let to = &mut values[start..][..self.width];
                // The first column of the channel that lies in this plane, and where.
                let first = (across + self.stride - border % self.stride) % self.stride;
                let place = (first + border) / self.stride;
                if self.stride == 1 {
                    to[place..][..self.cols].copy_from_slice(from);
                } else {
                    let split = from[first.min(from.len())..].iter().step_by(self.stride);
                    to[place..].iter_mut().zip(split).for_each(|(to, from)| *to = *from);
                }
            }
        }
    }
}
