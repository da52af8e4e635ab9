//! A full run at its loudest, with all that can be turned on and most that can go wrong: the tokens are nowhere.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sophon_tests::{Collector, Dev, User, free_addr, guest, run};
use std::fs;
use std::path::{Path, PathBuf};

/// What lets the host in at the collector.
const API_KEY: &str = "sesame-0123456789";

/// Something that must be seen nowhere, and the one file that holds it.
struct Secret {
    name: &'static str,
    file: PathBuf,
    forms: Vec<Vec<u8>>,
}

impl Secret {
    fn new(name: &'static str, file: PathBuf, secret: &str) -> Self {
        // In the middle of other things, base64 has one of three forms. Its ends depend on what is beside it.
        let within = |before: usize| {
            let all = base64(&[&b"xx"[..before], secret.as_bytes()].concat());
            all.as_bytes()[4..all.len() - 4].to_vec()
        };
        let forms = [secret.as_bytes().to_vec(), within(0), within(1), within(2)];
        let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
        Self { name, file, forms: forms.into_iter().chain([hex]).collect() }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        self.forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form.as_slice()))
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let four = |three: &[u8]| {
        let number = (0..3).fold(0, |number, at| number << 8 | usize::from(three.get(at).copied().unwrap_or(0)));
        [18, 12, 6, 0].map(|shift| char::from(LETTERS[number >> shift & 63]))
    };
    bytes.chunks(3).flat_map(four).collect()
}

/// All files below a folder, with what they hold. What is no file holds nothing.
fn files(below: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(below)? {
        let entry = entry?;
        let path = entry.path();
        match entry.file_type()? {
            kind if kind.is_dir() => all.extend(files(&path)?),
            kind if kind.is_file() => {
                let content = fs::read(&path)?;
                all.push((path, content));
            }
            _ => {}
        }
    }
    Ok(all)
}

/// `dev` with everything on.
struct Loud {
    data: tempfile::TempDir,
    collector: Collector,
    dev: Dev,
    /// Where its metrics and its cloud's faults are.
    metrics: String,
    faults: String,
    /// All that it said by now, by where.
    said: Vec<(String, Vec<u8>)>,
}

impl Loud {
    async fn start(format: &str) -> Result<Self> {
        let (data, collector) = (tempfile::tempdir()?, Collector::start().await?);
        let (metrics, faults) = (free_addr()?.port(), free_addr()?.port());
        let config = format!("[metrics]\nport = {metrics}\n[telemetry]\notlp_endpoint = \"{}\"\n", collector.base);
        fs::write(data.path().join("sophon-host.toml"), config)?;
        let (echo, admin) = (guest("echo").display().to_string(), faults.to_string());
        let arguments = ["--log", "trace", "--log-format", format, "dev", "--port", "0", "--admin-port", &admin, &echo];
        let headers = format!("api-key={API_KEY}");
        let mut dev = Dev::start(data.path(), &arguments, &[("OTEL_EXPORTER_OTLP_HEADERS", &headers)])?;
        let said = vec![("stdout".to_owned(), dev.line().await?.into_bytes())];
        let (metrics, faults) =
            (format!("http://127.0.0.1:{metrics}/metrics"), format!("http://127.0.0.1:{faults}/faults"));
        Ok(Self { data, collector, dev, metrics, faults, said })
    }

    /// Notes what was said somewhere.
    fn note(&mut self, place: &str, said: impl Into<Vec<u8>>) {
        self.said.push((place.to_owned(), said.into()));
    }

    /// What a command says while the host runs.
    async fn ask(&mut self, arguments: &[&str], environment: &[(&str, &str)]) -> Result<String> {
        let told = run(self.data.path(), arguments, environment).await?;
        self.note(&arguments.join(" "), format!("{}\n{}", told.stdout, told.stderr));
        Ok(told.stdout)
    }
}

/// The user of a host, and what must be seen nowhere.
struct Owner {
    user: User,
    url: String,
    user_token: String,
    bridge_token: String,
    secrets: Vec<Secret>,
}

impl Owner {
    async fn of(loud: &Loud) -> Result<Self> {
        let (token, session) = (loud.data.path().join("dev/token"), loud.data.path().join("dev/session.json"));
        let bridge_token = fs::read_to_string(&token)?.trim().to_owned();
        let known: Value = serde_json::from_slice(&fs::read(&session)?)?;
        let text = |key: &str| known[key].as_str().map(str::to_owned).context("in the file");
        let (url, user_token) = (text("url")?, text("user_token")?);
        let secrets = vec![
            Secret::new("the bridge's token", token, bridge_token.split_once(':').context("a token")?.1),
            Secret::new("the user's token", session, &user_token),
            Secret::new("the collector's key", PathBuf::new(), API_KEY),
        ];
        let user = User::connect(&url, &user_token).await?;
        Ok(Self { user, url, user_token, bridge_token, secrets })
    }

