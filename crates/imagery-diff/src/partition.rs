//! Which basins of the evidence are one structure.
//!
//! A roof is rarely one hill of evidence, and two roofs that touch are rarely two clean ones. So the evidence is first parted into more
//! basins than there are structures, and basins that meet are joined again where what lies between them does not look like
//! the gap between two structures: a logistic regression on a few sums along their border, which can be added up when basins are
//! joined. Region adjacency graphs with learned merging are common in segmentation (Nunez-Iglesias et al., "Machine
//! learning of hierarchical clustering to segment 2D and 3D images", PLoS ONE 8, 2013).

use std::collections::BTreeMap;

/// What two basins weigh for staying apart: joined where the sum is below 0. `training/fit_borders.py` fits it on every second of
/// the places that `research` was trained on.
const APART: f32 = -2.5;
/// For the mean evidence on their border, 0 to 1: the lower of each two pixels.
const APART_EVIDENCE: f32 = -3.62;
/// For the mean boundary evidence there, 0 to 1: the higher of each two pixels.
const APART_BOUNDARY: f32 = 3.2;
/// For the logarithm of the pixels of the larger one.
const APART_LARGER: f32 = -0.42;
/// For the logarithm of the pixels of the smaller one.
const APART_SMALLER: f32 = 0.9;
/// For the length of their border over the side of a square as large as the smaller one.
const APART_LENGTH: f32 = -0.33;

/// Rounds after which basins are left as they are. Each goes over all borders once; places with thousands of houses take five.
const ROUNDS_MAX: usize = 32;

/// Where two basins meet: pairs of neighbouring pixels of which each has one.
#[derive(Clone, Copy, Debug, Default)]
struct Border {
    pairs: u32,
    evidence: f32,
    boundary: f32,
}

impl Border {
    fn add(&mut self, other: Border) {
        self.pairs += other.pairs;
        self.evidence += other.evidence;
        self.boundary += other.boundary;
    }
}

/// Basins, which of them meet, and which were joined.
pub(crate) struct Partition {
    joined: Joined,
    /// Pixels of each.
    sizes: Vec<u32>,
    /// For each basin those that it meets.
    borders: Vec<BTreeMap<u32, Border>>,
}

impl Partition {
    /// So many basins, none of which meet.
    pub(crate) fn of(basins: u32) -> Partition {
        let count = basins as usize;
        Partition { joined: Joined::of(basins), sizes: vec![0; count], borders: vec![BTreeMap::new(); count] }
    }

    /// A pixel of a basin.
    pub(crate) fn pixel(&mut self, basin: u32) {
        self.sizes[basin as usize] += 1;
    }

    /// Two neighbouring pixels of two basins, the lower evidence and the higher boundary evidence of them, 0 to 1.
    pub(crate) fn meet(&mut self, one: u32, other: u32, evidence: f32, boundary: f32) {
        let border = Border { pairs: 1, evidence, boundary };
        self.borders[one as usize].entry(other).or_default().add(border);
        self.borders[other as usize].entry(one).or_default().add(border);
    }

    /// Joins the basins that are one structure, the surest first, and gives for each the one that stands for it.
    pub(crate) fn join(mut self) -> Joined {
        for _ in 0..ROUNDS_MAX {
            let mut within: Vec<(f32, u32, u32)> = Vec::new();
            for (one, borders) in (0..).zip(&self.borders) {
                let later = borders.range(one + 1..).map(|(&other, border)| (one, other, border));
                let apart = later.map(|(one, other, border)| (self.apart(one, other, *border), one, other));
                within.extend(apart.filter(|(apart, ..)| *apart < 0.0));
            }
            if within.is_empty() {
                break;
            }
            within.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
            for (_, one, other) in within {
                // What was joined meanwhile is larger, and may stay apart now.
                let (one, other) = (self.joined.root(one), self.joined.root(other));
                let border = self.borders[one as usize].get(&other).copied();
                if border.is_some_and(|border| self.apart(one, other, border) < 0.0) {
                    self.unite(one, other);
                }
            }
        }
        self.joined
    }

