//! The standard `wasi:http`: one door with the contract's `http`, told in the standard's words.

use crate::http::{asking, world};
use anyhow::Result;
use serde_json::json;
use sophon_host::grant::Effect;
use sophon_tests::{Log, Page, Site, World, hello, page, web_rule};

/// A world where requests to this machine are allowed, and a session in which the tireless probe answers.
async fn probing() -> Result<(World, String)> {
    let (world, session) = world(vec![web_rule(Effect::Allow, &["127.0.0.1/32"])]).await?;
    world.user.ask(&session, "/use tireless").await?;
    Ok((world, session))
}

/// The same where a person is asked.
async fn asked() -> Result<(World, String)> {
    let (world, session) = world(asking()).await?;
    world.user.ask(&session, "/use tireless").await?;
    Ok((world, session))
}

/// What the probe answers.
async fn told(world: &World, session: &str, deed: String) -> Result<String> {
    Ok(world.user.ask(session, &deed).await?.text)
}

#[tokio::test]
async fn a_request_by_the_standard_is_sent_as_any_other() -> Result<()> {
    let ((world, session), site) = (probing().await?, hello().await?);
    let text = told(&world, &session, format!("wasi get {}", site.url("/a?b=c"))).await?;
    assert!(text.starts_with("200 content-type: text/html, content-length: ") && text.contains("<b>you</b>"), "{text}");
    let request = site.asked().remove(0);
    assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{request}");
    for line in [&format!("host: {}", site.addr), "connection: close", "accept-encoding: identity"] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{line} is not in {request}");
    }
    let text = told(&world, &session, format!("wasi post {} some=body", site.url("/form"))).await?;
    assert!(text.starts_with("200"), "{text}");
    let request = site.asked().remove(1);
    assert!(request.starts_with("POST /form") && request.ends_with("\r\n\r\nsome=body"), "{request}");
    Ok(())
}

