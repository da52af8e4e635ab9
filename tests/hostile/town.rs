//! Where the guests live: one host, the real binary, with all of them; and the site that helps them.

use crate::made;
use crate::table::Row;
use anyhow::{Context as _, Result};
use sophon_host::localcloud::Buckets;
use sophon_host::wasm::Agents;
use sophon_tests::{Dev, Page, Site, World, guest};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// What no guest may find. It is in the host's environment, and in a file beside its data.
pub(crate) const CANARY: &str = "canary-Zk3vQ9pX";

/// What holds unless a row says otherwise. Small, so that all limits are reached soon.
const LIMITS: [(&str, &str); 6] =
    [("cpu", "5s"), ("memory", "4MiB"), ("wall", "40s"), ("output", "64KiB"), ("calls", "5000"), ("asks", "3")];

/// What holds for deeds in Rust, which need more.
const LIMITS_OF_DEEDS: [(&str, &str); 6] =
    [("cpu", "5s"), ("memory", "32MiB"), ("wall", "40s"), ("output", "256KiB"), ("calls", "300000"), ("asks", "3")];

const POLICY: &str = r#"
[agents]
default = "echo"

[[policy]]
effect = "allow"
agent = "ssrf-*"
http = "*://*:*/*"

[[policy]]
effect = "allow"
agent = "web-*"
http = "*://*:*/*"
addresses = ["127.0.0.1/32"]

[[policy]]
effect = "ask"
agent = "asking-*"
http = "*://*:*/*"
addresses = ["127.0.0.1/32"]

[[policy]]
effect = "allow"
agent = "running-*"
exec = "*"
args = ["..."]

[[policy]]
effect = "allow"
agent = "filing-*"
exec = "*"
args = ["..."]

[secret.CANARY]
hosts = ["127.0.0.1"]
env = "CANARY"
"#;

const WANTS_PAGES: &str = "[[want.http]]\nurl = \"*://*:*/*\"\nwhy = \"to see what comes\"\n";

const WANTS_PROGRAMS: &str = "[[want.exec]]\nprogram = \"*\"\nargs = [\"...\"]\nwhy = \"to see how far they come\"\n";

/// The host, its cloud, its user, and the site.
pub(crate) struct Town {
    pub(crate) world: World,
    pub(crate) host: Dev,
    pub(crate) site: Site,
    /// Who does what the row says.
    agents: BTreeMap<String, String>,
    /// Everything that is not the host's data.
    pub(crate) outside: PathBuf,
    _root: TempDir,
}

impl Town {
    /// Writes all guests, and starts the host with them.
    pub(crate) async fn start(rows: &[Row]) -> Result<Self> {
        let root = tempfile::tempdir()?;
        let (data, outside) = (root.path().join("data"), root.path().join("outside"));
        let folder = outside.join("agents");
        fs::create_dir_all(&folder)?;
        fs::create_dir(&data)?;
        fs::write(outside.join("canary"), CANARY)?;
        fs::create_dir(outside.join("given"))?;
        fs::write(outside.join("given/note"), "to be read")?;
        let agents = settle(&folder, rows)?;
        fs::write(outside.join("sophon-host.toml"), policy(&outside.join("given"), &agents)?)?;
        let mut world = World::paired(Arc::new(Agents::default()), Buckets::unlimited()).await?;
        world.hand_over(&data)?;
        let (url, config) = (world.base_url(), outside.join("sophon-host.toml"));
        let (config, folder) = (config.display().to_string(), folder.display().to_string());
        let arguments = ["--cloud-url", &url, "--log", "warn", "run", &folder];
        let host = Dev::start(&data, &arguments, &[("SOPHON_HOST_CONFIG", &config), ("CANARY", CANARY)])?;
        Ok(Self { world, host, site: Site::start(serve).await?, agents, outside, _root: root })
    }

    /// Who does what a row says.
    pub(crate) fn agent(&self, row: &Row) -> Result<&str> {
        self.agents.get(row.name).map(String::as_str).with_context(|| format!("nobody does {}", row.name))
    }
}

/// The configuration, with the folder that is given to who files.
fn policy(given: &Path, agents: &BTreeMap<String, String>) -> Result<String> {
    let given = given.canonicalize()?.display().to_string();
    let mut text = format!("{POLICY}\n[[policy]]\neffect = \"allow\"\nagent = \"filing-*\"\nfiles = \"{given}\"\n");
    let filing: BTreeSet<&String> = agents.values().filter(|name| name.starts_with("filing-")).collect();
    for name in filing {
        writeln!(text, "\n[agent.{name}.config]\ngiven = \"{given}\"")?;
    }
    Ok(text)
}

