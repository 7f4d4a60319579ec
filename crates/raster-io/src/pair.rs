//! Two files as a pair of rasters on one grid.

use std::path::Path;

use imagery_diff::{AlignedPair, Displacement, Grid, PairSource, Raster, Reference, Samples, Window};

use crate::{
    RasterError,
    grid::{self, CommonGridOptions},
    lattice::Lattice,
    overlap,
    placement::spatial_ref,
    sampling::{Placed, Wanted, sample},
    source::{Colours, Source, open_for_windows},
};

/// A before and an after file, read window by window on their common grid.
#[derive(Debug)]
pub struct ScenePair {
    grid: Grid,
    wanted: Wanted,
    before: Side,
    after: Side,
}

#[derive(Debug)]
struct Side {
    source: Source,
    lattice: Lattice,
}

impl ScenePair {
    /// Opens two files and chooses their common grid.
    ///
    /// # Errors
    /// When a file cannot be opened, there is no room for a copy of one that is stored in large pieces, only one of them has
    /// a georeference, or they do not overlap.
    pub fn open(before: &Path, after: &Path, options: &CommonGridOptions) -> Result<ScenePair, RasterError> {
        let (before, after) = (open_for_windows(before)?, open_for_windows(after)?);
        let grid = grid::common_grid(&before, &after, options)?;
        let is_grey = |source: &Source| matches!(source.colours, Colours::Grey(_));
        let wanted = if is_grey(&before) || is_grey(&after) { Wanted::Grey } else { Wanted::Rgb };
        let before = Side { lattice: lattice(&grid, &before)?, source: before };
        let after = Side { lattice: lattice(&grid, &after)?, source: after };
        Ok(ScenePair { grid, wanted, before, after })
    }

    /// The before file.
    pub fn before(&self) -> &Source {
        &self.before.source
    }

    /// What whoever reads the result should know of the files: what is not used of them, what was assumed, and how little of
    /// one is compared.
    pub fn cautions(&self) -> Vec<String> {
        let (before, after) = (self.before(), self.after());
        let named = [("the before image", before), ("the after image", after)];
        let unused = named.iter().flat_map(|(name, source)| {
            let clauses = source.unused.georeference.iter().chain(&source.unused.picture);
            clauses.map(move |clause| format!("{name} {clause}"))
        });
        let of_each = [before, after].into_iter().flat_map(|source| source.cautions.iter().cloned());
        let apart = overlap::transforms_apart(before, after);
        let little = overlap::little_compared(&self.grid, before, after);
        of_each.chain(unused).chain(apart).chain(little).collect()
    }

    /// Where a place of the grid (pixels right and down from its corner) lies in the before file, pixels likewise.
    pub fn place_in_before(&self, [right_px, down_px]: [f64; 2]) -> [f64; 2] {
        self.before.lattice.at(right_px, down_px)
    }

    /// The ground sample distance of the coarser file, metres; `None` where they carry no georeference.
    pub fn gsd_m(&self) -> Option<f64> {
        Some(self.before().info().gsd_m?.max(self.after().info().gsd_m?))
    }

    /// The after file.
    pub fn after(&self) -> &Source {
        &self.after.source
    }
}

impl Side {
    fn sample(
        &self,
        grid: Grid,
        placed: Placed,
        displaced: &Displacement,
        wanted: Wanted,
    ) -> Result<Raster, RasterError> {
        sample(&self.source, &self.lattice, grid, placed, displaced, wanted)
    }
}

/// Where the grid's pixels lie in a source.
fn lattice(grid: &Grid, source: &Source) -> Result<Lattice, RasterError> {
    let (Reference::Projected(crs), Some(placement)) = (&grid.reference, &source.placement) else {
        return Lattice::fit(grid.rows, grid.cols, &|places| Ok(places.to_vec()));
    };
    let inverse = placement.affine.inverse().expect("a placement was checked when its file was opened");
    let same_crs = placement.code.as_deref() == Some(crs) || placement.wkt == *crs;
    let (rows, cols) = (source.info().rows, source.info().cols);
    let way = if same_crs { None } else { Some(placement.way_from(&spatial_ref(crs)?, rows, cols)?) };
    Lattice::fit(grid.rows, grid.cols, &|places| {
        let map: Vec<[f64; 2]> = places
            .iter()
            .map(|[right, down]| {
                let at = grid.to_map(*right, *down);
                [at.x, at.y]
            })
            .collect();
        let own = match &way {
            None => map,
            Some(way) => way.apply(&map)?,
        };
        Ok(own.into_iter().map(|at| inverse.apply(at)).collect())
    })
}

impl PairSource for ScenePair {
    type Error = RasterError;

    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bands(&self) -> usize {
        if self.wanted == Wanted::Rgb { 3 } else { 1 }
    }

    fn samples(&self) -> [Samples; 2] {
        [&self.before, &self.after].map(|side| match side.source.info().sample_type {
            "uint8" => Samples::Display,
            _ => Samples::Measured,
        })
    }

    fn read(&self, window: Window, after: &Displacement) -> Result<AlignedPair, RasterError> {
        let placed =
            Placed { first: [f64::from(window.col) + 0.5, f64::from(window.row) + 0.5], step_px: 1.0 };
        let (grid, here) = (self.grid.cut(window), Displacement::default());
        let before = self.before.sample(grid.clone(), placed, &here, self.wanted)?;
        let after = self.after.sample(grid, placed, after, self.wanted)?;
        Ok(AlignedPair::new(before, after).expect("both were read on one grid"))
    }

    fn overview(&self, reduction: u32) -> Result<AlignedPair, RasterError> {
        let step_px = f64::from(reduction);
        let placed = Placed { first: [step_px / 2.0; 2], step_px };
        let (grid, here) = (self.grid.reduced(reduction), Displacement::default());
        let before = self.before.sample(grid.clone(), placed, &here, self.wanted)?;
        let after = self.after.sample(grid, placed, &here, self.wanted)?;
        Ok(AlignedPair::new(before, after).expect("both were read on one grid"))
    }
}
