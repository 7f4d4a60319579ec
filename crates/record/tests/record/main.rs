//! The record through its public door, a file for each part of it.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "../common/mod.rs"]
mod common;

mod collections;
mod drawings;
mod former;
mod jobs;
mod revisions;
mod sight;
mod sites;
mod support;
mod verdicts;
mod verification;
