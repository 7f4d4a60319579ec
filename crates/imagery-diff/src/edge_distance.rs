//! How far each pixel is from the edge of what was observed.

use crate::evidence::EDGE_DISTANCE_PX_MAX;

/// Chessboard distance in pixels to the nearest pixel that was not seen: 0 for such a pixel itself, at most
/// [`EDGE_DISTANCE_PX_MAX`]. The rim of the raster counts as seen further on; see [`clip_to_scene`].
///
/// Two passes with a 3x3 mask (Rosenfeld and Pfaltz 1966).
pub(crate) fn edge_distance(seen: &[bool], rows: usize, cols: usize) -> Vec<u8> {
    let mut distance: Vec<u8> =
        seen.iter().map(|seen| if *seen { EDGE_DISTANCE_PX_MAX } else { 0 }).collect();
    let mut relax = |row: usize, col: usize, neighbours: [(isize, isize); 4]| {
        let mut least = distance[row * cols + col];
        for (down, right) in neighbours {
            let (r, c) = (row as isize + down, col as isize + right);
            if (0..rows as isize).contains(&r) && (0..cols as isize).contains(&c) {
                least = least.min(distance[r as usize * cols + c as usize].saturating_add(1));
            }
        }
        distance[row * cols + col] = least;
    };
    for row in 0..rows {
        for col in 0..cols {
            relax(row, col, [(-1, -1), (-1, 0), (-1, 1), (0, -1)]);
        }
    }
    for row in (0..rows).rev() {
        for col in (0..cols).rev() {
            relax(row, col, [(1, 1), (1, 0), (1, -1), (0, 1)]);
        }
    }
    distance
}

/// Lowers distances to that of the rim of the scene, for the pixel at `(row, col)` of `rows x cols`.
pub(crate) fn clip_to_scene(distance: u8, row: u32, col: u32, rows: u32, cols: u32) -> u8 {
    let rim = (row + 1).min(rows - row).min(col + 1).min(cols - col);
    distance.min(rim.min(u32::from(EDGE_DISTANCE_PX_MAX)) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_grow_from_a_hole() {
        let mut seen = vec![true; 25];
        seen[12] = false;
        let distance = edge_distance(&seen, 5, 5);
        assert_eq!(distance[..5], [2, 2, 2, 2, 2]);
        assert_eq!(distance[10..15], [2, 1, 0, 1, 2]);
    }

    #[test]
    fn the_rim_of_the_scene_is_an_edge() {
        assert_eq!(clip_to_scene(EDGE_DISTANCE_PX_MAX, 0, 9, 20, 20), 1);
        assert_eq!(clip_to_scene(EDGE_DISTANCE_PX_MAX, 9, 17, 20, 20), 3);
    }
}
