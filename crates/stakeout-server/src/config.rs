//! Settings of the service, each with a name, a unit and a default.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use raster_io::WorkerLimits;
use serde::{Deserialize, Serialize};

use crate::uploads::UploadLimits;

/// Most threads that the runtime gives to blocking work.
const BLOCKING_MAX: u64 = 512;
/// Most comparisons or decodings at the same time: each has one of these threads.
const PARALLEL_MAX: u64 = 256;
/// Longest time that a setting may say, seconds: a year.
const TIME_S_MAX: u64 = 366 * 24 * 3_600;
/// Most bytes that a setting may say: an exbibyte.
const BYTES_MAX: u64 = 1 << 60;
/// Largest cache, bytes.
const CACHE_BYTES_MAX: u64 = 1 << 40;
/// Smallest address space in which a file can be decoded, bytes.
const MEMORY_BYTES_MIN: u64 = 256 << 20;
/// Largest JSON body, bytes: it is held in memory.
const BODY_BYTES_MAX: u64 = 1 << 30;
/// Greatest number of things that a setting may say.
const COUNT_MAX: u64 = 1_000_000;

/// What an origin may be.
const ORIGIN_WANTED: &str =
    "http://HOST or https://HOST, with :PORT where that is not the usual one, and no path";
/// Settings that are objects.
const GROUPS: [&str; 3] = ["uploads", "ingest", "backdrop"];

/// Settings; a file holds those that differ from the defaults, as JSON.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address under which clients reach the service, such as `https://stakeout.example`; else what the
    /// request says. Its host is accepted beside loopback.
    pub public_url: Option<String>,
    /// Origins whose pages may read with a token of their own, such as `https://map.example`; none unless configured.
    pub allowed_origins: Vec<String>,
    /// Detector for comparisons that name none.
    pub model: String,
    /// ONNX Runtime library that computes networks instead of pure Rust, such as `/usr/lib/libonnxruntime.so`; in builds
    /// with the feature `ort`.
    pub onnx_runtime: Option<PathBuf>,
    /// Comparisons that run at the same time; with 0 they wait until a server with more is started.
    pub jobs_parallel: usize,
    /// Requests that work on files or the database at the same time; others wait.
    pub blocking_max: usize,
    /// Largest uploaded file, bytes.
    pub upload_bytes_max: u64,
    /// Largest JSON body, bytes.
    pub body_bytes_max: usize,
    /// Longest time in which nothing of a body comes, seconds.
    pub body_idle_s: u64,
    /// Connections that are open at the same time; more wait until one is closed.
    pub connections_max: usize,
    /// Longest time from the opening of a connection, or from its last answer, until the head of the next request has
    /// come whole, seconds.
    pub head_time_s: u64,
    /// Longest time in which nothing is taken of what is sent, seconds; then the connection is closed.
    pub send_idle_s: u64,
    /// Requests a second from one address of another machine; 0 is no limit. Five seconds' worth may come at once.
    pub requests_per_s_max: u32,
    /// The same for programs of this machine.
    pub local_requests_per_s_max: u32,
    /// Most bytes that are still read of a request that was answered before it had come whole, so that a client that
    /// is writing gets the answer; then its connection is closed.
    pub refused_body_bytes_max: u64,
    /// Longest time for that, seconds.
    pub refused_body_time_s: u64,
    /// Features on a page where the client does not say.
    pub limit_default: u32,
    /// Features on a page at most; a larger `limit` is cut to it, as the standard wants.
    pub limit_max: u32,
    /// Encoded tiles kept in memory, bytes.
    pub tile_cache_bytes: u64,
    /// Decoded blocks of working copies kept in memory, bytes.
    pub block_cache_bytes: u64,
    /// Quality of JPEG tiles, 1 to 100.
    pub tile_jpeg_quality: u8,
    /// Working copies kept open for tiles.
    pub open_scenes_max: usize,
    /// Bounds on uploads that are no scene yet.
    pub uploads: UploadLimits,
    /// Files that are decoded at the same time, each in a process of its own.
    pub ingests_parallel: usize,
    /// What such a process may use up.
    pub ingest: WorkerLimits,
    /// Longest time for a request that is not an upload, seconds.
    pub request_timeout_s: u64,
    /// Map tiles below the imagery; none unless configured, since they load from another host.
    pub backdrop: Option<Backdrop>,
}

