//! Depthwise convolutions with the widest vectors that the processor has.
//!
//! Every channel is copied once into a plane with a border of zeros; then each tap of the filter is a slice of that
//! plane, and the sum over the taps one loop over plain slices, without edges and without steps. With a stride of two
//! the plane is split into its even and odd rows and columns first, which makes the taps slices again.

use rten_tensor::{NdTensor, NdTensorView, prelude::*};

/// A depthwise convolution: one square filter for each channel, a bias, and bounds of what comes out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Depthwise {
    /// Side of the filters, one of [`SIDES`].
    pub(crate) side: usize,
    /// One of [`STRIDES`].
    pub(crate) stride: usize,
    /// `[C, side, side]`.
    pub(crate) weights: Vec<f32>,
    /// `[C]`.
    pub(crate) bias: Vec<f32>,
    /// Lowest and highest value that comes out.
    pub(crate) bounds: [f32; 2],
}

/// Sides of a filter that are done here.
pub(crate) const SIDES: [usize; 2] = [3, 5];
/// Strides that are done here.
pub(crate) const STRIDES: [usize; 2] = [1, 2];

impl Depthwise {
    /// `[N, C, H, W]` in, `[N, C, H / stride, W / stride]` (rounded up) out; the border counts as zeros.
    ///
    /// # Errors
    /// When the tensor has another number of channels.
    pub(crate) fn run(&self, input: NdTensorView<'_, f32, 4>) -> Result<NdTensor<f32, 4>, String> {
        let [n, channels, rows, cols] = input.shape();
        if channels != self.bias.len() {
            return Err(format!("{channels} channels for {} filters", self.bias.len()));
        }
        let input = input.to_contiguous();
        let from = input.data();
        let (out_rows, out_cols) = (rows.div_ceil(self.stride), cols.div_ceil(self.stride));
        let mut output = NdTensor::zeros([n, channels, out_rows, out_cols]);
        let to = output.data_mut().expect("a tensor just made lies in one piece");
        if from.is_empty() {
            return Ok(output);
        }
        let mut planes = Planes::new(rows, cols, self.side, self.stride);
        for (at, (from, to)) in
            from.chunks_exact(rows * cols).zip(to.chunks_exact_mut(out_rows * out_cols)).enumerate()
        {
            planes.fill(from);
            let channel = at % channels;
            let taps = self.side * self.side;
            let weights = &self.weights[channel * taps..][..taps];
            match self.side {
                3 => planes.sum::<9>(weights, self.bias[channel], self.bounds),
                _ => planes.sum::<25>(weights, self.bias[channel], self.bounds),
            }
            planes.give(to, out_cols);
        }
        Ok(output)
    }
}

/// One channel with its border, split by the stride, and the sums over it.
struct Planes {
    /// Rows and columns of the channel.
    rows: usize,
    cols: usize,
    side: usize,
    stride: usize,
    /// Columns of a plane.
    width: usize,
    /// Values of a plane.
    area: usize,
    /// `stride * stride` planes: rows and columns of the bordered channel that leave the same remainder.
    values: Vec<f32>,
    /// Sums at the places of a plane; what lies beyond the last column of the result is not read.
    sums: Vec<f32>,
}

impl Planes {
    fn new(rows: usize, cols: usize, side: usize, stride: usize) -> Planes {
        let bordered = |length: usize| (length + side - 1).div_ceil(stride);
        let (height, width) = (bordered(rows), bordered(cols));
        // One row more than the border asks for: the last tap of the last row's unread places lies there.
        let area = (height + 1) * width;
        let sums = rows.div_ceil(stride) * width;
        Planes {
            rows,
            cols,
            side,
            stride,
            width,
            area,
            values: vec![0.0; area * stride * stride],
            sums: vec![0.0; sums],
        }
    }

    /// Takes a channel; the border stays zero.
    fn fill(&mut self, channel: &[f32]) {
        let border = self.side / 2;
        for (row, from) in channel.chunks_exact(self.cols).enumerate().take(self.rows) {
            let (down, phase) = ((row + border) / self.stride, (row + border) % self.stride);
            for across in 0..self.stride {
                let start = (phase * self.stride + across) * self.area + down * self.width;
                let to = &mut self.values[start..][..self.width];
                // The first column of the channel that lies in this plane, and where.
                let first = (across + self.stride - border % self.stride) % self.stride;
                let place = (first + border) / self.stride;
                if self.stride == 1 {
                    to[place..][..self.cols].copy_from_slice(from);
                } else {
                    to[place..].iter_mut().zip(from[first.min(from.len())..].iter().step_by(2)).for_each(
                        |(to, from)| {
                            *to = *from;
                        },
                    );
                }
            }
        }
    }

