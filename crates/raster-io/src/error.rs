//! What can go wrong with rasters.

use std::path::PathBuf;

/// An error of this crate: names the file, what was got and what was wanted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RasterError {
    /// The file cannot be read at all.
    #[error("{path} cannot be read")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("{path} cannot be written")]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The content is none of the formats that are read.
    #[error("{path} is {got} but must be a GeoTIFF, PNG, JPEG or JPEG 2000 file")]
    Format {
        /// Which file.
        path: PathBuf,
        /// What it looks like.
        got: String,
    },
    /// The header check refused the file; GDAL has not seen it.
    #[error("{path} {refusal}")]
    Refused {
        /// Which file.
        path: PathBuf,
        /// What the check found; its words are part of this error's.
        refusal: crate::header::Refusal,
    },
    /// The header says something that is not taken.
    #[error("{path}: {what} is {got} but must be {wanted}")]
    Header {
        /// Which file.
        path: PathBuf,
        /// Which field.
        what: &'static str,
        /// Its value.
        got: String,
        /// What would do.
        wanted: String,
    },
    /// GDAL could not make sense of the file.
    #[error("{path} cannot be {action}: {cause}")]
    Gdal {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What GDAL says.
        cause: String,
    },
    /// Pixels of the file cannot be decoded; the decoder would have made them up.
    #[error("{path} is damaged: {cause}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What the decoder says.
        cause: String,
    },
    /// The temporary folder has no room for a copy in tiles.
    #[error(
        "{path} is stored in large pieces, so that a copy of it in tiles is made first, but {} has {} MB for it and must have {} MB (TMPDIR names another folder)",
        folder.display(), got_bytes >> 20, wanted_bytes.div_ceil(1 << 20)
    )]
    NoRoom {
        /// Which file.
        path: PathBuf,
        /// Where the copy would be.
        folder: PathBuf,
        /// Bytes that are free there.
        got_bytes: u64,
        /// Bytes that must be.
        wanted_bytes: u64,
    },
    /// What a person said of where the file lies makes no sense.
    #[error("{path}: {fault}")]
    Placing {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it; its words are part of this error's.
        fault: crate::placing::PlacingError,
    },
    /// The process in which the file was decoded refused it or did not get through.
    #[error("{path}: {cause}")]
    Ingest {
        /// Which file.
        path: PathBuf,
        /// What that process said, or how it ended.
        cause: String,
    },
    /// Files cannot be decoded here at the moment, whatever is in them.
    #[error("{path} cannot be decoded: {cause}")]
    Worker {
        /// Which file was to be.
        path: PathBuf,
        /// Why not.
        cause: String,
    },
    /// One file has a georeference, the other has none.
    #[error("{placed} has a georeference but {unplaced} has none{}", because(what_is_there))]
    OneUnplaced {
        /// The file with a georeference.
        placed: PathBuf,
        /// The file without.
        unplaced: PathBuf,
        /// What the latter has in its place, and why that is not used.
        what_is_there: Vec<String>,
    },
    /// Neither file has a georeference, and their sizes differ.
    #[error(
        "{after} is {after_size} px but {before} is {before_size} px, and without a georeference both must be of one size"
    )]
    SizesDiffer {
        /// The before file.
        before: PathBuf,
        /// Its columns x rows.
        before_size: String,
        /// The after file.
        after: PathBuf,
        /// Its columns x rows.
        after_size: String,
    },
    /// The files show different places.
    #[error("{after} does not overlap {before}: {after_extent} against {before_extent} (degrees)")]
    NoOverlap {
        /// The before file.
        before: PathBuf,
        /// Where it lies.
        before_extent: String,
        /// The after file.
        after: PathBuf,
        /// Where it lies.
        after_extent: String,
    },
    /// The common grid would be too large.
    #[error("the common grid would be {cols}x{rows} px but may have {max} px a side")]
    GridTooLarge {
        /// Its columns.
        cols: u64,
        /// Its rows.
        rows: u64,
        /// Most pixels a side.
        max: u32,
    },
    /// A picture would be drawn from too many pixels.
    #[error(
        "{path}: a picture of it is drawn from more than {max} px; its coarsest overview has {cols}x{rows} px"
    )]
    PictureTooLarge {
        /// Which file.
        path: PathBuf,
        /// Columns of its coarsest overview.
        cols: usize,
        /// Rows of its coarsest overview.
        rows: usize,
        /// Most pixels.
        max: usize,
    },
    /// A coordinate reference system that cannot be used.
    #[error("the coordinate reference system {crs} cannot be used: {cause}")]
    Crs {
        /// Which.
        crs: String,
        /// Why not.
        cause: String,
    },
    /// A tile or image that cannot be encoded.
    #[error("the image cannot be encoded")]
    Encode(#[from] image::ImageError),
    /// A tile that cannot be encoded as JPEG.
    #[error("the image cannot be encoded as JPEG")]
    EncodeJpeg(#[from] jpeg_encoder::EncodingError),
}

fn because(what_is_there: &[String]) -> String {
    if what_is_there.is_empty() { String::new() } else { format!(": it {}", what_is_there.join("; it ")) }
}

impl RasterError {
    pub(crate) fn gdal(
        path: &std::path::Path,
        action: &'static str,
    ) -> impl Fn(gdal::errors::GdalError) -> RasterError + use<> {
        let path = path.to_owned();
        move |error| RasterError::Gdal { path: path.clone(), action, cause: plain(&error) }
    }
}

/// GDAL's own words without the binding's wrapping.
pub(crate) fn plain(error: &gdal::errors::GdalError) -> String {
    match error {
        gdal::errors::GdalError::CplError { msg, .. } => msg.trim().trim_end_matches('.').to_owned(),
        gdal::errors::GdalError::NullPointer { msg, .. } if !msg.is_empty() => {
            msg.trim().trim_end_matches('.').to_owned()
        }
        other => other.to_string(),
    }
}
