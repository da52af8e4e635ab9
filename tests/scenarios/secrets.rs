//! Secrets: put in by the host where they are tied to, never seen by the agent, whatever a server sends back.

use anyhow::{Context as _, Result};
use serde_json::json;
use sophon_host::config::{SecretSpec, secret_value};
use sophon_host::grant::{Effect, SecretName};
use sophon_host::localcloud::Buckets;
use sophon_host::store::Entry;
use sophon_tests::{Log, Page, Site, World, guests, page, web_rule};

const VALUE: &str = "s3cr3t+Value/%41\"";

/// A world where requests are allowed, with a session in which the probe answers and the secret KEY for `hosts`.
async fn world(hosts: &[&str]) -> Result<(World, String)> {
    world_that(Effect::Allow, hosts).await
}

/// The same where a rule says this of requests.
async fn world_that(effect: Effect, hosts: &[&str]) -> Result<(World, String)> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    world.config.policy.rules = vec![web_rule(effect, &["127.0.0.1/32"])];
    let name = SecretName::try_from("KEY".to_owned()).map_err(anyhow::Error::msg)?;
    world.config.secrets.file.set(name.clone(), secret_value(VALUE)?)?;
    let hosts = hosts.iter().map(|host| host.parse().expect("a host")).collect();
    world.config.policy.secrets.insert(name, SecretSpec { hosts, env: None });
    world.start_host().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use probe").await?;
    Ok((world, session))
}

fn base64(value: &str) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = value.bytes().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect();
    let six = |six: &[u8]| char::from(letters[six.iter().fold(0, |n, bit| n << 1 | usize::from(*bit))]);
    bits.chunks_exact(6).map(six).collect()
}

/// A server that sends back what it was asked, in many forms, byte by byte where the body is chunked.
async fn echo() -> Result<Site> {
    Site::start(|asked| {
        let hex: String = VALUE.bytes().map(|byte| format!("{byte:02X}")).collect();
        let body = format!("{asked} {hex} {} {}", base64(&format!("x:{VALUE}")), VALUE.replace('"', "\\\""));
        let chunks: String = body.bytes().map(|byte| format!("1\r\n{}\r\n", char::from(byte))).collect();
        let head = format!("HTTP/1.1 200 OK\r\nx-echo: <{VALUE}>\r\ntransfer-encoding: chunked\r\n\r\n");
        Page::Whole(format!("{head}{chunks}0\r\n\r\n").into_bytes())
    })
    .await
}

#[tokio::test]
async fn a_secret_reaches_the_server_and_never_the_agent() -> Result<()> {
    let ((world, session), site, log) = (world(&["127.0.0.1"]).await?, echo().await?, Log::start());
    assert_eq!(world.user.ask(&session, "setting KEY").await?.text, "nothing true");
    let deed = format!("http get {} authorization Bearer {{{{secret:KEY}}}}", site.url("/?key={{secret:KEY}}"));
    let text = world.user.ask(&session, &deed).await?.text;
    let asked = site.asked().remove(0);
    assert!(asked.contains(&format!("authorization: Bearer {VALUE}\r\n")), "{asked}");
    assert!(asked.starts_with("GET /?key=s3cr3t%2BValue%2F%2541%22 HTTP/1.1\r\n"), "{asked}");
    assert_eq!(text.matches("[secret KEY]").count(), 6, "{text}");
    let hex: String = VALUE.bytes().map(|byte| format!("{byte:02X}")).collect();
    for form in [VALUE, &hex, "s3cr3t", "czNjcjN0", "Value"] {
        assert!(!text.contains(form), "{form} is in {text}");
    }
    assert!(log.text().contains("a secret came back in a header"), "{}", log.text());

    world.user.ask(&session, &format!("http log {}", site.url("/{}"))).await?;
    assert!(!log.text().contains(VALUE) && !log.text().contains("s3cr3t"), "{}", log.text());
    let body = format!("http post {} <{{{{secret:KEY}}}}>", site.url("/"));
    world.user.ask(&session, &body).await?;
    assert!(site.asked().iter().any(|asked| asked.ends_with(&format!("<{VALUE}>"))), "{:?}", site.asked());
    Ok(())
}

