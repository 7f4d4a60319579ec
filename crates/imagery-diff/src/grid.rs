//! Where pixels lie on the ground.

/// A position in map units: metres east and north in the grid's CRS, or pixels right and *up* from
/// the lower left corner where the images carry no georeference.
pub type MapPoint = geo::Coord<f64>;

/// A pixel by row (downwards) and column (rightwards), both from zero at the upper left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PixelIndex {
    /// Rows from the top edge.
    pub row: u32,
    /// Columns from the left edge.
    pub col: u32,
}

/// A rectangle of pixels, `rows x cols`, whose upper left pixel is `(row, col)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// First row.
    pub row: u32,
    /// First column.
    pub col: u32,
    /// Height in pixels.
    pub rows: u32,
    /// Width in pixels.
    pub cols: u32,
}

impl Window {
    /// Number of pixels inside.
    pub fn len(&self) -> usize {
        self.rows as usize * self.cols as usize
    }

    /// Whether the window holds no pixel.
    pub fn is_empty(&self) -> bool {
        self.rows == 0 || self.cols == 0
    }

    /// Its middle in pixels to the right and down from the corner of the grid.
    pub fn middle(&self) -> [f64; 2] {
        [f64::from(self.col) + f64::from(self.cols) / 2.0, f64::from(self.row) + f64::from(self.rows) / 2.0]
    }

    /// The window grown by `margin_px` on every side, cut to a raster of `rows x cols`.
    pub fn grown(&self, margin_px: u32, rows: u32, cols: u32) -> Window {
        let row = self.row.saturating_sub(margin_px);
        let col = self.col.saturating_sub(margin_px);
        Window {
            row,
            col,
            rows: (self.row + self.rows + margin_px).min(rows) - row,
            cols: (self.col + self.cols + margin_px).min(cols) - col,
        }
    }
}

/// A displacement in pixels of the grid it is used with.
///
/// The displacement *of the after image against the before image*: content found at `(row, col)`
/// before is found at `(row + down_px, col + right_px)` after. Reading the after image at
/// `position + shift` therefore brings it onto the before image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shift {
    /// Columns to the right; negative is to the left.
    pub right_px: f64,
    /// Rows downwards; negative is upwards.
    pub down_px: f64,
}

impl Shift {
    /// Length of the difference of two shifts, pixels.
    pub fn apart(self, other: Shift) -> f64 {
        (self.right_px - other.right_px).hypot(self.down_px - other.down_px)
    }

    /// One after the other.
    pub(crate) fn plus(self, other: Shift) -> Shift {
        Shift { right_px: self.right_px + other.right_px, down_px: self.down_px + other.down_px }
    }

    /// So many times as far.
    pub(crate) fn scaled(self, by: f64) -> Shift {
        Shift { right_px: self.right_px * by, down_px: self.down_px * by }
    }

    /// To whole pixels.
    pub(crate) fn rounded(self) -> Shift {
        Shift { right_px: self.right_px.round(), down_px: self.down_px.round() }
    }

    /// A share of the way from this shift to another one.
    pub(crate) fn towards(self, other: Shift, share: f64) -> Shift {
        Shift {
            right_px: self.right_px + (other.right_px - self.right_px) * share,
            down_px: self.down_px + (other.down_px - self.down_px) * share,
        }
    }
}

/// What the map coordinates of a grid mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// Metres in a projected CRS, named by an authority code (`EPSG:32652`) or, where it has none,
    /// by its WKT.
    Projected(String),
    /// No georeference: coordinates are pixels, and so are lengths and areas.
    Pixels,
}

/// A north-up grid of square pixels.
///
/// ```text
/// origin +-----+-----+----> x (east)     pixel (0, 0) covers
///        | 0,0 | 0,1 |                   x: origin.x .. origin.x + pixel_m
///        +-----+-----+                   y: origin.y - pixel_m .. origin.y
///        | 1,0 |                         its centre is at (0.5, 0.5) px
///        v
/// ```
///
/// Pixel coordinates as `f64` count from the *corner*: `(0.0, 0.0)` is `origin`, and the centre of
/// pixel `(row, col)` is `(row + 0.5, col + 0.5)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Height in pixels.
    pub rows: u32,
    /// Width in pixels.
    pub cols: u32,
    /// Map position of the upper left *corner* of the upper left pixel.
    pub origin: MapPoint,
    /// Side of a pixel in map units (metres, or 1 for [`Reference::Pixels`]). Positive, finite.
    pub pixel_m: f64,
    /// What the map coordinates mean.
    pub reference: Reference,
}

impl Grid {
    /// A grid without georeference: one map unit a pixel, `y` up, origin of the map at the lower left.
    pub fn pixels(rows: u32, cols: u32) -> Grid {
        Grid {
            rows,
            cols,
            origin: MapPoint { x: 0.0, y: f64::from(rows) },
            pixel_m: 1.0,
            reference: Reference::Pixels,
        }
    }

    /// The whole grid as one window.
    pub fn window(&self) -> Window {
        Window { row: 0, col: 0, rows: self.rows, cols: self.cols }
    }

    /// Number of pixels.
    pub fn len(&self) -> usize {
        self.window().len()
    }

    /// Whether the grid holds no pixel.
    pub fn is_empty(&self) -> bool {
        self.window().is_empty()
    }

    /// Map position of a point in pixel coordinates, counted from the upper left corner.
    pub fn to_map(&self, right_px: f64, down_px: f64) -> MapPoint {
        MapPoint { x: self.origin.x + right_px * self.pixel_m, y: self.origin.y - down_px * self.pixel_m }
    }

    /// The point in pixel coordinates of a map position, counted likewise: right and down.
    pub fn to_pixels(&self, at: MapPoint) -> [f64; 2] {
        [(at.x - self.origin.x) / self.pixel_m, (self.origin.y - at.y) / self.pixel_m]
    }

    /// The grid of a window of this grid.
    pub fn cut(&self, window: Window) -> Grid {
        Grid {
            rows: window.rows,
            cols: window.cols,
            origin: self.to_map(f64::from(window.col), f64::from(window.row)),
            pixel_m: self.pixel_m,
            reference: self.reference.clone(),
        }
    }

    /// The grid with pixels `reduction` times as large, those that lie in this one whole; at least one.
    pub fn reduced(&self, reduction: u32) -> Grid {
        Grid {
            rows: (self.rows / reduction).max(1),
            cols: (self.cols / reduction).max(1),
            origin: self.origin,
            pixel_m: self.pixel_m * f64::from(reduction),
            reference: self.reference.clone(),
        }
    }
}

impl std::fmt::Display for Grid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.reference {
            Reference::Projected(_) => write!(f, "{}x{} px of {} m", self.cols, self.rows, self.pixel_m),
            Reference::Pixels => write!(f, "{}x{} px without georeference", self.cols, self.rows),
        }
    }
}
