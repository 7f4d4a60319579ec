//! The grid that two sources are brought onto.

use geo::{BoundingRect, Intersects, Polygon, Rect};
use imagery_diff::{Grid, MapPoint, Reference};

use crate::{
    RasterError,
    placement::{Placement, spatial_ref, utm_code},
    source::Source,
};

/// Most pixels along a side of the common grid.
pub(crate) const GRID_SIDE_PX_MAX: u32 = 150_000;

/// How the common grid is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CommonGridOptions {
    /// Pixels that the detector wants, metres: finer images are reduced to it.
    pub gsd_m: f64,
    /// Coarser images are enlarged to it, but at most so many times; 1 leaves them as they are.
    pub enlarge_max: f64,
}

/// Images less than so many times coarser than wanted are left as they are: their pixels are not mixed for so little.
const ENLARGE_MIN: f64 = 1.1;

impl Default for CommonGridOptions {
    fn default() -> CommonGridOptions {
        CommonGridOptions { gsd_m: 0.3, enlarge_max: 1.0 }
    }
}

impl CommonGridOptions {
    /// Side of a pixel of the grid for images of this ground sample distance, metres.
    fn pixel_m(&self, gsd_m: f64) -> f64 {
        let enlarged = if gsd_m < self.gsd_m * ENLARGE_MIN { gsd_m } else { gsd_m / self.enlarge_max };
        enlarged.max(self.gsd_m)
    }
}

/// Chooses the grid: the sources' own projected CRS where they share one in metres, else the UTM zone of
/// the before image; the coarser of the two ground sample distances; the extent that both cover.
pub(crate) fn common_grid(
    before: &Source,
    after: &Source,
    options: &CommonGridOptions,
) -> Result<Grid, RasterError> {
    match (&before.placement, &after.placement) {
        (Some(first), Some(second)) => placed_grid((before, first), (after, second), options),
        (None, None) => pixel_grid(before, after),
        (Some(_), None) => Err(one_unplaced(before, after)),
        (None, Some(_)) => Err(one_unplaced(after, before)),
    }
}

fn one_unplaced(placed: &Source, unplaced: &Source) -> RasterError {
    RasterError::OneUnplaced {
        placed: placed.path.clone(),
        unplaced: unplaced.path.clone(),
        what_is_there: unplaced.unused.georeference.clone(),
    }
}

fn pixel_grid(before: &Source, after: &Source) -> Result<Grid, RasterError> {
    let size = |source: &Source| (source.info().rows, source.info().cols);
    if size(before) != size(after) {
        let text = |source: &Source| format!("{}x{}", source.info().cols, source.info().rows);
        return Err(RasterError::SizesDiffer {
            before: before.path.clone(),
            before_size: text(before),
            after: after.path.clone(),
            after_size: text(after),
        });
    }
    Ok(Grid::pixels(before.info().rows, before.info().cols))
}

fn placed_grid(
    before: (&Source, &Placement),
    after: (&Source, &Placement),
    options: &CommonGridOptions,
) -> Result<Grid, RasterError> {
    let crs = common_crs(before, after)?;
    let target = spatial_ref(&crs)?;
    let outline = |(source, placement): (&Source, &Placement)| {
        placement.outline(source.info().rows, source.info().cols, &target)
    };
    let (first, second) = (outline(before)?, outline(after)?);
    let shared = shared_extent(&first, &second).ok_or_else(|| no_overlap(before.0, after.0))?;
    let gsd = |source: &Source| source.info().gsd_m.expect("a placed source has a ground sample distance");
    let coarser = gsd(before.0).max(gsd(after.0));
    let longer = shared.width().max(shared.height());
    // enlarged only as far as the grid may grow
    let wanted = options.pixel_m(coarser).max((longer / f64::from(GRID_SIDE_PX_MAX)).min(coarser));
    let pixel_m = pixel_side(before, after, &crs, wanted);
    let anchor = anchor(before, after, &crs, pixel_m, &shared);
    let steps = |from: f64, to: f64| ((to - from) / pixel_m + 1e-6).floor().max(0.0);
    // whole pixels inside the shared extent, counted from the anchor
    let left = ((shared.min().x - anchor.x) / pixel_m - 1e-6).ceil();
    let top = ((anchor.y - shared.max().y) / pixel_m - 1e-6).ceil();
    let origin = MapPoint { x: anchor.x + left * pixel_m, y: anchor.y - top * pixel_m };
    let cols = steps(origin.x, shared.max().x);
    let rows = steps(shared.min().y, origin.y);
    if cols < 1.0 || rows < 1.0 {
        return Err(no_overlap(before.0, after.0));
    }
    if cols > f64::from(GRID_SIDE_PX_MAX) || rows > f64::from(GRID_SIDE_PX_MAX) {
        return Err(RasterError::GridTooLarge {
            cols: cols as u64,
            rows: rows as u64,
            max: GRID_SIDE_PX_MAX,
        });
    }
    Ok(Grid { rows: rows as u32, cols: cols as u32, origin, pixel_m, reference: Reference::Projected(crs) })
}

