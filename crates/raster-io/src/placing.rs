//! Puts an image without a georeference where a person says it lies.
//!
//! ```text
//! four corners        parallelogram -> affine transform    else -> perspective: the working copy is drawn anew, north up
//! control points      affine transform by least squares; the distance that remains is told
//! world file + CRS    the affine transform that it is
//! ```
//!
//! All of this is arithmetic on what was said and on the size of the image; no pixel is read here.

use geo::{Coord, LineString, Polygon};
use serde::{Deserialize, Serialize};

use crate::{
    RasterError,
    header::{Header, HeaderLimits, SIDE_PX_MAX},
    placement::{Affine, TURN_DEG, beside, spatial_ref, transform, transform_points, utm_code},
};

/// Fewest control points: an affine transform has that many corners.
pub const CONTROL_POINTS_MIN: usize = 3;
/// Most control points.
pub const CONTROL_POINTS_MAX: usize = 200;
/// Largest world file, bytes: six numbers with room to spare.
pub const WORLD_FILE_BYTES_MAX: usize = 4_096;
/// Distance that a control point may lie off where the others put it, as a share of the image's diagonal ...
const RESIDUAL_SHARE_MAX: f64 = 0.02;
/// ... or in pixels, whichever is more.
const RESIDUAL_PX_MAX: f64 = 3.0;
/// Points whose spread across is less than this share of their spread along lie on a line.
const COLLINEAR_SHARE: f64 = 0.01;
/// Corners that lie off a parallelogram by less than this need no perspective, pixels.
const PARALLELOGRAM_PX: f64 = 1.0;
/// Most pixels of an image that is drawn anew: 30,000 x 30,000 fit.
const PERSPECTIVE_PX_MAX: f64 = 1e9;
/// Most ground that a corner's pixels may cover against the opposite corner's: beyond, the horizon is near.
const PERSPECTIVE_RATIO_MAX: f64 = 100.0;

/// What a person says of where an image lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Placing {
    /// Longitude and latitude of its corners in degrees, from the upper left, clockwise.
    Corners([[f64; 2]; 4]),
    /// Points that were found in it.
    ControlPoints(Vec<PlacedPoint>),
    /// The six numbers of a world file in its order, and the code of the CRS they are in.
    WorldFile {
        /// Size of a pixel to the right (x, y), downwards (x, y), and the centre of the upper left pixel (x, y).
        numbers: [f64; 6],
        /// Such as `EPSG:32652`.
        crs: String,
    },
}

/// A point of an image whose place is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlacedPoint {
    /// Column and row from the upper left corner, pixels.
    pub pixel: [f64; 2],
    /// Longitude and latitude, degrees.
    pub position: [f64; 2],
}

/// Why an image cannot be put there.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlacingError {
    /// The file says itself where it lies.
    #[error("the file has a georeference of its own, so it cannot be placed by hand")]
    OwnGeoreference,
    /// The corners do not go round an area.
    #[error(
        "corner {corner} of the footprint makes it cross or fold itself: four corners from the upper left, clockwise, must go round a convex area"
    )]
    Folded {
        /// Counted from 1.
        corner: usize,
    },
    /// The corners see the image at an angle that is too flat.
    #[error(
        "the footprint is too slanted: ground per pixel differs {ratio:.0} times between its corners, and {PERSPECTIVE_RATIO_MAX} times is the most"
    )]
    Slanted {
        /// Largest ground per pixel against the smallest.
        ratio: f64,
    },
    /// The image would be too large to be drawn anew.
    #[error(
        "the footprint is no parallelogram and its image would have {got:.0} {what}, and {most:.0} is the most"
    )]
    TooLarge {
        /// How many it would have.
        got: f64,
        /// Of what.
        what: &'static str,
        /// The limit.
        most: f64,
    },
    /// Too few or too many points.
    #[error("there are {got} control points but must be {CONTROL_POINTS_MIN} to {CONTROL_POINTS_MAX}")]
    Count {
        /// How many were given.
        got: usize,
    },
    /// A point that is not in the image.
    #[error("control point {point} is at pixel [{col}, {row}], outside the image of {cols} x {rows} px")]
    Outside {
        /// Counted from 1.
        point: usize,
        /// Its column.
        col: f64,
        /// Its row.
        row: f64,
        /// Columns of the image.
        cols: u32,
        /// Rows of the image.
        rows: u32,
    },
    /// Two points at one place.
    #[error("control points {first} and {second} are at the same {at}")]
    Same {
        /// Counted from 1.
        first: usize,
        /// Counted from 1.
        second: usize,
        /// `pixel` or `position`.
        at: &'static str,
    },
    /// The points leave a direction open.
    #[error("all control points, {farthest} too, lie on a line {at}: one must lie well off it")]
    Collinear {
        /// The one that lies off the line most, counted from 1.
        farthest: usize,
        /// `in the image` or `on the ground`.
        at: &'static str,
    },
    /// A point that the others contradict.
    #[error(
        "control point {point} lies {off_m:.1} m ({off_px:.0} px) from where the others put it, and {most_m:.1} m is the most"
    )]
    Residual {
        /// The one that is farthest off, counted from 1.
        point: usize,
        /// Metres.
        off_m: f64,
        /// Pixels.
        off_px: f64,
        /// The limit, metres.
        most_m: f64,
    },
    /// A world file that is none.
    #[error("line {line} of the world file is {got} but must be {wanted}")]
    WorldFile {
        /// Counted from 1.
        line: usize,
        /// What it holds.
        got: String,
        /// What would do.
        wanted: &'static str,
    },
    /// A CRS that cannot be used.
    #[error("crs is {got:?} but must be {wanted}")]
    Crs {
        /// What was given.
        got: String,
        /// What would do.
        wanted: &'static str,
    },
    /// A place that is none on Earth.
    #[error("the {what} puts the image outside the world or gives it no area")]
    Nowhere {
        /// `footprint`, `control points` or `world file`.
        what: &'static str,
    },
}

