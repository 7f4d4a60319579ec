//! How good a detector is, on pairs whose truth is known.
//!
//! Pure sums: [`Tally`] takes one place after the other, [`Tally::figures`] tells the figures with bootstrap
//! intervals over places (Efron 1979), since pixels and structures of one place are not independent.

use serde::Serialize;

/// Intersections over union at which a structure counts as found.
pub const IOU_LEVELS: [f64; 2] = [0.25, 0.5];
/// Limits of the size classes of true structures, square metres.
pub const SIZE_LIMITS_M2: [f64; 3] = [50.0, 200.0, 1_000.0];
/// True structures that the picture's edge leaves less of are set aside, square metres: no detector tells a house from
/// a shed by a strip of it, and how many such strips there are only says how the pictures were cut.
pub const CUT_M2_MIN: f64 = 20.0;
/// Bins of the reliability diagram.
pub const RELIABILITY_BINS: usize = 10;
/// Samples of places drawn for an interval.
const BOOTSTRAP_SAMPLES: u64 = 1_000;
/// Share of the samples that an interval leaves out at each end.
const INTERVAL_TAIL: f64 = 0.025;

/// One structure of a mask.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its pixels by place in the mask, rising.
    pub pixels: Vec<usize>,
    /// Its score, 0 to 1; 1 for the truth.
    pub score: f64,
}

/// What was said and what is true of one place, on one pixel grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Name of the place.
    pub name: String,
    /// Area of a pixel, square metres.
    pub pixel_m2: f64,
    /// Rows of pixels.
    pub rows: usize,
    /// Columns of pixels.
    pub cols: usize,
    /// What the detector found.
    pub found: Vec<Region>,
    /// What is true.
    pub truth: Vec<Region>,
}

impl Place {
    /// Number of pixels.
    fn pixels(&self) -> usize {
        self.rows * self.cols
    }

    /// Whether the picture's edge left too little of a true structure to ask for it.
    fn is_set_aside(&self, truth: &Region) -> bool {
        let at_edge = |&at: &usize| {
            let (row, col) = (at / self.cols, at % self.cols);
            row == 0 || col == 0 || row + 1 == self.rows || col + 1 == self.cols
        };
        (truth.pixels.len() as f64) * self.pixel_m2 < CUT_M2_MIN && truth.pixels.iter().any(at_edge)
    }
}

/// Right and wrong, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Found and true.
    pub hits: u64,
    /// Found and not true.
    pub false_alarms: u64,
    /// True and not found.
    pub misses: u64,
}

impl Counts {
    /// Share of what was found that is true; `None` where nothing was found.
    pub fn precision(&self) -> Option<f64> {
        share(self.hits, self.hits + self.false_alarms)
    }

    /// Share of what is true that was found; `None` where nothing is true.
    pub fn recall(&self) -> Option<f64> {
        share(self.hits, self.hits + self.misses)
    }

    /// Harmonic mean of both; `None` where nothing is true.
    pub fn f1(&self) -> Option<f64> {
        self.recall()?;
        share(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)
    }

    fn add(&mut self, other: Counts) {
        self.hits += other.hits;
        self.false_alarms += other.false_alarms;
        self.misses += other.misses;
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What one place adds.
#[derive(Clone, Debug, Default, PartialEq)]
struct Measured {
    pixels: Counts,
    objects: [Counts; IOU_LEVELS.len()],
    /// True structures by size class, and how many of them were found at the highest level.
    by_size: [(u64, u64); SIZE_LIMITS_M2.len() + 1],
    /// True structures that were not asked for.
    set_aside: u64,
    /// Found structures that touch nothing true.
    alarms: u64,
    area_km2: f64,
    /// Score of each found structure, and what it turned out to be.
    scored: Vec<(f64, Proved)>,
}

/// What a found structure turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proved {
    /// A true structure, at the lowest level.
    Real,
    /// Something that touches a true structure and is none, or not enough of it.
    Beside,
    /// Something that touches nothing true.
    Alarm,
    /// Something that touches only what is set aside.
    SetAside,
}

impl Proved {
    /// Whether it is real; `None` where nobody asks.
    fn real(self) -> Option<bool> {
        (self != Proved::SetAside).then_some(self == Proved::Real)
    }
}

/// A figure with its 95 % interval over places; `None` where there is nothing that it is a share of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Over all places.
    pub value: Option<f64>,
    /// Lower end of the interval, over the samples that have the figure.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
}

