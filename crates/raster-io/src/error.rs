//! What can go wrong between a file and its pixels.

use std::path::{Path, PathBuf};

use crate::header::Refusal;

/// Why a raster could not be read, warped or written; every message names the file and the reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RasterError {
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The header check refused the file; GDAL has not seen it.
    #[error("{}: {refusal}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What the check found.
        #[source]
        refusal: Refusal,
    },
    /// GDAL could not read the file or a part of it.
    #[error("{}: cannot be decoded: {source}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What GDAL said.
        source: gdal::errors::GdalError,
    },
    /// A coordinate reference system is not known or not usable.
    #[error("{}: coordinate reference system cannot be used: {source}", path.display())]
    Reference {
        /// The file.
        path: PathBuf,
        /// What GDAL said.
        source: gdal::errors::GdalError,
    },
    /// The geotransform is not one that pixels can be placed with.
    #[error("{}: geotransform {geotransform:?} does not place pixels", path.display())]
    Geotransform {
        /// The file.
        path: PathBuf,
        /// The six numbers, in GDAL's order.
        geotransform: [f64; 6],
    },
    /// One file of a pair says where it lies and the other does not.
    #[error("{} has no coordinate reference system but {} has one", without.display(), with.display())]
    OneWithoutReference {
        /// The file that cannot be placed.
        without: PathBuf,
        /// The file that can.
        with: PathBuf,
    },
    /// Two files without georeference differ in size, so nothing says how they lie on each other.
    #[error(
        "{} is {}x{} px but {} is {}x{} px, and neither has a georeference to place them by",
        before.display(), before_size.0, before_size.1, after.display(), after_size.0, after_size.1
    )]
    SizesDiffer {
        /// The before file.
        before: PathBuf,
        /// Its columns and rows.
        before_size: (u32, u32),
        /// The after file.
        after: PathBuf,
        /// Its columns and rows.
        after_size: (u32, u32),
    },
    /// The footprints have no area in common.
    #[error("{} and {} do not overlap", before.display(), after.display())]
    NoOverlap {
        /// The before file.
        before: PathBuf,
        /// The after file.
        after: PathBuf,
    },
    /// A grid would have more rows or columns than the limit.
    #[error("{}: a grid of {cols}x{rows} px is larger than {limit_px} px a side", path.display())]
    GridTooLarge {
        /// The file the grid is made for.
        path: PathBuf,
        /// Columns it would have.
        cols: f64,
        /// Rows it would have.
        rows: f64,
        /// The limit.
        limit_px: u32,
    },
    /// Coordinates could not be brought from one reference system into another.
    #[error("coordinates cannot be brought from {from} to {to}: {source}")]
    Transform {
        /// The system they are in.
        from: String,
        /// The system they were wanted in.
        to: String,
        /// What GDAL said.
        source: gdal::errors::GdalError,
    },
    /// Pixel coordinates were asked for their place on Earth.
    #[error("pixels without georeference have no longitude and latitude")]
    NoLonLat,
    /// The file carries no georeference and no footprint was given.
    #[error("{}: has no georeference, and no footprint was given", path.display())]
    FootprintMissing {
        /// The file.
        path: PathBuf,
    },
    /// The four corners given by hand are not the outline of a photograph from above.
    #[error(
        "{}: the four corners given do not fit an image: they miss a parallelogram by {miss_m:.1} m of {diagonal_m:.1} m",
        path.display()
    )]
    FootprintSkewed {
        /// The file.
        path: PathBuf,
        /// Largest distance of a corner from the parallelogram that fits best, metres.
        miss_m: f64,
        /// Length of the diagonal, metres.
        diagonal_m: f64,
    },
    /// The file carries more bands than a working copy keeps, or of a type that it cannot keep.
    #[error("{}: {count} bands of {sample_type} cannot be kept", path.display())]
    Bands {
        /// The file.
        path: PathBuf,
        /// Number of bands.
        count: usize,
        /// Name of the sample type.
        sample_type: String,
    },
    /// Output could not be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What GDAL said.
        source: gdal::errors::GdalError,
    },
    /// A picture could not be encoded.
    #[error("tile cannot be encoded as {format}: {source}")]
    Encode {
        /// Name of the format.
        format: &'static str,
        /// What the encoder said.
        source: image::ImageError,
    },
    /// A band was asked for that the raster does not have.
    #[error("{}: band {band} was asked for but there are {bands}", path.display())]
    NoSuchBand {
        /// The file.
        path: PathBuf,
        /// Band that was asked for, from zero.
        band: usize,
        /// Bands there are.
        bands: usize,
    },
    /// The child process that decodes untrusted files could not be started or confined.
    #[error("{}: the decoder process cannot be started: {source}", path.display())]
    ChildStart {
        /// The file it was to decode.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The child process needed longer than it may.
    #[error("{}: decoding took longer than {limit_s} s and was ended", path.display())]
    ChildTimeout {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit_s: u64,
    },
    /// The child process died: by a signal, by its memory or processor limit, or by a fault of the decoder.
    #[error("{}: the decoder process died ({how}){}", path.display(), last_words(said))]
    ChildDied {
        /// The file.
        path: PathBuf,
        /// Exit status in words.
        how: String,
        /// The end of what it wrote to its error stream.
        said: String,
    },
    /// The child process gave a reason why it could not ingest the file.
    #[error("{}: {reason}", path.display())]
    ChildRefused {
        /// The file.
        path: PathBuf,
        /// The child's own message.
        reason: String,
    },
}

fn last_words(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

impl RasterError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> RasterError + '_ {
        move |source| RasterError::File { path: path.to_owned(), source }
    }

    pub(crate) fn decode(path: &Path) -> impl FnOnce(gdal::errors::GdalError) -> RasterError + '_ {
        move |source| RasterError::Decode { path: path.to_owned(), source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(gdal::errors::GdalError) -> RasterError + '_ {
        move |source| RasterError::Write { path: path.to_owned(), source }
    }
}
