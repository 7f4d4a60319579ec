//! The only crate that knows GDAL: opens, warps, ingests and tiles rasters.