/// Precision, recall and F1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// Share of what was found that is true.
    pub precision: Figure,
    /// Share of what is true that was found.
    pub recall: Figure,
    /// Harmonic mean of both.
    pub f1: Figure,
    /// The counts behind them.
    pub counts: Counts,
}

/// Recall of true structures of a size class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SizeClass {
    /// Least area, square metres.
    pub from_m2: f64,
    /// Area that is too large; `None` is open.
    pub to_m2: Option<f64>,
    /// True structures.
    pub structures: u64,
    /// Share of them found at an intersection over union of 0.5; `None` where there are none.
    pub recall: Option<f64>,
}

/// A bin of the reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// Mean score of the structures in it.
    pub score: f64,
    /// Share of them that is real.
    pub real: f64,
    /// How many there are.
    pub structures: u64,
}

/// A point of the free-response curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FrocPoint {
    /// Structures of at least this score count.
    pub score_min: f64,
    /// Share of the true structures found at an intersection over union of 0.25; `None` where there are none.
    pub recall: Option<f64>,
    /// Structures that touch nothing true, a square kilometre, as [`Figures::false_alarms_km2`] counts them.
    pub false_alarms_km2: f64,
    /// Structures that are no true one, touching one or not, a square kilometre.
    pub unmatched_km2: f64,
}

/// All figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Places.
    pub places: usize,
    /// Ground in all, square kilometres.
    pub area_km2: f64,
    /// By pixels, pooled.
    pub pixel: Quality,
    /// By structures matched at an intersection over union of 0.25.
    pub object_25: Quality,
    /// By structures matched at 0.5.
    pub object_50: Quality,
    /// True structures that the edge of their picture cuts down to less than [`CUT_M2_MIN`]: neither missed nor, where
    /// something was found there, a false alarm. Pixels count all the same.
    pub set_aside: u64,
    /// Structures that touch nothing true, a square kilometre.
    pub false_alarms_km2: Figure,
    /// Recall by size of the true structure.
    pub by_size: Vec<SizeClass>,
    /// Recall against false alarms as the threshold falls.
    pub froc: Vec<FrocPoint>,
    /// Mean distance of score from reality over the bins, weighted by their structures.
    pub calibration_error: f64,
    /// The bins.
    pub reliability: Vec<ReliabilityBin>,
}

/// Figures of one place, for finding the worst.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlaceFigures {
    /// Name of the place.
    pub name: String,
    /// By pixels.
    pub pixel: Counts,
    /// By structures matched at an intersection over union of 0.5.
    pub object_50: Counts,
    /// Whether each found structure is real at an intersection over union of 0.25, in their order; `None` where it
    /// touches only true structures that are set aside.
    pub real: Vec<Option<bool>>,
}

/// Collects places.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    places: Vec<(String, Measured)>,
}

impl Tally {
    /// Takes a place.
    pub fn add(&mut self, place: &Place) {
        self.places.push((place.name.clone(), measure(place)));
    }

    /// Figures of each place, in the order in which they came.
    pub fn by_place(&self) -> Vec<PlaceFigures> {
        let figures = |(name, measured): &(String, Measured)| PlaceFigures {
            name: name.clone(),
            pixel: measured.pixels,
            object_50: measured.objects[IOU_LEVELS.len() - 1],
            real: measured.scored.iter().map(|(_, proved)| proved.real()).collect(),
        };
        self.places.iter().map(figures).collect()
    }

