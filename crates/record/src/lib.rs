//! Sites, scenes, candidates, reviews and annotations; the event log, the store, the blobs and the GeoJSON codec.