impl PlacingError {
    /// Name of the property or part that is at fault.
    pub fn parameter(&self) -> &'static str {
        match self {
            PlacingError::OwnGeoreference => "placement",
            PlacingError::Folded { .. } | PlacingError::Slanted { .. } | PlacingError::TooLarge { .. } => {
                "footprint"
            }
            PlacingError::Count { .. }
            | PlacingError::Outside { .. }
            | PlacingError::Same { .. }
            | PlacingError::Collinear { .. }
            | PlacingError::Residual { .. } => "control_points",
            PlacingError::WorldFile { .. } => "world_file",
            PlacingError::Crs { .. } => "crs",
            PlacingError::Nowhere { what: "footprint" } => "footprint",
            PlacingError::Nowhere { what: "world file" } => "world_file",
            PlacingError::Nowhere { .. } => "control_points",
        }
    }
}

/// Where the pixels of an image go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fitted {
    /// Code of the CRS.
    pub(crate) crs: String,
    pub(crate) mapping: Mapping,
    /// Root mean square of what the given points lie off, metres.
    pub(crate) residual_m: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Mapping {
    /// Pixels stay; this is their transform, in GDAL's order.
    Affine([f64; 6]),
    /// The image is drawn anew on these pixels, north up.
    Perspective {
        affine: [f64; 6],
        cols: u32,
        rows: u32,
        /// From a pixel corner of the new image to one of the old.
        back: Homography,
    },
}

/// A projective map of the plane, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Homography(pub(crate) [f64; 9]);

/// Reads the text of a world file.
///
/// # Errors
/// When it has fewer or more than six lines, or one that is no finite number.
pub fn read_world_file(text: &str) -> Result<[f64; 6], PlacingError> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let wrong = |line: usize, got: &str, wanted| PlacingError::WorldFile {
        line,
        got: format!("{:?}", got.chars().take(40).collect::<String>()),
        wanted,
    };
    let mut numbers = [0.0; 6];
    for (index, number) in numbers.iter_mut().enumerate() {
        let line = lines.get(index).ok_or_else(|| wrong(index + 1, "", "a number: there are six"))?;
        *number = line
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| wrong(index + 1, line, "a finite number"))?;
    }
    match lines.get(6) {
        Some(line) => Err(wrong(7, line, "the end: there are six numbers")),
        None => Ok(numbers),
    }
}

/// Finds where the pixels of an image of `cols x rows` go.
///
/// # Errors
/// When what is said makes no sense, by name.
pub(crate) fn fit(placing: &Placing, cols: u32, rows: u32) -> Result<Fitted, PlacingError> {
    match placing {
        Placing::Corners(corners) => fit_corners(corners, cols, rows),
        Placing::ControlPoints(points) => fit_points(points, cols, rows),
        Placing::WorldFile { numbers, crs } => fit_world_file(numbers, crs, cols, rows),
    }
}

/// The UTM zone around some places, and the places in it.
fn in_utm(positions: &[[f64; 2]], what: &'static str) -> Result<(String, Vec<[f64; 2]>), PlacingError> {
    // across the antimeridian the mean of 179 and -179 is 180, not 0
    let first = positions[0][0];
    let mean = |of: &dyn Fn(&[f64; 2]) -> f64| positions.iter().map(of).sum::<f64>() / positions.len() as f64;
    let code = utm_code(mean(&|at| beside(first, at[0], TURN_DEG)), mean(&|at| at[1]));
    let places = spatial_ref("EPSG:4326")
        .and_then(|degrees| transform(&degrees, &spatial_ref(&code)?))
        .and_then(|way| transform_points(&way, positions))
        .map_err(|_: RasterError| PlacingError::Nowhere { what })?;
    Ok((code, places))
}

fn affine_or_nowhere(numbers: [f64; 6], what: &'static str) -> Result<[f64; 6], PlacingError> {
    match Affine(numbers).inverse() {
        Some(back) if back.0.iter().all(|number| number.is_finite()) => Ok(numbers),
        _ => Err(PlacingError::Nowhere { what }),
    }
}

// ---- four corners ----

