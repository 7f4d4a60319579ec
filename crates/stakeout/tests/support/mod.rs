//! The real binary, run as people run it.

#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use imagery_diff::AlignedPair;
use raster_io::write_geotiff;
use serde_json::{Value, json};
use test_scenes::{SceneSpec, render};

const JOB_TIMEOUT: Duration = Duration::from_secs(120);

pub fn stakeout() -> Command {
    Command::new(env!("CARGO_BIN_EXE_stakeout"))
}

pub fn run(arguments: &[&str]) -> Output {
    stakeout().args(arguments).output().unwrap()
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A rendered pair of 384 px, in which six structures changed.
pub fn rendered_pair(folder: &Path) -> (PathBuf, PathBuf) {
    let rendered = render(&SceneSpec { side_px: 384, ..SceneSpec::small(2) });
    assert!(!rendered.truth.is_empty(), "the scene has changed structures");
    write_pair(folder, &rendered.pair)
}

/// A pair as two GeoTIFFs.
pub fn write_pair(folder: &Path, pair: &AlignedPair) -> (PathBuf, PathBuf) {
    let (before, after) = (folder.join("before.tif"), folder.join("after.tif"));
    write_geotiff(&before, pair.before()).unwrap();
    write_geotiff(&after, pair.after()).unwrap();
    (before, after)
}

/// The secret of a new token, made on the command line.
pub fn token(data: &Path, role: &str, name: &str) -> String {
    let made = run(&["token", "create", "--data", text(data), "--role", role, "--name", name]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

/// A `stakeout serve` process; killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
}

/// An answer: status, ETag and body.
pub struct Answer {
    pub status: u16,
    pub etag: String,
    pub location: String,
    pub body: Value,
}

impl Server {
    pub fn start(data: &Path) -> Server {
        Server::start_with(data, &[])
    }

    /// Starts with settings that differ from the defaults.
    pub fn start_configured(data: &Path, settings: &Value) -> Server {
        let path = data.with_extension("settings.json");
        std::fs::write(&path, settings.to_string()).unwrap();
        Server::start_with(data, &["--config", text(&path)])
    }

    pub fn start_with(data: &Path, more: &[&str]) -> Server {
        let mut child = stakeout()
            .args(["serve", "--listen", "127.0.0.1:0", "--data", text(data)])
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.next().expect("the server says where it listens").unwrap();
        let url = line.rsplit(' ').next().unwrap().trim_end_matches('/').to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        // whatever it says later must not block it
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, url }
    }

    /// Most memory the process has held so far, bytes.
    pub fn memory_peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    /// Ends the process as a power loss would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to end, as Ctrl-C does, and waits until it has.
    pub fn interrupt(mut self) -> ExitStatus {
        let asked = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
        self.child.wait().unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        answer(agent().get(format!("{}{path}", self.url)).call().unwrap())
    }

    /// The same as who a token stands for.
    pub fn get_as(&self, token: &str, path: &str) -> Answer {
        let request = agent().get(format!("{}{path}", self.url));
        answer(request.header("authorization", format!("Bearer {token}")).call().unwrap())
    }

    pub fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request =
            agent().post(format!("{}{path}", self.url)).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body.to_string()).unwrap())
    }

    pub fn patch(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request = agent()
            .patch(format!("{}{path}", self.url))
            .header("content-type", "application/merge-patch+json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body.to_string()).unwrap())
    }

    pub fn put(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request =
            agent().put(format!("{}{path}", self.url)).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body.to_string()).unwrap())
    }

    pub fn delete(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = agent().delete(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.call().unwrap())
    }

    /// Status and headers, as they came, of the answer to a request without a body.
    pub fn head_of(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (u16, HashMap<String, String>) {
        let host = self.url.strip_prefix("http://").unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        let mut stream = TcpStream::connect(host).unwrap();
        stream.write_all(format!("{head}content-length: 0\r\n\r\n").as_bytes()).unwrap();
        let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
        let status = lines.next().unwrap()[9..12].parse().unwrap();
        let mut headers: HashMap<String, String> = HashMap::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once(": ") else { continue };
            // what comes several times is one list (RFC 9110, 5.3)
            let known = headers.entry(name.to_owned()).or_default();
            *known = if known.is_empty() { value.to_owned() } else { format!("{known}, {value}") };
        }
        (status, headers)
    }

    /// A stream of events as who a token stands for, which has been told that it is heard.
    pub fn listen(&self, token: &str) -> TcpStream {
        let host = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(JOB_TIMEOUT)).unwrap();
        let head = format!(
            "GET /api/events HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        heard(&mut stream, "event: open");
        stream
    }

    /// Uploads a file with its properties as a browser's form would.
    pub fn upload(&self, site: &str, file: &Path, properties: &Value) -> Answer {
        let name = file.file_name().unwrap().to_str().unwrap();
        self.upload_bytes(site, name, &std::fs::read(file).unwrap(), properties, None)
    }

    /// The same for bytes under any name, with a world file beside them.
    pub fn upload_bytes(
        &self,
        site: &str,
        name: &str,
        file: &[u8],
        properties: &Value,
        world_file: Option<&str>,
    ) -> Answer {
        const BOUNDARY: &str = "a-boundary-that-is-not-in-the-files";
        let part = |name: &str, text: &str| {
            format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
        };
        let mut body = part("properties", &properties.to_string());
        body.extend(world_file.map(|text| part("world_file", text)));
        body.push_str(&format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        ));
        let mut body = body.into_bytes();
        body.extend(file);
        body.extend(format!("\r\n--{BOUNDARY}--\r\n").into_bytes());
        answer(
            agent()
                .post(format!("{}/api/sites/{site}/scenes", self.url))
                .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
                .send(body)
                .unwrap(),
        )
    }

    /// Announces a resumable upload; gives status and body.
    pub fn announce_by_tus(&self, bytes: u64) -> (u16, String) {
        let mut announced = agent()
            .post(format!("{}/uploads", self.url))
            .header("tus-resumable", "1.0.0")
            .header("upload-length", bytes.to_string())
            .send_empty()
            .unwrap();
        (announced.status().as_u16(), announced.body_mut().read_to_string().unwrap())
    }

    /// Sends bytes as one piece of a resumable upload and gives its address.
    pub fn upload_by_tus(&self, bytes: &[u8]) -> String {
        let tus = ("tus-resumable", "1.0.0");
        let announced = agent()
            .post(format!("{}/uploads", self.url))
            .header(tus.0, tus.1)
            .header("upload-length", bytes.len().to_string())
            .send_empty()
            .unwrap();
        let location = answer(announced).location;
        let sent = agent()
            .patch(&location)
            .header(tus.0, tus.1)
            .header("upload-offset", "0")
            .header("content-type", "application/offset+octet-stream")
            .send(bytes)
            .unwrap();
        assert_eq!(sent.status().as_u16(), 204);
        location
    }

    pub fn add_site(&self, id: &str) {
        let ring = json!([[[127.5, 39.8], [127.7, 39.8], [127.7, 40.0], [127.5, 40.0], [127.5, 39.8]]]);
        let site = json!({
            "type": "Feature",
            "id": id,
            "geometry": {"type": "Polygon", "coordinates": ring},
            "properties": {"name": "February 11 plant", "tags": ["machine works"]},
        });
        let made = self.post("/ogc/collections/sites/items", &site, &[]);
        assert_eq!(made.status, 201, "{}", made.body);
        assert!(made.location.ends_with(&format!("/ogc/collections/sites/items/{id}")));
    }

    pub fn add_scene(&self, site: &str, file: &Path, datetime: &str) -> String {
        let made = self.upload(
            site,
            file,
            &json!({"datetime": datetime, "platform": "rendered", "license": "CC0-1.0"}),
        );
        assert_eq!(made.status, 201, "{}", made.body);
        made.body["id"].as_str().unwrap().to_owned()
    }

    /// Adds the site `plant` with both scenes of a pair; their ids.
    pub fn add_plant(&self, (before, after): (PathBuf, PathBuf)) -> (String, String) {
        self.add_site("plant");
        (
            self.add_scene("plant", &before, "2023-05-14T02:10:00Z"),
            self.add_scene("plant", &after, "2024-10-21T02:25:00Z"),
        )
    }

    /// Asks for a comparison and returns the path of its job.
    pub fn compare(&self, before: &str, after: &str) -> String {
        let inputs = json!({"inputs": {"before": before, "after": after}});
        let job = self.post("/ogc/processes/detect-new-structures/execution", &inputs, &[]);
        assert_eq!(job.status, 201, "{}", job.body);
        job.location[job.location.find("/ogc/jobs/").unwrap()..].to_owned()
    }

    pub fn wait_for(&self, job: &str) -> Value {
        let until = Instant::now() + JOB_TIMEOUT;
        loop {
            let state = self.get(job).body;
            if !matches!(state["status"].as_str(), Some("accepted" | "running")) {
                return state;
            }
            assert!(Instant::now() < until, "the job did not end: {state}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn count(&self, collection: &str) -> u64 {
        let page = self.get(&format!("/ogc/collections/{collection}/items?limit=1")).body;
        page["numberMatched"].as_u64().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What comes of a stream of events until these words have come.
pub fn heard(stream: &mut TcpStream, until: &str) -> String {
    let (mut told, mut piece) = (Vec::new(), [0; 1024]);
    loop {
        let got = stream.read(&mut piece).unwrap();
        assert!(got > 0, "it ended: {}", String::from_utf8_lossy(&told));
        told.extend(&piece[..got]);
        let text = String::from_utf8_lossy(&told);
        if text.contains(until) {
            return text.into_owned();
        }
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let (status, etag, location) = (response.status().as_u16(), header("etag"), header("location"));
    let text = response.body_mut().read_to_string().unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status, etag, location, body }
}