/// Map tiles of another server that the page shows below the imagery.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Backdrop {
    /// Address of a tile in Web Mercator, such as `https://tiles.example/{z}/{x}/{y}.png`.
    pub url: String,
    /// Whose map it is, as its owner wants it said.
    pub attribution: String,
    /// Deepest zoom that the server has.
    #[serde(default = "Backdrop::zoom_max_default")]
    pub zoom_max: u8,
}

impl Backdrop {
    fn zoom_max_default() -> u8 {
        19
    }

    /// Scheme, host and port, which the page's content security policy lets images come from; `None` where the
    /// address is none of a web server.
    pub fn origin(&self) -> Option<&str> {
        let host = web_host(&self.url)?;
        let rest = self.url.split_once("://")?.1;
        Some(&self.url[..self.url.len() - rest.len() + host.len()])
    }

    fn is_usable(&self) -> bool {
        self.origin().is_some() && ["{z}", "{x}", "{y}"].iter().all(|part| self.url.contains(part))
    }
}

/// Host and port of an address of the web; `None` where it is none.
fn web_host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let host = rest.split('/').next()?;
    let (name, port) = match host.rsplit_once(':') {
        // the colons of an address of version 6 lie in brackets
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    (!name.is_empty() && host.bytes().all(plain) && is_port).then_some(host)
}

/// Whether a text is scheme, host and port, as browsers write them, and nothing else: they leave out the usual port.
fn is_origin(text: &str) -> bool {
    let is_whole = |host| text.split_once("://").is_some_and(|(_, rest)| rest == host);
    let has_usual_port = (text.starts_with("https:") && text.ends_with(":443"))
        || (text.starts_with("http:") && text.ends_with(":80"));
    web_host(text).is_some_and(is_whole) && !has_usual_port
}

impl Default for Config {
    fn default() -> Config {
        Config {
            public_url: None,
            allowed_origins: Vec::new(),
            model: imagery_diff::DEFAULT_DETECTOR.to_owned(),
            onnx_runtime: None,
            jobs_parallel: 1,
            blocking_max: 16,
            upload_bytes_max: 16 << 30,
            body_bytes_max: 4 << 20,
            body_idle_s: 60,
            connections_max: 1_000,
            head_time_s: 30,
            send_idle_s: 60,
            requests_per_s_max: 200,
            local_requests_per_s_max: 0,
            refused_body_bytes_max: 64 << 20,
            refused_body_time_s: 10,
            limit_default: 100,
            limit_max: 10_000,
            tile_cache_bytes: 128 << 20,
            block_cache_bytes: 256 << 20,
            tile_jpeg_quality: 85,
            open_scenes_max: 16,
            uploads: UploadLimits::default(),
            ingests_parallel: 2,
            ingest: WorkerLimits::default(),
            request_timeout_s: 60,
            backdrop: None,
        }
    }
}