/// How far the metres of a CRS may be from those of the ground, as a share: World Mercator's are twice as long at 60 degrees north.
const STRETCH_MAX: f64 = 0.05;

/// The CRS of both, where it is one projected CRS in true metres; else UTM.
fn common_crs(before: (&Source, &Placement), after: (&Source, &Placement)) -> Result<String, RasterError> {
    let (first, second) = (before.1, after.1);
    let same = first.wkt == second.wkt || (first.code.is_some() && first.code == second.code);
    let crs = first.crs()?;
    let is_metric = crs.is_projected() && (crs.linear_units() - 1.0).abs() < 1e-9 && !first.is_web_mercator();
    let is_true = |(source, placement): (&Source, &Placement)| {
        let side = placement.affine.determinant().abs().sqrt();
        source.info().gsd_m.is_some_and(|gsd_m| (side / gsd_m - 1.0).abs() < STRETCH_MAX)
    };
    if same && is_metric && is_true(before) && is_true(after) {
        return Ok(first.code.clone().unwrap_or_else(|| first.wkt.clone()));
    }
    let corners = first.corners_lonlat(before.0.info().rows, before.0.info().cols)?;
    let mean = |axis: usize| corners.iter().map(|corner| corner[axis]).sum::<f64>() / 4.0;
    Ok(utm_code(mean(0), mean(1)))
}

/// The side of a pixel: that of a source which lies on the grid's CRS and is as coarse as wanted, so that
/// its pixels need not be mixed, else the distance itself.
fn pixel_side(before: (&Source, &Placement), after: (&Source, &Placement), crs: &str, gsd_m: f64) -> f64 {
    let mut own = [before, after]
        .into_iter()
        .filter(|(_, placement)| fits(placement, crs))
        .map(|(_, placement)| placement.affine.0[1]);
    own.find(|side| (side / gsd_m - 1.0).abs() < 0.005).unwrap_or(gsd_m)
}

fn fits(placement: &Placement, crs: &str) -> bool {
    placement.affine.is_north_up_square() && (placement.code.as_deref() == Some(crs) || placement.wkt == crs)
}

/// A corner that pixels are counted from: that of a source whose pixels the grid takes over.
fn anchor(
    before: (&Source, &Placement),
    after: (&Source, &Placement),
    crs: &str,
    pixel_m: f64,
    shared: &Rect<f64>,
) -> MapPoint {
    [before, after]
        .into_iter()
        .find(|(_, placement)| fits(placement, crs) && placement.affine.0[1] == pixel_m)
        .map_or(MapPoint { x: shared.min().x, y: shared.max().y }, |(_, placement)| MapPoint {
            x: placement.affine.0[0],
            y: placement.affine.0[3],
        })
}

fn shared_extent(first: &Polygon<f64>, second: &Polygon<f64>) -> Option<Rect<f64>> {
    let (a, b) = (first.bounding_rect()?, second.bounding_rect()?);
    let west = a.min().x.max(b.min().x);
    let east = a.max().x.min(b.max().x);
    let south = a.min().y.max(b.min().y);
    let north = a.max().y.min(b.max().y);
    let meets = west < east && south < north && first.intersects(second);
    meets.then(|| Rect::new((west, south), (east, north)))
}

fn no_overlap(before: &Source, after: &Source) -> RasterError {
    let extent = |source: &Source| {
        let bounds = source.info().footprint.as_ref().and_then(BoundingRect::bounding_rect);
        bounds.map_or_else(String::new, |b| {
            format!("{:.4} to {:.4} E, {:.4} to {:.4} N", b.min().x, b.max().x, b.min().y, b.max().y)
        })
    };
    RasterError::NoOverlap {
        before: before.path.clone(),
        before_extent: extent(before),
        after: after.path.clone(),
        after_extent: extent(after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_brought_to_the_resolution_that_is_wanted_but_enlarged_only_so_far() {
        let options = CommonGridOptions { gsd_m: 0.5, enlarge_max: 3.0 };
        let wanted = [(0.2, 0.5), (0.5, 0.5), (0.54, 0.54), (0.75, 0.5), (1.0, 0.5), (1.5, 0.5), (3.0, 1.0)];
        for (gsd_m, pixel_m) in wanted {
            assert_eq!(options.pixel_m(gsd_m), pixel_m, "{gsd_m} m");
        }
        let plain = CommonGridOptions { gsd_m: 0.3, enlarge_max: 1.0 };
        assert_eq!([plain.pixel_m(0.1), plain.pixel_m(0.4), plain.pixel_m(3.0)], [0.3, 0.4, 3.0]);
    }
}
