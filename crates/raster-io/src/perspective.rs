//! Draws an image that was seen at a slant anew, north up.

use gdal::{
    Dataset,
    raster::{Buffer, ColorInterpretation, GdalDataType},
};

use crate::{
    RasterError, drivers,
    placing::Homography,
    source::{Colours, Source},
};

/// Value of the alpha band where the image shows something.
const OPAQUE: u8 = 255;
/// Least value of a mask that counts as observed.
const MASK_MIN: u8 = 128;

/// Pixels of the drawn image.
#[derive(Clone, Copy)]
pub(crate) struct Canvas {
    pub(crate) cols: u32,
    pub(crate) rows: u32,
    /// From a pixel corner of the canvas to one of the image.
    pub(crate) back: Homography,
}

/// One band in memory.
struct Plane {
    values: Vec<f32>,
    meaning: ColorInterpretation,
}

/// The image on the canvas, with an alpha band that says where it shows something: bilinear between pixel centres, the
/// outermost half pixel as its neighbour.
pub(crate) fn draw(dataset: &Dataset, source: &Source, canvas: Canvas) -> Result<Dataset, RasterError> {
    let fails = RasterError::gdal(&source.path, "placed");
    let observed = observed(dataset, source)?;
    let bands = shown_bands(dataset, source)?;
    let (cols, rows) = (canvas.cols as usize, canvas.rows as usize);
    let drawn = empty(dataset, source, &canvas, bands.len() + 1)?;
    let image = (source.info().cols as usize, source.info().rows as usize);
    for (index, band) in bands.iter().enumerate() {
        let plane = plane(dataset, source, *band)?;
        let values = sampled(&plane.values, image, &canvas);
        let mut target = drawn.rasterband(index + 1).map_err(&fails)?;
        target.write((0, 0), (cols, rows), &mut Buffer::new((cols, rows), values)).map_err(&fails)?;
        target.set_color_interpretation(plane.meaning).map_err(&fails)?;
    }
    let shown = shown(observed.as_deref(), image, &canvas);
    let mut alpha = drawn.rasterband(bands.len() + 1).map_err(&fails)?;
    alpha.write((0, 0), (cols, rows), &mut Buffer::new((cols, rows), shown)).map_err(&fails)?;
    alpha.set_color_interpretation(ColorInterpretation::AlphaBand).map_err(&fails)?;
    Ok(drawn)
}

/// What a band of the canvas is drawn from: a band of the image, or one colour of its palette.
#[derive(Clone, Copy)]
enum From {
    Band(usize),
    Palette { band: usize, colour: usize },
}

fn shown_bands(dataset: &Dataset, source: &Source) -> Result<Vec<From>, RasterError> {
    if let Colours::Palette(band, _) = &source.colours {
        return Ok((0..3).map(|colour| From::Palette { band: *band, colour }).collect());
    }
    let fails = RasterError::gdal(&source.path, "read");
    let mut bands = Vec::new();
    for index in 1..=dataset.raster_count() {
        let band = dataset.rasterband(index).map_err(&fails)?;
        if band.color_interpretation() != ColorInterpretation::AlphaBand {
            bands.push(From::Band(index));
        }
    }
    Ok(bands)
}

fn empty(dataset: &Dataset, source: &Source, canvas: &Canvas, bands: usize) -> Result<Dataset, RasterError> {
    let fails = RasterError::gdal(&source.path, "placed");
    let driver = drivers::writer("MEM", &source.path)?;
    let (cols, rows) = (canvas.cols as usize, canvas.rows as usize);
    let kind = dataset.rasterband(1).map_err(&fails)?.band_type();
    match kind {
        GdalDataType::UInt8 => driver.create_with_band_type::<u8, _>("", cols, rows, bands),
        GdalDataType::UInt16 => driver.create_with_band_type::<u16, _>("", cols, rows, bands),
        GdalDataType::Int16 => driver.create_with_band_type::<i16, _>("", cols, rows, bands),
        _ => driver.create_with_band_type::<f32, _>("", cols, rows, bands),
    }
    .map_err(&fails)
}

