//! Copies in tiles of images that are stored in large pieces.
//!
//! A detection reads windows here and there, on several threads with a handle each. What is decoded from its beginning (PNG,
//! JPEG) or in strips of a thousand rows would be decoded anew for each window, and be in memory once for each thread. Such an
//! image is decoded once, from its beginning to its end, into a file of tiles without a name, which is gone with the last
//! handle, however the process ends.

use std::{fs::File, path::Path};

use gdal::{Dataset, raster::RasterCreationOptions};

use crate::{
    RasterError, drivers,
    drivers::Stored,
    header::Header,
    plain,
    source::{Source, described},
    whole::free_bytes,
};

/// Decoded bytes of a piece from which on an image is copied: with two rows of pieces of both images for each thread, smaller
/// ones stay in the memory that GDAL keeps for decoded blocks.
const PIECE_BYTES_MAX: u64 = 8 << 20;
/// Pixels of a piece that is small whatever a pixel takes: a tile.
const PIECE_PX_MIN: u64 = 1 << 20;
/// Bytes of the temporary folder that are left to others.
const ROOM_BYTES_MIN: u64 = 64 << 20;

/// Whether an image is stored in pieces that are too large to be decoded for a window.
pub(crate) fn is_needed(header: &Header) -> bool {
    header.piece_px > PIECE_PX_MIN && header.piece_bytes() > PIECE_BYTES_MAX
}

/// The same image, read from a copy in tiles.
///
/// # Errors
/// When it cannot be decoded, or the temporary folder has no room for the copy.
pub(crate) fn copied(source: Source, header: &Header) -> Result<Source, RasterError> {
    let folder = std::env::temp_dir();
    must_have_room(&source.path, header, &folder)?;
    let file = tempfile::tempfile_in(&folder)
        .map_err(|source| RasterError::Write { path: folder.clone(), source })?;
    let made = source.with_dataset(|dataset| write(dataset, &source, &file));
    // what fails on a full disk says nothing of the image
    made.map_err(|error| must_have_room(&source.path, header, &folder).err().unwrap_or(error))?;
    let copy = described(&source.path, header, Stored::nameless(file))?;
    Ok(source.stored_as(copy))
}

fn write(dataset: &Dataset, source: &Source, file: &File) -> Result<(), RasterError> {
    let fails = RasterError::gdal(&source.path, "copied into tiles");
    let target = drivers::name_of(file);
    let mut tiled = if source.is_copied_whole() {
        let options = RasterCreationOptions::from_iter(drivers::TILES);
        dataset.create_copy(&drivers::writer("GTiff", &target)?, &target, &options).map_err(&fails)?
    } else {
        plain::copy(dataset, source, &target, drivers::TILES)?
    };
    tiled.flush_cache().map_err(&fails)
}

fn must_have_room(path: &Path, header: &Header, folder: &Path) -> Result<(), RasterError> {
    let wanted_bytes = header.decoded_bytes.saturating_add(ROOM_BYTES_MIN);
    let Some(got_bytes) = free_bytes(folder) else { return Ok(()) };
    if got_bytes >= wanted_bytes {
        return Ok(());
    }
    let folder = folder.to_owned();
    Err(RasterError::NoRoom { path: path.to_owned(), folder, got_bytes, wanted_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Format;

    fn header(side: u32, bands: u32, piece_px: u64) -> Header {
        let decoded_bytes = u64::from(side) * u64::from(side) * u64::from(bands);
        Header {
            format: Format::Tiff,
            cols: side,
            rows: side,
            bands,
            bits: 8,
            decoded_bytes,
            piece_px,
            orientation: 1,
        }
    }

    #[test]
    fn only_images_in_large_pieces_are_copied() {
        assert!(is_needed(&header(4_000, 1, 16_000_000)), "one strip");
        assert!(!is_needed(&header(4_000, 3, 4_000 * 16)), "small strips");
        assert!(!is_needed(&header(4_000, 64, 512 * 512)), "tiles, however many bands they have");
        assert!(!is_needed(&header(1_500, 3, 1_500 * 1_500)), "all of it stays in memory");
    }

    #[test]
    fn a_folder_without_room_is_told_with_what_it_must_have() {
        let folder = tempfile::tempdir().unwrap();
        let mut header = header(4_000, 3, 16_000_000);
        assert!(must_have_room(Path::new("a.png"), &header, folder.path()).is_ok());
        header.decoded_bytes = u64::MAX / 2;
        let told = must_have_room(Path::new("a.png"), &header, folder.path()).unwrap_err().to_string();
        assert!(told.starts_with("a.png is stored in large pieces") && told.contains("TMPDIR"), "{told}");
    }
}
