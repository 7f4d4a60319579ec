//! What an image says of itself that is not used, and what is assumed where it says nothing: told, never passed over.

use std::path::{Path, PathBuf};

use gdal::{Dataset, Metadata, raster::ColorInterpretation};

use crate::{
    RasterError,
    header::Header,
    placement::{Affine, spatial_ref},
    source::{Colours, shown_bands},
};

/// Bands from which on it is told which of them are taken for colours.
const BANDS_TOLD_MIN: usize = 4;
/// Bytes of a side file that are looked through.
const SIDE_FILE_BYTES_MAX: u64 = 1 << 20;

/// What is told of an image: clauses of which it is the subject.
#[derive(Debug, Default)]
pub(crate) struct Unused {
    /// What says where it lies, for an image that is not placed by it.
    pub(crate) georeference: Vec<String>,
    /// How its picture is stored.
    pub(crate) picture: Vec<String>,
    /// Its transform, where that is in axes that lie nowhere on Earth, with their WKT.
    pub(crate) local: Option<(Affine, String)>,
}

/// Looks for all of it in an image and beside it.
///
/// # Errors
/// When its bands cannot be read.
pub(crate) fn of(
    dataset: &Dataset,
    path: &Path,
    header: &Header,
    is_placed: bool,
    colours: &Colours,
) -> Result<Unused, RasterError> {
    let picture = orientation(header).into_iter().chain(assumed_colours(dataset, path, colours)?).collect();
    if is_placed {
        return Ok(Unused { picture, ..Unused::default() });
    }
    let local = dataset.geo_transform().ok().map(|transform| (Affine(transform), dataset.projection()));
    let georeference = local
        .iter()
        .map(|(_, wkt)| transform(wkt))
        .chain(control_points(dataset))
        .chain(polynomials(dataset))
        .chain(world_file(path))
        .chain(georeference_beside(path))
        .collect();
    Ok(Unused { georeference, picture, local })
}

fn orientation(header: &Header) -> Option<String> {
    (2..=8).contains(&header.orientation).then(|| {
        format!(
            "is stored turned or mirrored (orientation {}), and its pixels are taken as they are stored: \
             mogrify -auto-orient turns them",
            header.orientation
        )
    })
}

fn assumed_colours(dataset: &Dataset, path: &Path, colours: &Colours) -> Result<Option<String>, RasterError> {
    let Colours::Rgb([red, green, blue]) = colours else { return Ok(None) };
    let bands = shown_bands(dataset, path)?.len();
    let meaning = |band: &usize| Some(dataset.rasterband(*band).ok()?.color_interpretation());
    let is_named = meaning(red) == Some(ColorInterpretation::RedBand);
    Ok((!is_named && bands >= BANDS_TOLD_MIN).then(|| {
        format!(
            "does not say which of its bands are colours: bands {red}, {green} and {blue} of {bands} are taken as red, \
             green and blue"
        )
    }))
}

fn transform(wkt: &str) -> String {
    if wkt.is_empty() {
        return "has a transform without a coordinate reference system, so that it lies nowhere on Earth: \
                gdal_edit.py -a_srs says which one it is in"
            .to_owned();
    }
    let name = spatial_ref(wkt).ok().and_then(|crs| crs.name()).unwrap_or_default();
    format!("has a transform in axes of its own ({name}), which lie nowhere on Earth")
}

fn control_points(dataset: &Dataset) -> Option<String> {
    let points = Some(dataset.gcps()).filter(|points| !points.is_empty())?;
    Some(format!(
        "has {} ground control points, which are not used: warp it first with gdalwarp",
        points.len()
    ))
}

fn polynomials(dataset: &Dataset) -> Option<String> {
    dataset.metadata_domain("RPC").filter(|items| !items.is_empty())?;
    Some("has rational polynomials (RPC), which are not used: warp it first with gdalwarp -rpc".to_owned())
}

/// A world file is called as its image, with `wld`, the image's extension and `w`, or that without its middle.
fn world_file(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_str()?;
    let (first, last) = (extension.chars().next()?, extension.chars().last()?);
    let names = [format!("{first}{last}w"), format!("{extension}w"), "wld".to_owned()];
    let either_case = names.iter().flat_map(|name| [name.to_lowercase(), name.to_uppercase()]);
    let found = either_case.map(|name| path.with_extension(name)).find(|file| file.is_file())?;
    let name = name_of(&found);
    Some(format!(
        "has a world file beside it ({name}), which is not read: gdal_translate -a_srs makes a file of both"
    ))
}

/// What GDAL's tools write beside files that they may not change.
fn georeference_beside(path: &Path) -> Option<String> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".aux.xml");
    let beside = PathBuf::from(beside);
    if std::fs::metadata(&beside).ok()?.len() > SIDE_FILE_BYTES_MAX {
        return None;
    }
    let text = std::fs::read_to_string(&beside).ok()?;
    ["<SRS", "<GeoTransform", "<GCPList"].iter().any(|part| text.contains(part)).then(|| {
        format!(
            "has a georeference in {}, which is not read: gdal_translate makes a file of both",
            name_of(&beside)
        )
    })
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
