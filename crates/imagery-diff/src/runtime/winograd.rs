//! Convolutions of 3 x 3 pixels with a quarter of the multiplications.
//!
//! Four by four neighbouring pixels of the result read six by six of the image. Both are taken into a space in which the
//! convolution is 36 plain products, one for each of the six by six, and their sums over the channels are taken back:
//! Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016, F(4x4, 3x3). The products are matrices
//! again, multiplied as in [`super::tiles`]; blocks of four by four pixels lie side by side in [`Planes`] of stride four.

use rten_simd::{
    Isa, SimdOp,
    ops::{BitOps, NumOps},
};
use rten_tensor::{NdTensor, NdTensorView, prelude::*};

use super::{
    Room,
    planes::Planes,
    tiles::{BLOCK, Ending, Filters, InRegisters, Tiled, product},
};

/// Side of the filters.
pub(crate) const SIDE: usize = 3;
/// Side of the pixels of the result that are made at once.
const MADE: usize = 4;
/// Side of what they read.
const READ: usize = MADE + SIDE - 1;
/// Products of a filter with what a block of the result reads.
const PRODUCTS: usize = READ * READ;

/// A convolution over all channels with filters of 3 x 3, a bias, and bounds of what comes out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Winograd {
    inputs: usize,
    outputs: usize,
    /// Filters in the space of the products, `[PRODUCTS, inputs]` each; a bias is of the result.
    filters: Filters,
    bounds: [f32; 2],
}

impl Winograd {
    /// A convolution with filters `[outputs, inputs, 3, 3]`.
    pub(crate) fn new(inputs: usize, filters: &[f32], bias: &[f32], bounds: [f32; 2]) -> Winograd {
        let outputs = bias.len();
        let mut transformed = vec![0.0; outputs * PRODUCTS * inputs];
        for (number, filter) in filters.as_chunks::<{ SIDE * SIDE }>().0.iter().enumerate() {
            let (output, input) = (number / inputs, number % inputs);
            for (place, weight) in transformed_filter(filter).into_iter().enumerate() {
                transformed[(output * PRODUCTS + place) * inputs + input] = weight;
            }
        }
        let filters = Filters::new(PRODUCTS * inputs, &transformed, bias);
        Winograd { inputs, outputs, filters, bounds }
    }

    /// `[N, C, H, W]` in, `[N, outputs, H, W]` out; the border counts as zeros.
    ///
    /// # Errors
    /// When the tensor has another number of channels, or the room another shape.
    pub(crate) fn run(
        &self,
        input: NdTensorView<'_, f32, 4>,
        room: Room<'_>,
    ) -> Result<NdTensor<f32, 4>, String> {
        self.run_by(input, room, |blocks| blocks.dispatch())
    }

