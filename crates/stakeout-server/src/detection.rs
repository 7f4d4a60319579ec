//! From two files to candidates in degrees. Knows no HTTP: the command line and the jobs use it alike.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use geo::{Area, ConvexHull, Polygon, Simplify};
use imagery_diff::{
    CLASSICAL, Candidate, Card, DetectError, DetectOptions, Detector, DetectorId, Fit, MapPolygon, Model,
    ModelError, OnProgress, PairSource, Reference, detect, model::Shipped,
};
use raster_io::{CommonGridOptions, LonLat, RasterError, ScenePair};
use record::{
    NewCandidate,
    extent::{Extent, extent},
    geojson::{Coordinates, geodesic_area_m2, must_be_outline},
};

use crate::onnx_runtime;

/// How far an outline is simplified until the record takes it, one after the other, pixels.
const SIMPLIFIED_PX: [f64; 7] = [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

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

/// What was looked at of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageUsed {
    /// Number of its bands, opacity left out.
    pub bands: u32,
    /// Those that were looked at, counted from 1: red, green and blue, or one of grey.
    pub bands_used: Vec<usize>,
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
    /// What was looked at of the before and the after image.
    pub images: [ImageUsed; 2],
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
        .map(|candidate| recorded(candidate, &lonlat, coordinates, grid.pixel_m))
        .collect::<Result<_, _>>()?;
    Ok(Found {
        candidates,
        fit: recorded_fit(detection.fit),
        detector: recorded_detector(detection.detector),
        cautions: [detector.cautions(pair.gsd_m()), pair.cautions()].concat(),
        images: [pair.before(), pair.after()]
            .map(|source| ImageUsed { bands: source.info().bands, bands_used: source.bands_used() }),
        coordinates,
        grid_px: [grid.rows, grid.cols],
        pixel_m: grid.pixel_m,
    })
}

fn recorded(
    candidate: Candidate,
    lonlat: &LonLat,
    coordinates: Coordinates,
    pixel_m: f64,
) -> Result<NewCandidate, DetectionError> {
    let outline = match coordinates {
        Coordinates::LonLat => recordable(&candidate.outline, lonlat, pixel_m)?,
        Coordinates::Pixels => lonlat.polygon(&candidate.outline)?,
    };
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

/// An outline in degrees that the record takes: what has too many corners or touches itself is simplified until it fits,
/// and becomes its hull at last, so that no comparison is lost for one odd blob.
fn recordable(outline: &MapPolygon, lonlat: &LonLat, pixel_m: f64) -> Result<Polygon<f64>, RasterError> {
    for simplified_px in SIMPLIFIED_PX {
        let in_degrees = lonlat.polygon(&simplified(outline, simplified_px * pixel_m))?;
        if must_be_outline(&in_degrees).is_ok() {
            return Ok(in_degrees);
        }
    }
    lonlat.polygon(&MapPolygon(outline.0.convex_hull()))
}

/// An outline moved by so many metres at most, without the holes that are smaller than that.
fn simplified(outline: &MapPolygon, tolerance_m: f64) -> MapPolygon {
    let (exterior, mut holes) = outline.0.simplify(tolerance_m).into_inner();
    holes.retain(|hole| Polygon::new(hole.clone(), Vec::new()).unsigned_area() > tolerance_m * tolerance_m);
    MapPolygon(Polygon::new(exterior, holes))
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

#[cfg(test)]
mod tests {
    use imagery_diff::Grid;

    use super::*;

    #[test]
    fn an_outline_that_the_record_does_not_take_is_simplified_until_it_does() {
        let lonlat = LonLat::of(&Grid::pixels(4, 4)).unwrap();
        // a comb of 12,000 teeth, half a pixel deep, around a block of 60 x 20 pixels; here a pixel is a degree
        let teeth = (0..12_000).map(|at| [f64::from(at) / 200.0, if at % 2 == 0 { 0.0 } else { 0.5 }]);
        let comb = Polygon::new(teeth.chain([[60.0, 20.0], [0.0, 20.0]]).collect(), Vec::new());
        let plain = recordable(&MapPolygon(comb), &lonlat, 1.0).unwrap();
        assert_eq!(must_be_outline(&plain), Ok(()));
        assert!((plain.unsigned_area() - 1_185.0).abs() < 60.0, "{}", plain.unsigned_area());
        let bow_tie = [[0.0, 0.0], [40.0, 40.0], [40.0, 0.0], [0.0, 40.0]];
        let hull =
            recordable(&MapPolygon(Polygon::new(bow_tie.into_iter().collect(), Vec::new())), &lonlat, 1.0);
        assert_eq!(hull.unwrap().unsigned_area(), 1_600.0);
        let holes = (0..3_000).map(|at| {
            let (x, y) = (f64::from(at % 60) + 0.2, f64::from(at / 60) + 0.2);
            [[x, y], [x + 0.5, y], [x, y + 0.5]].into_iter().collect()
        });
        let block = [[0.0, 0.0], [60.0, 0.0], [60.0, 50.0], [0.0, 50.0]].into_iter().collect();
        let whole = recordable(&MapPolygon(Polygon::new(block, holes.collect())), &lonlat, 1.0).unwrap();
        assert_eq!((whole.unsigned_area(), whole.interiors().len()), (3_000.0, 0));
    }
}