    /// What two basins weigh for staying apart.
    fn apart(&self, one: u32, other: u32, border: Border) -> f32 {
        let sizes = [one, other].map(|basin| self.sizes[basin as usize] as f32);
        let (larger, smaller) = (sizes[0].max(sizes[1]), sizes[0].min(sizes[1]));
        let pairs = border.pairs as f32;
        APART
            + APART_EVIDENCE * border.evidence / pairs
            + APART_BOUNDARY * border.boundary / pairs
            + APART_LARGER * larger.ln()
            + APART_SMALLER * smaller.ln()
            + APART_LENGTH * pairs / smaller.sqrt()
    }

    fn unite(&mut self, one: u32, other: u32) {
        // The one with fewer borders moves, so that no border moves more than a few times.
        let fewer = self.borders[one as usize].len() < self.borders[other as usize].len();
        let (into, from) = if fewer { (other, one) } else { (one, other) };
        self.joined.unite(into, from);
        self.sizes[into as usize] += self.sizes[from as usize];
        for (beyond, border) in std::mem::take(&mut self.borders[from as usize]) {
            self.borders[beyond as usize].remove(&from);
            if beyond != into {
                self.borders[beyond as usize].entry(into).or_default().add(border);
                self.borders[into as usize].entry(beyond).or_default().add(border);
            }
        }
    }
}

/// Sets of numbers from 0 on, each with one that stands for it (Tarjan 1975).
pub(crate) struct Joined(Vec<u32>);

impl Joined {
    /// So many sets of one number.
    pub(crate) fn of(count: u32) -> Joined {
        Joined((0..count).collect())
    }

    /// One number more, alone.
    pub(crate) fn push(&mut self) -> u32 {
        let number = self.0.len() as u32;
        self.0.push(number);
        number
    }

    /// The number that stands for the set of another.
    pub(crate) fn root(&mut self, number: u32) -> u32 {
        let mut at = number;
        while self.0[at as usize] != at {
            // Halves the way for who comes next.
            let further = self.0[self.0[at as usize] as usize];
            self.0[at as usize] = further;
            at = further;
        }
        at
    }

    /// Puts the set that `from` stands for into that of `into`.
    pub(crate) fn unite(&mut self, into: u32, from: u32) {
        self.0[from as usize] = into;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two basins of so many pixels with a border.
    fn two(sizes: [u32; 2], pairs: u32, evidence: f32, boundary: f32) -> bool {
        let mut partition = Partition::of(2);
        partition.sizes = sizes.to_vec();
        (0..pairs).for_each(|_| partition.meet(0, 1, evidence, boundary));
        let mut joined = partition.join();
        joined.root(0) == joined.root(1)
    }

    #[test]
    fn two_houses_with_a_boundary_between_them_stay_apart() {
        assert!(!two([400, 500], 15, 0.4, 0.7));
        // Without a boundary it is one house, and a chip at its edge is a part of it too.
        assert!(two([400, 500], 15, 0.9, 0.1));
        assert!(two([500, 12], 4, 0.4, 0.5));
    }

    #[test]
    fn a_row_of_parts_becomes_one_and_the_next_house_stays_another() {
        let mut partition = Partition::of(4);
        partition.sizes = vec![200, 220, 180, 420];
        for part in 0..2 {
            (0..14).for_each(|_| partition.meet(part, part + 1, 0.95, 0.05));
        }
        (0..14).for_each(|_| partition.meet(2, 3, 0.3, 0.9));
        let mut joined = partition.join();
        let roots: Vec<u32> = (0..4).map(|basin| joined.root(basin)).collect();
        assert!(roots[0] == roots[1] && roots[1] == roots[2] && roots[2] != roots[3], "{roots:?}");
    }
}
