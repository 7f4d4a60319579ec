//! The HTTP service: OGC API, STAC, tiles, uploads, jobs, review, and the page.
