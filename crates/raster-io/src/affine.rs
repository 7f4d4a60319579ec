//! The six numbers that place pixels on a map.

/// An affine map from pixel coordinates (right, down, from the corner of the upper left pixel) to map
/// coordinates, in the order of GDAL's geotransform.
///
/// ```text
/// x = c[0] + c[1] * right + c[2] * down
/// y = c[3] + c[4] * right + c[5] * down
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine(pub [f64; 6]);

impl Affine {
    /// A north-up map of square pixels whose upper left corner is at `(x, y)`.
    pub fn north_up(x: f64, y: f64, pixel: f64) -> Affine {
        Affine([x, pixel, 0.0, y, 0.0, -pixel])
    }

    /// Map position of a point in pixel coordinates.
    pub fn apply(&self, right: f64, down: f64) -> (f64, f64) {
        let c = &self.0;
        (c[0] + c[1] * right + c[2] * down, c[3] + c[4] * right + c[5] * down)
    }

    /// Signed area of a pixel in map units; zero, or not finite, where pixels collapse.
    pub fn determinant(&self) -> f64 {
        let c = &self.0;
        c[1] * c[5] - c[2] * c[4]
    }

    /// Whether every pixel has a place and an area.
    pub fn is_usable(&self) -> bool {
        let determinant = self.determinant();
        self.0.iter().all(|number| number.is_finite()) && determinant.is_finite() && determinant != 0.0
    }

    /// The map back from map coordinates to pixel coordinates; `None` where pixels collapse.
    pub fn inverse(&self) -> Option<Affine> {
        if !self.is_usable() {
            return None;
        }
        let c = &self.0;
        let d = self.determinant();
        let (a, b, e, f) = (c[5] / d, -c[2] / d, -c[4] / d, c[1] / d);
        Some(Affine([-(a * c[0] + b * c[3]), a, b, -(e * c[0] + f * c[3]), e, f]))
    }

    /// This map applied after `first`.
    pub fn after(&self, first: &Affine) -> Affine {
        let (a, b) = (&self.0, &first.0);
        let (x, y) = self.apply(b[0], b[3]);
        Affine([
            x,
            a[1] * b[1] + a[2] * b[4],
            a[1] * b[2] + a[2] * b[5],
            y,
            a[4] * b[1] + a[5] * b[4],
            a[4] * b[2] + a[5] * b[5],
        ])
    }

    /// Whether rows run west to east and columns north to south.
    pub fn is_north_up(&self) -> bool {
        let c = &self.0;
        c[2] == 0.0 && c[4] == 0.0 && c[1] > 0.0 && c[5] < 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_brings_a_point_back() {
        let rotated = Affine([500_000.0, 0.3, 0.4, 4_000_000.0, 0.4, -0.3]);
        let (x, y) = rotated.apply(12.0, 7.0);
        let (right, down) = rotated.inverse().expect("pixels have an area").apply(x, y);
        assert!((right - 12.0).abs() < 1e-6 && (down - 7.0).abs() < 1e-6);
        assert_eq!(Affine([0.0; 6]).inverse(), None);
        let same = rotated.inverse().expect("pixels have an area").after(&rotated);
        assert!((same.0[1] - 1.0).abs() < 1e-9 && same.0[2].abs() < 1e-9);
    }
}
