//! Procedural before/after scenes with known truth, for tests and the demo.
