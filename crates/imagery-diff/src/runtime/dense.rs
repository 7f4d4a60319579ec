//! Convolutions over all channels with the widest vectors that the processor has.
//!
//! The result is a product of matrices, made tile by tile: what a few dozen neighbouring places of the result read, one slice
//! for each tap of each channel ([`Planes`]), is multiplied with blocks of filters while the sums stay in registers. Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008, is the
//! source of the scheme.

use rten_simd::{
    Isa, SimdOp,
    ops::{BitOps, NumOps},
};
use rten_tensor::{NdTensor, NdTensorView, prelude::*};

use super::planes::Planes;

/// A convolution over all channels: square filters, a bias, and bounds of what comes out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dense {
    inputs: usize,
    outputs: usize,
    side: usize,
    stride: usize,
    /// Blocks of [`BLOCK`] filters, `[blocks, inputs * side * side, BLOCK]`, the last filled up with zeros.
    weights: Vec<f32>,
    /// One for each filter of the blocks.
    bias: Vec<f32>,
    bounds: [f32; 2],
}

/// Sides of a filter and strides that are done here.
pub(crate) const SHAPES: [(usize, usize); 3] = [(1, 1), (3, 1), (3, 2)];

/// Filters of a block.
pub(super) const BLOCK: usize = 8;

/// Vectors of a tile and filters that are multiplied at once where there are 32 registers (AVX-512): their sums fill three
/// quarters of them.
pub(super) const OF_32: [usize; 2] = [3, BLOCK];
/// The same where there are 16: twelve sums would leave no room for what is multiplied.
pub(super) const OF_16: [usize; 2] = [2, BLOCK / 2];

impl Dense {
    /// A convolution with filters `[outputs, inputs, side, side]`.
    pub(crate) fn new(
        [outputs, inputs]: [usize; 2],
        (side, stride): (usize, usize),
        filters: &[f32],
        bias: &[f32],
        bounds: [f32; 2],
    ) -> Dense {
        let terms = inputs * side * side;
        let blocks = outputs.div_ceil(BLOCK);
        let mut weights = vec![0.0; blocks * terms * BLOCK];
        for (output, filter) in filters.chunks_exact(terms).enumerate() {
            let block = &mut weights[output / BLOCK * terms * BLOCK..];
            for (term, weight) in filter.iter().enumerate() {
                block[term * BLOCK + output % BLOCK] = *weight;
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(blocks * BLOCK, 0.0);
        Dense { inputs, outputs, side, stride, weights, bias, bounds }
    }

    /// `[N, C, H, W]` in, `[N, outputs, H / stride, W / stride]` (rounded up) out; the border counts as zeros.
    ///
    /// # Errors
    /// When the tensor has another number of channels.
    pub(crate) fn run(&self, input: NdTensorView<'_, f32, 4>) -> Result<NdTensor<f32, 4>, String> {
        self.run_by(input, |tiles| tiles.dispatch())
    }

    /// The same with the product done by `multiply`.
    fn run_by(
        &self,
        input: NdTensorView<'_, f32, 4>,
        multiply: impl Fn(Product<'_>),
    ) -> Result<NdTensor<f32, 4>, String> {
        let [n, channels, rows, cols] = input.shape();
        if channels != self.inputs {
            return Err(format!("{channels} channels for filters of {}", self.inputs));
        }
        let input = input.to_contiguous();
        let (out_rows, out_cols) = (rows.div_ceil(self.stride), cols.div_ceil(self.stride));
        let mut output = NdTensor::zeros([n, self.outputs, out_rows, out_cols]);
        if !input.is_empty() {
            let to = output.data_mut().expect("a tensor just made lies in one piece");
            multiply(Product { layer: self, size: [rows, cols], images: input.data(), to });
        }
        Ok(output)
    }
}

/// The product for some images.
struct Product<'a> {
    layer: &'a Dense,
    /// Rows and columns of an image.
    size: [usize; 2],
    /// The images, `[N, inputs, rows, cols]`.
    images: &'a [f32],
    /// The result, `[N, outputs, rows / stride, cols / stride]`.
    to: &'a mut [f32],
}

impl SimdOp for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        if isa.f32().len() >= 16 {
            self.multiply::<I, { OF_32[0] }, { OF_32[1] }>(isa);
        } else {
            self.multiply::<I, { OF_16[0] }, { OF_16[1] }>(isa);
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn multiply<I: Isa, const VECTORS: usize, const AT_ONCE: usize>(self, isa: I) {
        let Dense { inputs, outputs, side, stride, weights, bias, bounds } = self.layer;
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
                    let blocks = weights.chunks_exact(starts.len() * BLOCK).zip(bias.chunks_exact(BLOCK));
                    for (number, (weights, bias)) in blocks.enumerate() {
                        let seen = starts.iter().map(|start| &planes.values()[start + first..][..length]);
                        product::<I, VECTORS, AT_ONCE>(isa, seen, weights, bias, &mut tile);
                        clamp(isa, *bounds, &mut tile);
                        let filters = to.chunks_exact_mut(plane).skip(number * BLOCK);
                        for (sums, to) in tile.chunks_exact(length).zip(filters) {
                            let to = &mut to[band.start * out_cols..band.end * out_cols];
                            give(isa, sums, first, [planes.width(), out_cols], to);
                        }
                    }
                }
            }
        }
    }
}

