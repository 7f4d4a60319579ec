//! Depthwise convolutions with the widest vectors that the processor has.
//!
//! Each tap of a channel's filter is a slice of its [`Planes`], and the sum over the taps one loop over plain slices.

use rten_tensor::{NdTensor, NdTensorView, prelude::*};

use super::{Room, planes::Planes};

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
    /// When the tensor has another number of channels, or the result is to be added to something.
    pub(crate) fn run(
        &self,
        input: NdTensorView<'_, f32, 4>,
        mut room: Room<'_>,
    ) -> Result<NdTensor<f32, 4>, String> {
        let [n, channels, rows, cols] = input.shape();
        if channels != self.bias.len() {
            return Err(format!("{channels} channels for {} filters", self.bias.len()));
        }
        let input = input.to_contiguous();
        let from = input.data();
        let (out_rows, out_cols) = (rows.div_ceil(self.stride), cols.div_ceil(self.stride));
        let shape = [n, channels, out_rows, out_cols];
        if from.is_empty() {
            return Ok(NdTensor::zeros(shape));
        }
        let mut planes = Planes::whole(1, [rows, cols], [self.side, self.stride]);
        let mut sums = vec![0.0; out_rows * planes.width()];
        let mut to = room.pool()?.take(shape.iter().product());
        to.clear();
        for (at, from) in from.chunks_exact(rows * cols).enumerate() {
            planes.fill(from, 0);
            let channel = at % channels;
            match self.side {
                3 => self.sum::<9>(channel, &planes, &mut sums),
                _ => self.sum::<25>(channel, &planes, &mut sums),
            }
            for line in sums.chunks_exact(planes.width()) {
                to.extend_from_slice(&line[..out_cols]);
            }
        }
        Ok(NdTensor::from_data(shape, to))
    }

    /// The sums at every place of a plane; what lies beyond the last column of the result has no meaning.
    fn sum<const TAPS: usize>(&self, channel: usize, planes: &Planes, sums: &mut [f32]) {
        let weights = self.weights[channel * TAPS..].first_chunk().expect("every channel has a filter");
        let taps = std::array::from_fn(|tap| &planes.values()[planes.start_of(0, tap)..][..sums.len()]);
        Taps::<TAPS> { taps, weights, bias: self.bias[channel], bounds: self.bounds }.add(sums);
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
    use super::{
        super::{some, used},
        *,
    };

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
                    let got = layer.run(input.view(), Room::Of(&mut used())).unwrap();
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
        let told = layer.run(NdTensor::zeros([1, 3, 4, 4]).view(), Room::Of(&mut used())).unwrap_err();
        assert!(told.contains("3 channels"), "{told}");
    }
}
