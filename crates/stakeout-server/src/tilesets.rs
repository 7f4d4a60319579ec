//! Tile matrix sets (OGC 17-083r4) and tile sets of scenes, for OGC API Tiles and WMTS alike.

use geo::BoundingRect;
use raster_io::{
    CrsAxes, NativeTiling, WEB_MERCATOR_HALF_M, WEB_MERCATOR_ZOOM_MAX, web_mercator_limits, web_mercator_of,
};
use record::Scene;
use serde_json::{Value, json};

use crate::{crs::WEB_MERCATOR_CODE, links::Base, look::Format, tile_cache::version};

pub(crate) const WEB_MERCATOR_QUAD: &str = "WebMercatorQuad";
pub(crate) const WEB_MERCATOR_QUAD_URI: &str =
    "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad";
/// Names beside which no scene can have its tiles.
pub(crate) const NAMES_OF_TILES: [&str; 4] = [WEB_MERCATOR_QUAD, "native", "wmts", "WMTSCapabilities.xml"];
/// Levels of WebMercatorQuad as it is described; those of a scene end sooner.
pub(crate) const WEB_MERCATOR_LEVELS: u32 = WEB_MERCATOR_ZOOM_MAX + 1;
/// Side of a tile, pixels.
pub(crate) const TILE_PX: u32 = 256;
/// Side of the pixel that scale denominators are told for, metres (OGC 17-083r4, 6.1.1).
const STANDARD_PIXEL_M: f64 = 0.000_28;
pub(crate) const TILING_SCHEME: &str = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme";

/// Which of a scene's two pyramids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grid {
    /// The scene's own CRS.
    Native,
    /// Web Mercator.
    WebMercator,
}

impl Grid {
    /// By the name of its tile matrix set; the scene's own is named by the scene, or plainly `native`.
    pub(crate) fn named(set: &str, scene: &str) -> Option<Grid> {
        match set {
            WEB_MERCATOR_QUAD => Some(Grid::WebMercator),
            "native" => Some(Grid::Native),
            other => (other == scene).then_some(Grid::Native),
        }
    }
}

/// A pyramid of tiles in a CRS of EPSG.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MatrixSet {
    pub(crate) id: String,
    title: String,
    uri: Option<&'static str>,
    pub(crate) well_known_scales: Option<&'static str>,
    code: u32,
    axes: CrsAxes,
    upper_left: [f64; 2],
    pub(crate) matrices: Vec<Matrix>,
}

/// One level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Matrix {
    cell_size: f64,
    pub(crate) cols: u32,
    pub(crate) rows: u32,
}

/// First and last tile of a level, along columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) cols: [u32; 2],
    pub(crate) rows: [u32; 2],
}

impl Limits {
    /// All tiles of a level.
    fn whole(matrix: &Matrix) -> Limits {
        Limits { cols: [0, matrix.cols - 1], rows: [0, matrix.rows - 1] }
    }
}

/// Which tiles there are of each level, from the first on.
pub(crate) fn limits(levels: &[Limits]) -> Value {
    let level = |(level, limits): (usize, &Limits)| {
        json!({
            "tileMatrix": level.to_string(),
            "minTileRow": limits.rows[0],
            "maxTileRow": limits.rows[1],
            "minTileCol": limits.cols[0],
            "maxTileCol": limits.cols[1],
        })
    };
    levels.iter().enumerate().map(level).collect()
}

impl MatrixSet {
    /// All tiles of all levels.
    pub(crate) fn whole(&self) -> Vec<Limits> {
        self.matrices.iter().map(Limits::whole).collect()
    }

    pub(crate) fn web_mercator_quad(levels: u32) -> MatrixSet {
        let side = 2.0 * WEB_MERCATOR_HALF_M / f64::from(TILE_PX);
        let matrix = |level: u32| Matrix {
            cell_size: side / f64::from(1_u32 << level),
            cols: 1 << level,
            rows: 1 << level,
        };
        MatrixSet {
            id: WEB_MERCATOR_QUAD.to_owned(),
            title: "Google Maps Compatible for the World".to_owned(),
            uri: Some(WEB_MERCATOR_QUAD_URI),
            well_known_scales: Some("urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible"),
            code: WEB_MERCATOR_CODE,
            axes: CrsAxes { metres_per_unit: 1.0, north_first: false },
            upper_left: [-WEB_MERCATOR_HALF_M, WEB_MERCATOR_HALF_M],
            matrices: (0..levels).map(matrix).collect(),
        }
    }