/// A settings file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It cannot be read.
    #[error("the configuration {path} cannot be read")]
    Read {
        /// Which file.
        path: std::path::PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is not what settings look like.
    #[error("the configuration {path} is wrong")]
    Content {
        /// Which file.
        path: std::path::PathBuf,
        /// What and where.
        #[source]
        source: serde_json::Error,
    },
    /// The backdrop's address is no address of tiles.
    #[error(
        "the configuration {path} has the backdrop {url:?} but an http address with {{z}}, {{x}} and {{y}} is wanted"
    )]
    Backdrop {
        /// Which file.
        path: std::path::PathBuf,
        /// What it says.
        url: String,
    },

    /// Settings, or a group of them, that have no names: they would be taken in their order.
    #[error("the configuration {path} is wrong: {what} must be a JSON object")]
    NoObject {
        /// Which file.
        path: std::path::PathBuf,
        /// What is none.
        what: &'static str,
    },
    /// A setting of a group, written as one name.
    #[error("the configuration {path} has {name:?} but {{\"{group}\": {{\"{member}\": ...}}}} is wanted")]
    Dotted {
        /// Which file.
        path: std::path::PathBuf,
        /// What it says.
        name: String,
        /// Name of the object that was meant.
        group: String,
        /// Name in it.
        member: String,
    },

    /// A setting has a value that the service cannot work with.
    #[error("the configuration {path} has {name} {got} but {wanted} is wanted")]
    Value {
        /// Which file.
        path: std::path::PathBuf,
        /// Which setting.
        name: &'static str,
        /// What it says.
        got: String,
        /// What it may say.
        wanted: String,
    },
}

impl Config {
    /// Reads settings from a JSON file.
    ///
    /// # Errors
    /// When it cannot be read, or holds an unknown name, a value of the wrong type or one out of its bounds.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Config =
            serde_json::from_str(&text).map_err(|source| content_error(path, &text, source))?;
        if let Some(what) = no_object(&text) {
            return Err(ConfigError::NoObject { path: path.to_owned(), what });
        }
        if let Some(backdrop) = config.backdrop.as_ref().filter(|backdrop| !backdrop.is_usable()) {
            return Err(ConfigError::Backdrop { path: path.to_owned(), url: backdrop.url.clone() });
        }
        match config.fault() {
            Some((name, got, wanted)) => Err(ConfigError::Value { path: path.to_owned(), name, got, wanted }),
            None => Ok(config),
        }
    }

    /// Host and port under which clients elsewhere reach the service.
    pub(crate) fn public_host(&self) -> Option<&str> {
        web_host(self.public_url.as_deref()?)
    }

    /// The first setting out of its bounds, with what it says and what it may say.
    fn fault(&self) -> Option<(&'static str, String, String)> {
        // what is shown at its root is asked for at the root
        let is_address = |url: &str| is_origin(url.strip_suffix('/').unwrap_or(url));
        if let Some(url) = self.public_url.as_ref().filter(|url| !is_address(url)) {
            return Some(("public_url", format!("{url:?}"), ORIGIN_WANTED.to_owned()));
        }
        if let Some(origin) = self.allowed_origins.iter().find(|origin| !is_origin(origin)) {
            return Some(("allowed_origins", format!("{origin:?}"), ORIGIN_WANTED.to_owned()));
        }
        let mut numbers = self.numbers().into_iter();
        let (name, got, bounds) = numbers.find(|(_, got, bounds)| !bounds.contains(got))?;
        Some((name, got.to_string(), format!("{} to {}", bounds.start(), bounds.end())))
    }

    /// All numbers with what they may be. With 0 of some every request would wait for ever or be refused; with the greatest that can be written
    /// others overflow.
    fn numbers(&self) -> [(&'static str, u64, RangeInclusive<u64>); 27] {
        let (uploads, ingest) = (&self.uploads, &self.ingest);
        [
            ("jobs_parallel", self.jobs_parallel as u64, 0..=PARALLEL_MAX),
            ("blocking_max", self.blocking_max as u64, 1..=BLOCKING_MAX),
            ("upload_bytes_max", self.upload_bytes_max, 1..=BYTES_MAX),
            ("body_bytes_max", self.body_bytes_max as u64, 1..=BODY_BYTES_MAX),
            ("body_idle_s", self.body_idle_s, 1..=TIME_S_MAX),
            ("connections_max", self.connections_max as u64, 1..=COUNT_MAX),
            ("head_time_s", self.head_time_s, 1..=TIME_S_MAX),
            ("send_idle_s", self.send_idle_s, 1..=TIME_S_MAX),
            ("requests_per_s_max", u64::from(self.requests_per_s_max), 0..=COUNT_MAX),
            ("local_requests_per_s_max", u64::from(self.local_requests_per_s_max), 0..=COUNT_MAX),
            ("refused_body_bytes_max", self.refused_body_bytes_max, 0..=BYTES_MAX),
            ("refused_body_time_s", self.refused_body_time_s, 0..=TIME_S_MAX),
            ("limit_default", u64::from(self.limit_default), 1..=COUNT_MAX),
            ("limit_max", u64::from(self.limit_max), 1..=COUNT_MAX),
            ("tile_cache_bytes", self.tile_cache_bytes, 0..=CACHE_BYTES_MAX),
            ("block_cache_bytes", self.block_cache_bytes, 0..=CACHE_BYTES_MAX),
            ("tile_jpeg_quality", u64::from(self.tile_jpeg_quality), 1..=100),
            ("open_scenes_max", self.open_scenes_max as u64, 1..=COUNT_MAX),
            ("uploads.open_max", uploads.open_max as u64, 1..=COUNT_MAX),
            ("uploads.bytes_max", uploads.bytes_max, 1..=BYTES_MAX),
            ("uploads.expires_s", uploads.expires_s, 1..=TIME_S_MAX),
            ("ingests_parallel", self.ingests_parallel as u64, 1..=PARALLEL_MAX),
            ("ingest.memory_bytes", ingest.memory_bytes, MEMORY_BYTES_MIN..=BYTES_MAX),
            ("ingest.cpu_s", ingest.cpu_s, 1..=TIME_S_MAX),
            ("ingest.wall_s", ingest.wall_s, 1..=TIME_S_MAX),
            ("ingest.output_bytes", ingest.output_bytes, 1..=BYTES_MAX),
            ("request_timeout_s", self.request_timeout_s, 1..=TIME_S_MAX),
        ]
    }
}

