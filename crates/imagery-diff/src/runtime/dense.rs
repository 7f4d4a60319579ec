//! Convolutions over all channels, tile by tile.
//!
//! What neighbouring places of the result read is one slice of [`Planes`] for each tap of each channel.

use rten_simd::{Isa, SimdOp, ops::BitOps};
use rten_tensor::{NdTensor, NdTensorView, prelude::*};

use super::{
    Room,
    planes::Planes,
    tiles::{BLOCK, Ending, Filters, InRegisters, Tiled, product},
};

/// A convolution over all channels: square filters, a bias, and bounds of what comes out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dense {
    inputs: usize,
    outputs: usize,
    side: usize,
    stride: usize,
    filters: Filters,
    bounds: [f32; 2],
}

/// Sides of a filter and strides that are done here.
pub(crate) const SHAPES: [(usize, usize); 2] = [(3, 1), (3, 2)];

impl Dense {
    /// A convolution with filters `[outputs, inputs, side, side]`.
    pub(crate) fn new(
        inputs: usize,
        (side, stride): (usize, usize),
        filters: &[f32],
        bias: &[f32],
        bounds: [f32; 2],
    ) -> Dense {
        let filters = Filters::new(inputs * side * side, filters, bias);
        Dense { inputs, outputs: bias.len(), side, stride, filters, bounds }
    }

    /// `[N, C, H, W]` in, `[N, outputs, H / stride, W / stride]` (rounded up) out; the border counts as zeros.
    ///
    /// # Errors
    /// When the tensor has another number of channels, or the room another shape.
    pub(crate) fn run(
        &self,
        input: NdTensorView<'_, f32, 4>,
        room: Room<'_>,
    ) -> Result<NdTensor<f32, 4>, String> {
        self.run_by(input, room, |tiles| tiles.dispatch())
    }

    /// The same with the product done by `multiply`.
    fn run_by(
        &self,
        input: NdTensorView<'_, f32, 4>,
        room: Room<'_>,
        multiply: impl Fn(InRegisters<Product<'_>>),
    ) -> Result<NdTensor<f32, 4>, String> {
        let [n, channels, rows, cols] = input.shape();
        if channels != self.inputs {
            return Err(format!("{channels} channels for filters of {}", self.inputs));
        }
        let input = input.to_contiguous();
        let (out_rows, out_cols) = (rows.div_ceil(self.stride), cols.div_ceil(self.stride));
        let (mut output, adds) = room.tensor([n, self.outputs, out_rows, out_cols])?;
        if !input.is_empty() {
            multiply(InRegisters(Product {
                layer: self,
                ending: Ending { adds, bounds: self.bounds },
                size: [rows, cols],
                images: input.data(),
                to: output.data_mut().expect("a tensor just made lies in one piece"),
            }));
        }
        Ok(output)
    }
}

/// The product for some images.
struct Product<'a> {
    layer: &'a Dense,
    ending: Ending,
    /// Rows and columns of an image.
    size: [usize; 2],
    /// The images, `[N, inputs, rows, cols]`.
    images: &'a [f32],
    /// The result, `[N, outputs, rows / stride, cols / stride]`.
    to: &'a mut [f32],
}

impl Tiled for Product<'_> {
    #[inline(always)]
    fn work<I: Isa, const VECTORS: usize, const AT_ONCE: usize>(self, isa: I) {
        let Dense { inputs, outputs, side, stride, filters, .. } = self.layer;
        let [rows, cols] = self.size;
        let (taps, length, out_cols) = (side * side, VECTORS * isa.f32().len(), cols.div_ceil(*stride));
        let mut planes = Planes::in_bands(*inputs, self.size, [*side, *stride], length);
        let starts: Vec<usize> =
            (0..inputs * taps).map(|term| planes.start_of(term / taps, term % taps)).collect();
        let mut tile = vec![0.0; BLOCK * length];
        let plane = rows.div_ceil(*stride) * out_cols;
        let images = self.images.chunks_exact(inputs * rows * cols);
        for (image, to) in images.zip(self.to.chunks_exact_mut(outputs * plane)) {
            for band in planes.bands() {
                planes.fill(image, band.start);
                for first in (0..band.len() * planes.width()).step_by(length) {
                    for (number, weights, bias) in filters.blocks() {
                        let seen = starts.iter().map(|start| &planes.values()[start + first..][..length]);
                        product::<I, VECTORS, AT_ONCE>(isa, seen, weights, bias, &mut tile);
                        let outputs = to.chunks_exact_mut(plane).skip(number);
                        for (sums, to) in tile.chunks_exact(length).zip(outputs) {
                            let to = &mut to[band.start * out_cols..band.end * out_cols];
                            give(isa, self.ending, sums, first, [planes.width(), out_cols], to);
                        }
                    }
                }
            }
        }
    }
}