    /// A scene's own pyramid; `None` where its CRS has no code of EPSG, or one that this PROJ does not know.
    pub(crate) fn of_scene(scene: &Scene) -> Option<MatrixSet> {
        let code = scene.facts.raster.crs.as_deref()?.strip_prefix("EPSG:")?.parse().ok()?;
        let axes = CrsAxes::of_epsg(code).ok()?;
        let tiling = native_tiling(scene);
        let matrix = |(level, cell_size): (usize, &f64)| {
            let [cols, rows] = tiling.matrix(level as u32).expect("every resolution is a level");
            Matrix { cell_size: *cell_size, cols, rows }
        };
        Some(MatrixSet {
            id: scene.id.to_string(),
            title: format!("Pixels of scene {}", scene.id),
            uri: None,
            well_known_scales: None,
            code,
            axes,
            upper_left: [tiling.extent[0], tiling.extent[3]],
            matrices: tiling.resolutions.iter().enumerate().map(matrix).collect(),
        })
    }

    pub(crate) fn crs_uri(&self) -> String {
        format!("http://www.opengis.net/def/crs/EPSG/0/{}", self.code)
    }

    pub(crate) fn crs_urn(&self) -> String {
        format!("urn:ogc:def:crs:EPSG::{}", self.code)
    }

    /// The upper left corner in the order of axes that the CRS's authority says.
    pub(crate) fn point_of_origin(&self) -> [f64; 2] {
        let [x, y] = self.upper_left;
        if self.axes.north_first { [y, x] } else { [x, y] }
    }

    pub(crate) fn scale_denominator(&self, matrix: &Matrix) -> f64 {
        matrix.cell_size * self.axes.metres_per_unit / STANDARD_PIXEL_M
    }

    /// As JSON, by the standard's schema.
    pub(crate) fn json(&self) -> Value {
        let matrices: Vec<Value> = self
            .matrices
            .iter()
            .enumerate()
            .map(|(level, matrix)| {
                json!({
                    "id": level.to_string(),
                    "scaleDenominator": self.scale_denominator(matrix),
                    "cellSize": matrix.cell_size,
                    "cornerOfOrigin": "topLeft",
                    "pointOfOrigin": self.point_of_origin(),
                    "tileWidth": TILE_PX,
                    "tileHeight": TILE_PX,
                    "matrixWidth": matrix.cols,
                    "matrixHeight": matrix.rows,
                })
            })
            .collect();
        let mut set = json!({
            "id": self.id,
            "title": self.title,
            "crs": self.crs_uri(),
            "orderedAxes": if self.axes.north_first { ["N", "E"] } else { ["E", "N"] },
            "tileMatrices": matrices,
        });
        if let Some(uri) = self.uri {
            set["uri"] = json!(uri);
        }
        if let Some(scales) = self.well_known_scales {
            set["wellKnownScaleSet"] = json!(
                scales.replace("urn:ogc:def:wkss:OGC:1.0:", "http://www.opengis.net/def/wkss/OGC/1.0/")
            );
        }
        set
    }
}

/// A scene in one of its pyramids.
pub(crate) struct Tileset<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) set: MatrixSet,
    pub(crate) limits: Vec<Limits>,
}

/// The tile sets of a scene: its own grid first, then Web Mercator; none without georeference.
pub(crate) fn of_scene(scene: &Scene) -> Vec<Tileset<'_>> {
    let native = MatrixSet::of_scene(scene).map(|set| Tileset { limits: set.whole(), scene, set });
    let mercator = web_mercator_extent(scene).map(|extent| {
        let levels = zoom_max(scene) + 1;
        let limits = |level| {
            let [left, top, right, bottom] = web_mercator_limits(extent, level);
            Limits { cols: [left, right], rows: [top, bottom] }
        };
        Tileset {
            scene,
            set: MatrixSet::web_mercator_quad(levels),
            limits: (0..levels).map(limits).collect(),
        }
    });
    native.into_iter().chain(mercator).collect()
}