fn plane(dataset: &Dataset, source: &Source, from: From) -> Result<Plane, RasterError> {
    let fails = RasterError::gdal(&source.path, "read");
    let size = dataset.raster_size();
    let read = |index: usize| {
        let band = dataset.rasterband(index).map_err(&fails)?;
        let values = band.read_as::<f32>((0, 0), size, size, None).map_err(&fails)?;
        Ok::<_, RasterError>((values.data().to_vec(), band.color_interpretation()))
    };
    match (from, &source.colours) {
        (From::Palette { band, colour }, Colours::Palette(_, table)) => {
            let (indices, _) = read(band)?;
            let of = |index: f32| table.get(index as usize).map_or(0.0, |rgb| rgb[colour]);
            let meaning = match colour {
                0 => ColorInterpretation::RedBand,
                1 => ColorInterpretation::GreenBand,
                _ => ColorInterpretation::BlueBand,
            };
            Ok(Plane { values: indices.into_iter().map(of).collect(), meaning })
        }
        (From::Band(band) | From::Palette { band, .. }, _) => {
            let (values, meaning) = read(band)?;
            Ok(Plane { values, meaning })
        }
    }
}

/// The mask of the image; `None` where all of it was observed.
fn observed(dataset: &Dataset, source: &Source) -> Result<Option<Vec<u8>>, RasterError> {
    if !source.info().has_mask {
        return Ok(None);
    }
    let fails = RasterError::gdal(&source.path, "read");
    let band = dataset.rasterband(1).map_err(&fails)?;
    let mask = band.open_mask_band().map_err(&fails)?;
    let size = dataset.raster_size();
    let values = mask.read_as::<u8>((0, 0), size, size, None).map_err(&fails)?;
    Ok(Some(values.data().to_vec()))
}

/// Where the centre of each pixel of the canvas lies in the image, row by row; `None` outside.
fn places(canvas: &Canvas, (cols, rows): (usize, usize)) -> impl Iterator<Item = Option<[f64; 2]>> {
    let Canvas { cols: wide, rows: high, back } = *canvas;
    (0..high).flat_map(move |row| {
        (0..wide).map(move |col| {
            let at = back.apply([f64::from(col) + 0.5, f64::from(row) + 0.5]);
            let inside = (0.0..=cols as f64).contains(&at[0]) && (0.0..=rows as f64).contains(&at[1]);
            inside.then_some(at)
        })
    })
}

fn sampled(values: &[f32], image: (usize, usize), canvas: &Canvas) -> Vec<f32> {
    let (cols, rows) = image;
    let between = |at: f64, count: usize| {
        let centred = (at - 0.5).clamp(0.0, (count - 1) as f64);
        let first = centred.floor() as usize;
        (first, (first + 1).min(count - 1), (centred - first as f64) as f32)
    };
    places(canvas, image)
        .map(|at| {
            let Some([x, y]) = at else { return 0.0 };
            let ((left, right, over), (top, bottom, down)) = (between(x, cols), between(y, rows));
            let value = |row: usize, col: usize| values[row * cols + col];
            let above = value(top, left) * (1.0 - over) + value(top, right) * over;
            let below = value(bottom, left) * (1.0 - over) + value(bottom, right) * over;
            above * (1.0 - down) + below * down
        })
        .collect()
}

fn shown(observed: Option<&[u8]>, image: (usize, usize), canvas: &Canvas) -> Vec<u8> {
    let (cols, rows) = image;
    places(canvas, image)
        .map(|at| {
            let Some([x, y]) = at else { return 0 };
            let (col, row) = ((x as usize).min(cols - 1), (y as usize).min(rows - 1));
            let seen = observed.is_none_or(|mask| mask[row * cols + col] >= MASK_MIN);
            if seen { OPAQUE } else { 0 }
        })
        .collect()
}