#[tokio::test]
async fn a_secret_goes_to_no_other_host_and_no_other_place() -> Result<()> {
    let ((world, session), site) = (world(&["api.example"]).await?, echo().await?);
    for (deed, why) in [
        (format!("http get {} x {{{{secret:KEY}}}}", site.url("/")), "which ties it to other hosts"),
        (format!("http get {}", site.url("/?q={{secret:KEY}}")), "which ties it to other hosts"),
        (format!("http post {} {{{{secret:KEY}}}}", site.url("/")), "which ties it to other hosts"),
        (format!("http get {}", site.url("/{{secret:KEY}}")), "puts no secret into the path"),
        (format!("http get {} x {{{{secret:OTHER}}}}", site.url("/")), "holds no secret OTHER"),
        ("http get http://api.example/ x {{secret:KEY}}".to_owned(), "over TLS only"),
        ("http get https://api.example/ x {{secret:KEY}}".to_owned(), "agent.toml names no want.secret.KEY"),
    ] {
        let text = world.user.ask(&session, &deed).await?.text;
        assert!(text.contains(why), "{deed}: {text}");
    }
    assert!(site.asked().is_empty(), "{:?}", site.asked());
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_searched_is_not_taken_from_who_may_know_a_secret() -> Result<()> {
    let site = Site::start(|asked| {
        assert!(asked.contains("accept-encoding: identity\r\n"), "{asked}");
        Page::Whole(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx".to_vec())
    })
    .await?;
    let (world, session) = world(&["127.0.0.1"]).await?;
    let text = world.user.ask(&session, &format!("http get {} accept-encoding gzip", site.url("/"))).await?.text;
    assert!(text.contains("a coding that cannot be searched for secrets"), "{text}");
    let text = world.user.ask(&session, &format!("http get {} range bytes=0-3", site.url("/"))).await?.text;
    assert!(text.contains("`range` would cut"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_secret_goes_the_same_way_by_the_standard() -> Result<()> {
    let ((world, session), site) = (world(&["127.0.0.1"]).await?, echo().await?);
    let deed = format!("wasi get {} authorization Bearer {{{{secret:KEY}}}}", site.url("/?key={{secret:KEY}}"));
    let text = world.user.ask(&session, &deed).await?.text;
    let asked = site.asked().remove(0);
    assert!(asked.contains(&format!("authorization: Bearer {VALUE}\r\n")), "{asked}");
    assert!(asked.starts_with("GET /?key=s3cr3t%2BValue%2F%2541%22 HTTP/1.1\r\n"), "{asked}");
    assert_eq!(text.matches("[secret KEY]").count(), 6, "{text}");
    assert!(!text.contains("s3cr3t") && !text.contains("czNjcjN0"), "{text}");
    world.user.ask(&session, &format!("wasi post {} <{{{{secret:KEY}}}}>", site.url("/"))).await?;
    assert!(site.asked().iter().any(|asked| asked.ends_with(&format!("<{VALUE}>"))), "{:?}", site.asked());
    let text = world.user.ask(&session, &format!("wasi get {}", site.url("/{{secret:KEY}}"))).await?.text;
    assert_eq!(text, "HttpRequestDenied");
    Ok(())
}

#[tokio::test]
async fn a_secret_that_comes_back_in_a_body_is_told_in_the_log_on_the_card_and_in_the_audit() -> Result<()> {
    let log = Log::start();
    let site = Site::start(|_| page("text/plain", &format!("it is {VALUE}, as you know"))).await?;
    let (world, session) = world_that(Effect::Ask, &["127.0.0.1"]).await?;
    let interaction = world.user.say(&session, &format!("http get {} x {{{{secret:KEY}}}}", site.url("/"))).await?;
    world.user.decide(&world.user.asked("").await?, json!({ "decision": "approve" })).await?;
    let text = world.user.answer(&interaction).await?.text;
    assert!(text.ends_with("it is [secret KEY], as you know"), "{text}");

    let line = log.text().lines().find(|line| line.contains("a secret came back in an answer")).map(str::to_owned);
    let line = line.with_context(|| format!("it is not in the log: {}", log.text()))?;
    for part in ["WARN", "and was cut out", "host=127.0.0.1", "secret=KEY"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    let events = world.user.events_of(&interaction);
    let card = events.iter().find(|event| event.kind == "task_completed").context("a card that is done")?;
    assert_eq!(card.data["result"]["secrets_cut_out"], json!(["KEY"]), "{card:?}");
    let entries = world.store()?.audit_after(0, 10).await?;
    let came = entries.iter().find_map(|sealed| match &sealed.entry {
        Entry::Done { outcome, .. } => Some(outcome.as_str()),
        _ => None,
    });
    assert!(came.is_some_and(|came| came.ends_with("; secrets came back and were cut out: KEY")), "{came:?}");
    Ok(())
}