impl Tileset<'_> {
    fn path(&self) -> String {
        format!("/tiles/{}/{}", self.scene.id, self.set.id)
    }

    /// What a list of tile sets says of it.
    pub(crate) fn summary(&self, base: &Base) -> Value {
        let mut links = vec![
            base.link("self", "application/json", &self.path(), "This tile set"),
            base.link(
                TILING_SCHEME,
                "application/json",
                &format!("/ogc/tileMatrixSets/{}", self.set.id),
                "Its tile matrix set",
            ),
        ];
        links.extend(Format::ALL.map(|format| {
            let title = format!("Tiles as {}", format.extension());
            let mut link = base.link("item", format.media_type(), "", &title);
            link["href"] = json!(base.to(&tile_template(self.scene, &self.set.id, format)));
            link["templated"] = json!(true);
            link
        }));
        let mut summary = json!({
            "title": format!("{} in {}", title(self.scene), self.set.id),
            "dataType": "map",
            "crs": self.set.crs_uri(),
            "links": links,
        });
        if let Some(uri) = self.set.uri {
            summary["tileMatrixSetURI"] = json!(uri);
        }
        summary
    }

    /// All that is said of it.
    pub(crate) fn metadata(&self, base: &Base) -> Value {
        let mut metadata = self.summary(base);
        metadata["tileMatrixSetLimits"] = limits(&self.limits);
        if let Some([west, south, east, north]) = degrees(self.scene) {
            metadata["boundingBox"] = json!({
                "lowerLeft": [west, south],
                "upperRight": [east, north],
                "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            });
        }
        metadata["layers"] = json!([{"id": self.scene.id, "dataType": "map", "title": title(self.scene)}]);
        metadata
    }
}

/// The template of addresses of tiles of a set.
fn tile_template(scene: &Scene, set: &str, format: Format) -> String {
    let version = version(&scene.facts.working);
    format!(
        "/tiles/{}/{set}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}.{}?v={version}",
        scene.id,
        format.extension()
    )
}

/// What a person calls a scene.
pub(crate) fn title(scene: &Scene) -> String {
    let date = scene.facts.datetime.to_string();
    format!("{}, {}, {}", scene.site, date.split('T').next().unwrap_or(&date), scene.facts.original.file_name)
}

pub(crate) fn native_tiling(scene: &Scene) -> NativeTiling {
    let raster = &scene.facts.raster;
    NativeTiling::of(raster.cols, raster.rows, raster.geotransform)
}

/// West, south, east, north of a scene; all longitudes where it crosses the antimeridian, since neither WMTS nor
/// TileJSON know a box that does.
pub(crate) fn degrees(scene: &Scene) -> Option<[f64; 4]> {
    scene.facts.footprint.as_ref().map(record::geojson::flat_bounds)
}

/// The same in metres, beyond the edge of the map where it crosses the antimeridian.
fn web_mercator_extent(scene: &Scene) -> Option<[f64; 4]> {
    let bounds = scene.facts.footprint.as_ref()?.bounding_rect()?;
    let ([left, bottom], [right, top]) = (
        web_mercator_of([bounds.min().x, bounds.min().y]),
        web_mercator_of([bounds.max().x, bounds.max().y]),
    );
    Some([left, bottom, right, top])
}

/// Longitude and latitude of the middle of a scene, and the zoom of Web Mercator at which it fits on a tile.
pub(crate) fn center(scene: &Scene) -> Option<[f64; 3]> {
    let bounds = scene.facts.footprint.as_ref()?.bounding_rect()?;
    let [west, south, east, north] = web_mercator_extent(scene)?;
    let side = (east - west).max(north - south).max(f64::MIN_POSITIVE);
    let zoom = (2.0 * WEB_MERCATOR_HALF_M / side).log2().floor();
    let middle = bounds.center();
    let lon = if middle.x > 180.0 { middle.x - 360.0 } else { middle.x };
    Some([lon, middle.y, zoom.clamp(0.0, f64::from(zoom_max(scene)))])
}

/// The zoom of Web Mercator at which a scene's pixels are about those of the screen; clients enlarge beyond.
pub(crate) fn zoom_max(scene: &Scene) -> u32 {
    let raster = &scene.facts.raster;
    let Some([west, south, east, north]) = web_mercator_extent(scene) else { return 0 };
    let pixel = ((east - west) * (north - south) / (f64::from(raster.cols) * f64::from(raster.rows))).sqrt();
    let zoom = (2.0 * WEB_MERCATOR_HALF_M / f64::from(TILE_PX) / pixel).log2().ceil();
    zoom.clamp(0.0, f64::from(WEB_MERCATOR_LEVELS - 1)) as u32
}