    /// The figures over all places.
    pub fn figures(&self) -> Figures {
        let measured: Vec<&Measured> = self.places.iter().map(|(_, measured)| measured).collect();
        let quality = |counts: &dyn Fn(&Measured) -> Counts| Quality {
            precision: figure(&measured, &|some| pooled(some, counts).precision()),
            recall: figure(&measured, &|some| pooled(some, counts).recall()),
            f1: figure(&measured, &|some| pooled(some, counts).f1()),
            counts: pooled(&measured, counts),
        };
        let area = |some: &[&Measured]| some.iter().map(|place| place.area_km2).sum::<f64>();
        let alarms = |some: &[&Measured]| some.iter().map(|place| place.alarms).sum::<u64>() as f64;
        let (calibration_error, reliability) = reliability(&measured);
        Figures {
            places: measured.len(),
            area_km2: area(&measured),
            pixel: quality(&|place| place.pixels),
            object_25: quality(&|place| place.objects[0]),
            object_50: quality(&|place| place.objects[1]),
            set_aside: measured.iter().map(|place| place.set_aside).sum(),
            false_alarms_km2: figure(&measured, &|some| {
                Some(alarms(some) / area(some).max(f64::MIN_POSITIVE))
            }),
            by_size: by_size(&measured),
            froc: froc(&measured),
            calibration_error,
            reliability,
        }
    }
}

fn pooled(some: &[&Measured], counts: &dyn Fn(&Measured) -> Counts) -> Counts {
    let mut sum = Counts::default();
    some.iter().for_each(|place| sum.add(counts(place)));
    sum
}

/// A figure with its interval; the places of each sample follow from its number alone.
fn figure(places: &[&Measured], of: &dyn Fn(&[&Measured]) -> Option<f64>) -> Figure {
    let value = of(places);
    if places.is_empty() {
        return Figure { value, low: value, high: value };
    }
    let mut drawn: Vec<f64> = (0..BOOTSTRAP_SAMPLES)
        .filter_map(|sample| {
            let mut state = sample.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let some: Vec<&Measured> = (0..places.len())
                .map(|_| {
                    // xorshift64* (Vigna 2016)
                    state ^= state >> 12;
                    state ^= state << 25;
                    state ^= state >> 27;
                    let draw = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
                    places[draw as usize % places.len()]
                })
                .collect();
            of(&some)
        })
        .collect();
    drawn.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let last = drawn.len().checked_sub(1)?;
        Some(drawn[(last as f64 * share).round() as usize])
    };
    Figure { value, low: at(INTERVAL_TAIL), high: at(1.0 - INTERVAL_TAIL) }
}

/// The truth that a found structure shares pixels with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Touches {
    Nothing,
    SetAside,
    AskedFor,
}

fn measure(place: &Place) -> Measured {
    let asked: Vec<bool> = place.truth.iter().map(|region| !place.is_set_aside(region)).collect();
    let mut matches = overlaps(place);
    let mut touches = vec![Touches::Nothing; place.found.len()];
    for (found, truth, _) in &matches {
        let what = if asked[*truth] { Touches::AskedFor } else { Touches::SetAside };
        touches[*found] = touches[*found].max(what);
    }
    let found = touches.iter().filter(|what| **what != Touches::SetAside).count() as u64;
    let truth = asked.iter().filter(|asked| **asked).count() as u64;
    let mut measured = Measured {
        pixels: pixel_counts(place),
        set_aside: place.truth.len() as u64 - truth,
        area_km2: place.pixels() as f64 * place.pixel_m2 / 1e6,
        ..Measured::default()
    };
    let mut real = vec![false; place.found.len()];
    let mut hit = vec![false; place.truth.len()];
    matches.retain(|(_, truth, _)| asked[*truth]);
    for (level, iou_min) in IOU_LEVELS.into_iter().enumerate() {
        let pairs = matched(&matches, iou_min, place.found.len(), place.truth.len());
        let hits = pairs.len() as u64;
        measured.objects[level] = Counts { hits, false_alarms: found - hits, misses: truth - hits };
        if level == 0 {
            pairs.iter().for_each(|(found, _)| real[*found] = true);
        }
        if level + 1 == IOU_LEVELS.len() {
            pairs.iter().for_each(|(_, truth)| hit[*truth] = true);
        }
    }
    for (truth, region) in place.truth.iter().enumerate().filter(|(truth, _)| asked[*truth]) {
        let class = size_class(region.pixels.len() as f64 * place.pixel_m2);
        measured.by_size[class].0 += 1;
        measured.by_size[class].1 += u64::from(hit[truth]);
    }
    measured.alarms = touches.iter().filter(|what| **what == Touches::Nothing).count() as u64;
    let proved = touches.iter().zip(real).map(|(what, real)| match what {
        _ if real => Proved::Real,
        Touches::AskedFor => Proved::Beside,
        Touches::SetAside => Proved::SetAside,
        Touches::Nothing => Proved::Alarm,
    });
    measured.scored = place.found.iter().map(|region| region.score).zip(proved).collect();
    measured
}