/// Writes the sums of neighbouring places, the first of which is `first`, into the rows of a result.
#[inline(always)]
fn give<I: Isa>(
    isa: I,
    ending: Ending,
    sums: &[f32],
    first: usize,
    [width, cols]: [usize; 2],
    to: &mut [f32],
) {
    let (mut place, mut rest) = (first, sums);
    while !rest.is_empty() {
        let (row, col) = (place / width, place % width);
        let (line, further) = rest.split_at(rest.len().min(width - col));
        let Some(to) = to.get_mut(row * cols + col.min(cols)..(row + 1) * cols) else { return };
        ending.write(isa, line, to);
        (place, rest) = (place + line.len(), further);
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "x86_64")]
    use rten_simd::isa::{Avx2Isa, Avx512Isa, GenericIsa};

    use super::{
        super::{some, used},
        *,
    };

    /// The definition, tap by tap.
    fn plain(
        [outputs, inputs, side, stride]: [usize; 4],
        filters: &[f32],
        bias: &[f32],
        input: &NdTensor<f32, 4>,
    ) -> NdTensor<f32, 4> {
        let [n, _, rows, cols] = input.shape();
        NdTensor::from_fn(
            [n, outputs, rows.div_ceil(stride), cols.div_ceil(stride)],
            |[image, output, row, col]| {
                let mut sum = bias[output];
                for term in 0..inputs * side * side {
                    let (channel, tap) = (term / (side * side), term % (side * side));
                    let y = (row * stride + tap / side).checked_sub(side / 2);
                    let x = (col * stride + tap % side).checked_sub(side / 2);
                    if let (Some(y), Some(x)) = (y.filter(|y| *y < rows), x.filter(|x| *x < cols)) {
                        sum += input[[image, channel, y, x]] * filters[output * inputs * side * side + term];
                    }
                }
                sum.clamp(-1.0, 6.0)
            },
        )
    }

    #[test]
    fn it_is_the_sum_over_the_taps_for_every_shape() {
        for (side, stride) in SHAPES {
            for (outputs, inputs) in [(1, 3), (8, 1), (11, 5), (16, 2)] {
                for (rows, cols) in [(1, 1), (2, 3), (5, 4), (11, 11), (7, 95), (30, 17)] {
                    let filters = some(outputs * inputs * side * side, 0.7);
                    let bias = some(outputs, 1.3);
                    let input =
                        NdTensor::from_data([2, inputs, rows, cols], some(2 * inputs * rows * cols, 0.37));
                    let layer = Dense::new(inputs, (side, stride), &filters, &bias, [-1.0, 6.0]);
                    let got = layer.run(input.view(), Room::Of(&mut used())).unwrap();
                    let wanted = plain([outputs, inputs, side, stride], &filters, &bias, &input);
                    assert_eq!(got.shape(), wanted.shape());
                    for (got, wanted) in got.iter().zip(wanted.iter()) {
                        let told =
                            format!("{got} for {wanted}: {side} {stride} {outputs} {inputs} {rows} {cols}");
                        assert!((got - wanted).abs() < 1e-4, "{told}");
                    }
                }
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn wider_vectors_say_the_same() {
        let input = NdTensor::from_data([1, 5, 13, 31], some(5 * 13 * 31, 0.37));
        let bounds = [f32::NEG_INFINITY, f32::INFINITY];
        let layer = Dense::new(5, (3, 1), &some(11 * 45, 0.7), &some(11, 1.3), bounds);
        let run_by = |multiply: &dyn Fn(InRegisters<Product<'_>>)| {
            layer.run_by(input.view(), Room::Of(&mut used()), multiply)
        };
        let plain = run_by(&|tiles| tiles.eval(GenericIsa::new())).unwrap();
        let Some(avx2) = Avx2Isa::new() else { return };
        let avx2 = run_by(&|tiles| tiles.eval(avx2)).unwrap();
        // Without fused multiplications and additions each is rounded.
        assert!(plain.iter().zip(avx2.iter()).all(|(plain, avx2)| (plain - avx2).abs() < 1e-4));
        let Some(avx512) = Avx512Isa::new() else { return };
        let avx512 = run_by(&|tiles| tiles.eval(avx512)).unwrap();
        assert_eq!(avx2.data(), avx512.data());
    }

    #[test]
    fn another_number_of_channels_is_refused() {
        let layer = Dense::new(2, (3, 1), &[0.0; 18], &[0.0], [0.0, 6.0]);
        let told = layer.run(NdTensor::zeros([1, 3, 4, 4]).view(), Room::Of(&mut used())).unwrap_err();
        assert!(told.contains("3 channels"), "{told}");
    }
}