    fn sum<const TAPS: usize>(&mut self, weights: &[f32], bias: f32, bounds: [f32; 2]) {
        let weights: &[f32; TAPS] = weights.try_into().expect("a filter has as many weights as taps");
        let count = self.sums.len();
        let taps: [&[f32]; TAPS] = std::array::from_fn(|tap| {
            let (row, col) = (tap / self.side, tap % self.side);
            let plane = (row % self.stride) * self.stride + col % self.stride;
            let start = plane * self.area + (row / self.stride) * self.width + col / self.stride;
            &self.values[start..][..count]
        });
        Taps { taps, weights, bias, bounds }.add(&mut self.sums);
    }

    /// Writes the result.
    fn give(&self, to: &mut [f32], out_cols: usize) {
        for (to, from) in to.chunks_exact_mut(out_cols).zip(self.sums.chunks_exact(self.width)) {
            to.copy_from_slice(&from[..out_cols]);
        }
    }
}

/// One filter over a plane: `clamp(bias + sum of weight times tap)`, place by place.
struct Taps<'a, const TAPS: usize> {
    taps: [&'a [f32]; TAPS],
    weights: &'a [f32; TAPS],
    bias: f32,
    bounds: [f32; 2],
}

impl<const TAPS: usize> Taps<'_, TAPS> {
    fn add(&self, out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f") {
                // SAFETY: the processor has what the function is compiled for.
                return unsafe { self.add_avx512(out) };
            }
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                // SAFETY: the processor has what the function is compiled for.
                return unsafe { self.add_avx2(out) };
            }
        }
        // Elsewhere than on x86 a fused multiplication and addition is part of every processor that is built for.
        self.add_here::<{ cfg!(target_arch = "aarch64") }>(out);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn add_avx512(&self, out: &mut [f32]) {
        self.add_here::<true>(out);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn add_avx2(&self, out: &mut [f32]) {
        self.add_here::<true>(out);
    }

    /// The loop itself, inlined so that it is compiled for what each caller may use.
    #[inline(always)]
    fn add_here<const FUSED: bool>(&self, out: &mut [f32]) {
        let taps = self.taps.map(|tap| &tap[..out.len()]);
        let (weights, bias, [low, high]) = (*self.weights, self.bias, self.bounds);
        for (place, out) in out.iter_mut().enumerate() {
            let mut sum = bias;
            for (tap, weight) in taps.iter().zip(weights) {
                sum = if FUSED { tap[place].mul_add(weight, sum) } else { sum + tap[place] * weight };
            }
            *out = sum.max(low).min(high);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|at| ((at as f32 * step).sin() * 10.0).round() / 7.0).collect()
    }

    /// The definition, tap by tap.
    fn plain(layer: &Depthwise, input: &NdTensor<f32, 4>) -> NdTensor<f32, 4> {
        let [n, channels, rows, cols] = input.shape();
        let shape = [n, channels, rows.div_ceil(layer.stride), cols.div_ceil(layer.stride)];
        NdTensor::from_fn(shape, |[image, channel, row, col]| {
            let mut sum = layer.bias[channel];
            for tap in 0..layer.side * layer.side {
                let y = (row * layer.stride + tap / layer.side).checked_sub(layer.side / 2);
                let x = (col * layer.stride + tap % layer.side).checked_sub(layer.side / 2);
                if let (Some(y), Some(x)) = (y.filter(|y| *y < rows), x.filter(|x| *x < cols)) {
                    let weight = layer.weights[channel * layer.side * layer.side + tap];
                    sum += input[[image, channel, y, x]] * weight;
                }
            }
            sum.clamp(layer.bounds[0], layer.bounds[1])
        })
    }

    #[test]
    fn it_is_the_sum_over_the_taps_for_every_side_stride_and_shape() {
        for side in SIDES {
            for stride in STRIDES {
                for (rows, cols) in [(1, 1), (2, 3), (5, 4), (11, 11), (16, 33), (30, 17)] {
                    let layer = Depthwise {
                        side,
                        stride,
                        weights: some(3 * side * side, 0.7),
                        bias: some(3, 1.3),
                        bounds: [-1.0, 6.0],
                    };
                    let input = NdTensor::from_data([2, 3, rows, cols], some(6 * rows * cols, 0.37));
                    let got = layer.run(input.view()).unwrap();
                    let wanted = plain(&layer, &input);
                    assert_eq!(got.shape(), wanted.shape());
                    for (got, wanted) in got.iter().zip(wanted.iter()) {
                        assert!(
                            (got - wanted).abs() < 1e-4,
                            "{got} for {wanted}: {side} {stride} {rows} {cols}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn another_number_of_channels_is_refused() {
        let layer =
            Depthwise { side: 3, stride: 1, weights: vec![0.0; 18], bias: vec![0.0; 2], bounds: [0.0, 6.0] };
        let told = layer.run(NdTensor::zeros([1, 3, 4, 4]).view()).unwrap_err();
        assert!(told.contains("3 channels"), "{told}");
    }
}
