//! Evidence from a network.

use rten_tensor::{NdTensor, prelude::*};

use crate::{
    evidence::EvidenceMaps,
    model::{CHANNELS_IN, MULTIPLE_PX, Model, ModelError},
    pair::AlignedPair,
    raster::Raster,
};

/// Pixels around a window that the network sees besides it; what it says of them is dropped.
pub const HALO_PX: u32 = 48;

/// Evidence of a window in [`crate::normalise::Normalisation::Display`].
///
/// Pixels that were not observed are shown to the network as black. A grey pair is shown as three equal
/// bands.
///
/// # Errors
/// When the network cannot be run.
pub fn network(pair: &AlignedPair, model: &Model) -> Result<EvidenceMaps, ModelError> {
    let grid = pair.grid();
    let (rows, cols) = (grid.rows as usize, grid.cols as usize);
    let (height, width) = (rows.next_multiple_of(MULTIPLE_PX), cols.next_multiple_of(MULTIPLE_PX));
    let mut input = NdTensor::zeros([1, CHANNELS_IN, height, width]);
    let seen: Vec<bool> = (0..grid.len()).map(|index| pair.both_valid(index)).collect();
    let data = input.data_mut().expect("a tensor just made lies in one piece");
    for (date, raster) in [pair.before(), pair.after()].into_iter().enumerate() {
        for channel in 0..CHANNELS_IN / 2 {
            let plane = (date * CHANNELS_IN / 2 + channel) * height * width;
            show(raster, channel, &seen, &mut data[plane..plane + height * width], width);
        }
    }
    let output = model.run(input.view())?;
    let output = output.data().expect("a network's result lies in one piece");
    let mut maps = EvidenceMaps::empty(grid.rows, grid.cols);
    let [new, removed, before, after, boundary, change, _] = maps.layers_mut();
    for (plane, map) in [new, removed, before, after, boundary].into_iter().enumerate() {
        for row in 0..rows {
            let from = (plane * height + row) * width;
            for (byte, probability) in
                map[row * cols..(row + 1) * cols].iter_mut().zip(&output[from..from + cols])
            {
                *byte = (probability * 255.0).round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    difference(pair, &seen, change);
    Ok(maps)
}

/// Writes one band into a plane that is at least as wide, the last row and column repeated to fill it.
fn show(raster: &Raster, channel: usize, seen: &[bool], plane: &mut [f32], width: usize) {
    let band = raster.band(if raster.bands() == 1 { 0 } else { channel });
    let (rows, cols) = (raster.grid().rows as usize, raster.grid().cols as usize);
    for (row, line) in plane.chunks_exact_mut(width).enumerate() {
        let from = row.min(rows - 1) * cols;
        for (col, value) in line.iter_mut().enumerate() {
            let at = from + col.min(cols - 1);
            *value = if seen[at] { band[at].clamp(0.0, 1.0) } else { 0.0 };
        }
    }
}

/// Mean absolute difference over the bands.
fn difference(pair: &AlignedPair, seen: &[bool], change: &mut [u8]) {
    let bands = pair.before().bands();
    for (at, byte) in change.iter_mut().enumerate().filter(|(at, _)| seen[*at]) {
        let apart = (0..bands)
            .map(|band| (pair.before().band(band)[at] - pair.after().band(band)[at]).abs())
            .sum::<f32>();
        *byte = (apart / bands as f32 * 255.0).round().clamp(0.0, 255.0) as u8;
    }
}