fn fit_corners(corners: &[[f64; 2]; 4], cols: u32, rows: u32) -> Result<Fitted, PlacingError> {
    let (crs, places) = in_utm(corners, "footprint")?;
    let places = [places[0], places[1], places[2], places[3]];
    must_be_convex(&places)?;
    let (width, height) = (f64::from(cols), f64::from(rows));
    let affine = affine_of_corners(&places, width, height);
    let pixels = [[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]];
    let back = Affine(affine).inverse().ok_or(PlacingError::Nowhere { what: "footprint" })?;
    let off_px = |at: usize| distance(back.apply(places[at]), pixels[at]);
    if (0..4).all(|at| off_px(at) <= PARALLELOGRAM_PX) {
        let off_m = |at: usize| distance(Affine(affine).apply(pixels[at]), places[at]);
        let residual_m = root_mean_square((0..4).map(off_m));
        return Ok(Fitted { crs, mapping: Mapping::Affine(affine), residual_m });
    }
    Ok(Fitted { crs, mapping: perspective(&places, &pixels)?, residual_m: 0.0 })
}

/// All four turns go the same way, and no three corners lie on a line. The image may be mirrored by nobody: from the
/// upper left, clockwise.
fn must_be_convex(places: &[[f64; 2]; 4]) -> Result<(), PlacingError> {
    let turn = |at: usize| {
        let [before, here, after] = [places[(at + 3) % 4], places[at], places[(at + 1) % 4]];
        let (a, b) = ([here[0] - before[0], here[1] - before[1]], [after[0] - here[0], after[1] - here[1]]);
        // the sine of the turn, clockwise positive
        (b[0] * a[1] - b[1] * a[0]) / (a[0].hypot(a[1]) * b[0].hypot(b[1]))
    };
    match (0..4).find(|&at| turn(at).is_nan() || turn(at) < COLLINEAR_SHARE) {
        Some(at) => Err(PlacingError::Folded { corner: at + 1 }),
        None => Ok(()),
    }
}

/// Least squares over the four corners of a rectangle has a closed form: the means of opposite edges.
fn affine_of_corners(at: &[[f64; 2]; 4], cols: f64, rows: f64) -> [f64; 6] {
    let axis = |axis: usize| {
        let [ul, ur, lr, ll] = [at[0][axis], at[1][axis], at[2][axis], at[3][axis]];
        let right = ((ur - ul) + (lr - ll)) / 2.0;
        let down = ((ll - ul) + (lr - ur)) / 2.0;
        let middle = (ul + ur + lr + ll) / 4.0;
        [middle - (right + down) / 2.0, right / cols, down / rows]
    };
    let ([x, xc, xr], [y, yc, yr]) = (axis(0), axis(1));
    [x, xc, xr, y, yc, yr]
}

fn perspective(places: &[[f64; 2]; 4], pixels: &[[f64; 2]; 4]) -> Result<Mapping, PlacingError> {
    let nowhere = PlacingError::Nowhere { what: "footprint" };
    // large coordinates lose digits in products: count from the middle
    let middle = [0, 1].map(|axis| places.iter().map(|at| at[axis]).sum::<f64>() / 4.0);
    let local = places.map(|at| [at[0] - middle[0], at[1] - middle[1]]);
    let ahead = Homography::between(pixels, &local).ok_or(nowhere.clone())?;
    let ground = pixels.map(|at| ahead.area_at(at));
    let (least, most) =
        (ground.iter().copied().fold(f64::INFINITY, f64::min), ground.iter().copied().fold(0.0, f64::max));
    let ratio = most / least;
    if ratio.is_nan() || ratio > PERSPECTIVE_RATIO_MAX {
        return Err(PlacingError::Slanted { ratio });
    }
    // the finest ground per pixel keeps all that the image shows
    let pixel_m = least.sqrt();
    let ring: Vec<Coord<f64>> = local.iter().map(|at| Coord { x: at[0], y: at[1] }).collect();
    let bounds = geo::BoundingRect::bounding_rect(&Polygon::new(LineString::new(ring), Vec::new()))
        .ok_or(nowhere.clone())?;
    let (cols, rows) = ((bounds.width() / pixel_m).ceil(), (bounds.height() / pixel_m).ceil());
    must_be_at_most(cols * rows, "px", PERSPECTIVE_PX_MAX)?;
    must_be_at_most(cols.max(rows), "px a side", SIDE_PX_MAX as f64)?;
    let (left, top) = (bounds.min().x, bounds.max().y);
    let to_local = Homography([pixel_m, 0.0, left, 0.0, -pixel_m, top, 0.0, 0.0, 1.0]);
    let back = Homography::between(&local, pixels).ok_or(nowhere)?.after(&to_local);
    let affine = [middle[0] + left, pixel_m, 0.0, middle[1] + top, 0.0, -pixel_m];
    Ok(Mapping::Perspective { affine, cols: cols as u32, rows: rows as u32, back })
}

fn must_be_at_most(got: f64, what: &'static str, most: f64) -> Result<(), PlacingError> {
    // what is no number is not at most anything
    if got <= most { Ok(()) } else { Err(PlacingError::TooLarge { got, what, most }) }
}

