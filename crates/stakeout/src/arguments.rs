//! What the command line takes.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use record::{Collection, Role, verify::Mark};
use stakeout_server::export::ExportFormat;

/// Watches sites from above: finds structures that appeared between two images, and keeps what analysts
/// confirmed.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Say nothing but errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Name of the task that `serve` starts for every uploaded file.
pub(crate) const INGEST_WORKER: &str = "ingest-worker";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find structures that changed between two images of a place.
    Detect(Detect),
    /// Serve sites, scenes and reviews: the page, OGC API, STAC and tiles.
    Serve(Serve),
    /// Measure a detector on labelled pairs: a folder with A/, B/ and label/.
    Evaluate(Evaluate),
    /// Check the event chain and every blob of a data folder.
    Verify(Verify),
    /// Show the detectors that are shipped.
    #[command(subcommand)]
    Model(Model),
    /// Manage the tokens of a data folder.
    #[command(subcommand)]
    Token(Token),
    /// Write the annotations or candidates of a site for other programs.
    Export(Export),
    /// Decode one file in a confined process, for `serve`.
    #[command(name = INGEST_WORKER, hide = true)]
    IngestWorker,
}

#[derive(Debug, Args)]
pub(crate) struct Detect {
    /// Image of the first date: GeoTIFF, PNG, JPEG or JPEG 2000.
    pub(crate) before: PathBuf,
    /// Image of the second date; it may differ in CRS, resolution, extent and bands.
    pub(crate) after: PathBuf,
    /// Where to write the candidates, as GeoJSON in longitude and latitude.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// A detector by name (see `stakeout model list`), or an ONNX file with its card beside it.
    #[arg(long, value_name = "NAME|FILE.onnx", default_value = imagery_diff::DEFAULT_DETECTOR)]
    pub(crate) model: String,
    /// Compute networks with this ONNX Runtime library (libonnxruntime.so) instead of pure Rust; in builds with the
    /// feature `ort`.
    #[arg(long, value_name = "LIBRARY")]
    pub(crate) onnx_runtime: Option<PathBuf>,
    /// Leave out candidates of a lower score, 0 to 1 [default: 0.1]
    #[arg(long, value_name = "S", value_parser = score)]
    pub(crate) min_score: Option<f64>,
    /// Where to write how well the images fit and how long it took, as JSON.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Folder of the database and the images; made where it is not there.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// Address to listen on; other than loopback only with tokens configured.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Settings that differ from the defaults, as JSON.
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// Folder with A/ (before), B/ (after) and label/ (masks), matched by name.
    pub(crate) folder: PathBuf,
    /// A detector by name, or an ONNX file with its card beside it.
    #[arg(long, value_name = "NAME|FILE.onnx", default_value = imagery_diff::DEFAULT_DETECTOR)]
    pub(crate) model: String,
    /// Compute networks with this ONNX Runtime library (libonnxruntime.so) instead of pure Rust; in builds with the
    /// feature `ort`.
    #[arg(long, value_name = "LIBRARY")]
    pub(crate) onnx_runtime: Option<PathBuf>,
    /// Leave out candidates of a lower score, 0 to 1 [default: 0.1]
    #[arg(long, value_name = "S", value_parser = score)]
    pub(crate) min_score: Option<f64>,
    /// Ground sample distance of pairs without georeference, metres; it turns their areas into square metres, and they are
    /// searched in their own pixels all the same.
    #[arg(long, default_value_t = 0.5, value_name = "M", value_parser = metres)]
    pub(crate) gsd: f64,
    /// Only places whose name begins so.
    #[arg(long, default_value = "")]
    pub(crate) prefix: String,
    /// Which candidates count.
    #[arg(long, value_enum, default_value_t = Counted::Any)]
    pub(crate) change: Counted,
    /// Also compare every after image with itself under other light, sensors, shifts and gaps, where all that is found
    /// is a false alarm, and every pair swapped, where new must become removed.
    #[arg(long)]
    pub(crate) stress: bool,
    /// Where to write all figures, as JSON; else standard output.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Where to write a page with the worst places as pictures.
    #[arg(long)]
    pub(crate) html: Option<PathBuf>,
}

/// Which candidates count in an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Counted {
    /// New, removed and altered ones.
    Any,
    /// New and altered ones: for labels that hold new buildings only.
    New,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Folder of the database and the images.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// The last event that verification told earlier and somebody noted elsewhere: the chain must still hold it.
    #[arg(long, value_name = "NUMBER:SHA256")]
    pub(crate) event: Option<Mark>,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Folder of the database and the images.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// Id of the site.
    #[arg(long)]
    pub(crate) site: String,
    /// gpkg, fgb, kmz, geoparquet, shp, csv or geojson.
    #[arg(long, value_parser = export_format)]
    pub(crate) format: ExportFormat,
    /// Where to write; a file that is there is replaced.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// What to write.
    #[arg(long, value_enum, default_value_t = Exported::Annotations)]
    pub(crate) collection: Exported,
}

/// What can be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Exported {
    /// What people recorded; withdrawn ones are left out.
    Annotations,
    /// What detectors found, with the state of its review.
    Candidates,
}

impl From<Exported> for Collection {
    fn from(exported: Exported) -> Collection {
        match exported {
            Exported::Annotations => Collection::Annotations,
            Exported::Candidates => Collection::Candidates,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// List detectors, one a line: name, version, parameters, licence.
    List,
    /// Show the card of a model as JSON.
    Show {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print its secret, once.
    Create {
        /// Folder of the database.
        #[arg(long)]
        data: PathBuf,
        /// What it allows: viewer, analyst, reviewer or admin.
        #[arg(long)]
        role: Role,
        /// Who it is for: one name is one person, to whom verdicts belong.
        #[arg(long, default_value = "unnamed")]
        name: String,
    },
    /// List tokens as JSON, without their secrets.
    List {
        /// Folder of the database.
        #[arg(long)]
        data: PathBuf,
    },
    /// Revoke a token at once.
    Revoke {
        /// Folder of the database.
        #[arg(long)]
        data: PathBuf,
        /// Its id, as the list shows it.
        id: String,
    },
}

fn export_format(text: &str) -> Result<ExportFormat, String> {
    ExportFormat::named(text).ok_or_else(|| {
        let names: Vec<&str> = ExportFormat::ALL.iter().map(|(name, _)| *name).collect();
        format!("must be one of {}", names.join(", "))
    })
}

fn metres(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|metres: &f64| metres.is_finite() && *metres > 0.0)
        .ok_or_else(|| "must be a number above 0".to_owned())
}

fn score(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|score| (0.0..=1.0).contains(score))
        .ok_or_else(|| "must be a number from 0 to 1".to_owned())
}
