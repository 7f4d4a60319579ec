//! Convolutions of one pixel, which join values: nothing is put side by side or enlarged for them.
//!
//! Places of the result read the same places of every value, so what a tile reads are slices of the values themselves. Of a value of half
//! the rows and columns the product is made before it is enlarged, for a quarter of the work.

use rten_simd::{Isa, SimdOp, ops::BitOps};
use rten_tensor::{NdTensor, NdTensorView, prelude::*};

use super::{
    Room,
    tiles::{BLOCK, Ending, Filters, InRegisters, Tiled, product},
};

/// One of the values that are joined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Source {
    /// Its channels.
    pub(crate) channels: usize,
    /// Of every two images that follow each other, each reads the other one.
    pub(crate) of_other: bool,
    /// Each pixel is read at two by two places.
    pub(crate) enlarged: bool,
}

/// A convolution of one pixel over the channels of some values, a bias, and bounds of what comes out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pointwise {
    sources: Vec<Source>,
    outputs: usize,
    /// Weights of the sources that are not enlarged.
    filters: Filters,
    /// Weights of those that are.
    coarser: Option<Filters>,
    bounds: [f32; 2],
}

impl Source {
    /// A value that is read as it is.
    pub(crate) fn alone(channels: usize) -> Source {
        Source { channels, of_other: false, enlarged: false }
    }
}

impl Pointwise {
    /// A convolution with filters `[outputs, channels of all sources]`.
    pub(crate) fn new(sources: Vec<Source>, filters: &[f32], bias: &[f32], bounds: [f32; 2]) -> Pointwise {
        let terms: usize = sources.iter().map(|source| source.channels).sum();
        let part = |enlarged: bool, bias: &[f32]| {
            let of_part =
                sources.iter().flat_map(|source| vec![source.enlarged == enlarged; source.channels]);
            let of_part: Vec<bool> = of_part.collect();
            let count = of_part.iter().filter(|it| **it).count();
            let weights = filters.chunks_exact(terms).flat_map(|filter| filter.iter().zip(&of_part));
            let weights: Vec<f32> = weights.filter(|(_, it)| **it).map(|(weight, _)| *weight).collect();
            Filters::new(count, &weights, bias)
        };
        let coarser =
            sources.iter().any(|source| source.enlarged).then(|| part(true, &vec![0.0; bias.len()]));
        Pointwise { outputs: bias.len(), filters: part(false, bias), coarser, bounds, sources }
    }