impl Fitted {
    /// Asks that the image of a file, where it is drawn anew, would not have more bytes than any may have.
    pub(crate) fn must_be_taken(&self, header: &Header, limits: &HeaderLimits) -> Result<(), PlacingError> {
        let Mapping::Perspective { cols, rows, .. } = &self.mapping else { return Ok(()) };
        let bytes_a_px = header.decoded_bytes as f64 / (f64::from(header.cols) * f64::from(header.rows));
        let bytes = bytes_a_px * f64::from(*cols) * f64::from(*rows);
        must_be_at_most(bytes, "bytes", limits.decoded_bytes_max as f64)
    }
}

impl Homography {
    pub(crate) fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let h = &self.0;
        let w = h[6] * x + h[7] * y + h[8];
        [(h[0] * x + h[1] * y + h[2]) / w, (h[3] * x + h[4] * y + h[5]) / w]
    }

    /// The map that takes four points to four others (Heckbert 1989, section 2.2.3, by elimination).
    fn between(from: &[[f64; 2]; 4], to: &[[f64; 2]; 4]) -> Option<Homography> {
        let mut system = [[0.0; 9]; 8];
        for (index, ([x, y], [u, v])) in from.iter().zip(to).enumerate() {
            system[2 * index] = [*x, *y, 1.0, 0.0, 0.0, 0.0, -x * u, -y * u, *u];
            system[2 * index + 1] = [0.0, 0.0, 0.0, *x, *y, 1.0, -x * v, -y * v, *v];
        }
        let h = solved(system)?;
        Some(Homography([h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], 1.0]))
    }

    /// This map after another.
    fn after(&self, first: &Homography) -> Homography {
        let mut product = [0.0; 9];
        for (index, number) in product.iter_mut().enumerate() {
            let (row, col) = (index / 3, index % 3);
            *number = (0..3).map(|inner| self.0[3 * row + inner] * first.0[3 * inner + col]).sum();
        }
        Homography(product)
    }

    /// Area that a unit square at a point becomes.
    fn area_at(&self, [x, y]: [f64; 2]) -> f64 {
        let h = &self.0;
        let determinant = h[0] * (h[4] * h[8] - h[5] * h[7]) - h[1] * (h[3] * h[8] - h[5] * h[6])
            + h[2] * (h[3] * h[7] - h[4] * h[6]);
        let w = h[6] * x + h[7] * y + h[8];
        // where w changes its sign the horizon runs through the image
        if w > 0.0 { (determinant / w.powi(3)).abs() } else { f64::INFINITY }
    }
}

/// Gauss elimination with the largest pivot; `None` where there is not one solution.
fn solved<const N: usize, const M: usize>(mut system: [[f64; M]; N]) -> Option<[f64; N]> {
    for step in 0..N {
        let pivot = (step..N).max_by(|&a, &b| system[a][step].abs().total_cmp(&system[b][step].abs()))?;
        system.swap(step, pivot);
        let divisor = system[step][step];
        if !divisor.is_finite() || divisor.abs() < f64::MIN_POSITIVE {
            return None;
        }
        let row = system[step];
        for (index, other) in system.iter_mut().enumerate() {
            if index != step {
                let factor = other[step] / divisor;
                other.iter_mut().zip(row).for_each(|(value, above)| *value -= factor * above);
            }
        }
    }
    let mut solution = [0.0; N];
    for (index, value) in solution.iter_mut().enumerate() {
        *value = system[index][M - 1] / system[index][index];
    }
    solution.iter().all(|value| value.is_finite()).then_some(solution)
}

// ---- control points ----

fn fit_points(points: &[PlacedPoint], cols: u32, rows: u32) -> Result<Fitted, PlacingError> {
    check_points(points, cols, rows)?;
    let positions: Vec<[f64; 2]> = points.iter().map(|point| point.position).collect();
    let (crs, places) = in_utm(&positions, "control points")?;
    let pixels: Vec<[f64; 2]> = points.iter().map(|point| point.pixel).collect();
    must_not_be_a_line(&pixels, "in the image")?;
    must_not_be_a_line(&places, "on the ground")?;
    let (affine, leverages) =
        least_squares(&pixels, &places).ok_or(PlacingError::Nowhere { what: "control points" })?;
    let affine = affine_or_nowhere(affine, "control points")?;
    let off_m: Vec<f64> = pixels
        .iter()
        .zip(&places)
        .map(|(pixel, place)| distance(Affine(affine).apply(*pixel), *place))
        .collect();
    must_agree(&off_m, &leverages, &affine, f64::from(cols).hypot(f64::from(rows)))?;
    let residual_m = root_mean_square(off_m.into_iter());
    Ok(Fitted { crs, mapping: Mapping::Affine(affine), residual_m })
}

fn check_points(points: &[PlacedPoint], cols: u32, rows: u32) -> Result<(), PlacingError> {
    if !(CONTROL_POINTS_MIN..=CONTROL_POINTS_MAX).contains(&points.len()) {
        return Err(PlacingError::Count { got: points.len() });
    }
    for (index, point) in points.iter().enumerate() {
        let [col, row] = point.pixel;
        if !(0.0..=f64::from(cols)).contains(&col) || !(0.0..=f64::from(rows)).contains(&row) {
            return Err(PlacingError::Outside { point: index + 1, col, row, cols, rows });
        }
        for (other_index, other) in points[..index].iter().enumerate() {
            let same = |at| PlacingError::Same { first: other_index + 1, second: index + 1, at };
            if other.pixel == point.pixel {
                return Err(same("pixel"));
            }
            if other.position == point.position {
                return Err(same("position"));
            }
        }
    }
    Ok(())
}

