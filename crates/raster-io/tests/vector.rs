//! Tables as files, judged by GDAL's own tools.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::process::Command;

use geo::{MultiPolygon, polygon};
use raster_io::{Cell, Column, ColumnKind, PlacemarkColumns, Table, VectorFormat, write_table};

fn hall() -> Table {
    let column = |name, short_name, kind| Column { name, short_name, kind };
    Table {
        name: "annotations".to_owned(),
        columns: vec![
            column("title", "title", ColumnKind::Text),
            column("area_m2", "area_m2", ColumnKind::Real),
            column("revision", "revision", ColumnKind::Integer),
            column("start_datetime", "start_dt", ColumnKind::Time),
        ],
        rows: vec![(
            MultiPolygon::from(polygon![
                exterior: [(x: 127.6, y: 39.9), (x: 127.61, y: 39.9), (x: 127.61, y: 39.91), (x: 127.6, y: 39.91)],
                interiors: [[(x: 127.602, y: 39.902), (x: 127.602, y: 39.904), (x: 127.604, y: 39.904)]],
            ]),
            vec![
                Cell::Text("조립동 – hall".to_owned()),
                Cell::Real(1_234.5),
                Cell::Integer(3),
                Cell::Time("2023-05-14T02:10:00Z".to_owned(), 1_684_030_200_000),
            ],
        )],
    }
}

const PLACEMARKS: PlacemarkColumns =
    PlacemarkColumns { name: "title", description: "title", begin: "start_datetime", end: "start_datetime" };

/// Formats that GDAL 3.6 reads; GeoParquet it does not.
const READ_BY_OGR: [VectorFormat; 5] = [
    VectorFormat::GeoPackage,
    VectorFormat::FlatGeobuf,
    VectorFormat::Kmz,
    VectorFormat::Shapefile,
    VectorFormat::Csv,
];

#[test]
fn an_outline_that_is_cut_at_the_antimeridian_keeps_both_parts_beside_one_that_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = hall();
    let cells = table.rows[0].1.clone();
    let both = vec![
        polygon![(x: 179.5, y: 1.0), (x: 180.0, y: 1.0), (x: 180.0, y: 2.0), (x: 179.5, y: 2.0)],
        polygon![(x: -180.0, y: 1.0), (x: -179.5, y: 1.0), (x: -179.5, y: 2.0), (x: -180.0, y: 2.0)],
    ];
    table.rows.push((MultiPolygon::new(both), cells));
    for format in READ_BY_OGR {
        let path = folder.path().join("made").with_extension(format.extension());
        write_table(&path, format, &table, PLACEMARKS).unwrap();
        let read = Command::new("ogrinfo").arg("-al").arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&read.stdout);
        assert!(said.contains("Feature Count: 2"), "{format:?}: {said}");
        assert!(
            said.contains("179.5 ") && said.contains("-179.5 ") && said.contains("127.602 39.904"),
            "{said}"
        );
        assert!(read.stderr.is_empty(), "{format:?}: {}", String::from_utf8_lossy(&read.stderr));
    }
    let parquet = folder.path().join("made.parquet");
    write_table(&parquet, VectorFormat::GeoParquet, &table, PLACEMARKS).unwrap();
    let text = String::from_utf8_lossy(&std::fs::read(&parquet).unwrap()).into_owned();
    assert!(text.contains(r#""geometry_types":["Polygon","MultiPolygon"]"#));
}

#[test]
fn every_format_comes_back_as_it_was_said() {
    let folder = tempfile::tempdir().unwrap();
    for format in READ_BY_OGR {
        let path = folder.path().join("made").with_extension(format.extension());
        for _ in 0..2 {
            write_table(&path, format, &hall(), PLACEMARKS).unwrap();
        }
        let read = Command::new("ogrinfo").arg("-al").arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&read.stdout);
        assert!(said.contains("Feature Count: 1"), "{format:?}: {said}");
        assert!(said.contains("조립동 – hall") && said.contains("1234.5"), "{format:?}: {said}");
        assert!(said.contains("127.602 39.904"), "{format:?} lost the hole: {said}");
        assert!(
            said.contains("2023/05/14 02:10:00") || said.contains("2023-05-14T02:10:00Z"),
            "{format:?}: {said}"
        );
    }
    let parquet = folder.path().join("made.parquet");
    write_table(&parquet, VectorFormat::GeoParquet, &hall(), PLACEMARKS).unwrap();
    let bytes = std::fs::read(&parquet).unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains("\"primary_column\":\"geometry\""));
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        5 + 1 + 4,
        "side files of the shapefile only"
    );
}

/// What a GDAL tool says of a table whose one title and note are this, in a format.
fn told_of(title: &str, format: VectorFormat) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut table = hall();
    table.rows[0].1[0] = Cell::Text(title.to_owned());
    table.columns.push(Column { name: "note", short_name: "note", kind: ColumnKind::Text });
    table.rows[0].1.push(Cell::Text(title.to_owned()));
    let placemarks = PlacemarkColumns { description: "note", ..PLACEMARKS };
    let path = folder.path().join("made").with_extension(format.extension());
    write_table(&path, format, &table, placemarks).unwrap();
    let read = Command::new("ogrinfo").arg("-al").arg(&path).output().unwrap();
    assert!(read.stderr.is_empty(), "{format:?}: {}", String::from_utf8_lossy(&read.stderr));
    String::from_utf8_lossy(&read.stdout).into_owned()
}

#[test]
fn a_text_is_neither_markup_in_a_placemark_nor_a_formula_in_a_spreadsheet() {
    let markup = "<img src=x onerror='alert(1)'> & \"more\"";
    let said = told_of(markup, VectorFormat::Kmz);
    let escaped = "&lt;img src=x onerror=&#39;alert(1)&#39;&gt; &amp; &quot;more&quot;";
    assert!(said.contains(&format!("description (String) = {escaped}")), "{said}");
    assert!(told_of(markup, VectorFormat::GeoPackage).contains(markup), "elsewhere a text is a text");
    for formula in ["=1+1", "+1", "-1", "@SUM(A1)"] {
        let said = told_of(formula, VectorFormat::Csv);
        assert!(said.contains(&format!("title (String) = '{formula}\n")), "{said}");
        assert!(
            told_of(formula, VectorFormat::GeoPackage).contains(&format!("title (String) = {formula}\n"))
        );
    }
    assert!(told_of("1=1", VectorFormat::Csv).contains("title (String) = 1=1\n"));
}

#[test]
fn characters_that_a_format_cannot_hold_are_left_out() {
    for format in READ_BY_OGR {
        let said = told_of("a\u{1}s\u{1b}sembly\0 \u{FFFF}ha\u{7f}ll", format);
        assert!(said.contains("assembly hall"), "{format:?}: {said}");
    }
}
