//! Convolutions over all channels with the widest vectors that the processor has.
//!
//! The result is a product of matrices, made tile by tile: what a few dozen neighbouring places of the result read is
//! copied once into a patch, one slice for each tap of each channel ([`Planes`]), and multiplied with blocks of filters
//! while the sums stay in registers. Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008, is the
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

/// Vectors of a tile: with [`BLOCK`] filters their sums fill three quarters of the registers of AVX-512.
pub(super) const VECTORS: usize = 3;

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

    /// The same with the product of each image done by `multiply`.
    fn run_by(
        &self,
        input: NdTensorView<'_, f32, 4>,
        multiply: impl Fn(Tiles<'_>),
    ) -> Result<NdTensor<f32, 4>, String> {
        let [n, channels, rows, cols] = input.shape();
        if channels != self.inputs {
            return Err(format!("{channels} channels for filters of {}", self.inputs));
        }
        let input = input.to_contiguous();
        let (out_rows, out_cols) = (rows.div_ceil(self.stride), cols.div_ceil(self.stride));
        let mut output = NdTensor::zeros([n, self.outputs, out_rows, out_cols]);
        if input.is_empty() {
            return Ok(output);
        }
        let to = output.data_mut().expect("a tensor just made lies in one piece");
        let images = input.data().chunks_exact(channels * rows * cols);
        let images = images.zip(to.chunks_exact_mut(self.outputs * out_rows * out_cols));
        if self.side == 1 {
            let starts: Vec<usize> = (0..channels).map(|channel| channel * rows * cols).collect();
            for (from, to) in images {
                multiply(Tiles { layer: self, values: from, starts: &starts, width: cols, out_cols, to });
            }
            return Ok(output);
        }
        let taps = self.side * self.side;
        let mut planes = Planes::new(channels, [rows, cols], self.side, self.stride);
        let starts: Vec<usize> =
            (0..channels * taps).map(|term| planes.start_of(term / taps, term % taps)).collect();
        for (from, to) in images {
            planes.fill(from);
            let (values, width) = (planes.values(), planes.width());
            multiply(Tiles { layer: self, values, starts: &starts, width, out_cols, to });
        }
        Ok(output)
    }
}

/// The product for one image.
struct Tiles<'a> {
    layer: &'a Dense,
    values: &'a [f32],
    /// For each tap of each channel where the slice of values begins that it reads.
    starts: &'a [usize],
    /// Places from one row to the next, of which the first `out_cols` are part of the result.
    width: usize,
    out_cols: usize,
    /// The result, `[outputs, rows, out_cols]`.
    to: &'a mut [f32],
}

impl SimdOp for Tiles<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        self.multiply(isa);
    }
}

impl Tiles<'_> {
    #[inline(always)]
    fn multiply<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        let (lanes, terms) = (ops.len(), self.starts.len());
        let length = VECTORS * lanes;
        let plane = self.to.len() / self.layer.outputs;
        let places = plane / self.out_cols * self.width;
        let mut patch = vec![0.0; terms * length];
        let mut tile = vec![0.0; BLOCK * length];
        for first in (0..places).step_by(length) {
            for (start, to) in self.starts.iter().zip(patch.chunks_exact_mut(length)) {
                let from = &self.values[start + first..];
                if from.len() >= length {
                    for (to, from) in to.chunks_exact_mut(lanes).zip(from.chunks_exact(lanes)) {
                        ops.store(ops.load(from), to);
                    }
                } else {
                    to[..from.len()].copy_from_slice(from);
                }
            }
            let blocks =
                self.layer.weights.chunks_exact(terms * BLOCK).zip(self.layer.bias.chunks_exact(BLOCK));
            for (number, (weights, bias)) in blocks.enumerate() {
                product(isa, &patch, weights, bias, &mut tile);
                let filters =
                    tile.chunks_exact(length).zip(self.to.chunks_exact_mut(plane).skip(number * BLOCK));
                for (sums, to) in filters {
                    give(sums, first, (self.width, self.out_cols), self.layer.bounds, to);
                }
            }
        }
    }
}

/// The product of a patch, `[terms, VECTORS * lanes]`, with the weights of a block, `[terms, BLOCK]`, on top of what each of its filters
/// begins with, `[BLOCK]`; gives `[BLOCK, VECTORS * lanes]`.
#[inline(always)]
pub(super) fn product<I: Isa>(isa: I, patch: &[f32], weights: &[f32], begin: &[f32], sums: &mut [f32]) {
    // With 16 registers half a block at a time leaves room for what is multiplied.
    if isa.f32().len() >= 16 {
        product_in_parts::<I, BLOCK>(isa, patch, weights, begin, sums);
    } else {
        product_in_parts::<I, { BLOCK / 2 }>(isa, patch, weights, begin, sums);
    }
}

/// The same, so many filters at once.
#[inline(always)]
fn product_in_parts<I: Isa, const AT_ONCE: usize>(
    isa: I,
    patch: &[f32],
    weights: &[f32],
    begin: &[f32],
    to: &mut [f32],
) {
    let ops = isa.f32();
    let length = VECTORS * ops.len();
    for part in (0..BLOCK).step_by(AT_ONCE) {
        let mut sums = [[ops.zero(); VECTORS]; AT_ONCE];
        for (sums, begin) in sums.iter_mut().zip(&begin[part..]) {
            *sums = [ops.splat(*begin); VECTORS];
        }
        for (seen, weights) in patch.chunks_exact(length).zip(weights.chunks_exact(BLOCK)) {
            let seen: [I::F32; VECTORS] = ops.load_many(seen);
            for (sums, weight) in sums.iter_mut().zip(&weights[part..]) {
                let weight = ops.splat(*weight);
                for (sum, seen) in sums.iter_mut().zip(seen) {
                    *sum = ops.mul_add(seen, weight, *sum);
                }
            }
        }
        for (filter, sums) in sums.iter().enumerate() {
            for (vector, sum) in sums.iter().enumerate() {
                ops.store(*sum, &mut to[(part + filter) * length + vector * ops.len()..]);
            }
        }
    }
}

/// Writes the sums of neighbouring places, the first of which is `first`, into the rows of a result.
#[inline(always)]
fn give(sums: &[f32], first: usize, (width, cols): (usize, usize), [low, high]: [f32; 2], to: &mut [f32]) {
    let (mut place, mut rest) = (first, sums);
    while !rest.is_empty() {
        let (row, col) = (place / width, place % width);
        let (line, further) = rest.split_at(rest.len().min(width - col));
        let Some(to) = to.get_mut(row * cols + col.min(cols)..(row + 1) * cols) else { return };
        for (to, sum) in to.iter_mut().zip(line) {
            *to = sum.max(low).min(high);
        }
        (place, rest) = (place + line.len(), further);
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
