//! The features of a site as a file to take away.

use std::{fs::File, io::Seek};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use record::{Collection, Sha256Hex, SiteId};
use tokio::io::AsyncReadExt;

use crate::{
    ApiError, App, etag,
    export::{self, ExportError, ExportFormat},
    guard::Who,
    parameters::Parameters,
    path::Path,
    pieces::pieces,
};

/// `?format=gpkg|fgb|kmz|geoparquet|csv|geojson&collection=annotations|candidates`; a shapefile comes without its
/// side files here, so it is not offered.
pub(crate) async fn export(
    State(app): State<App>,
    Path(site): Path<String>,
    Who(actor): Who,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    parameters.only(&["format", "collection"])?;
    let name = parameters.get("format").unwrap_or("geojson");
    let (format, media_type) = served(name)?;
    let collection = match parameters.get("collection") {
        None | Some("annotations") => Collection::Annotations,
        Some("candidates") => Collection::Candidates,
        Some(other) => return Err(ApiError::parameter("collection", other, "annotations or candidates")),
    };
    let file_name = format!("{site}-{}.{}", collection.as_str(), format.extension());
    let place = app.export_place(&actor)?;
    let turn = app.export_turn().await;
    let (tag, file, bytes) = app
        .blocking(move |app| {
            let _turn = turn;
            let folder = app.incoming()?;
            let path = folder.path().join("export").with_extension(format.extension());
            export::export(&app.store, actor.reader(), &SiteId(site), collection, format, &path)?;
            // the folder goes, and the file stays until it is sent
            let failed = |error: std::io::Error| ApiError::internal(&error);
            let mut file = File::open(path).map_err(failed)?;
            let tag = Sha256Hex::of_reader(&mut file).map_err(failed)?;
            let bytes = file.stream_position().map_err(failed)?;
            file.rewind().map_err(failed)?;
            Ok((tag, file, bytes))
        })
        .await?;
    let body = Body::from_stream(pieces(tokio::fs::File::from_std(file).take(bytes), place));
    let mut response = etag::answer_tagged(&headers, media_type, tag.as_str(), body);
    if response.status() == StatusCode::OK {
        let disposition = format!("attachment; filename=\"{file_name}\"");
        let disposition = disposition.parse().map_err(|error| ApiError::internal(&error))?;
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
        response.headers_mut().insert(header::CONTENT_LENGTH, bytes.into());
    }
    Ok(response)
}

/// A format by its name, and what a file of it is sent as.
fn served(name: &str) -> Result<(ExportFormat, &'static str), ApiError> {
    let all =
        ExportFormat::ALL.into_iter().filter_map(|(name, format)| Some((name, format, format.media_type()?)));
    let mut served = all.clone().filter(|(known, ..)| *known == name);
    served.next().map(|(_, format, media_type)| (format, media_type)).ok_or_else(|| {
        let names: Vec<&str> = all.map(|(name, ..)| name).collect();
        ApiError::parameter("format", name, &format!("one of {}", names.join(", ")))
    })
}

impl From<ExportError> for ApiError {
    fn from(error: ExportError) -> ApiError {
        match error {
            ExportError::Record(error) => error.into(),
            ExportError::TooMany { .. } | ExportError::TooLong => ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "too-many-features",
                "There are too many features for a file",
                error.to_string(),
            ),
            ExportError::Write(error) => ApiError::internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_too_much_is_told_how_much_it_is_and_how_much_may_be() {
        let told = ApiError::from(ExportError::TooMany { got: 1_000_001 });
        assert_eq!(told.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(told.detail(), "the site has 1000001 features but a file takes 1000000");
    }
}