fn size_class(area_m2: f64) -> usize {
    SIZE_LIMITS_M2.iter().filter(|limit| area_m2 >= **limit).count()
}

fn pixel_counts(place: &Place) -> Counts {
    let mask = |regions: &[Region]| {
        let mut mask = vec![false; place.pixels()];
        regions.iter().flat_map(|region| &region.pixels).for_each(|&at| mask[at] = true);
        mask
    };
    let (found, truth) = (mask(&place.found), mask(&place.truth));
    let mut counts = Counts::default();
    for (found, truth) in found.iter().zip(&truth) {
        counts.hits += u64::from(*found && *truth);
        counts.false_alarms += u64::from(*found && !truth);
        counts.misses += u64::from(!found && *truth);
    }
    counts
}

/// Pairs of found and true structures that share pixels, with their intersection over union.
fn overlaps(place: &Place) -> Vec<(usize, usize, f64)> {
    let mut owner = vec![usize::MAX; place.pixels()];
    for (index, region) in place.truth.iter().enumerate() {
        region.pixels.iter().for_each(|&at| owner[at] = index);
    }
    let mut pairs = Vec::new();
    for (found, region) in place.found.iter().enumerate() {
        let mut shared = std::collections::BTreeMap::new();
        for &at in region.pixels.iter().filter(|&&at| owner[at] != usize::MAX) {
            *shared.entry(owner[at]).or_insert(0_usize) += 1;
        }
        for (truth, shared) in shared {
            let union = region.pixels.len() + place.truth[truth].pixels.len() - shared;
            pairs.push((found, truth, shared as f64 / union as f64));
        }
    }
    pairs
}

/// One-to-one pairs, the best overlaps first.
fn matched(
    overlaps: &[(usize, usize, f64)],
    iou_min: f64,
    found: usize,
    truth: usize,
) -> Vec<(usize, usize)> {
    let mut candidates: Vec<_> = overlaps.iter().filter(|(_, _, iou)| *iou >= iou_min).collect();
    candidates.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    let (mut found_taken, mut truth_taken) = (vec![false; found], vec![false; truth]);
    let mut pairs = Vec::new();
    for (found, truth, _) in candidates {
        if !found_taken[*found] && !truth_taken[*truth] {
            found_taken[*found] = true;
            truth_taken[*truth] = true;
            pairs.push((*found, *truth));
        }
    }
    pairs
}

fn by_size(places: &[&Measured]) -> Vec<SizeClass> {
    (0..=SIZE_LIMITS_M2.len())
        .map(|class| {
            let structures = places.iter().map(|place| place.by_size[class].0).sum();
            let hits: u64 = places.iter().map(|place| place.by_size[class].1).sum();
            SizeClass {
                from_m2: if class == 0 { 0.0 } else { SIZE_LIMITS_M2[class - 1] },
                to_m2: SIZE_LIMITS_M2.get(class).copied(),
                structures,
                recall: share(hits, structures),
            }
        })
        .collect()
}

