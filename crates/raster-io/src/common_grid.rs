//! The one grid that two rasters are brought onto.

/// How the common grid is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct CommonGridOptions {
    /// Finest pixel, metres: the detector sees nothing more in finer ones.
    pub gsd_m_min: f64,
}

impl Default for CommonGridOptions {
    fn default() -> CommonGridOptions {
        CommonGridOptions { gsd_m_min: 0.0 }
    }
}
