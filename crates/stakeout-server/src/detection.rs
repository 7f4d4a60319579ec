//! From two files to candidates in degrees. Knows no HTTP: the command line and the jobs use it alike.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use imagery_diff::{
    CLASSICAL, Candidate, Card, DetectError, DetectOptions, Detector, DetectorId, Fit, Model, ModelError,
    OnProgress, PairSource, Reference, detect, model::Shipped,
};
use raster_io::{CommonGridOptions, LonLat, RasterError, ScenePair};
use record::{
    NewCandidate,
    extent::{Extent, extent},
    geojson::{Coordinates, geodesic_area_m2},
};

use crate::onnx_runtime;

/// Why there are no candidates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectionError {
    /// A file cannot be used.
    #[error(transparent)]
    Raster(#[from] RasterError),
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model or its card cannot be read.
    #[error("{path} cannot be read")]
    ModelFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The card beside a model is none.
    #[error("{path} is no card of a model")]
    Card {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// It was called off.
    #[error("the detection was called off")]
    Cancelled,
}

impl From<DetectError<RasterError>> for DetectionError {
    fn from(error: DetectError<RasterError>) -> DetectionError {
        match error {
            DetectError::Source(error) => DetectionError::Raster(error),
            DetectError::Model(error) => DetectionError::Model(error),
            _ => DetectionError::Cancelled,
        }
    }
}

/// What a detector said of two files, ready to be recorded or written.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Candidates, best first.
    pub candidates: Vec<NewCandidate>,
    /// How well the images fit.
    pub fit: record::Fit,
    /// Which detector spoke.
    pub detector: record::Detector,
    /// What must be known before they are believed, or that there are none.
    pub cautions: Vec<String>,
    /// What the coordinates of the candidates mean.
    pub coordinates: Coordinates,
    /// Size of the common grid: rows, columns.
    pub grid_px: [u32; 2],
    /// Side of its pixels, metres (1 without georeference).
    pub pixel_m: f64,
}

/// Chooses a detector: the baseline or a shipped model by name, or an ONNX file with its card beside it (the
/// same name with the extension `json`). Networks are computed by the ONNX Runtime of that library where one is named,
/// else in pure Rust.
///
/// # Errors
/// When there is none of that name, or the file, its card or the library cannot be used.
pub fn detector(model: &str, library: Option<&Path>) -> Result<Detector, DetectionError> {
    if model == CLASSICAL {
        return Ok(Detector::named(model)?);
    }
    let (onnx, card) = network(model)?;
    let model = match library {
        None => Model::load(&onnx, card)?,
        Some(library) => Model::load_into(&onnx, card, |onnx| onnx_runtime::load(library, onnx))?,
    };
    Ok(Detector::Network(Box::new(model)))
}

/// The files that [`detector`] reads: those of a model that is no shipped one, and the library.
pub fn files_of(model: &str, library: Option<&Path>) -> Vec<PathBuf> {
    let own = onnx_file(model).map(|onnx| [onnx.to_owned(), card_of(onnx)]);
    own.into_iter().flatten().chain(library.map(Path::to_owned)).collect()
}

/// The ONNX file of a model that is chosen by one.
pub fn onnx_file(model: &str) -> Option<&Path> {
    Some(Path::new(model)).filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
}

fn card_of(onnx: &Path) -> PathBuf {
    onnx.with_extension("json")
}

/// The ONNX file and the card of a shipped model, or of a file.
fn network(model: &str) -> Result<(Cow<'static, [u8]>, Card), DetectionError> {
    let Some(path) = onnx_file(model) else {
        let shipped = Shipped::named(model)?;
        return Ok((shipped.onnx().into(), shipped.card()));
    };
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| DetectionError::ModelFile { path, source }
    };
    let onnx = std::fs::read(path).map_err(unreadable(path))?;
    let card_path = card_of(path);
    let card = std::fs::read_to_string(&card_path).map_err(unreadable(&card_path))?;
    let card = Model::read_card(&card).map_err(|error| match error {
        ModelError::Card(source) => DetectionError::Card { path: card_path, source },
        other => other.into(),
    })?;
    Ok((onnx.into(), card))
}

/// The grid that a detector wants a pair on.
pub fn grid_options(detector: &Detector) -> CommonGridOptions {
    CommonGridOptions { gsd_m: detector.gsd_m(), enlarge_max: detector.enlarge_max() }
}

/// Looks for structures that changed between two files.
///
/// # Errors
/// When a file or the model cannot be used, or `progress` calls the run off.
pub fn detect_files(
    before: &Path,
    after: &Path,
    detector: &Detector,
    options: &DetectOptions,
    progress: &OnProgress<'_>,
) -> Result<Found, DetectionError> {
    let pair = ScenePair::open(before, after, &grid_options(detector))?;
    let detection = detect(&pair, detector, options, progress)?;
    let grid = pair.grid();
    let lonlat = LonLat::of(grid)?;
    let coordinates = match grid.reference {
        Reference::Projected(_) => Coordinates::LonLat,
        Reference::Pixels => Coordinates::Pixels,
    };
    let candidates = detection
        .candidates
        .into_iter()
        .map(|candidate| recorded(candidate, &lonlat, coordinates))
        .collect::<Result<_, _>>()?;
    Ok(Found {
        candidates,
        fit: recorded_fit(detection.fit),
        detector: recorded_detector(detection.detector),
        cautions: detector.cautions(pair.gsd_m()),
        coordinates,
        grid_px: [grid.rows, grid.cols],
        pixel_m: grid.pixel_m,
    })
}

fn recorded(
    candidate: Candidate,
    lonlat: &LonLat,
    coordinates: Coordinates,
) -> Result<NewCandidate, DetectionError> {
    use geo::Area;
    let outline = lonlat.polygon(&candidate.outline)?;
    let found = Extent {
        length_m: candidate.length_m,
        width_m: candidate.width_m,
        orientation_deg: candidate.orientation_deg,
    };
    // north and metres of the grid are not quite those of the ground
    let (area_m2, extent) = match coordinates {
        Coordinates::LonLat => (geodesic_area_m2(&outline), extent(&outline)),
        Coordinates::Pixels => (outline.unsigned_area(), found),
    };
    Ok(NewCandidate {
        outline,
        change: match candidate.change {
            imagery_diff::Change::New => record::Change::New,
            imagery_diff::Change::Removed => record::Change::Removed,
            imagery_diff::Change::Altered => record::Change::Altered,
        },
        score: Some(candidate.score),
        area_m2,
        length_m: extent.length_m,
        width_m: extent.width_m,
        orientation_deg: extent.orientation_deg,
        evidence: candidate.evidence,
    })
}

fn recorded_fit(fit: Fit) -> record::Fit {
    record::Fit {
        shift_east_m: fit.shift_east_m,
        shift_north_m: fit.shift_north_m,
        residual_m: fit.residual_m,
        valid_share: fit.valid_share,
        registrable: fit.registrable,
        reason: fit.reason,
    }
}

fn recorded_detector(id: DetectorId) -> record::Detector {
    record::Detector { name: id.name, version: id.version, model_sha256: id.model_sha256 }
}