fn froc(places: &[&Measured]) -> Vec<FrocPoint> {
    let truth: u64 = places.iter().flat_map(|place| place.by_size.iter()).map(|(all, _)| all).sum();
    let area: f64 = places.iter().map(|place| place.area_km2).sum();
    (1..20)
        .map(|step| {
            let score_min = f64::from(step) * 0.05;
            let kept = |wanted: Proved| {
                let all = places.iter().flat_map(|place| &place.scored);
                all.filter(|(score, proved)| *score >= score_min && *proved == wanted).count()
            };
            let a_km2 = |structures: usize| structures as f64 / area.max(f64::MIN_POSITIVE);
            let alarms = kept(Proved::Alarm);
            FrocPoint {
                score_min,
                recall: share(kept(Proved::Real) as u64, truth),
                false_alarms_km2: a_km2(alarms),
                unmatched_km2: a_km2(alarms + kept(Proved::Beside)),
            }
        })
        .collect()
}

fn reliability(places: &[&Measured]) -> (f64, Vec<ReliabilityBin>) {
    let mut bins = [(0.0, 0_u64, 0_u64); RELIABILITY_BINS];
    let scored = places.iter().flat_map(|place| &place.scored);
    for (score, real) in scored.filter_map(|(score, proved)| Some((score, proved.real()?))) {
        let bin = &mut bins[((score * RELIABILITY_BINS as f64) as usize).min(RELIABILITY_BINS - 1)];
        bin.0 += score;
        bin.1 += u64::from(real);
        bin.2 += 1;
    }
    let all: u64 = bins.iter().map(|bin| bin.2).sum();
    let told: Vec<ReliabilityBin> = bins
        .iter()
        .filter(|bin| bin.2 > 0)
        .map(|(score, real, structures)| ReliabilityBin {
            score: score / *structures as f64,
            real: *real as f64 / *structures as f64,
            structures: *structures,
        })
        .collect();
    let error = told.iter().map(|bin| (bin.score - bin.real).abs() * bin.structures as f64).sum::<f64>();
    (error / (all.max(1)) as f64, told)
}

