//! What speaks for a structure, pixel by pixel, whatever detector says it.

pub mod classical;
pub mod cues;
pub mod network;

/// Probabilities of one window, each `rows x cols`, row-major, 0 = 0 % and 255 = 100 %.
///
/// Where `edge_distance_px` is 0 nothing was observed on one of the dates: every map is 0 there and
/// means "abstain".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceMaps {
    /// Height in pixels.
    pub rows: u32,
    /// Width in pixels.
    pub cols: u32,
    /// A structure that is there after and was not before.
    pub new: Vec<u8>,
    /// A structure that was there before and is not after.
    pub removed: Vec<u8>,
    /// Any building on the first date.
    pub building_before: Vec<u8>,
    /// Any building on the second date.
    pub building_after: Vec<u8>,
    /// The edge of a building on either date, which keeps neighbours apart.
    pub boundary: Vec<u8>,
    /// Radiometric change whatever its cause (change vector magnitude).
    pub change: Vec<u8>,
    /// Not a probability: gain of the building index from the first date to the second, [`cues::NONE`] for none.
    pub building_index_change: Vec<u8>,
    /// Not a probability: the strongest gain or loss of shadow near a pixel, [`cues::NONE`] for none.
    pub shadow_change: Vec<u8>,
    /// Not a probability: distance in pixels to the nearest pixel that was not observed on both dates
    /// or lies outside the grid, 0 for such a pixel itself, at most [`EDGE_DISTANCE_PX_MAX`].
    pub edge_distance_px: Vec<u8>,
}

/// Distances to the edge of what was observed are not followed further than this.
pub const EDGE_DISTANCE_PX_MAX: u8 = 32;

impl EvidenceMaps {
    /// Maps without any evidence, nothing observed.
    pub fn empty(rows: u32, cols: u32) -> EvidenceMaps {
        let pixels = rows as usize * cols as usize;
        EvidenceMaps {
            rows,
            cols,
            new: vec![0; pixels],
            removed: vec![0; pixels],
            building_before: vec![0; pixels],
            building_after: vec![0; pixels],
            boundary: vec![0; pixels],
            change: vec![0; pixels],
            building_index_change: vec![0; pixels],
            shadow_change: vec![0; pixels],
            edge_distance_px: vec![0; pixels],
        }
    }

    /// The stronger of `new` and `removed`: what candidates are grown from.
    pub fn strength(&self, index: usize) -> u8 {
        self.new[index].max(self.removed[index])
    }

    /// Whether a pixel was observed on both dates.
    pub fn is_valid(&self, index: usize) -> bool {
        self.edge_distance_px[index] > 0
    }

    /// All maps in a fixed order, to be copied or cut alike.
    pub fn layers(&self) -> [&[u8]; LAYERS] {
        [
            &self.new,
            &self.removed,
            &self.building_before,
            &self.building_after,
            &self.boundary,
            &self.change,
            &self.building_index_change,
            &self.shadow_change,
            &self.edge_distance_px,
        ]
    }

    /// All maps in the order of [`EvidenceMaps::layers`], to be changed in place.
    pub fn layers_mut(&mut self) -> [&mut [u8]; LAYERS] {
        [
            &mut self.new,
            &mut self.removed,
            &mut self.building_before,
            &mut self.building_after,
            &mut self.boundary,
            &mut self.change,
            &mut self.building_index_change,
            &mut self.shadow_change,
            &mut self.edge_distance_px,
        ]
    }
}

/// Probability of log odds.
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Number of maps in [`EvidenceMaps`].
pub const LAYERS: usize = 9;

/// Evidence over the full width of the grid for a few rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    /// Row of the grid that the first row of `maps` is.
    pub row: u32,
    /// The evidence; `maps.cols` is the width of the grid.
    pub maps: EvidenceMaps,
}
