//! How much of two images is compared.

use imagery_diff::{Grid, Reference};

use crate::{
    RasterError,
    placement::{Placement, spatial_ref, transform, transform_points},
    source::Source,
};

/// Places along each side of an image by which its part on the grid is estimated.
const PLACES: u32 = 64;
/// Share of an image from which on nothing is said of the rest.
const SHARE_MIN: f64 = 0.5;
/// Pixels by which transforms may be apart and count as the same.
const APART_PX_MIN: f64 = 0.5;

/// That most of an image does not lie on the other, if so.
pub(crate) fn little_compared(grid: &Grid, before: &Source, after: &Source) -> Vec<String> {
    let (before, after) = (("the before image", before), ("the after image", after));
    [(before, after), (after, before)]
        .into_iter()
        .filter_map(|((name, source), (other, _))| {
            // what cannot be told of an image is no fault of the pair
            let share = share_on(grid, source).ok().flatten().filter(|share| *share < SHARE_MIN)?;
            let percent =
                if share < 0.01 { "less than 1 %".to_owned() } else { format!("{:.0} %", share * 100.0) };
            Some(format!("only {percent} of {name} lies on {other}: the rest was not compared"))
        })
        .collect()
}

/// The share of an image that lies on the grid; `None` without georeference.
fn share_on(grid: &Grid, source: &Source) -> Result<Option<f64>, RasterError> {
    let (Reference::Projected(crs), Some(placement)) = (&grid.reference, &source.placement) else {
        return Ok(None);
    };
    let places = places(placement, source.size());
    let on_grid = transform_points(&transform(&placement.crs()?, &spatial_ref(crs)?)?, &places)?;
    let inside = on_grid.iter().filter(|[x, y]| {
        let (right, down) = ((x - grid.origin.x) / grid.pixel_m, (grid.origin.y - y) / grid.pixel_m);
        (0.0..=f64::from(grid.cols)).contains(&right) && (0.0..=f64::from(grid.rows)).contains(&down)
    });
    Ok(Some(inside.count() as f64 / places.len() as f64))
}

/// Places all over an image, on its map.
fn places(placement: &Placement, [cols, rows]: [u32; 2]) -> Vec<[f64; 2]> {
    let at = |step: u32, size: u32| (f64::from(step) + 0.5) / f64::from(PLACES) * f64::from(size);
    (0..PLACES)
        .flat_map(|row| (0..PLACES).map(move |col| [at(col, cols), at(row, rows)]))
        .map(|place| placement.affine.apply(place))
        .collect()
}

/// That the transforms of two images without a place on Earth say that they show different places, if they do.
pub(crate) fn transforms_apart(before: &Source, after: &Source) -> Option<String> {
    let ((first, crs), (second, other_crs)) = (before.unused.local.as_ref()?, after.unused.local.as_ref()?);
    if crs != other_crs {
        return None;
    }
    let back = first.inverse()?;
    let [cols, rows] = before.size().map(f64::from);
    let corner = |at: [f64; 2]| {
        let there = back.apply(second.apply(at));
        [there[0] - at[0], there[1] - at[1]]
    };
    let corners = [[0.0, 0.0], [cols, 0.0], [0.0, rows], [cols, rows]].map(corner);
    let apart = corners.iter().flatten().any(|px| px.abs() > APART_PX_MIN);
    apart.then(|| {
        let [right, down] = corners[0];
        format!(
            "by their transforms the corner of the after image lies {right:.0} px right and {down:.0} px down of that of \
             the before image, which is not used: pixels are compared that have the same row and column"
        )
    })
}