/// What of the settings in a text is no object; serde takes lists for them too.
fn no_object(text: &str) -> Option<&'static str> {
    let settings: serde_json::Value = serde_json::from_str(text).ok()?;
    if !settings.is_object() {
        return Some("it");
    }
    GROUPS.into_iter().find(|group| settings[*group].is_array())
}

/// Why a text holds no settings: with a hint where a name is written with a dot, as the documentation names it.
fn content_error(path: &Path, text: &str, source: serde_json::Error) -> ConfigError {
    let path = path.to_owned();
    let members: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(text).ok();
    let dotted = members.into_iter().flatten().find(|(name, _)| name.contains('.'));
    match dotted.as_ref().and_then(|(name, _)| name.split_once('.').map(|parts| (name.clone(), parts))) {
        Some((name, (group, member))) => {
            ConfigError::Dotted { path, name, group: group.to_owned(), member: member.to_owned() }
        }
        None => ConfigError::Content { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        Config::read(file.path())
    }

    #[test]
    fn a_setting_out_of_its_bounds_is_named() {
        let told = |text: &str| read(text).unwrap_err().to_string();
        for url in [
            "stakeout.example",
            "https://",
            "https://:8443",
            "https://stakeout.example:443",
            "http://stakeout.example:80",
            "https://stakeout.example:99999",
            "https://stakeout.example:0",
            "https://stakeout.example/stakeout",
            "https://stakeout.example/?x=1",
            "https://stakeout.example/\r\n",
        ] {
            let told = told(&serde_json::json!({"public_url": url}).to_string());
            assert!(told.contains("has public_url"), "{told}");
        }
        for url in ["http://[2001:db8::1]", "http://[2001:db8::1]:8080/", "https://stakeout.example/"] {
            assert!(read(&serde_json::json!({"public_url": url}).to_string()).is_ok(), "{url}");
        }
        for origin in [
            "*",
            "null",
            "map.example",
            "https://map.example/",
            "https://map.example/a",
            "https://map.example:443",
            "http://map.example:80",
        ] {
            let told = told(&serde_json::json!({"allowed_origins": [origin]}).to_string());
            assert!(told.contains("has allowed_origins"), "{told}");
        }
        assert!(read(r#"{"allowed_origins": ["https://map.example", "http://localhost:5173"]}"#).is_ok());
        for (text, words) in [
            (r#"{"blocking_max": 0}"#, "has blocking_max 0 but 1 to 512 is wanted"),
            (r#"{"tile_jpeg_quality": 101}"#, "has tile_jpeg_quality 101 but 1 to 100 is wanted"),
            (r#"{"uploads": {"open_max": 0}}"#, "has uploads.open_max 0 but 1 to 1000000 is wanted"),
            (r#"{"ingest": {"memory_bytes": 0}}"#, "has ingest.memory_bytes 0 but 268435456 to"),
            (r#"{"connections_max": 18446744073709551615}"#, "but 1 to 1000000 is wanted"),
        ] {
            assert!(told(text).contains(words), "{}", told(text));
        }
        let config =
            read(r#"{"public_url": "https://stakeout.example:8443/", "tile_jpeg_quality": 1}"#).unwrap();
        assert_eq!(config.public_host(), Some("stakeout.example:8443"));
    }

    #[test]
    fn the_defaults_are_within_their_bounds_and_what_cannot_work_is_not() {
        let config = Config::default();
        assert_eq!(config.fault(), None);
        for (name, value) in [
            ("blocking_max", u64::MAX),
            ("upload_bytes_max", 0),
            ("body_bytes_max", 0),
            ("open_scenes_max", 0),
            ("send_idle_s", u64::MAX),
            ("tile_cache_bytes", u64::MAX),
        ] {
            let text = serde_json::json!({name: value}).to_string();
            let told = read(&text).unwrap_err().to_string();
            assert!(told.contains(&format!("has {name} {value} but ")), "{told}");
        }
    }

    #[test]
    fn settings_without_names_are_refused() {
        for (text, words) in [
            ("[]", "it must be a JSON object"),
            (r#"["https://a.example"]"#, "it must be a JSON object"),
            (r#"{"uploads": [10]}"#, "uploads must be a JSON object"),
        ] {
            let told = read(text).unwrap_err().to_string();
            assert!(told.ends_with(words), "{told}");
        }
        assert!(read(r#"{"blocking_max": 1, "blocking_max": 2}"#).is_err(), "one name twice");
    }

    #[test]
    fn a_name_with_a_dot_is_told_to_be_an_object() {
        let told = read(r#"{"uploads.open_max": 10}"#).unwrap_err().to_string();
        assert!(
            told.ends_with(r#"has "uploads.open_max" but {"uploads": {"open_max": ...}} is wanted"#),
            "{told}"
        );
    }

    #[test]
    fn a_backdrop_is_allowed_its_own_host_and_no_more() {
        let backdrop = |url: &str| {
            let text = serde_json::json!({"backdrop": {"url": url, "attribution": "us"}}).to_string();
            read(&text).map(|config| config.backdrop.unwrap().origin().unwrap().to_owned())
        };
        assert_eq!(backdrop("https://t.example:8443/{z}/{x}/{y}.png").unwrap(), "https://t.example:8443");
        assert_eq!(backdrop("http://t/{z}/{x}/{y}.png").unwrap(), "http://t");
        for wrong in
            ["https://t.example/map.png", "file:///{z}/{x}/{y}", "https://a; script-src *//{z}/{x}/{y}"]
        {
            assert!(matches!(backdrop(wrong), Err(ConfigError::Backdrop { .. })), "{wrong}");
        }
    }
}