    /// Makes the cloud misbehave once.
    async fn fault(&self, loud: &Loud, mut rule: Value) -> Result<()> {
        rule["times"] = json!(1);
        let request = reqwest::Client::builder().no_proxy().build()?.post(&loud.faults);
        request.bearer_auth(&self.user_token).json(&rule).send().await?.error_for_status()?;
        Ok(())
    }
}

fn refuse(route: &str, status: u16) -> Value {
    json!({ "on": "request", "route": route, "do": "refuse", "status": status })
}

/// Everything that can be asked of a host that runs, and that goes wrong without ending it.
async fn live(loud: &mut Loud, owner: &Owner) -> Result<()> {
    let session = owner.user.session().await?;
    for rule in [
        refuse("sendMessage", 429),
        refuse("sendMessageEnd", 500),
        json!({ "on": "request", "route": "sendMessageEnd", "do": "lose_answer" }),
        json!({ "on": "socket", "do": "cut_after" }),
    ] {
        owner.fault(loud, rule).await?;
        owner.user.ask(&session, "hello").await?;
    }
    owner.user.ask(&session, "connected again").await?;
    let answer = reqwest::Client::builder().no_proxy().build()?.get(&loud.metrics).send().await?;
    let metrics = answer.error_for_status()?.text().await?;
    for why in ["refused_429", "refused_5xx", "network"] {
        ensure!(metrics.contains(&format!("why=\"{why}\"")), "{why} is not in {metrics}");
    }
    loud.note("metrics", metrics);
    let status = loud.ask(&["--log", "trace", "status", "--json"], &[]).await?;
    ensure!(status.contains("inst_"), "{status}");
    let doctor = ["--log", "trace", "--cloud-url", &owner.url, "doctor", "--json"];
    let found = loud.ask(&doctor, &[("SOPHON_TOKEN", &owner.bridge_token)]).await?;
    ensure!(found.contains("serves this installation"), "{found}");
    Ok(())
}

async fn full_run(format: &str) -> Result<()> {
    let mut loud = Loud::start(format).await?;
    let owner = Owner::of(&loud).await?;
    live(&mut loud, &owner).await?;
    // The last fault: it is the end of the token.
    owner.fault(&loud, refuse("sendMessage", 401)).await?;
    let session = owner.user.session().await?;
    owner.user.say(&session, "not any more").await?;
    let (code, words) = loud.dev.end().await?;
    ensure!(code == Some(3), "it ended with {code:?}");
    ensure!(words.contains("TRACE") && words.contains("401") && words.contains("connected"), "the log is not loud");
    loud.note("stderr", words);
    let rest = loud.dev.rest().await?;
    loud.note("stdout", rest);
    search(&loud, &owner.secrets)
}

/// Looks everywhere.
fn search(loud: &Loud, secrets: &[Secret]) -> Result<()> {
    ensure!(loud.collector.spans().iter().any(|span| span.name == "turn"), "no traces are exported");
    let exported = loud.collector.requests().into_iter().map(|(_, body)| ("OTLP".to_owned(), body.to_vec()));
    let files = files(loud.data.path())?;
    ensure!(files.iter().any(|(path, _)| path.ends_with("dev/cloud.db")), "the cloud has no file");
    ensure!(files.iter().any(|(path, _)| path.extension().is_some_and(|end| end == "db")), "the host has no file");
    for secret in secrets {
        let others = files.iter().filter(|(path, _)| *path != secret.file);
        let others = others.map(|(path, content)| (path.display().to_string(), content.clone()));
        for (place, said) in loud.said.iter().cloned().chain(exported.clone()).chain(others) {
            ensure!(!secret.is_in(&said), "{} is in {place}", secret.name);
        }
        let own = files.iter().find(|(path, _)| *path == secret.file);
        ensure!(own.is_none_or(|(_, content)| secret.is_in(content)), "{} is looked for in vain", secret.name);
    }
    Ok(())
}

#[tokio::test]
async fn the_tokens_are_nowhere_in_a_full_run_for_people() -> Result<()> {
    full_run("human").await
}

#[tokio::test]
async fn the_tokens_are_nowhere_in_a_full_run_for_programs() -> Result<()> {
    full_run("json").await
}

#[test]
fn a_secret_is_found_in_whatever_form() {
    let secret = Secret::new("a token", PathBuf::new(), "s_test_0123456789abcdef");
    for seen in ["x s_test_0123456789abcdef", "c190ZXN0XzAxMjM0NTY3ODlhYmNkZWY=", "OnNfdGVzdF8wMTIzNDU2Nzg5YWJjZGVm"] {
        assert!(secret.is_in(seen.as_bytes()), "{seen}");
    }
    assert!(!secret.is_in(b"s_test_0123456789abcdee"));
}