/// Holds the spread of points across their main direction against the spread along it.
fn must_not_be_a_line(at: &[[f64; 2]], where_: &'static str) -> Result<(), PlacingError> {
    let count = at.len() as f64;
    let mean = [0, 1].map(|axis| at.iter().map(|point| point[axis]).sum::<f64>() / count);
    let local: Vec<[f64; 2]> = at.iter().map(|point| [point[0] - mean[0], point[1] - mean[1]]).collect();
    let sum = |of: fn(&[f64; 2]) -> f64| local.iter().map(of).sum::<f64>();
    let (xx, xy, yy) = (sum(|p| p[0] * p[0]), sum(|p| p[0] * p[1]), sum(|p| p[1] * p[1]));
    let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
    let (along, across) = ([angle.cos(), angle.sin()], [-angle.sin(), angle.cos()]);
    let extent = |axis: [f64; 2]| {
        local
            .iter()
            .map(|p| (p[0] * axis[0] + p[1] * axis[1]).abs())
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let (Some((_, length)), Some((farthest, width))) = (extent(along), extent(across)) else { return Ok(()) };
    if width <= length * COLLINEAR_SHARE {
        return Err(PlacingError::Collinear { farthest: farthest + 1, at: where_ });
    }
    Ok(())
}

/// The affine transform of least squares, and the leverage of each point: the share of its own place that decides
/// where the transform puts it.
fn least_squares(pixels: &[[f64; 2]], places: &[[f64; 2]]) -> Option<([f64; 6], Vec<f64>)> {
    let count = pixels.len() as f64;
    let mean = |of: &[[f64; 2]]| [0, 1].map(|axis| of.iter().map(|at| at[axis]).sum::<f64>() / count);
    let (pixel_mean, place_mean) = (mean(pixels), mean(places));
    let local = |at: &[f64; 2], mean: [f64; 2]| [at[0] - mean[0], at[1] - mean[1]];
    let (mut cc, mut cr, mut rr) = (0.0, 0.0, 0.0);
    let mut sums = [[0.0; 2]; 2];
    for (pixel, place) in pixels.iter().zip(places) {
        let ([c, r], to) = (local(pixel, pixel_mean), local(place, place_mean));
        (cc, cr, rr) = (cc + c * c, cr + c * r, rr + r * r);
        for axis in 0..2 {
            sums[axis] = [sums[axis][0] + c * to[axis], sums[axis][1] + r * to[axis]];
        }
    }
    let axis = |axis: usize| {
        let [per_col, per_row] = solved([[cc, cr, sums[axis][0]], [cr, rr, sums[axis][1]]])?;
        Some([place_mean[axis] - per_col * pixel_mean[0] - per_row * pixel_mean[1], per_col, per_row])
    };
    let ([x, xc, xr], [y, yc, yr]) = (axis(0)?, axis(1)?);
    let determinant = cc * rr - cr * cr;
    let leverage = |pixel: &[f64; 2]| {
        let [c, r] = local(pixel, pixel_mean);
        1.0 / count + (rr * c * c - 2.0 * cr * c * r + cc * r * r) / determinant
    };
    Some(([x, xc, xr, y, yc, yr], pixels.iter().map(leverage).collect()))
}

/// Asks that each point lies near where all the others put it: its residual by one minus its leverage.
fn must_agree(
    off_m: &[f64],
    leverages: &[f64],
    affine: &[f64; 6],
    diagonal_px: f64,
) -> Result<(), PlacingError> {
    let pixel_m = (affine[1] * affine[5] - affine[2] * affine[4]).abs().sqrt();
    let most_m = (diagonal_px * RESIDUAL_SHARE_MAX).max(RESIDUAL_PX_MAX) * pixel_m;
    // a point that alone decides its place contradicts nobody
    let alone = |leverage: f64| 1.0 - leverage < 1e-9;
    let without: Vec<f64> = off_m
        .iter()
        .zip(leverages)
        .map(|(off, leverage)| if alone(*leverage) { 0.0 } else { off / (1.0 - leverage) })
        .collect();
    if !without.iter().any(|off| *off > most_m) {
        return Ok(());
    }
    // without the point that is to blame the others agree best: it takes most off the sum of squares
    let blame =
        |at: &usize| if alone(leverages[*at]) { 0.0 } else { off_m[*at].powi(2) / (1.0 - leverages[*at]) };
    let point = (0..off_m.len()).max_by(|a, b| blame(a).total_cmp(&blame(b))).unwrap_or(0);
    let off_m = without[point];
    Err(PlacingError::Residual { point: point + 1, off_m, off_px: off_m / pixel_m, most_m })
}

// ---- world file ----

fn fit_world_file(numbers: &[f64; 6], crs: &str, cols: u32, rows: u32) -> Result<Fitted, PlacingError> {
    const WHAT: &str = "world file";
    let [per_col_x, per_col_y, per_row_x, per_row_y, centre_x, centre_y] = *numbers;
    if let Some(line) = numbers.iter().position(|number| !number.is_finite()) {
        let got = numbers[line].to_string();
        return Err(PlacingError::WorldFile { line: line + 1, got, wanted: "a finite number" });
    }
    // the file names the centre of the upper left pixel, a transform its corner
    let x = centre_x - (per_col_x + per_row_x) / 2.0;
    let y = centre_y - (per_col_y + per_row_y) / 2.0;
    let affine = affine_or_nowhere([x, per_col_x, per_row_x, y, per_col_y, per_row_y], WHAT)?;
    let unusable = |wanted| PlacingError::Crs { got: crs.chars().take(40).collect(), wanted };
    let is_code = crs.strip_prefix("EPSG:").is_some_and(|code| code.parse::<u32>().is_ok());
    if !is_code {
        return Err(unusable("a code such as EPSG:32652"));
    }
    let known = spatial_ref(crs).map_err(|_| unusable("a code of a CRS that exists"))?;
    if !(known.is_projected() || known.is_geographic()) {
        return Err(unusable("the code of a projected or geographic CRS"));
    }
    let (width, height) = (f64::from(cols), f64::from(rows));
    let corners =
        [[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]].map(|at| Affine(affine).apply(at));
    let in_world = spatial_ref("EPSG:4326")
        .and_then(|degrees| transform(&known, &degrees))
        .and_then(|way| transform_points(&way, &corners))
        .is_ok_and(|degrees| degrees.iter().all(|[lon, lat]| lon.abs() <= 180.0 && lat.abs() <= 90.0));
    if !in_world {
        return Err(PlacingError::Nowhere { what: WHAT });
    }
    Ok(Fitted { crs: crs.to_owned(), mapping: Mapping::Affine(affine), residual_m: 0.0 })
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

fn root_mean_square(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    (values.map(|value| value * value).sum::<f64>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLS: u32 = 400;
    const ROWS: u32 = 300;

    fn point(col: f64, row: f64, lon: f64, lat: f64) -> PlacedPoint {
        PlacedPoint { pixel: [col, row], position: [lon, lat] }
    }

    /// Corners of the image at 39.9 N, near enough a rectangle.
    fn corners() -> [[f64; 2]; 4] {
        [[127.60, 39.902], [127.604, 39.902], [127.604, 39.9], [127.60, 39.9]]
    }

    fn points(places: &[[f64; 2]]) -> Vec<PlacedPoint> {
        places
            .iter()
            .map(|[col, row]| {
                point(
                    *col,
                    *row,
                    127.60 + col / f64::from(COLS) * 0.004,
                    39.902 - row / f64::from(ROWS) * 0.002,
                )
            })
            .collect()
    }

    #[test]
    fn a_rectangle_stays_as_it_is_and_every_corner_lies_where_it_was_put() {
        let fitted = fit(&Placing::Corners(corners()), COLS, ROWS).unwrap();
        assert_eq!(fitted.crs, "EPSG:32652");
        assert!(matches!(fitted.mapping, Mapping::Affine(_)), "{fitted:?}");
        assert!(fitted.residual_m < 0.1, "{fitted:?}");
    }

    #[test]
    fn a_slanted_view_is_drawn_anew_and_its_corners_lie_where_they_were_put() {
        // the far edge is shorter than the near one
        let slanted = [[127.6010, 39.902], [127.6030, 39.902], [127.604, 39.9], [127.60, 39.9]];
        let fitted = fit(&Placing::Corners(slanted), COLS, ROWS).unwrap();
        let Mapping::Perspective { affine, cols, rows, back } = &fitted.mapping else { panic!("{fitted:?}") };
        let (_, places) = in_utm(&slanted, "footprint").unwrap();
        let to_new = Affine(*affine).inverse().unwrap();
        let wanted = [[0.0, 0.0], [400.0, 0.0], [400.0, 300.0], [0.0, 300.0]];
        for (place, pixel) in places.iter().zip(wanted) {
            let new = to_new.apply(*place);
            assert!(new[0] >= -1e-6 && new[0] <= f64::from(*cols) + 1e-6, "{new:?}");
            assert!(new[1] >= -1e-6 && new[1] <= f64::from(*rows) + 1e-6, "{new:?}");
            assert!(distance(back.apply(new), pixel) < 1e-3, "{:?} is not {pixel:?}", back.apply(new));
        }
    }

    #[test]
    fn an_image_across_the_antimeridian_lies_there() {
        let corners = [[179.999, 51.902], [-179.998, 51.902], [-179.998, 51.9], [179.999, 51.9]];
        let fitted = fit(&Placing::Corners(corners), COLS, ROWS).unwrap();
        assert_eq!(fitted.crs, "EPSG:32601");
        let Mapping::Affine(affine) = fitted.mapping else { panic!("{fitted:?}") };
        assert!((0.4..0.6).contains(&affine[1]), "206 m over 400 px: {affine:?}");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_said_of_a_place_is_refused_or_gives_an_image_within_the_limits(
            numbers in proptest::collection::vec(number(), 0..24),
            way in 0..3,
            cols in 1_u32..40_000,
            rows in 1_u32..40_000,
            crs in proptest::sample::select(vec!["EPSG:32652", "EPSG:3857", "EPSG:4326", "EPSG:2056", "EPSG:1", ""]),
        ) {
            let pair = |at: usize| [0, 1].map(|axis| numbers.get(at + axis).copied().unwrap_or(0.25 * at as f64));
            let placing = match way {
                0 => Placing::Corners([0, 2, 4, 6].map(pair)),
                1 => {
                    let points = numbers.chunks_exact(4);
                    Placing::ControlPoints(
                        points.map(|at| point(at[0], at[1], at[2], at[3])).collect(),
                    )
                }
                _ => {
                    let six = [0, 2, 4].map(pair);
                    Placing::WorldFile { numbers: [0, 1, 2, 3, 4, 5].map(|at| six[at / 2][at % 2]), crs: crs.to_owned() }
                }
            };
            if let Ok(fitted) = fit(&placing, cols, rows) {
                let (Mapping::Affine(affine) | Mapping::Perspective { affine, .. }) = fitted.mapping;
                proptest::prop_assert!(affine.iter().all(|number| number.is_finite()));
                proptest::prop_assert!(fitted.residual_m.is_finite());
                if let Mapping::Perspective { cols, rows, .. } = fitted.mapping {
                    proptest::prop_assert!(cols > 0 && rows > 0);
                    proptest::prop_assert!(f64::from(cols) * f64::from(rows) <= PERSPECTIVE_PX_MAX);
                    proptest::prop_assert!(u64::from(cols.max(rows)) <= SIDE_PX_MAX);
                }
            }
        }

        #[test]
        fn any_text_is_a_world_file_or_is_refused(text in "([-+0-9.eEinfa \n\r]{0,12}\n){0,8}|\\PC{0,80}") {
            if let Ok(numbers) = read_world_file(&text) {
                proptest::prop_assert!(numbers.iter().all(|number| number.is_finite()));
            }
        }
    }

    /// Numbers as they are in honest bodies, and at all limits.
    fn number() -> impl proptest::strategy::Strategy<Value = f64> {
        use proptest::prelude::*;
        prop_oneof![
            127.6..127.7,
            39.8..39.9,
            0.0..40_000.0,
            -180.0..180.0,
            -1.0..1.0,
            any::<f64>(),
            proptest::sample::select(vec![
                0.0,
                -0.0,
                90.0,
                -90.0,
                180.0,
                -180.0,
                1e-300,
                1e300,
                f64::NAN,
                f64::INFINITY
            ]),
        ]
    }

    #[test]
    fn corners_that_fold_name_the_corner() {
        let [ul, ur, lr, ll] = corners();
        let crossed = fit(&Placing::Corners([ul, ur, ll, lr]), COLS, ROWS).unwrap_err();
        assert!(matches!(crossed, PlacingError::Folded { .. }), "{crossed}");
        let mirrored = fit(&Placing::Corners([ur, ul, ll, lr]), COLS, ROWS).unwrap_err();
        assert!(matches!(mirrored, PlacingError::Folded { corner: 1 }), "{mirrored}");
        let dented = fit(&Placing::Corners([ul, ur, [127.601, 39.9015], ll]), COLS, ROWS).unwrap_err();
        assert_eq!(dented, PlacingError::Folded { corner: 3 });
        let same = fit(&Placing::Corners([ul, ul, lr, ll]), COLS, ROWS).unwrap_err();
        assert!(matches!(same, PlacingError::Folded { .. }), "{same}");
        let flat = [[127.60198, 39.902], [127.602, 39.902], [127.604, 39.9], [127.60, 39.9]];
        assert!(matches!(fit(&Placing::Corners(flat), COLS, ROWS), Err(PlacingError::Slanted { .. })));
    }

    #[test]
    fn an_image_that_would_be_too_large_when_drawn_anew_is_told_before_it_is_drawn() {
        use crate::header::Format;
        // 20 km long and 2 m high, narrower at one end
        let thin = [[128.883, 39.900018], [129.117, 39.900009], [129.117, 39.9], [128.883, 39.9]];
        let told = fit(&Placing::Corners(thin), 140_000, 40).unwrap_err();
        assert!(matches!(told, PlacingError::TooLarge { what: "px a side", .. }), "{told}");
        assert_eq!(told.parameter(), "footprint");
        let slanted = [[127.6010, 39.902], [127.6030, 39.902], [127.604, 39.9], [127.60, 39.9]];
        let (cols, rows) = (4_000, 3_000);
        let fitted = fit(&Placing::Corners(slanted), cols, rows).unwrap();
        let of = |bands: u32, bits: u32| {
            let decoded_bytes = u64::from(cols) * u64::from(rows) * u64::from(bands * bits / 8);
            let (piece_px, orientation) = (1, 1);
            let header = Header {
                format: Format::Tiff,
                cols,
                rows,
                bands,
                bits,
                decoded_bytes,
                piece_px,
                orientation,
            };
            fitted.must_be_taken(&header, &HeaderLimits::default())
        };
        assert_eq!(of(3, 8), Ok(()));
        assert!(matches!(of(64, 64), Err(PlacingError::TooLarge { what: "bytes", .. })));
    }

    #[test]
    fn control_points_tell_what_they_lie_off() {
        let three = points(&[[10.0, 10.0], [390.0, 20.0], [50.0, 280.0]]);
        let fitted = fit(&Placing::ControlPoints(three), COLS, ROWS).unwrap();
        assert!(fitted.residual_m < 1e-6, "three points decide all: {fitted:?}");
        let mut five = points(&[[10.0, 10.0], [390.0, 20.0], [50.0, 280.0], [350.0, 250.0], [200.0, 150.0]]);
        five[4].position[0] += 2e-5;
        let fitted = fit(&Placing::ControlPoints(five.clone()), COLS, ROWS).unwrap();
        assert!((0.3..1.7).contains(&fitted.residual_m), "1.7 m off in one of five: {fitted:?}");
        five[3].position[1] += 0.001;
        let error = fit(&Placing::ControlPoints(five), COLS, ROWS).unwrap_err();
        assert!(matches!(error, PlacingError::Residual { point: 4, .. }), "{error}");
    }

    #[test]
    fn control_points_that_decide_nothing_are_named() {
        let placed = |at: &[[f64; 2]]| fit(&Placing::ControlPoints(points(at)), COLS, ROWS).unwrap_err();
        assert_eq!(placed(&[[1.0, 1.0], [5.0, 9.0]]), PlacingError::Count { got: 2 });
        let line = placed(&[[0.0, 0.0], [100.0, 100.1], [200.0, 200.0]]);
        assert_eq!(line, PlacingError::Collinear { farthest: 2, at: "in the image" });
        let twice = placed(&[[0.0, 0.0], [100.0, 5.0], [0.0, 0.0]]);
        assert_eq!(twice, PlacingError::Same { first: 1, second: 3, at: "pixel" });
        let outside = placed(&[[0.0, 0.0], [100.0, 5.0], [0.0, 301.0]]);
        assert!(matches!(outside, PlacingError::Outside { point: 3, .. }));
        let mut ground = points(&[[0.0, 0.0], [100.0, 5.0], [0.0, 300.0]]);
        ground[2].position = [127.602, 39.902 - 0.002 * 5.0 / 300.0 * 2.0];
        let error = fit(&Placing::ControlPoints(ground), COLS, ROWS).unwrap_err();
        assert!(matches!(error, PlacingError::Collinear { at: "on the ground", .. }), "{error}");
    }

    #[test]
    fn a_world_file_names_the_centre_of_its_first_pixel() {
        let numbers = read_world_file("0.5\n0\n0\n-0.5\n551400.25\n4416599.75\n").unwrap();
        let placing = Placing::WorldFile { numbers, crs: "EPSG:32652".to_owned() };
        let fitted = fit(&placing, COLS, ROWS).unwrap();
        assert_eq!(fitted.mapping, Mapping::Affine([551_400.0, 0.5, 0.0, 4_416_600.0, 0.0, -0.5]));
    }

    #[test]
    fn a_world_file_that_is_none_names_its_line() {
        for (text, line) in [
            ("0.5\n0\nNaN\n-0.5\n1\n2", 3),
            ("0.5\n0\n0\n-0.5\n1", 6),
            ("1\n2\n3\n4\n5\n6\n7", 7),
            ("1\ninf", 2),
        ] {
            match read_world_file(text) {
                Err(PlacingError::WorldFile { line: got, .. }) => assert_eq!(got, line, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
        let placed = |numbers, crs: &str| {
            fit(&Placing::WorldFile { numbers, crs: crs.to_owned() }, COLS, ROWS).unwrap_err()
        };
        let there = [0.5, 0.0, 0.0, -0.5, 551_400.25, 4_416_599.75];
        assert!(matches!(placed(there, "EPSG:32699"), PlacingError::Crs { .. }));
        assert!(matches!(placed(there, "/etc/passwd"), PlacingError::Crs { .. }));
        assert!(matches!(placed([0.5, 0.0, 0.5, 0.0, 1.0, 1.0], "EPSG:32652"), PlacingError::Nowhere { .. }));
        assert!(matches!(
            placed([0.5, 0.0, 0.0, -0.5, 1e30, 1.0], "EPSG:32652"),
            PlacingError::Nowhere { .. }
        ));
        for crs in ["EPSG:3857", "EPSG:4326", "EPSG:32652"] {
            for far in [1e9, 1e300] {
                let error = placed([0.5, 0.0, 0.0, -0.5, far, 1.0], crs);
                assert!(matches!(error, PlacingError::Nowhere { .. }), "{crs} {far}: {error}");
            }
        }
        assert!(matches!(placed([f64::NAN; 6], "EPSG:32652"), PlacingError::WorldFile { line: 1, .. }));
    }
}