/// Makes the agents' folders; gives who does what each row says. Deeds with the same manifest are one agent's.
fn settle(folder: &Path, rows: &[Row]) -> Result<BTreeMap<String, String>> {
    let echo = folder.join("echo");
    fs::create_dir(&echo)?;
    fs::copy(guest("echo"), echo.join("c.wasm"))?;
    fs::write(echo.join("agent.toml"), "[agent]\nname = \"echo\"\nversion = \"1\"\ncomponent = \"c.wasm\"\n")?;
    let mut agents = BTreeMap::new();
    let mut alike: BTreeMap<(&str, &str), String> = BTreeMap::new();
    for row in rows {
        let number = alike.len();
        let name = match row.how {
            "wat" | "made" => row.name.to_owned(),
            how => alike.entry((how, row.limits)).or_insert_with(|| format!("{how}-{number}")).clone(),
        };
        agents.insert(row.name.to_owned(), name.clone());
        let home = folder.join(&name);
        if home.exists() {
            continue;
        }
        fs::create_dir(&home)?;
        fs::write(home.join("agent.toml"), manifest(&name, row, &folder.join("../given"))?)?;
        let file = home.join("c.wasm");
        match row.how {
            "wat" => fs::write(file, text(row.name).and_then(|text| sophon_tests::component(&text)).context(name)?)?,
            "made" => made::make(row.name, &file)?,
            _ => drop(fs::copy(guest("hostile"), file)?),
        }
    }
    Ok(agents)
}

fn text(name: &str) -> Result<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/hostile").join(format!("{name}.wat"));
    Ok(fs::read_to_string(file)?)
}

fn manifest(name: &str, row: &Row, given: &Path) -> Result<String> {
    let mut text = format!("[agent]\nname = \"{name}\"\nversion = \"1\"\ncomponent = \"c.wasm\"\n[limits]\n");
    let limits = if matches!(row.how, "wat" | "made") { LIMITS } else { LIMITS_OF_DEEDS };
    for (key, value) in limits {
        let value = row.limit(key).unwrap_or(value);
        let quote = if matches!(key, "calls" | "asks") { "" } else { "\"" };
        writeln!(text, "{key} = {quote}{value}{quote}")?;
    }
    text.push_str("[total]\n");
    for key in ["memory", "cpu", "tables", "calls", "output", "lines"] {
        if let Some(value) = row.limit(&format!("total.{key}")) {
            let quote = if matches!(key, "memory" | "output") { "\"" } else { "" };
            writeln!(text, "{key} = {quote}{value}{quote}")?;
        }
    }
    if matches!(row.how, "ssrf" | "web" | "asking") {
        text.push_str(WANTS_PAGES);
    }
    if row.how == "filing" {
        let given = given.canonicalize()?;
        writeln!(text, "[[want.files]]\npath = \"{}\"\nwrite = true\nwhy = \"to see\"", given.display())?;
    }
    if matches!(row.how, "running" | "filing") {
        text.push_str(WANTS_PROGRAMS);
    }
    Ok(text)
}

/// What the site answers: what a hostile server would.
fn serve(asked: &str) -> Page {
    let path = asked.split(' ').nth(1).unwrap_or_default();
    let whole =
        |head: &str, body: Vec<u8>| Page::Whole([format!("HTTP/1.1 200 OK\r\n{head}\r\n").into_bytes(), body].concat());
    match path {
        "/onward" => sophon_tests::redirect("http://169.254.169.254/latest/meta-data/"),
        "/held" => Page::Held(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nsome".to_vec()),
        "/held-head" => Page::Held(b"HTTP/1.1 200 OK\r\n".to_vec()),
        "/endless-body" => whole("", vec![b'x'; 65 << 20]),
        "/endless-head" => whole(&"x-more: and more\r\n".repeat(200_000), vec![]),
        "/two-lengths" => whole("content-length: 3\r\ncontent-length: 10\r\n", b"0123456789".to_vec()),
        "/bomb" => {
            whole("content-encoding: gzip\r\n", [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0; 100_000]].concat())
        }
        _ => sophon_tests::page("text/plain", "x"),
    }
}