    /// The same with the work done by `convolve`.
    fn run_by(
        &self,
        input: NdTensorView<'_, f32, 4>,
        room: Room<'_>,
        convolve: impl Fn(InRegisters<Blocks<'_>>),
    ) -> Result<NdTensor<f32, 4>, String> {
        let [n, channels, rows, cols] = input.shape();
        if channels != self.inputs {
            return Err(format!("{channels} channels for filters of {}", self.inputs));
        }
        let input = input.to_contiguous();
        let (mut output, adds) = room.tensor([n, self.outputs, rows, cols])?;
        if !input.is_empty() {
            convolve(InRegisters(Blocks {
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

/// A filter in the space of the products: `G f G^T`.
fn transformed_filter(filter: &[f32; SIDE * SIDE]) -> [f32; PRODUCTS] {
    let spread = |[a, b, c]: [f32; SIDE]| {
        let (sum, far) = ((a + c) / -6.0, a / 24.0 + c / 6.0);
        [a / 4.0, sum - b / 6.0, sum + b / 6.0, far + b / 12.0, far - b / 12.0, c]
    };
    let rows: [[f32; READ]; SIDE] =
        std::array::from_fn(|row| spread([filter[row * 3], filter[row * 3 + 1], filter[row * 3 + 2]]));
    let cols: [[f32; READ]; READ] =
        std::array::from_fn(|col| spread([rows[0][col], rows[1][col], rows[2][col]]));
    std::array::from_fn(|place| cols[place % READ][place / READ])
}

/// The convolution of some images.
struct Blocks<'a> {
    layer: &'a Winograd,
    ending: Ending,
    /// Rows and columns of an image.
    size: [usize; 2],
    /// The images, `[N, inputs, rows, cols]`.
    images: &'a [f32],
    /// The result, `[N, outputs, rows, cols]`.
    to: &'a mut [f32],
}

impl Tiled for Blocks<'_> {
    #[inline(always)]
    fn work<I: Isa, const VECTORS: usize, const AT_ONCE: usize>(self, isa: I) {
        let Winograd { inputs, outputs, filters, .. } = self.layer;
        let [rows, cols] = self.size;
        let length = VECTORS * isa.f32().len();
        let mut planes = Planes::in_bands(*inputs, self.size, [SIDE, MADE], length);
        let mut seen = vec![0.0; PRODUCTS * inputs * length];
        let mut sums = vec![0.0; PRODUCTS * BLOCK * length];
        let mut made = vec![0.0; MADE * MADE * length];
        let images = self.images.chunks_exact(inputs * rows * cols);
        for (image, to) in images.zip(self.to.chunks_exact_mut(outputs * rows * cols)) {
            for band in planes.bands() {
                planes.fill(image, band.start);
                let lines = band.start * MADE * cols..rows.min(band.end * MADE) * cols;
                for first in (0..band.len() * planes.width()).step_by(length) {
                    for channel in 0..*inputs {
                        see::<I, VECTORS>(isa, &planes, [channel, *inputs], first, &mut seen);
                    }
                    for (number, weights, bias) in filters.blocks() {
                        let products =
                            seen.chunks_exact(inputs * length).zip(weights.chunks_exact(inputs * BLOCK));
                        for ((seen, weights), sums) in products.zip(sums.chunks_exact_mut(BLOCK * length)) {
                            let seen = seen.chunks_exact(length);
                            product::<I, VECTORS, AT_ONCE>(isa, seen, weights, &[0.0; BLOCK], sums);
                        }
                        let outputs = to.chunks_exact_mut(rows * cols).skip(number);
                        for ((filter, to), bias) in (0..BLOCK).zip(outputs).zip(bias) {
                            take_back::<I, VECTORS>(isa, &sums[filter * length..], *bias, &mut made);
                            give(self.ending, &made, first, planes.width(), cols, &mut to[lines.clone()]);
                        }
                    }
                }
            }
        }
    }
}

/// Transforms what neighbouring blocks read of one of so many channels into `[PRODUCTS, channels, length]`: `B^T d B`.
#[inline(always)]
fn see<I: Isa, const VECTORS: usize>(
    isa: I,
    planes: &Planes,
    [channel, channels]: [usize; 2],
    first: usize,
    seen: &mut [f32],
) {
    let ops = isa.f32();
    let length = VECTORS * ops.len();
    for vector in (0..length).step_by(ops.len()) {
        let at = first + vector;
        // Spelt out: an array of all of them that is filled in a loop is cleared first.
        let [a, b, c, d, e, f] = [
            seen_down(isa, planes, [channel, 0], at),
            seen_down(isa, planes, [channel, 1], at),
            seen_down(isa, planes, [channel, 2], at),
            seen_down(isa, planes, [channel, 3], at),
            seen_down(isa, planes, [channel, 4], at),
            seen_down(isa, planes, [channel, 5], at),
        ];
        for row in 0..READ {
            let line = transformed(isa, [a[row], b[row], c[row], d[row], e[row], f[row]]);
            for (col, value) in line.iter().enumerate() {
                let at = ((row * READ + col) * channels + channel) * length + vector;
                ops.store(*value, &mut seen[at..]);
            }
        }
    }
}

/// One column of what neighbouring blocks, from `at` on, read of a channel in the space of the products.
#[inline(always)]
fn seen_down<I: Isa>(isa: I, planes: &Planes, [channel, col]: [usize; 2], at: usize) -> [I::F32; READ] {
    let ops = isa.f32();
    let mut column = [ops.zero(); READ];
    for (row, value) in column.iter_mut().enumerate() {
        *value = ops.load(&planes.values()[planes.start_at(channel, row, col) + at..]);
    }
    transformed(isa, column)
}

/// One row or column of what a block reads in the space of the products.
#[inline(always)]
fn transformed<I: Isa>(isa: I, [a, b, c, d, e, f]: [I::F32; READ]) -> [I::F32; READ] {
    let ops = isa.f32();
    let (two, four) = (ops.splat(2.0), ops.splat(4.0));
    let (minus_four, minus_five) = (ops.splat(-4.0), ops.splat(-5.0));
    let (even, odd) = (ops.mul_add(c, minus_four, e), ops.mul_add(b, minus_four, d));
    let (near, far) = (ops.sub(e, c), ops.mul(ops.sub(d, b), two));
    [
        ops.mul_add(a, four, ops.mul_add(c, minus_five, e)),
        ops.add(even, odd),
        ops.sub(even, odd),
        ops.add(near, far),
        ops.sub(near, far),
        ops.mul_add(b, four, ops.mul_add(d, minus_five, f)),
    ]
}

/// Takes sums, `[PRODUCTS, BLOCK, length]` from one filter on, back to the pixels of the result, `[MADE * MADE, length]`:
/// `A^T m A`.
#[inline(always)]
fn take_back<I: Isa, const VECTORS: usize>(isa: I, sums: &[f32], bias: f32, made: &mut [f32]) {
    let ops = isa.f32();
    let length = VECTORS * ops.len();
    let bias = ops.splat(bias);
    for vector in (0..length).step_by(ops.len()) {
        let sums = &sums[vector..];
        let [a, b, c, d, e, f] = [
            made_down(isa, sums, 0, length),
            made_down(isa, sums, 1, length),
            made_down(isa, sums, 2, length),
            made_down(isa, sums, 3, length),
            made_down(isa, sums, 4, length),
            made_down(isa, sums, 5, length),
        ];
        for row in 0..MADE {
            let line = gathered(isa, [a[row], b[row], c[row], d[row], e[row], f[row]]);
            for (col, value) in line.iter().enumerate() {
                ops.store(ops.add(*value, bias), &mut made[(row * MADE + col) * length + vector..]);
            }
        }
    }
}

/// One column of the sums `[PRODUCTS, BLOCK, length]` from a filter and a place on, gathered.
#[inline(always)]
fn made_down<I: Isa>(isa: I, sums: &[f32], col: usize, length: usize) -> [I::F32; MADE] {
    let ops = isa.f32();
    let mut column = [ops.zero(); READ];
    for (row, value) in column.iter_mut().enumerate() {
        *value = ops.load(&sums[(row * READ + col) * BLOCK * length..]);
    }
    gathered(isa, column)
}

/// One row or column of a block of the result.
#[inline(always)]
fn gathered<I: Isa>(isa: I, [a, b, c, d, e, f]: [I::F32; READ]) -> [I::F32; MADE] {
    let ops = isa.f32();
    let (two, four, eight) = (ops.splat(2.0), ops.splat(4.0), ops.splat(8.0));
    let (near, near_odd) = (ops.add(b, c), ops.sub(b, c));
    let (far, far_odd) = (ops.add(d, e), ops.sub(d, e));
    [
        ops.add(ops.add(a, near), far),
        ops.mul_add(far_odd, two, near_odd),
        ops.mul_add(far, four, near),
        ops.add(ops.mul_add(far_odd, eight, near_odd), f),
    ]
}

/// Writes neighbouring blocks, the first of which is `first` of `width` in a row, into the rows of a result.
#[inline(always)]
fn give(ending: Ending, made: &[f32], first: usize, width: usize, cols: usize, to: &mut [f32]) {
    let length = made.len() / (MADE * MADE);
    let mut done = 0;
    while done < length {
        let (down, across) = ((first + done) / width, (first + done) % width);
        let count = (width - across).min(length - done);
        let lines = to.chunks_exact_mut(cols).skip(down * MADE);
        for (line, made) in lines.zip(made.chunks_exact(MADE * length)) {
            // Blocks beyond the last column have no meaning.
            let Some(line) = line.get_mut(across * MADE..) else { continue };
            let [a, b, c, d] = std::array::from_fn(|col| &made[col * length + done..][..count]);
            let (whole, rest) = line.as_chunks_mut::<MADE>();
            if whole.len() < count {
                let at = whole.len();
                for (to, made) in rest.iter_mut().zip([a[at], b[at], c[at], d[at]]) {
                    *to = ending.of(made, *to);
                }
            }
            for ((((to, a), b), c), d) in whole.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                for (to, made) in to.iter_mut().zip([a, b, c, d]) {
                    *to = ending.of(*made, *to);
                }
            }
        }
        done += count;
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "x86_64")]
    use rten_simd::isa::{Avx2Isa, Avx512Isa, GenericIsa};

    use super::{
        super::{dense::Dense, some, used},
        *,
    };

    #[test]
    fn it_is_the_convolution_for_every_shape() {
        for (outputs, inputs) in [(1, 3), (8, 1), (11, 5), (16, 24)] {
            for (rows, cols) in [(1, 1), (2, 3), (5, 4), (11, 11), (7, 295), (30, 17), (32, 64)] {
                let (filters, bias) = (some(outputs * inputs * 9, 0.7), some(outputs, 1.3));
                let input =
                    NdTensor::from_data([2, inputs, rows, cols], some(2 * inputs * rows * cols, 0.37));
                let bounds = [-1.0, 6.0];
                let got = Winograd::new(inputs, &filters, &bias, bounds);
                let got = got.run(input.view(), Room::Of(&mut used())).unwrap();
                let wanted = Dense::new(inputs, (3, 1), &filters, &bias, bounds);
                let wanted = wanted.run(input.view(), Room::Of(&mut used())).unwrap();
                assert_eq!(got.shape(), wanted.shape());
                for (got, wanted) in got.iter().zip(wanted.iter()) {
                    let told = format!("{got} for {wanted}: {outputs} {inputs} {rows} {cols}");
                    assert!((got - wanted).abs() < 1e-4, "{told}");
                }
            }
        }
    }

    #[test]
    fn what_it_is_added_to_counts_before_the_bounds() {
        let (filters, bias) = (some(11 * 5 * 9, 0.7), some(11, 1.3));
        let input = NdTensor::from_data([2, 5, 11, 33], some(2 * 5 * 11 * 33, 0.37));
        let added = NdTensor::from_data([2, 11, 11, 33], some(2 * 11 * 11 * 33, 0.9));
        let open = Winograd::new(5, &filters, &bias, [f32::NEG_INFINITY, f32::INFINITY]);
        let alone = open.run(input.view(), Room::Of(&mut used())).unwrap();
        let got = Winograd::new(5, &filters, &bias, [-1.0, 6.0]);
        let got = got.run(input.view(), Room::Onto(added.clone())).unwrap();
        for ((got, alone), added) in got.iter().zip(alone.iter()).zip(added.iter()) {
            let wanted = (alone + added).clamp(-1.0, 6.0);
            assert!((got - wanted).abs() < 1e-5, "{got} for {wanted}");
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn wider_vectors_say_the_same() {
        let input = NdTensor::from_data([1, 5, 13, 231], some(5 * 13 * 231, 0.37));
        let bounds = [f32::NEG_INFINITY, f32::INFINITY];
        let layer = Winograd::new(5, &some(11 * 45, 0.7), &some(11, 1.3), bounds);
        let run_by = |convolve: &dyn Fn(InRegisters<Blocks<'_>>)| {
            layer.run_by(input.view(), Room::Of(&mut used()), convolve)
        };
        let plain = run_by(&|blocks| blocks.eval(GenericIsa::new())).unwrap();
        let Some(avx2) = Avx2Isa::new() else { return };
        let avx2 = run_by(&|blocks| blocks.eval(avx2)).unwrap();
        // Without fused multiplications and additions each is rounded.
        assert!(plain.iter().zip(avx2.iter()).all(|(plain, avx2)| (plain - avx2).abs() < 1e-4));
        let Some(avx512) = Avx512Isa::new() else { return };
        let avx512 = run_by(&|blocks| blocks.eval(avx512)).unwrap();
        assert_eq!(avx2.data(), avx512.data());
    }

    #[test]
    fn another_number_of_channels_is_refused() {
        let layer = Winograd::new(2, &[0.0; 18], &[0.0], [0.0, 6.0]);
        let told = layer.run(NdTensor::zeros([1, 3, 4, 4]).view(), Room::Of(&mut used())).unwrap_err();
        assert!(told.contains("3 channels"), "{told}");
    }
}
