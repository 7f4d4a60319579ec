//! Connected patches of evidence, followed across strips.
//!
//! A blob is a set of 8-connected pixels whose evidence for a change reaches a low threshold. Strips
//! come in from top to bottom; only the blobs that the last row touches are held in memory.
//!
//! ```text
//! strip 1   ..##....##..      two blobs are open at the end of the strip,
//!           ..##....##..
//! --------------------------
//! strip 2   ..########..      which the next strip finds to be one;
//!           ............      it ends here, and can be cut out as a patch
//! ```
//!
//! Method: run-based connected component labelling with union of open labels (He, Chao and Suzuki,
//! "A run-based two-scan labeling algorithm", IEEE Transactions on Image Processing 17, 2008), kept
//! to one scan since a blob is handed out when it has ended.

use std::collections::BTreeMap;

use crate::{
    evidence::{EvidenceMaps, LAYERS, Strip},
    grid::Window,
};

/// What counts as a blob, and how large one may grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobOptions {
    /// Least evidence for a change, 0 to 255, that makes a pixel part of a blob. At least 1.
    pub strength_min: u8,
    /// A blob is cut, and goes on as another, before its bounding box grows beyond this many pixels.
    pub box_px_max: usize,
    /// When what is kept of all open blobs takes more than this, bytes, the largest is cut.
    pub open_bytes_max: usize,
}

impl Default for BlobOptions {
    fn default() -> BlobOptions {
        BlobOptions {
            strength_min: 64,
            // 1.4 km square at 0.5 m: no single structure is larger.
            box_px_max: 8 << 20,
            open_bytes_max: 144 << 20,
        }
    }
}

/// A blob cut out of the scene: its own evidence in its bounding box, nothing of its neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Where the bounding box lies in the grid.
    pub window: Window,
    /// Evidence inside the blob; 0 in every map elsewhere.
    pub maps: EvidenceMaps,
}

/// Follows blobs through the strips of a scene, from top to bottom.
#[derive(Debug)]
pub struct BlobTracker {
    cols: u32,
    options: BlobOptions,
    next_row: u32,
    next_label: u32,
    open_bytes: usize,
    /// Open blobs by label, in the order in which they were met.
    open: BTreeMap<u32, OpenBlob>,
    /// Runs of the last row.
    last: Vec<Run>,
    /// What was cut out since the last strip.
    ended: Vec<Blob>,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    start: u32,
    end: u32,
    label: u32,
}

#[derive(Debug, Default)]
struct OpenBlob {
    segments: Vec<Segment>,
    bytes: usize,
    bounds: Option<Bounds>,
    last_row: u32,
}

/// A blob that has ended. It takes the memory of its own pixels; its patch takes that of the box around them.
#[derive(Debug)]
pub struct Blob {
    segments: Vec<Segment>,
    bounds: Bounds,
}

#[derive(Clone, Copy, Debug)]
struct Bounds {
    top: u32,
    bottom: u32,
    left: u32,
    right: u32,
}

/// What a run takes besides its values, bytes: itself, and the allocation of the values.
const RUN_BYTES: usize = size_of::<Segment>() + 16;

/// One run of a blob with the values of every layer under it, layer after layer.
#[derive(Debug)]
struct Segment {
    row: u32,
    start: u32,
    values: Box<[u8]>,
}

impl Bounds {
    /// Around two boxes, each of which may be none.
    fn around(one: Option<Bounds>, other: Option<Bounds>) -> Option<Bounds> {
        let (Some(a), Some(b)) = (one, other) else { return one.or(other) };
        Some(Bounds {
            top: a.top.min(b.top),
            bottom: a.bottom.max(b.bottom),
            left: a.left.min(b.left),
            right: a.right.max(b.right),
        })
    }

    fn pixels(self) -> usize {
        (self.bottom - self.top) as usize * (self.right - self.left) as usize
    }
}

impl OpenBlob {
    /// Pixels of its bounding box if so much more belonged to it.
    fn box_px_with(&self, more: Option<Bounds>) -> usize {
        Bounds::around(self.bounds, more).map_or(0, Bounds::pixels)
    }

    fn join(&mut self, other: OpenBlob) {
        self.segments.extend(other.segments);
        self.bytes += other.bytes;
        self.last_row = self.last_row.max(other.last_row);
        self.bounds = Bounds::around(self.bounds, other.bounds);
    }

    /// What was gathered, or `None` where a cut took all of it.
    fn ended(self) -> Option<Blob> {
        Some(Blob { segments: self.segments, bounds: self.bounds? })
    }
}

