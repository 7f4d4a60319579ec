//! Products of matrices with the widest vectors that the processor has, tile by tile.
//!
//! What a few dozen neighbouring places read, one slice for each term, is multiplied with blocks of filters while the sums stay
//! in registers. Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008, is the source of the scheme.

use rten_simd::{
    Isa, SimdOp,
    ops::{BitOps, NumOps},
};

/// Filters of a block.
pub(super) const BLOCK: usize = 8;

/// Filters as they are multiplied: a weight for each term, and a bias.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filters {
    /// Weights of a filter.
    terms: usize,
    /// Blocks of [`BLOCK`] filters, `[blocks, terms, BLOCK]`, the last filled up with zeros.
    weights: Vec<f32>,
    /// One for each filter of the blocks.
    bias: Vec<f32>,
}

impl Filters {
    /// Filters `[outputs, terms]`.
    pub(super) fn new(terms: usize, filters: &[f32], bias: &[f32]) -> Filters {
        let blocks = bias.len().div_ceil(BLOCK);
        let mut weights = vec![0.0; blocks * terms * BLOCK];
        for (output, filter) in filters.chunks_exact(terms).enumerate() {
            let block = &mut weights[output / BLOCK * terms * BLOCK..];
            for (term, weight) in filter.iter().enumerate() {
                block[term * BLOCK + output % BLOCK] = *weight;
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(blocks * BLOCK, 0.0);
        Filters { terms, weights, bias }
    }

    /// Weights of a filter.
    pub(super) fn terms(&self) -> usize {
        self.terms
    }

    /// The number of the first filter, the weights `[terms, BLOCK]` and the biases of each block.
    #[inline(always)]
    pub(super) fn blocks(&self) -> impl Iterator<Item = (usize, &[f32], &[f32])> {
        let weights = self.weights.chunks_exact(self.terms * BLOCK);
        let blocks = weights.zip(self.bias.chunks_exact(BLOCK)).enumerate();
        blocks.map(|(number, (weights, bias))| (number * BLOCK, weights, bias))
    }
}

/// Work that keeps sums of `AT_ONCE` filters at `VECTORS` vectors of places in registers.
pub(super) trait Tiled {
    /// Does it.
    fn work<I: Isa, const VECTORS: usize, const AT_ONCE: usize>(self, isa: I);
}

/// Work with as many sums as the registers hold.
pub(super) struct InRegisters<W>(pub(super) W);

impl<W: Tiled> SimdOp for InRegisters<W> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        if isa.f32().len() >= 16 {
            // The sums fill three quarters of 32 registers (AVX-512).
            self.0.work::<I, 3, BLOCK>(isa);
        } else {
            // There are 16: twelve sums would leave no room for what is multiplied.
            self.0.work::<I, 2, { BLOCK / 2 }>(isa);
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

/// How sums become a result.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    /// They are added to what the result holds already.
    pub(super) adds: bool,
    /// Lowest and highest value of the result.
    pub(super) bounds: [f32; 2],
}

impl Ending {
    /// Writes sums of neighbouring places to a result, as many as there is room for.
    #[inline(always)]
    pub(super) fn write<I: Isa>(self, isa: I, sums: &[f32], to: &mut [f32]) {
        let ops = isa.f32();
        let count = sums.len().min(to.len());
        let [low, high] = self.bounds.map(|bound| ops.splat(bound));
        // By hand: calls to copy a vector or two take longer than the copies.
        let (mut to, mut sums) =
            (to[..count].chunks_exact_mut(ops.len()), sums[..count].chunks_exact(ops.len()));
        for (to, sums) in to.by_ref().zip(sums.by_ref()) {
            let mut value = ops.load(sums);
            if self.adds {
                value = ops.add(value, ops.load(to));
            }
            ops.store(ops.min(ops.max(value, low), high), to);
        }
        for (to, sum) in to.into_remainder().iter_mut().zip(sums.remainder()) {
            *to = self.of(*sum, *to);
        }
    }

    /// The result of one sum where `held` is there.
    #[inline(always)]
    pub(super) fn of(self, sum: f32, held: f32) -> f32 {
        let value = if self.adds { sum + held } else { sum };
        value.max(self.bounds[0]).min(self.bounds[1])
    }
}
