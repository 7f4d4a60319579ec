//! Looks through metadata for what would make GDAL open another file.

use super::Refusal;

/// Names of metadata, in lower case, by which GDAL opens what their values say. Other names may hold whatever they
/// like: where an image comes from, or how exact its position is.
const NAMES: [&str; 5] = [
    "overview_file", // of the domain OVERVIEWS: opened as an overview, by any driver, over the network too
    "x_dataset",     // of the domain GEOLOCATION: opened for the position of each pixel
    "y_dataset",
    "subdataset_", // of the domain SUBDATASETS: offered as parts of this file
    "<vrtdataset", // a virtual raster of other files, wherever it is taken for a name
];

/// Words that no code or name of a coordinate reference system needs: in the text of one (WKT, PROJ) they name files
/// of shifts or definitions, which PROJ opens wherever they are, a pipe that never ends too.
const WORDS_OF_CRS: [&str; 5] = ["proj4", "parameterfile", "grids=", "+init", "+proj"];

/// Makes a file without GDAL's own metadata.
const WITHOUT_METADATA: &str = "gdal_translate -co PROFILE=GeoTIFF makes a file without it";
/// Makes a file whose reference system is a code.
const BY_CODE: &str = "gdal_translate -a_srs with the code of its reference system makes a file without it";

/// Refuses metadata that names another file; entities of XML are read as the characters they stand for.
pub(super) fn refuse(metadata: &[u8], place: &'static str) -> Result<(), Refusal> {
    refuse_words(metadata, &NAMES, place, WITHOUT_METADATA)
}

/// The same for metadata that may hold the text of a coordinate reference system.
pub(super) fn refuse_of_crs(metadata: &[u8], place: &'static str) -> Result<(), Refusal> {
    refuse(metadata, place)?;
    refuse_words(metadata, &WORDS_OF_CRS, place, BY_CODE)
}

fn refuse_words(
    metadata: &[u8],
    words: &[&'static str],
    place: &'static str,
    way_out: &'static str,
) -> Result<(), Refusal> {
    let plain = without_entities(metadata);
    let found = words
        .iter()
        .copied()
        .find(|word| plain.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes())));
    match found {
        Some(word) => Err(Refusal::NamesFile { word, place, way_out }),
        None => Ok(()),
    }
}

/// Replaces numeric and the five named entities by their characters.
fn without_entities(text: &[u8]) -> Vec<u8> {
    const NAME_BYTES_MAX: usize = 10;
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'&'
            && let Some(end) = after.iter().take(NAME_BYTES_MAX).position(|&byte| byte == b';')
            && let Some(character) = entity(&after[..end])
        {
            plain.push(character);
            rest = &after[end + 1..];
        } else {
            plain.push(byte);
            rest = after;
        }
    }
    plain
}

fn entity(name: &[u8]) -> Option<u8> {
    match name {
        b"lt" => Some(b'<'),
        b"gt" => Some(b'>'),
        b"amp" => Some(b'&'),
        b"quot" => Some(b'"'),
        b"apos" => Some(b'\''),
        [b'#', b'x' | b'X', digits @ ..] => u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok(),
        [b'#', digits @ ..] => std::str::from_utf8(digits).ok()?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_is_found_in_any_disguise() {
        for text in [
            "<Item name=\"OVERVIEW_FILE\"",
            "overview&#95;file",
            "&#x4F;VERVIEW_FILE",
            "X_DATASET",
            "Subdataset_2_NAME",
        ] {
            assert!(matches!(refuse(text.as_bytes(), "a tag"), Err(Refusal::NamesFile { .. })), "{text}");
        }
    }

    #[test]
    fn a_reference_system_that_names_a_file_is_found() {
        for text in [
            r#"ESRI PE String = PROJCS["x",EXTENSION["PROJ4","+proj=merc +nadgrids=/pipe"]]"#,
            r#"BOUNDCRS[...,PARAMETERFILE["Latitude and longitude difference file","/pipe"]]"#,
            "+proj=vgridshift +grids=/pipe",
            "+init=/etc/passwd:1",
        ] {
            assert!(
                matches!(refuse_of_crs(text.as_bytes(), "a tag"), Err(Refusal::NamesFile { .. })),
                "{text}"
            );
        }
        for text in
            ["WGS 84 / UTM zone 52N|WGS 84|", "PCS Name = Korea 2000 / Unified CS|GCS Name = KGD2002|"]
        {
            assert!(refuse_of_crs(text.as_bytes(), "a tag").is_ok(), "{text}");
        }
    }

    #[test]
    fn ordinary_metadata_passes() {
        for item in [
            "<Item name=\"AREA_OR_POINT\">Area &amp; more</Item>",
            "<Item name=\"GEOLOCATION_ACCURACY\">4.2 m CE90</Item>",
            "<Item name=\"SOURCE\">/vsis3/imagery/strip-12.tif</Item>",
            "<Item name=\"TIFFTAG_IMAGEDESCRIPTION\">SUBDATASET 3 of the strip</Item>",
        ] {
            assert!(
                refuse(format!("<GDALMetadata>{item}</GDALMetadata>").as_bytes(), "a tag").is_ok(),
                "{item}"
            );
        }
    }
}
