//! What the command line takes.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{
    Args, CommandFactory, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
};
use imagery_diff::{CLASSICAL, MODELS, model::Shipped};
use raster_io::VectorFormat;
use record::{Collection, Role, person_name, verify::Mark};
use stakeout_server::{detection, export::ExportFormat};

use crate::output::STANDARD_OUTPUT;

const EXIT_CODES: &str = "\
Exit codes: 0 when it worked (finding nothing is working), 2 for bad arguments, 1 otherwise, with one line that says why.
What was asked for goes to standard output or into the named file, all else to standard error.";

const LOG: &str = "\
The log goes to standard error: warnings and errors, with --quiet errors only. RUST_LOG in the environment adds to that,
such as RUST_LOG=tower_http=debug for every request.";

/// Watches sites from above: finds structures that appeared between two images, and keeps what analysts
/// confirmed.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_long_help = EXIT_CODES)]
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
    #[command(after_long_help = LOG)]
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
    /// Where to write the candidates, as GeoJSON in longitude and latitude, `-` for standard output; of images without
    /// georeference in pixels, and its member `units` tells which.
    #[arg(long, value_name = "FILE.geojson")]
    pub(crate) out: PathBuf,
    /// A detector by name (see `stakeout model list`), or an ONNX file with its card beside it.
    #[arg(long, value_name = "NAME|FILE.onnx", default_value = imagery_diff::DEFAULT_DETECTOR, value_parser = model)]
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
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Address to listen on; other than loopback only with tokens configured.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Settings that differ from the defaults, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// Folder with A/ (before), B/ (after) and label/ (masks), matched by name.
    pub(crate) folder: PathBuf,
    /// A detector by name, or an ONNX file with its card beside it.
    #[arg(long, value_name = "NAME|FILE.onnx", default_value = imagery_diff::DEFAULT_DETECTOR, value_parser = model)]
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
    /// Where to write all figures, as JSON; else standard output where it is no terminal.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Where to write a page with the worst places as pictures.
    #[arg(long, value_name = "FILE.html")]
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
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The last event that verification told earlier and somebody noted elsewhere: the chain must still hold it.
    #[arg(long, value_name = "NUMBER:SHA256")]
    pub(crate) event: Option<Mark>,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Folder of the database and the images.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Id of the site.
    #[arg(long, value_name = "ID")]
    pub(crate) site: String,
    /// File format; shp comes with its side files beside it.
    #[arg(long, value_parser = export_formats())]
    pub(crate) format: ExportFormat,
    /// Where to write, `-` for standard output (csv and geojson); a file that is there is replaced.
    #[arg(long, value_name = "FILE")]
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
        #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(model_names()))]
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print its secret, once.
    Create {
        /// Folder of the database.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// What it allows: viewer, analyst, reviewer or admin.
        #[arg(long, value_name = "ROLE")]
        role: Role,
        /// Who it is for: one name is one person, to whom verdicts belong.
        #[arg(long, value_name = "NAME", default_value = "unnamed", value_parser = person)]
        name: String,
    },
    /// List tokens as JSON, without their secrets.
    List {
        /// Folder of the database.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Revoke a token at once.
    Revoke {
        /// Folder of the database.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Its id, as the list shows it.
        id: String,
    },
}

impl Arguments {
    /// What was given; ends the process where that is wrong.
    pub(crate) fn given() -> Arguments {
        let arguments = Arguments::parse();
        if let Command::Export(export) = &arguments.command
            && let Some(fault) = export.fault()
        {
            let mut command = Arguments::command();
            // whose usage is shown with the fault
            command.build();
            let export = command.find_subcommand_mut("export").expect("it was given");
            export.error(ErrorKind::ValueValidation, fault).exit();
        }
        arguments
    }
}

impl Export {
    /// Why the format cannot be written there.
    fn fault(&self) -> Option<String> {
        let is_text = matches!(self.format, ExportFormat::GeoJson | ExportFormat::Table(VectorFormat::Csv));
        if self.out == Path::new(STANDARD_OUTPUT) {
            return (!is_text).then(|| "only csv and geojson go to standard output: name a file".to_owned());
        }
        // GDAL finds the side files by the name
        let is_shapefile = self.format == ExportFormat::Table(VectorFormat::Shapefile);
        let is_named_so = self.out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("shp"));
        let wanted = "a shapefile opens only under a name that ends in .shp";
        (is_shapefile && !is_named_so).then(|| format!("--out is {} but {wanted}", self.out.display()))
    }
}

fn export_formats() -> impl TypedValueParser<Value = ExportFormat> {
    PossibleValuesParser::new(ExportFormat::ALL.map(|(name, _)| name))
        .map(|name| ExportFormat::named(&name).expect("only names of formats are taken"))
}

fn model_names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|shipped| shipped.name).chain([CLASSICAL])
}

fn model(text: &str) -> Result<String, String> {
    if text != CLASSICAL && detection::onnx_file(text).is_none() {
        Shipped::named(text).map_err(|error| error.to_string())?;
    }
    Ok(text.to_owned())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "must be an IP address and a port, such as 127.0.0.1:8080".to_owned())
}

fn person(text: &str) -> Result<String, String> {
    person_name(text).map_err(|error| error.to_string())
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
