//! The features of a site as a file to take away.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use record::{Collection, SiteId};

use crate::{
    ApiError, App,
    export::{self, ExportError, ExportFormat},
    guard::Who,
    parameters::Parameters,
    path::Path,
};

/// `?format=gpkg|fgb|kmz|geoparquet|shp|csv|geojson&collection=annotations|candidates`; a shapefile comes without its
/// side files here, so it is not offered.
pub(crate) async fn export(
    State(app): State<App>,
    Path(site): Path<String>,
    Who(actor): Who,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    parameters.only(&["format", "collection"])?;
    let name = parameters.get("format").unwrap_or("geojson");
    let format = ExportFormat::named(name)
        .filter(|_| name != "shp")
        .ok_or_else(|| ApiError::parameter("format", name, "gpkg, fgb, kmz, geoparquet, csv or geojson"))?;
    let collection = match parameters.get("collection") {
        None | Some("annotations") => Collection::Annotations,
        Some("candidates") => Collection::Candidates,
        Some(other) => return Err(ApiError::parameter("collection", other, "annotations or candidates")),
    };
    let file_name = format!("{site}-{}.{}", collection.as_str(), format.extension());
    let bytes = app
        .blocking(move |app| {
            let folder = app.incoming()?;
            let path = folder.path().join("export").with_extension(format.extension());
            export::export(&app.store, actor.reader(), &SiteId(site), collection, format, &path)?;
            std::fs::read(path).map_err(|error| ApiError::internal(&error))
        })
        .await?;
    let disposition = format!("attachment; filename=\"{file_name}\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type(name))),
        (header::CONTENT_DISPOSITION, disposition.parse().map_err(|error| ApiError::internal(&error))?),
    ];
    Ok((headers, bytes).into_response())
}

fn media_type(name: &str) -> &'static str {
    match name {
        "gpkg" => "application/geopackage+sqlite3",
        "fgb" => "application/vnd.flatgeobuf",
        "kmz" => "application/vnd.google-earth.kmz",
        "geoparquet" => "application/vnd.apache.parquet",
        "csv" => "text/csv; charset=utf-8",
        _ => "application/geo+json",
    }
}

impl From<ExportError> for ApiError {
    fn from(error: ExportError) -> ApiError {
        match error {
            ExportError::Record(error) => error.into(),
            other => ApiError::internal(&other),
        }
    }
}