/// The product of what some places see, `VECTORS * lanes` values for each term, with the weights of a block, `[terms, BLOCK]`,
/// on top of what each of its filters begins with, `[BLOCK]`; gives `[BLOCK, VECTORS * lanes]`.
#[inline(always)]
pub(super) fn product<'a, I: Isa, const VECTORS: usize, const AT_ONCE: usize>(
    isa: I,
    seen: impl Iterator<Item = &'a [f32]> + Clone,
    weights: &[f32],
    begin: &[f32],
    to: &mut [f32],
) {
    let ops = isa.f32();
    let lanes = ops.len();
    // Plain loops over arrays of known lengths: they stay in registers, and closures of the standard library's array
    // functions are not compiled for the processor at hand.
    for part in (0..BLOCK).step_by(AT_ONCE) {
        let mut sums = [[ops.zero(); VECTORS]; AT_ONCE];
        for (sums, begin) in sums.iter_mut().zip(&begin[part..]) {
            *sums = [ops.splat(*begin); VECTORS];
        }
        let parts = weights.as_chunks::<AT_ONCE>().0.iter().skip(part / AT_ONCE).step_by(BLOCK / AT_ONCE);
        for (seen, weights) in seen.clone().zip(parts) {
            let mut vectors = [ops.zero(); VECTORS];
            for (at, vector) in vectors.iter_mut().enumerate() {
                *vector = ops.load(&seen[at * lanes..]);
            }
            for (sums, weight) in sums.iter_mut().zip(weights) {
                let weight = ops.splat(*weight);
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = ops.mul_add(vector, weight, *sum);
                }
            }
        }
        for (filter, sums) in sums.iter().enumerate() {
            for (vector, sum) in sums.iter().enumerate() {
                ops.store(*sum, &mut to[((part + filter) * VECTORS + vector) * lanes..]);
            }
        }
    }
}

/// Brings values, whole vectors of them, between two bounds.
#[inline(always)]
fn clamp<I: Isa>(isa: I, [low, high]: [f32; 2], values: &mut [f32]) {
    let ops = isa.f32();
    let (low, high) = (ops.splat(low), ops.splat(high));
    for values in values.chunks_exact_mut(ops.len()) {
        ops.store(ops.min(ops.max(ops.load(values), low), high), values);
    }
}

/// Writes the sums of neighbouring places, the first of which is `first`, into the rows of a result.
#[inline(always)]
fn give<I: Isa>(isa: I, sums: &[f32], first: usize, [width, cols]: [usize; 2], to: &mut [f32]) {
    let ops = isa.f32();
    let (mut place, mut rest) = (first, sums);
    while !rest.is_empty() {
        let (row, col) = (place / width, place % width);
        let (line, further) = rest.split_at(rest.len().min(width - col));
        let Some(to) = to.get_mut(row * cols + col.min(cols)..(row + 1) * cols) else { return };
        let count = line.len().min(to.len());
        // By hand: calls to copy a vector or two take longer than the copies.
        let (mut to, mut line) =
            (to[..count].chunks_exact_mut(ops.len()), line[..count].chunks_exact(ops.len()));
        for (to, line) in to.by_ref().zip(line.by_ref()) {
            ops.store(ops.load(line), to);
        }
        for (to, sum) in to.into_remainder().iter_mut().zip(line.remainder()) {
            *to = *sum;
        }
        (place, rest) = (place + rest.len() - further.len(), further);
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "x86_64")]
    use rten_simd::isa::{Avx2Isa, Avx512Isa, GenericIsa};

    use super::{super::some, *};

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
                    let layer = Dense::new([outputs, inputs], (side, stride), &filters, &bias, [-1.0, 6.0]);
                    let got = layer.run(input.view()).unwrap();
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
        let layer = Dense::new([11, 5], (3, 1), &some(11 * 45, 0.7), &some(11, 1.3), bounds);
        let plain = layer.run_by(input.view(), |tiles| tiles.eval(GenericIsa::new())).unwrap();
        let Some(avx2) = Avx2Isa::new() else { return };
        let avx2 = layer.run_by(input.view(), |tiles| tiles.eval(avx2)).unwrap();
        // Without fused multiplications and additions each is rounded.
        assert!(plain.iter().zip(avx2.iter()).all(|(plain, avx2)| (plain - avx2).abs() < 1e-4));
        let Some(avx512) = Avx512Isa::new() else { return };
        let avx512 = layer.run_by(input.view(), |tiles| tiles.eval(avx512)).unwrap();
        assert_eq!(avx2.data(), avx512.data());
    }

    #[test]
    fn another_number_of_channels_is_refused() {
        let layer = Dense::new([1, 2], (1, 1), &[0.0; 2], &[0.0], [0.0, 6.0]);
        let told = layer.run(NdTensor::zeros([1, 3, 4, 4]).view()).unwrap_err();
        assert!(told.contains("3 channels"), "{told}");
    }
}