/// 4-connected regions of a mask, in the order of their first pixel.
pub fn regions(mask: &[bool], cols: usize) -> Vec<Region> {
    let mut visited = vec![false; mask.len()];
    let mut regions = Vec::new();
    for start in 0..mask.len() {
        if !mask[start] || visited[start] {
            continue;
        }
        visited[start] = true;
        let mut pixels = vec![start];
        let mut next = 0;
        while next < pixels.len() {
            let at = pixels[next];
            let col = at % cols;
            let near = [
                (at >= cols).then(|| at - cols),
                (col > 0).then(|| at - 1),
                (col + 1 < cols).then_some(at + 1),
                (at + cols < mask.len()).then_some(at + cols),
            ];
            for other in near.into_iter().flatten() {
                if mask[other] && !visited[other] {
                    visited[other] = true;
                    pixels.push(other);
                }
            }
            next += 1;
        }
        pixels.sort_unstable();
        regions.push(Region { pixels, score: 1.0 });
    }
    regions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Vec<bool> {
        rows.iter().flat_map(|row| row.bytes()).map(|symbol| symbol == b'#').collect()
    }

    fn place(found: &[&str], truth: &[&str]) -> Place {
        let (rows, cols) = (found.len(), found[0].len());
        let mut found_regions = regions(&mask(found), cols);
        found_regions.iter_mut().for_each(|region| region.score = 0.8);
        Place {
            name: "here".to_owned(),
            pixel_m2: 100.0,
            rows,
            cols,
            found: found_regions,
            truth: regions(&mask(truth), cols),
        }
    }

    #[test]
    fn what_is_right_what_is_wrong_and_what_is_missed_are_counted() {
        let mut tally = Tally::default();
        tally.add(&place(&["##..#", "##..."], &["##...", "##.##"]));
        let figures = tally.figures();
        assert_eq!(figures.pixel.counts, Counts { hits: 4, false_alarms: 1, misses: 2 });
        assert_eq!(figures.object_50.counts, Counts { hits: 1, false_alarms: 1, misses: 1 });
        assert_eq!(figures.false_alarms_km2.value, Some(1.0 / (10.0 * 100.0 / 1e6)));
    }

    #[test]
    fn where_nothing_is_true_there_is_no_recall_and_no_f1() {
        let mut tally = Tally::default();
        tally.add(&place(&["##..#", "....."], &[".....", "....."]));
        let figures = tally.figures();
        let none = Figure { value: None, low: None, high: None };
        assert_eq!((figures.object_25.recall, figures.object_25.f1, figures.pixel.f1), (none, none, none));
        assert_eq!(figures.object_25.precision.value, Some(0.0));
        assert!(figures.by_size.iter().all(|class| class.recall.is_none()));
        assert!(figures.froc.iter().all(|point| point.recall.is_none()));

        tally.add(&place(&[".....", "....."], &["##...", "....."]));
        let missed = tally.figures().object_25;
        assert_eq!((missed.recall.value, missed.f1.value, missed.f1.low), (Some(0.0), Some(0.0), Some(0.0)));
    }

    #[test]
    fn what_touches_a_true_structure_and_is_none_is_unmatched_but_no_alarm() {
        let mut tally = Tally::default();
        tally.add(&place(&["##..####", "........", "#......."], &["##..#...", "........", "........"]));
        tally.add(&place(&["#######", "......."], &["#......", "......."]));
        let figures = tally.figures();
        let area_km2 = figures.area_km2;
        let at = |score_min: f64| {
            let point = figures.froc.iter().find(|point| (point.score_min - score_min).abs() < 1e-9).unwrap();
            let counted = |a_km2: f64| (a_km2 * area_km2).round();
            (point.recall.unwrap(), counted(point.false_alarms_km2), counted(point.unmatched_km2))
        };
        assert_eq!(at(0.5), (2.0 / 3.0, 1.0, 2.0));
        assert_eq!(at(0.95), (0.0, 0.0, 0.0));
    }

    #[test]
    fn one_found_structure_cannot_be_two_true_ones() {
        let mut tally = Tally::default();
        tally.add(&place(&["#####"], &["##.##"]));
        assert_eq!(tally.figures().object_25.counts, Counts { hits: 1, false_alarms: 0, misses: 1 });
    }

    #[test]
    fn what_the_edge_cuts_to_a_strip_is_neither_missed_nor_a_false_alarm() {
        let strip = |found: &[&str]| Place {
            pixel_m2: 4.0,
            ..place(found, &["##....", ".....#", "..#...", "......"])
        };
        let of = |found: &[&str]| {
            let mut tally = Tally::default();
            tally.add(&strip(found));
            (tally.figures(), tally.by_place()[0].real.clone())
        };
        let (nothing, _) = of(&["......", "......", "......", "......"]);
        assert_eq!(nothing.set_aside, 2, "a structure as small inside the picture is asked for");
        assert_eq!(nothing.object_50.counts, Counts { hits: 0, false_alarms: 0, misses: 1 });
        assert_eq!(nothing.pixel.counts, Counts { hits: 0, false_alarms: 0, misses: 4 });
        assert_eq!(nothing.by_size[0].structures, 1);
        let (all, real) = of(&["##....", ".....#", "..#...", "......"]);
        assert_eq!(all.object_25.counts, Counts { hits: 1, false_alarms: 0, misses: 0 });
        assert_eq!(real, [None, None, Some(true)]);
        assert_eq!(all.false_alarms_km2.value, Some(0.0));
    }

    #[test]
    fn a_score_of_eight_tenths_that_is_always_right_is_two_tenths_off() {
        let mut tally = Tally::default();
        tally.add(&place(&["##"], &["##"]));
        assert!((tally.figures().calibration_error - 0.2).abs() < 1e-12);
    }

    #[test]
    fn the_interval_holds_the_value_and_is_the_same_each_time() {
        let mut tally = Tally::default();
        tally.add(&place(&["##.."], &["##.."]));
        tally.add(&place(&["...#"], &["##.."]));
        tally.add(&place(&["##.#"], &["##.."]));
        let figures = tally.figures();
        assert!(
            figures.pixel.f1.low <= figures.pixel.f1.value && figures.pixel.f1.value <= figures.pixel.f1.high
        );
        assert_eq!(figures, tally.figures());
    }
}