impl Blob {
    fn window(&self) -> Window {
        let Bounds { top, bottom, left, right } = self.bounds;
        Window { row: top, col: left, rows: bottom - top, cols: right - left }
    }

    /// The layers over the box around it, empty where other blobs or nothing lies.
    pub fn into_patch(self) -> Patch {
        let window = self.window();
        let mut maps = EvidenceMaps::empty(window.rows, window.cols);
        for segment in &self.segments {
            let len = segment.values.len() / LAYERS;
            let at = (segment.row - window.row) as usize * window.cols as usize
                + (segment.start - window.col) as usize;
            for (layer, values) in maps.layers_mut().into_iter().zip(segment.values.chunks_exact(len)) {
                layer[at..at + len].copy_from_slice(values);
            }
        }
        Patch { window, maps }
    }
}

impl BlobTracker {
    /// A tracker for a grid of so many columns, before its first row.
    pub fn new(cols: u32, options: &BlobOptions) -> BlobTracker {
        BlobTracker {
            cols,
            options: options.clone(),
            next_row: 0,
            next_label: 0,
            open_bytes: 0,
            open: BTreeMap::new(),
            last: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// Takes the next strip and returns the blobs that have ended, by first row and column.
    ///
    /// # Panics
    /// When the strip does not continue where the last one ended, or has another width.
    pub fn push(&mut self, strip: &Strip) -> Vec<Blob> {
        assert_eq!(strip.row, self.next_row, "strips come in order, without gaps");
        assert_eq!(strip.maps.cols, self.cols, "a strip is as wide as the grid");
        for row in 0..strip.maps.rows {
            self.take_row(&strip.maps, row);
        }
        in_order(std::mem::take(&mut self.ended))
    }

    /// Ends the scene and returns the blobs that its last row touched.
    pub fn finish(self) -> Vec<Blob> {
        in_order(self.open.into_values().filter_map(OpenBlob::ended).collect())
    }

    fn take_row(&mut self, maps: &EvidenceMaps, row_in_strip: u32) {
        let row = self.next_row;
        self.next_row += 1;
        let mut runs = self.runs(maps, row_in_strip);
        self.label(&mut runs);
        for run in &runs {
            self.append(run, maps, row_in_strip, row);
        }
        self.close_untouched(row);
        self.cut_largest();
        self.last = runs;
    }

    /// Runs of one row over the threshold, not labelled yet.
    fn runs(&self, maps: &EvidenceMaps, row_in_strip: u32) -> Vec<Run> {
        let first = row_in_strip as usize * self.cols as usize;
        let is_in = |col: u32| maps.strength(first + col as usize) >= self.options.strength_min;
        let mut runs = Vec::new();
        let mut col = 0;
        while col < self.cols {
            if !is_in(col) {
                col += 1;
                continue;
            }
            let start = col;
            while col < self.cols && is_in(col) {
                col += 1;
            }
            runs.push(Run { start, end: col, label: u32::MAX });
        }
        runs
    }

    /// Gives each run the label of the runs above that touch it, joining blobs that meet.
    fn label(&mut self, runs: &mut [Run]) {
        let mut above = 0;
        for index in 0..runs.len() {
            let (start, end) = (runs[index].start, runs[index].end);
            // 8-connected: a run that ends diagonally above still touches
            while above < self.last.len() && self.last[above].end < start {
                above += 1;
            }
            let mut label = None;
            let mut touching = above;
            while touching < self.last.len() && self.last[touching].start <= end {
                let met = self.last[touching].label;
                label = Some(label.map_or(met, |own| self.join(own, met, &mut runs[..index])));
                touching += 1;
            }
            runs[index].label = label.unwrap_or_else(|| self.open_new());
        }
    }

    fn open_new(&mut self) -> u32 {
        let label = self.next_label;
        self.next_label += 1;
        self.open.insert(label, OpenBlob::default());
        label
    }

    /// Joins two open blobs under the older label and returns it; where they would be too large together, what was
    /// gathered of the larger one is cut first.
    fn join(&mut self, a: u32, b: u32, labelled: &mut [Run]) -> u32 {
        let (kept, gone) = (a.min(b), a.max(b));
        if kept == gone {
            return kept;
        }
        let [kept_box, gone_box] = [kept, gone].map(|label| self.open[&label].bounds);
        if self.open[&kept].box_px_with(gone_box) > self.options.box_px_max {
            let larger =
                if gone_box.map(Bounds::pixels) > kept_box.map(Bounds::pixels) { gone } else { kept };
            self.cut(larger);
        }
        let other = self.open.remove(&gone).expect("a label of the last row is open");
        self.open.get_mut(&kept).expect("a label of the last row is open").join(other);
        for run in self.last.iter_mut().chain(labelled).filter(|run| run.label == gone) {
            run.label = kept;
        }
        kept
    }

    fn append(&mut self, run: &Run, maps: &EvidenceMaps, row_in_strip: u32, row: u32) {
        let from = row_in_strip as usize * self.cols as usize + run.start as usize;
        let len = (run.end - run.start) as usize;
        let values: Vec<u8> =
            maps.layers().iter().flat_map(|layer| &layer[from..from + len]).copied().collect();
        let own = Some(Bounds { top: row, bottom: row + 1, left: run.start, right: run.end });
        if self.open[&run.label].box_px_with(own) > self.options.box_px_max {
            self.cut(run.label);
        }
        let blob = self.open.get_mut(&run.label).expect("a labelled run belongs to an open blob");
        let bytes = values.len() + RUN_BYTES;
        blob.segments.push(Segment { row, start: run.start, values: values.into_boxed_slice() });
        blob.bounds = Bounds::around(blob.bounds, own);
        blob.bytes += bytes;
        blob.last_row = row;
        self.open_bytes += bytes;
    }

    fn close_untouched(&mut self, row: u32) {
        for (_, blob) in self.open.extract_if(.., |_, blob| blob.last_row < row) {
            self.open_bytes -= blob.bytes;
            self.ended.extend(blob.ended());
        }
    }

    fn cut_largest(&mut self) {
        while self.open_bytes > self.options.open_bytes_max {
            let largest = self.open.iter().max_by_key(|(_, blob)| blob.bytes).map(|(label, _)| *label);
            self.cut(largest.expect("open bytes are in a blob"));
        }
    }

    /// Ends what was gathered of a blob; what follows below is another one under the same label.
    fn cut(&mut self, label: u32) {
        let blob = self.open.get_mut(&label).expect("only an open blob is cut");
        self.open_bytes -= blob.bytes;
        let following = OpenBlob { last_row: blob.last_row, ..OpenBlob::default() };
        self.ended.extend(std::mem::replace(blob, following).ended());
    }
}

fn in_order(mut blobs: Vec<Blob>) -> Vec<Blob> {
    blobs.sort_by_key(|blob| {
        let Window { row, col, rows, cols } = blob.window();
        (row, col, rows, cols)
    });
    blobs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Evidence for a new structure from rows of `#` and `.`.
    fn scene(rows: &[&str]) -> EvidenceMaps {
        let mut maps = EvidenceMaps::empty(rows.len() as u32, rows[0].len() as u32);
        for (at, symbol) in rows.iter().flat_map(|row| row.bytes()).enumerate() {
            maps.new[at] = if symbol == b'#' { 200 } else { 0 };
            maps.edge_distance_px[at] = 1;
        }
        maps
    }

    fn strip(maps: &EvidenceMaps, row: u32, rows: u32) -> Strip {
        let cut = row as usize * maps.cols as usize..(row + rows) as usize * maps.cols as usize;
        let mut part = EvidenceMaps::empty(rows, maps.cols);
        for (to, from) in part.layers_mut().into_iter().zip(maps.layers()) {
            to.copy_from_slice(&from[cut.clone()]);
        }
        Strip { row, maps: part }
    }

    fn track(maps: &EvidenceMaps, strip_rows: u32, options: &BlobOptions) -> Vec<Patch> {
        let mut tracker = BlobTracker::new(maps.cols, options);
        let mut blobs = Vec::new();
        let mut row = 0;
        while row < maps.rows {
            let rows = strip_rows.min(maps.rows - row);
            blobs.extend(tracker.push(&strip(maps, row, rows)));
            row += rows;
        }
        blobs.extend(tracker.finish());
        in_order(blobs).into_iter().map(Blob::into_patch).collect()
    }

    /// Pixels of each blob, by flood fill: slow and obvious.
    fn flood_fill(maps: &EvidenceMaps, strength_min: u8) -> Vec<Vec<(u32, u32)>> {
        let (rows, cols) = (maps.rows as i64, maps.cols as i64);
        let is_in = |row: i64, col: i64| maps.strength((row * cols + col) as usize) >= strength_min;
        let mut seen = vec![false; maps.new.len()];
        let mut blobs = Vec::new();
        for start in 0..maps.new.len() as i64 {
            if seen[start as usize] || !is_in(start / cols, start % cols) {
                continue;
            }
            let mut blob = Vec::new();
            let mut stack = vec![(start / cols, start % cols)];
            seen[start as usize] = true;
            while let Some((row, col)) = stack.pop() {
                blob.push((row as u32, col as u32));
                for (down, right) in (-1..=1).flat_map(|down| (-1..=1).map(move |right| (down, right))) {
                    let (r, c) = (row + down, col + right);
                    let inside = (0..rows).contains(&r) && (0..cols).contains(&c);
                    if inside && !seen[(r * cols + c) as usize] && is_in(r, c) {
                        seen[(r * cols + c) as usize] = true;
                        stack.push((r, c));
                    }
                }
            }
            blob.sort_unstable();
            blobs.push(blob);
        }
        blobs.sort();
        blobs
    }

    fn pixels(patch: &Patch) -> Vec<(u32, u32)> {
        let cols = patch.window.cols;
        (0..patch.maps.new.len() as u32)
            .filter(|&at| patch.maps.strength(at as usize) > 0)
            .map(|at| (patch.window.row + at / cols, patch.window.col + at % cols))
            .collect()
    }

    #[test]
    fn arms_that_meet_below_are_one_blob() {
        let maps = scene(&["#.#", "#.#", "###"]);
        let patches = track(&maps, 1, &BlobOptions::default());
        assert_eq!(patches.len(), 1);
        assert_eq!(patches[0].window, Window { row: 0, col: 0, rows: 3, cols: 3 });
    }

    #[test]
    fn diagonal_neighbours_touch_and_a_gap_does_not() {
        assert_eq!(track(&scene(&["#..", ".#.", "..#"]), 2, &BlobOptions::default()).len(), 1);
        assert_eq!(track(&scene(&["#.#", "#.#", "..."]), 2, &BlobOptions::default()).len(), 2);
    }

    #[test]
    fn a_patch_holds_nothing_of_a_neighbour_in_its_box() {
        let maps = scene(&["###", "..#", "#.#"]);
        let patches = track(&maps, 3, &BlobOptions::default());
        assert_eq!(patches[0].maps.new[6], 0);
        assert_eq!(pixels(&patches[1]), [(2, 0)]);
    }

    #[test]
    fn a_blob_over_the_limit_is_cut_and_nothing_is_lost() {
        let maps = scene(&["##", "##", "##", "##", "##"]);
        let options = BlobOptions { box_px_max: 4, ..BlobOptions::default() };
        let patches = track(&maps, 2, &options);
        assert_eq!(patches.iter().map(|patch| patch.window.rows).collect::<Vec<_>>(), [2, 2, 1]);
    }

    #[test]
    fn a_line_down_that_meets_a_line_across_does_not_make_a_patch_of_their_whole_box() {
        let mut rows = vec!["#............"; 12];
        rows.push("#############");
        let options = BlobOptions { box_px_max: 40, ..BlobOptions::default() };
        let patches = track(&scene(&rows), 5, &options);
        assert_eq!(
            patches.iter().map(|patch| patch.window).collect::<Vec<_>>(),
            [Window { row: 0, col: 0, rows: 12, cols: 1 }, Window { row: 12, col: 0, rows: 1, cols: 13 }]
        );
    }

    proptest! {
        #[test]
        fn no_patch_outgrows_the_limits_and_nothing_is_lost(
            cells in proptest::collection::vec(0u8..2, 12 * 9), strip_rows in 1u32..13,
            box_px_max in 9usize..60, open_bytes_max in 0usize..2_000,
        ) {
            let mut maps = EvidenceMaps::empty(12, 9);
            for (value, cell) in maps.new.iter_mut().zip(&cells) {
                *value = if *cell == 0 { 255 } else { 0 };
            }
            let options = BlobOptions { box_px_max, open_bytes_max, ..BlobOptions::default() };
            let patches = track(&maps, strip_rows, &options);
            prop_assert!(patches.iter().all(|patch| patch.window.len() <= box_px_max));
            let mut got: Vec<_> = patches.iter().flat_map(pixels).collect();
            got.sort_unstable();
            let wanted: Vec<_> = flood_fill(&maps, options.strength_min).concat();
            prop_assert_eq!(got.len(), wanted.len());
            got.dedup();
            prop_assert_eq!(got.len(), wanted.len());
        }

        #[test]
        fn blobs_are_those_of_a_flood_fill_whatever_the_strips(
            cells in proptest::collection::vec(0u8..3, 12 * 9), strip_rows in 1u32..13,
        ) {
            let mut maps = EvidenceMaps::empty(12, 9);
            for (value, cell) in maps.removed.iter_mut().zip(&cells) {
                *value = if *cell == 0 { 255 } else { 0 };
            }
            let patches = track(&maps, strip_rows, &BlobOptions::default());
            let mut got: Vec<_> = patches.iter().map(pixels).collect();
            got.sort();
            prop_assert_eq!(got, flood_fill(&maps, BlobOptions::default().strength_min));
        }
    }
}
