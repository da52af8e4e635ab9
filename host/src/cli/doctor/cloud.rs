//! The cloud: whether it can be reached, what its clock says, whether it takes the token.

use super::Host;
use super::finding::{Finding, Findings};
use crate::cli::exit::Kind;
use crate::cloud::{self, DialError, Probe, Unreachable};
use crate::config::{Config, Token};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// How far the clocks may be apart: the cloud's times of expiry are absolute.
const MAX_OFFSET_MS: u64 = 5_000;

/// All of it. The token is tried only where no host could lose its connection by that.
pub(super) async fn examine(config: &Config, token: Option<&Token>, host: &Host, findings: &mut Findings) {
    let reached = cloud::reach(&config.cloud.url).await;
    findings.add(reachable(config, &reached));
    findings.add(clock(reached.as_ref().ok()));
    findings.add(connection(config, token, host, reached.is_ok()).await);
}

fn reachable(config: &Config, reached: &Result<Probe, Unreachable>) -> Finding {
    const NAME: &str = "cloud";
    let url = config.cloud.url.join("");
    match reached {
        Ok(reached) => {
            let took = reached.took.as_millis();
            Finding::ok(NAME, format!("{url} answers with {} after {took} ms", reached.status))
        }
        Err(error) => {
            let mend = match error {
                Unreachable::Dns(_) => "look at the name in `cloud.url`, and whether this machine can look up names",
                Unreachable::Tcp(_) => "look at the network and its firewall; the name has an address",
                Unreachable::Tls(_) => "look at this machine's certificates and clock, and for a proxy in between",
                Unreachable::Http(_) => "try again later; look for a proxy in between",
            };
            Finding::broken(NAME, format!("{url} cannot be reached, {error}"), mend, Kind::Unreachable)
        }
    }
}

fn clock(reached: Option<&Probe>) -> Finding {
    const NAME: &str = "clock";
    let Some((reached, date)) = reached.and_then(|reached| Some((reached, reached.date?))) else {
        return Finding::info(NAME, "not checked: the cloud did not tell its time");
    };
    let (ahead, off) = offset(date, reached.at, reached.took);
    if off <= MAX_OFFSET_MS {
        return Finding::ok(NAME, "goes as the cloud's");
    }
    let text = format!("is {} s {} the cloud's", off / 1_000, if ahead { "ahead of" } else { "behind" });
    Finding::warning(NAME, text, "let this machine set its clock by the network: what expires is told by the clock")
}

/// Whether this clock is ahead, and by how many milliseconds. The cloud tells whole seconds, so half of one is added;
/// its answer took half of the time to come.
fn offset(date: SystemTime, at: SystemTime, took: Duration) -> (bool, u64) {
    let cloud = date + Duration::from_millis(500) + took / 2;
    let millis = |apart: Duration| u64::try_from(apart.as_millis()).unwrap_or(u64::MAX);
    match at.duration_since(cloud) {
        Ok(ahead) => (true, millis(ahead)),
        Err(behind) => (false, millis(behind.duration())),
    }
}

async fn connection(config: &Config, token: Option<&Token>, host: &Host, reached: bool) -> Finding {
    const NAME: &str = "connection";
    match (host, token) {
        (Host::Tells(status), _) => running(status),
        (Host::Silent, _) => Finding::info(NAME, "not tried: the host that runs here would lose its own"),
        (Host::Unknown, _) => Finding::info(NAME, "not tried: the token must not go to a cloud that was not meant"),
        (Host::None, None) => Finding::info(NAME, "not tried: there is no token"),
        (Host::None, Some(_)) if !reached => Finding::info(NAME, "not tried: the cloud cannot be reached"),
        (Host::None, Some(token)) => match cloud::try_token(&config.cloud.url, token).await {
            Ok(()) => Finding::ok(NAME, "the cloud takes the token"),
            Err(error @ DialError::Unauthorized(_)) => {
                Finding::broken(NAME, error.to_string(), "run `sophon-host pair`", Kind::Unpaired)
            }
            Err(error) => {
                let mend = "try again later; look at `cloud.url`, and for a proxy that takes no WebSockets";
                Finding::broken(NAME, error.to_string(), mend, Kind::Unreachable)
            }
        },
    }
}

/// What the running host says of its own connection.
fn running(status: &Value) -> Finding {
    const NAME: &str = "connection";
    let link = &status["link"];
    match (link["state"].as_str(), link["reason"].as_str()) {
        (Some("connected"), _) => Finding::ok(NAME, "the host that runs here is connected"),
        (Some("waiting"), Some(reason)) => {
            let text = format!("the host that runs here is not connected: {reason}");
            Finding::broken(
                NAME,
                text,
                "see what the check of the cloud says; the host goes on trying",
                Kind::Unreachable,
            )
        }
        _ => Finding::info(NAME, "the host that runs here is connecting"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
    }

    fn told(date: u64, now: u64) -> String {
        let reached = Probe { status: 200, date: Some(at(date)), at: at(now), took: Duration::from_millis(200) };
        let mut findings = Findings::default();
        findings.add(clock(Some(&reached)));
        findings.lines().join(" ")
    }

    #[test]
    fn a_clock_that_is_off_is_told_with_its_direction() {
        assert_eq!(offset(at(10_000), at(10_600), Duration::from_millis(200)), (true, 0));
        for now in [95_700, 100_000, 105_500] {
            assert!(told(100_000, now).starts_with("ok"), "{now}");
        }
        let (ahead, behind) = (told(100_000, 160_600), told(100_000, 40_600));
        assert!(ahead.starts_with("warning") && ahead.contains("60 s ahead of the cloud's"), "{ahead}");
        assert!(behind.starts_with("warning") && behind.contains("60 s behind the cloud's"), "{behind}");
    }
}
