//! Looks for the machine that the guest runs on.

use crate::{Deed, Scene};
use sophon_agent::{Answer, Result, config, control, http, state};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};

pub(crate) const DEEDS: &[(&str, Deed)] = &[
    ("files-read", files_read),
    ("files-written", files_written),
    ("files-by-preopens", preopens),
    ("environment", environment),
    ("standard-input", standard_input),
    ("sockets", sockets),
    ("names-resolved", names),
    ("secrets-by-guess", secrets),
    ("secrets-in-text", secrets_in_text),
    ("state-of-others", state_of_others),
    ("clock-read-for-ever", clock),
    ("random-by-the-gigabyte", random),
];

/// What was found, or that there was nothing.
fn found(all: Vec<String>) -> Result<Answer> {
    Ok(Answer::text(if all.is_empty() { "found nothing".to_owned() } else { format!("FOUND {}", all.join(", ")) }))
}

const PLACES: [&str; 14] = [
    "/",
    ".",
    "..",
    "../../../../../../../etc/passwd",
    "/etc/passwd",
    "/etc/../etc/passwd",
    "/proc/self/environ",
    "/proc/1/environ",
    "/dev/zero",
    "/tmp",
    "work",
    "tmp/../../agent.toml",
    "/./././/etc//hostname",
    "etc/passwd\0",
];

/// As much as one call gives, and then more than the machine has.
fn random(_: Scene) -> Result<Answer> {
    let most = wasip2::random::random::get_random_bytes(64 << 10).len();
    let more = wasip2::random::random::get_random_bytes(1 << 40).len();
    Ok(Answer::text(format!("GOT {most} and {more}")))
}

fn files_read(_: Scene) -> Result<Answer> {
    let mut all = Vec::new();
    for place in PLACES {
        let listed = fs::read_dir(place).is_ok();
        let read = File::open(place).and_then(|mut file| file.read(&mut [0; 16])).is_ok();
        if listed || read || fs::metadata(place).is_ok() || fs::read_link(place).is_ok() {
            all.push(place.to_owned());
        }
    }
    found(all)
}

fn files_written(_: Scene) -> Result<Answer> {
    let mut all = Vec::new();
    for place in ["/tmp/hostile", "hostile", "../hostile", "/dev/shm/hostile", "./hostile", "../../bystander/canary"] {
        let opened = OpenOptions::new().write(true).create(true).truncate(true).open(place);
        let written = opened.and_then(|mut file| file.write_all(b"mine")).is_ok();
        let linked = fs::hard_link("/etc/passwd", place).is_ok() || fs::rename("/etc/hostname", place).is_ok();
        if written || linked || fs::create_dir(place).is_ok() || fs::remove_file(place).is_ok() {
            all.push(place.to_owned());
        }
    }
    found(all)
}

/// Descriptors that a host of another make would have opened.
fn preopens(_: Scene) -> Result<Answer> {
    let open = |number: u32| {
        File::open(format!("/dev/fd/{number}")).or_else(|_| File::open(format!("/proc/self/fd/{number}")))
    };
    found((0..64).filter(|number| open(*number).is_ok()).map(|number| number.to_string()).collect())
}

fn environment(_: Scene) -> Result<Answer> {
    let variables = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let here = std::env::current_dir().ok().map(|here| here.display().to_string()).filter(|here| here != "/");
    found(variables.chain(arguments).chain(here).collect())
}

fn standard_input(_: Scene) -> Result<Answer> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().take(1 << 20).read_to_end(&mut bytes);
    found(read.into_iter().filter(|count| *count > 0).map(|count| format!("{count} bytes")).collect())
}

fn sockets(scene: Scene) -> Result<Answer> {
    let mut all = Vec::new();
    for place in [scene.site, "127.0.0.1:22", "[::1]:80", "169.254.169.254:80", "10.0.0.1:80"] {
        if TcpStream::connect(place).is_ok() {
            all.push(format!("tcp {place}"));
        }
        if UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"x", place)).is_ok() {
            all.push(format!("udp {place}"));
        }
    }
    for place in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
        if TcpListener::bind(place).is_ok() {
            all.push(format!("listens {place}"));
        }
    }
    found(all)
}

fn names(_: Scene) -> Result<Answer> {
    let known = |name: &&str| (*name, 80).to_socket_addrs().is_ok();
    let names = ["localhost", "example.com", "metadata.google.internal"];
    found(names.iter().copied().filter(known).map(str::to_owned).collect())
}

const SECRETS: [&str; 8] =
    ["CANARY", "SOPHON_TOKEN", "API_KEY", "token", "../token", "{{secret:CANARY}}", "canary", "CANARY\0"];

fn secrets(_: Scene) -> Result<Answer> {
    let told = SECRETS.into_iter().filter(|name| config::has_secret(name) || config::get(name).is_some());
    found(told.map(str::to_owned).collect())
}

/// A placeholder is put in nowhere but in requests that may have it.
fn secrets_in_text(scene: Scene) -> Result<Answer> {
    scene.reply.write("{{secret:CANARY}} ")?;
    state::session().set("{{secret:CANARY}}", "{{secret:CANARY}}")?;
    let kept = state::session().get_text("{{secret:CANARY}}")?.unwrap_or_default();
    let sent = http::get(&format!("http://{}/{{{{secret:CANARY}}}}", scene.site)).send().is_ok();
    scene.reply.write(&format!("{kept} {}", if sent { "SENT" } else { "refused" }))?;
    Ok(Answer::streamed())
}

/// Keys that would be another agent's or another session's, were a key a path.
fn state_of_others(_: Scene) -> Result<Answer> {
    let mut all = Vec::new();
    for key in ["../echo/secret", "echo/secret", "'; DROP TABLE state; --", "%", "_", "\u{0}", "*"] {
        for scope in [state::session(), state::agent()] {
            if scope.get(key).is_ok_and(|value| value.is_some()) {
                all.push(key.to_owned());
            }
            all.extend(scope.keys(key).unwrap_or_default());
        }
    }
    found(all)
}

/// Reads the clock, which is no call of the contract, until its time is up.
fn clock(_: Scene) -> Result<Answer> {
    while !control::cancelled() {
        for _ in 0..10_000 {
            std::hint::black_box(std::time::Instant::now());
        }
    }
    found(vec!["that it was stopped".to_owned()])
}