    /// `[N, C, H, W]` of each source in, or `[N, C, H / 2, W / 2]` of one that is enlarged; `[N, outputs, H, W]` out.
    ///
    /// # Errors
    /// When the values are not those of the sources, or do not fit each other or the room.
    pub(crate) fn run(
        &self,
        inputs: &[NdTensorView<'_, f32, 4>],
        room: Room<'_>,
    ) -> Result<NdTensor<f32, 4>, String> {
        self.run_by(inputs, room, |tiles| tiles.dispatch())
    }

    /// The same with the product done by `multiply`.
    fn run_by(
        &self,
        inputs: &[NdTensorView<'_, f32, 4>],
        mut room: Room<'_>,
        multiply: impl Fn(InRegisters<Product<'_>>),
    ) -> Result<NdTensor<f32, 4>, String> {
        let of_part = |enlarged: bool| {
            let all = self.sources.iter().zip(inputs);
            all.filter(move |(source, _)| source.enlarged == enlarged)
        };
        let part = |filters: &Filters, enlarged: bool, bounds: [f32; 2], room: Room| {
            let mut of_part = of_part(enlarged).peekable();
            let [n, _, rows, cols] = of_part.peek().ok_or("nothing to read")?.1.shape();
            let mut read = Vec::new();
            for (source, input) in of_part {
                let wanted = [n, source.channels, rows, cols];
                if input.shape() != wanted || source.of_other && n % 2 != 0 {
                    return Err(format!("{:?} where {wanted:?} is joined", input.shape()));
                }
                read.push((*source, input.to_contiguous()));
            }
            let (mut output, adds) = room.tensor([n, self.outputs, rows, cols])?;
            if rows * cols > 0 {
                multiply(InRegisters(Product {
                    filters,
                    ending: Ending { adds, bounds },
                    outputs: self.outputs,
                    places: rows * cols,
                    values: read.iter().map(|(source, values)| (*source, values.data())).collect(),
                    to: output.data_mut().expect("a tensor just made lies in one piece"),
                }));
            }
            Ok(output)
        };
        let room = match &self.coarser {
            None => room,
            Some(coarser) => {
                let open = [f32::NEG_INFINITY, f32::INFINITY];
                let pool = room.pool()?;
                let sums = part(coarser, true, open, Room::Of(pool))?;
                let begun = enlarged(&sums, pool.take(4 * sums.len()));
                pool.give(sums.into_data());
                Room::Onto(begun)
            }
        };
        part(&self.filters, false, self.bounds, room)
    }
}

/// Each pixel at two by two places.
fn enlarged(values: &NdTensor<f32, 4>, mut to: Vec<f32>) -> NdTensor<f32, 4> {
    let [n, channels, rows, cols] = values.shape();
    to.clear();
    to.reserve(4 * values.len());
    if cols > 0 {
        for line in values.data().expect("a tensor just made lies in one piece").chunks_exact(cols) {
            let start = to.len();
            to.extend(line.iter().flat_map(|value| [*value; 2]));
            to.extend_from_within(start..);
        }
    }
    NdTensor::from_data([n, channels, 2 * rows, 2 * cols], to)
}

/// The product for some images.
struct Product<'a> {
    filters: &'a Filters,
    ending: Ending,
    outputs: usize,
    /// Pixels of an image.
    places: usize,
    /// What is read, `[N, channels, places]` each.
    values: Vec<(Source, &'a [f32])>,
    /// The result, `[N, outputs, places]`.
    to: &'a mut [f32],
}

impl Tiled for Product<'_> {
    #[inline(always)]
    fn work<I: Isa, const VECTORS: usize, const AT_ONCE: usize>(self, isa: I) {
        let Product { filters, ending, outputs, places, values, to } = self;
        let length = VECTORS * isa.f32().len();
        let mut tile = vec![0.0; BLOCK * length];
        let mut last = vec![0.0; filters.terms() * length];
        for (image, to) in to.chunks_exact_mut(outputs * places).enumerate() {
            let mut lines = Vec::with_capacity(filters.terms());
            for (source, values) in &values {
                let image = if source.of_other { image ^ 1 } else { image };
                let area = source.channels * places;
                lines.extend(values[image * area..][..area].chunks_exact(places));
            }
            for first in (0..places).step_by(length) {
                let whole = first + length <= places;
                if !whole {
                    for (line, last) in lines.iter().zip(last.chunks_exact_mut(length)) {
                        last[..places - first].copy_from_slice(&line[first..]);
                    }
                }
                for (number, weights, bias) in filters.blocks() {
                    if whole {
                        let seen = lines.iter().map(|line| &line[first..][..length]);
                        product::<I, VECTORS, AT_ONCE>(isa, seen, weights, bias, &mut tile);
                    } else {
                        let seen = last.chunks_exact(length);
                        product::<I, VECTORS, AT_ONCE>(isa, seen, weights, bias, &mut tile);
                    }
                    let filters = to.chunks_exact_mut(places).skip(number);
                    for (sums, to) in tile.chunks_exact(length).zip(filters) {
                        ending.write(isa, sums, &mut to[first..]);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rten_simd::isa::GenericIsa;

    use super::{
        super::{Pool, some, used},
        *,
    };

    const BOUNDS: [f32; 2] = [-1.0, 6.0];

    /// Values of so many channels for each source of a result of so many rows and columns.
    fn inputs(sources: &[Source], [rows, cols]: [usize; 2]) -> Vec<NdTensor<f32, 4>> {
        let input = |(number, source): (usize, &Source)| {
            let (rows, cols) = if source.enlarged { (rows / 2, cols / 2) } else { (rows, cols) };
            let values = some(2 * source.channels * rows * cols, 0.37 + number as f32 * 0.1);
            NdTensor::from_data([2, source.channels, rows, cols], values)
        };
        sources.iter().enumerate().map(input).collect()
    }

    /// The definition: everything side by side, weight by weight, and something added.
    fn plain(
        sources: &[Source],
        inputs: &[NdTensor<f32, 4>],
        filters: &[f32],
        bias: &[f32],
        added: &NdTensor<f32, 4>,
    ) -> NdTensor<f32, 4> {
        NdTensor::from_fn(added.shape(), |[image, output, row, col]| {
            let mut sum = bias[output] + added[[image, output, row, col]];
            let mut weights = filters.chunks_exact(filters.len() / bias.len()).nth(output).unwrap().iter();
            for (source, input) in sources.iter().zip(inputs) {
                let image = if source.of_other { 1 - image } else { image };
                let (row, col) = if source.enlarged { (row / 2, col / 2) } else { (row, col) };
                for channel in 0..source.channels {
                    sum += input[[image, channel, row, col]] * weights.next().unwrap();
                }
            }
            sum.clamp(BOUNDS[0], BOUNDS[1])
        })
    }

    fn check(sources: Vec<Source>, outputs: usize, size: [usize; 2], added: Option<NdTensor<f32, 4>>) {
        let terms: usize = sources.iter().map(|source| source.channels).sum();
        let (filters, bias) = (some(outputs * terms, 0.7), some(outputs, 1.3));
        let inputs = inputs(&sources, size);
        let nothing = NdTensor::zeros([2, outputs, size[0], size[1]]);
        let wanted = plain(&sources, &inputs, &filters, &bias, added.as_ref().unwrap_or(&nothing));
        let layer = Pointwise::new(sources, &filters, &bias, BOUNDS);
        let views: Vec<_> = inputs.iter().map(NdTensor::view).collect();
        let got = match &added {
            Some(added) => layer.run(&views, Room::Onto(added.clone())),
            None => layer.run(&views, Room::Of(&mut used())),
        };
        for (got, wanted) in got.unwrap().iter().zip(wanted.iter()) {
            assert!((got - wanted).abs() < 1e-4, "{got} for {wanted}: {layer:?} {size:?}");
        }
    }

    #[test]
    fn it_is_the_sum_over_the_channels_of_what_is_joined() {
        let other = |channels: usize| Source { of_other: true, ..Source::alone(channels) };
        let coarser = |channels: usize| Source { enlarged: true, ..Source::alone(channels) };
        for size in [[2, 2], [4, 6], [10, 22], [16, 64]] {
            for outputs in [1, 8, 11] {
                check(vec![Source::alone(3)], outputs, size, None);
                check(vec![Source::alone(5), other(5)], outputs, size, None);
                check(vec![Source::alone(4), other(4), coarser(7)], outputs, size, None);
                check(vec![coarser(2), Source::alone(4)], outputs, size, None);
                let added = some(2 * outputs * size[0] * size[1], 0.9);
                let added = NdTensor::from_data([2, outputs, size[0], size[1]], added);
                check(vec![Source::alone(9)], outputs, size, Some(added));
            }
        }
    }

    #[test]
    fn wider_vectors_say_the_same() {
        let sources = vec![Source::alone(5), Source { enlarged: true, ..Source::alone(4) }];
        let inputs = inputs(&sources, [6, 30]);
        let views: Vec<_> = inputs.iter().map(NdTensor::view).collect();
        let layer = Pointwise::new(sources, &some(11 * 9, 0.7), &some(11, 1.3), BOUNDS);
        let widest = layer.run(&views, Room::Of(&mut used())).unwrap();
        let plain =
            layer.run_by(&views, Room::Of(&mut used()), |tiles| tiles.eval(GenericIsa::new())).unwrap();
        assert!(plain.iter().zip(widest.iter()).all(|(plain, widest)| (plain - widest).abs() < 1e-4));
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        let sources = vec![Source::alone(2), Source { of_other: true, ..Source::alone(2) }];
        let layer = Pointwise::new(sources, &[0.0; 4], &[0.0], BOUNDS);
        let run = |shapes: [[usize; 4]; 2]| {
            let inputs = shapes.map(NdTensor::<f32, 4>::zeros);
            layer.run(&[inputs[0].view(), inputs[1].view()], Room::Of(&mut Pool::default()))
        };
        assert!(run([[2, 2, 4, 4], [2, 2, 4, 4]]).is_ok());
        let told = run([[2, 2, 4, 4], [2, 3, 4, 4]]).unwrap_err();
        assert!(told.contains("[2, 3, 4, 4] where [2, 2, 4, 4]"), "{told}");
        // One image has no other.
        assert!(run([[1, 2, 4, 4], [1, 2, 4, 4]]).is_err());
        let sum = layer.run(
            &[NdTensor::zeros([2, 2, 4, 4]).view(), NdTensor::zeros([2, 2, 4, 4]).view()],
            Room::Onto(NdTensor::zeros([2, 1, 4, 5])),
        );
        assert!(sum.unwrap_err().contains("added to [2, 1, 4, 5]"));
    }
}