#[tokio::test]
async fn a_person_decides_about_a_request_by_the_standard() -> Result<()> {
    let ((world, session), site) = (asked().await?, hello().await?);
    let deed = format!("wasi get {}", site.url("/"));
    for (decision, answer) in [("approve", "200 content-type"), ("deny", "HttpRequestDenied")] {
        let interaction = world.user.say(&session, &deed).await?;
        let question = world.user.asked("").await?;
        assert_eq!(question["command"], json!(format!("GET {}", site.url("/"))));
        world.user.decide(&question, json!({ "decision": decision })).await?;
        let text = world.user.answer(&interaction).await?.text;
        assert!(text.starts_with(answer), "{text}");
        let card = world.user.kinds_of(&interaction);
        let closed = if decision == "approve" { "task_completed" } else { "task_failed" };
        assert!(card.iter().any(|kind| kind == closed), "{card:?}");
    }
    assert_eq!(site.asked().len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_is_refused_has_the_standards_name_and_the_log_has_the_reason() -> Result<()> {
    let ((world, session), site, log) = (probing().await?, hello().await?, Log::start());
    for (deed, code) in [
        ("wasi get http://169.254.169.254/latest/meta-data/".to_owned(), "DestinationIpProhibited"),
        (format!("wasi get http://[::1]:{}/", site.addr.port()), "DestinationIpProhibited"),
        (format!("wasi get http://user@{}/", site.addr), "HttpRequestUriInvalid"),
        ("wasi get http://127.0.0.1:1/".to_owned(), "ConnectionRefused"),
        (format!("wasi get {} host b.example", site.url("/")), "HeaderError::Forbidden"),
        (format!("wasi get {} transfer-encoding chunked", site.url("/")), "HeaderError::Forbidden"),
        (format!("wasi get {} content-length 5", site.url("/")), "HttpRequestBodySize"),
        (format!("wasi unfinished {}", site.url("/")), "Err(\"HttpRequestBodySize"),
        (format!("wasi large {} 8400000", site.url("/")), "HttpRequestBodySize"),
    ] {
        let text = told(&world, &session, deed.clone()).await?;
        assert!(text.contains(code), "{deed}: {text}");
    }
    assert!(log.text().contains("the egress check: 169.254.169.254 is where a cloud"), "{}", log.text());
    let reached: Vec<String> = site.asked().into_iter().filter(|asked| asked.contains("HTTP/1.1")).collect();
    assert!(reached.is_empty(), "{reached:?}");
    Ok(())
}

#[tokio::test]
async fn who_wants_no_pages_gets_none_by_the_standard() -> Result<()> {
    let ((world, session), site) = (world(vec![web_rule(Effect::Allow, &["127.0.0.1/32"])]).await?, hello().await?);
    world.user.ask(&session, "/use wantless").await?;
    let text = told(&world, &session, format!("wasi get {}", site.url("/"))).await?;
    assert_eq!(text, "HttpRequestDenied");
    assert!(site.asked().is_empty());
    Ok(())
}

#[tokio::test]
async fn answers_by_the_standard_have_the_same_bounds() -> Result<()> {
    let (world, session) = probing().await?;
    let site = Site::start(|asked| {
        let length: usize = asked.split(['/', ' ']).nth(2).and_then(|number| number.parse().ok()).unwrap_or(0);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        Page::Whole([head.into_bytes(), vec![b'x'; length]].concat())
    })
    .await?;
    assert_eq!(told(&world, &session, format!("wasi size {}", site.url("/20000000"))).await?, "20000000 bytes");
    let text = told(&world, &session, format!("wasi size {}", site.url("/70000000"))).await?;
    assert!(text.contains("MiB, then HttpResponseBodySize"), "{text}");
    let text = told(&world, &session, format!("wasi hold {} 1000", site.url("/0"))).await?;
    assert_eq!(text, "64 held, ConnectionLimitReached");
    let text = told(&world, &session, "wasi heads".to_owned()).await?;
    assert!(text.contains("more than 16 MiB of heads"), "{text}");
    Ok(())
}

#[tokio::test]
async fn who_is_slow_is_given_up_by_the_standard_too() -> Result<()> {
    let (world, session) = probing().await?;
    let (silent, quick) = (Site::start(|_| Page::Held(Vec::new())).await?, hello().await?);
    let half = Site::start(|_| Page::Held(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec())).await?;
    let cut = Site::start(|_| Page::Whole(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec())).await?;
    for (deed, is) in [
        (format!("wasi patient {} 5", silent.url("/")), "HttpResponseTimeout"),
        (format!("wasi patient {} 500", half.url("/")), "ConnectionReadTimeout"),
        (format!("wasi size {}", cut.url("/")), "0 MiB, then HttpResponseIncomplete"),
        (format!("wasi late {}", silent.url("/")), "[1]"),
        (format!("wasi both {} {}", silent.url("/"), quick.url("/")), "1 with 200"),
    ] {
        assert_eq!(told(&world, &session, deed.clone()).await?, is, "{deed}");
    }
    Ok(())
}

#[tokio::test]
async fn a_turn_that_waits_by_the_standard_can_be_stopped() -> Result<()> {
    let site = Site::start(|_| Page::Held(b"HTTP/1.1 200 OK\r\n".to_vec())).await?;
    let (world, session) = probing().await?;
    let interaction = world.user.say(&session, &format!("wasi get {}", site.url("/"))).await?;
    site.news().await;
    world.user.post(&format!("/v1/me/sessions/{session}/cancel"), json!({ "interaction_id": interaction })).await?;
    site.closed().await;
    assert!(world.user.answer(&interaction).await?.text.contains("_Stopped._"));
    Ok(())
}

#[tokio::test]
async fn calls_by_the_standard_are_counted() -> Result<()> {
    let site = Site::start(|_| page("text/plain", "")).await?;
    let (world, session) = world(vec![web_rule(Effect::Allow, &["127.0.0.1/32"])]).await?;
    world.user.ask(&session, "/use sparing").await?;
    let text = told(&world, &session, format!("wasi hold {} 60", site.url("/"))).await?;
    assert!(text.contains("its limit of 200 host calls"), "{text}");
    Ok(())
}
