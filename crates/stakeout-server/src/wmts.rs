//! The capabilities of a Web Map Tile Service 1.0 (OGC 07-057r7) over scenes.

use std::fmt::Write as _;

use record::Scene;

use crate::{
    ApiError,
    error::{MISSING_PARAMETER, OTHER_VERSIONS},
    links::Base,
    look::Format,
    tile_cache::version,
    tilesets::{self, MatrixSet, TILE_PX, Tileset},
};

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.0.0">
"#;

/// Capabilities with a layer a scene; `path` is the address of the service, `look` how its tiles are to look, as an
/// address holds it.
///
/// # Errors
/// When the CRS of a scene cannot be used.
pub(crate) fn capabilities(scenes: &[Scene], path: &str, look: &str, base: &Base) -> String {
    let mut xml = String::from(HEAD);
    let service = escaped(&base.to(path));
    identification(&mut xml, &service);
    xml.push_str("<Contents>\n");
    let (mut sets, mut web_mercator_levels): (Vec<MatrixSet>, usize) = (Vec::new(), 0);
    for scene in scenes {
        let tilesets = tilesets::of_scene(scene);
        if tilesets.is_empty() {
            continue;
        }
        layer(&mut xml, scene, &tilesets, look, base);
        for Tileset { set, .. } in tilesets {
            match set.well_known_scales {
                Some(_) => web_mercator_levels = web_mercator_levels.max(set.matrices.len()),
                None => sets.push(set),
            }
        }
    }
    if web_mercator_levels > 0 {
        sets.push(MatrixSet::web_mercator_quad(web_mercator_levels as u32));
    }
    for set in &sets {
        matrix_set(&mut xml, set);
    }
    let parameters = "service=WMTS&amp;request=GetCapabilities";
    let joined = if service.contains('?') { "&amp;" } else { "?" };
    xml.push_str("</Contents>\n");
    writeln!(xml, r#"<ServiceMetadataURL xlink:href="{service}{joined}{parameters}"/>"#).expect(TEXT);
    xml.push_str("</Capabilities>\n");
    xml
}

const TEXT: &str = "writing to a string does not fail";

fn identification(xml: &mut String, service: &str) {
    xml.push_str(
        "<ows:ServiceIdentification><ows:Title>Stakeout</ows:Title><ows:ServiceType>OGC WMTS</ows:ServiceType>\
         <ows:ServiceTypeVersion>1.0.0</ows:ServiceTypeVersion></ows:ServiceIdentification>\n\
         <ows:OperationsMetadata>\n",
    );
    let joined = if service.contains('?') { "&amp;" } else { "?" };
    for operation in ["GetCapabilities", "GetTile"] {
        writeln!(
            xml,
            r#"<ows:Operation name="{operation}"><ows:DCP><ows:HTTP><ows:Get xlink:href="{service}{joined}"><ows:Constraint name="GetEncoding"><ows:AllowedValues><ows:Value>KVP</ows:Value></ows:AllowedValues></ows:Constraint></ows:Get></ows:HTTP></ows:DCP></ows:Operation>"#
        )
        .expect(TEXT);
    }
    xml.push_str("</ows:OperationsMetadata>\n");
}

fn layer(xml: &mut String, scene: &Scene, tilesets: &[Tileset<'_>], look: &str, base: &Base) {
    let title = escaped(&tilesets::title(scene));
    writeln!(xml, "<Layer><ows:Title>{title}</ows:Title>").expect(TEXT);
    if let Some([west, south, east, north]) = tilesets::degrees(scene) {
        writeln!(
            xml,
            "<ows:WGS84BoundingBox><ows:LowerCorner>{west} {south}</ows:LowerCorner><ows:UpperCorner>{east} {north}</ows:UpperCorner></ows:WGS84BoundingBox>"
        )
        .expect(TEXT);
    }
    writeln!(xml, "<ows:Identifier>{}</ows:Identifier>", scene.id).expect(TEXT);
    xml.push_str(r#"<Style isDefault="true"><ows:Identifier>default</ows:Identifier></Style>"#);
    for format in Format::ALL {
        writeln!(xml, "<Format>{}</Format>", format.media_type()).expect(TEXT);
    }
    for tileset in tilesets {
        matrix_set_link(xml, tileset);
    }
    for format in Format::ALL {
        let path = format!(
            "/tiles/{}/{{TileMatrixSet}}/{{TileMatrix}}/{{TileRow}}/{{TileCol}}.{}?v={}{}{look}",
            scene.id,
            format.extension(),
            version(&scene.facts.working),
            if look.is_empty() { "" } else { "&" },
        );
        let template = escaped(&base.to(&path));
        let media_type = format.media_type();
        writeln!(xml, r#"<ResourceURL format="{media_type}" resourceType="tile" template="{template}"/>"#)
            .expect(TEXT);
    }
    xml.push_str("</Layer>\n");
}

fn matrix_set_link(xml: &mut String, tileset: &Tileset<'_>) {
    writeln!(
        xml,
        "<TileMatrixSetLink><TileMatrixSet>{}</TileMatrixSet><TileMatrixSetLimits>",
        tileset.set.id
    )
    .expect(TEXT);
    for (level, limits) in tileset.limits.iter().enumerate() {
        let ([top, bottom], [left, right]) = (limits.rows, limits.cols);
        writeln!(
            xml,
            "<TileMatrixLimits><TileMatrix>{level}</TileMatrix><MinTileRow>{top}</MinTileRow><MaxTileRow>{bottom}</MaxTileRow><MinTileCol>{left}</MinTileCol><MaxTileCol>{right}</MaxTileCol></TileMatrixLimits>"
        )
        .expect(TEXT);
    }
    xml.push_str("</TileMatrixSetLimits></TileMatrixSetLink>\n");
}

fn matrix_set(xml: &mut String, set: &MatrixSet) {
    writeln!(
        xml,
        "<TileMatrixSet><ows:Identifier>{}</ows:Identifier><ows:SupportedCRS>{}</ows:SupportedCRS>",
        set.id,
        set.crs_urn()
    )
    .expect(TEXT);
    if let Some(scales) = set.well_known_scales {
        writeln!(xml, "<WellKnownScaleSet>{scales}</WellKnownScaleSet>").expect(TEXT);
    }
    let [first, second] = set.point_of_origin();
    for (level, matrix) in set.matrices.iter().enumerate() {
        let (scale, cols, rows) = (set.scale_denominator(matrix), matrix.cols, matrix.rows);
        writeln!(
            xml,
            "<TileMatrix><ows:Identifier>{level}</ows:Identifier><ScaleDenominator>{scale}</ScaleDenominator><TopLeftCorner>{first} {second}</TopLeftCorner><TileWidth>{TILE_PX}</TileWidth><TileHeight>{TILE_PX}</TileHeight><MatrixWidth>{cols}</MatrixWidth><MatrixHeight>{rows}</MatrixHeight></TileMatrix>"
        )
        .expect(TEXT);
    }
    xml.push_str("</TileMatrixSet>\n");
}

/// An error as the standard's clients read it (OGC 06-121r3, 8.5, and 07-057r7, 8).
///
/// The status stays that of every other client of tiles: 404 beyond a scene, where the standard has 400, since GDAL and
/// QGIS take 404 for "nothing there" and 400 for a fault.
pub(crate) fn exception_report(error: &ApiError) -> String {
    let code = match (error.status().as_u16(), error.kind(), error.at_fault()) {
        (_, MISSING_PARAMETER, _) => "MissingParameterValue",
        (_, OTHER_VERSIONS, _) => "VersionNegotiationFailed",
        (400, _, Some("request")) => "OperationNotSupported",
        (400, ..) | (404, _, Some("layer")) => "InvalidParameterValue",
        (404, _, None) => "TileOutOfRange",
        _ => "NoApplicableCode",
    };
    let locator = error.at_fault().map(|name| format!(" locator=\"{}\"", escaped(name))).unwrap_or_default();
    let text = escaped(error.detail());
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ExceptionReport xmlns="http://www.opengis.net/ows/1.1" version="1.0.0" xml:lang="en">
<Exception exceptionCode="{code}"{locator}><ExceptionText>{text}</ExceptionText></Exception>
</ExceptionReport>
"#
    )
}

/// Whether a letter is none that XML has.
pub(crate) fn is_no_xml(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}')
}

/// Text as XML holds it; letters that XML does not have are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars().filter(|letter| !is_no_xml(*letter)) {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_break_out_of_its_element() {
        assert_eq!(escaped("a</Layer>&\"\u{1}b"), "a&lt;/Layer&gt;&amp;&quot;b");
    }
}
