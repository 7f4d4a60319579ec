//! Pictures as files.

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::{
        png::{CompressionType, FilterType, PngEncoder},
        webp::WebPEncoder,
    },
};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::{Observed, Tile};
use crate::RasterError;

/// A picture format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TileFormat {
    /// Lossless, with transparency.
    Png,
    /// Small, without transparency: nothing observed is black. 1 (worst) to 100 (best).
    Jpeg {
        /// Quality, 1 to 100.
        quality: u8,
    },
    /// Lossless, with transparency.
    Webp,
}

/// Encodes a picture; one that was observed all over has no alpha channel.
///
/// # Errors
/// When the encoder fails.
pub fn encode(tile: &Tile, format: TileFormat) -> Result<Vec<u8>, RasterError> {
    let opaque = tile.observed == Observed::Everything;
    let without_alpha: Vec<u8>;
    let (pixels, colours) = if opaque {
        without_alpha = rgb(&tile.rgba);
        (&without_alpha, ExtendedColorType::Rgb8)
    } else {
        (&tile.rgba, ExtendedColorType::Rgba8)
    };
    let mut bytes = Vec::new();
    match format {
        TileFormat::Png => {
            PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive)
                .write_image(pixels, tile.cols, tile.rows, colours)?;
        }
        TileFormat::Webp => {
            WebPEncoder::new_lossless(&mut bytes).write_image(pixels, tile.cols, tile.rows, colours)?;
        }
        TileFormat::Jpeg { quality } => {
            let mut encoder = Encoder::new(&mut bytes, quality);
            encoder.set_sampling_factor(SamplingFactor::F_2_2);
            let side = |px: u32| u16::try_from(px).unwrap_or(u16::MAX);
            encoder.encode(&tile.rgba, side(tile.cols), side(tile.rows), ColorType::Rgba)?;
        }
    }
    Ok(bytes)
}

fn rgb(rgba: &[u8]) -> Vec<u8> {
    let mut rgb = vec![0; rgba.len() / 4 * 3];
    for (to, from) in rgb.chunks_exact_mut(3).zip(rgba.chunks_exact(4)) {
        to.copy_from_slice(&from[..3]);
    }
    rgb
}
