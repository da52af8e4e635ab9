//! Requests of agents: asked about, sent as they were shown, and nothing reached that was not allowed.

use anyhow::Result;
use serde_json::json;
use sophon_host::grant::{Effect, Rule};
use sophon_host::localcloud::Buckets;
use sophon_tests::{Page, Site, World, guests, hello, page, redirect, web_rule};

/// A world with these rules, and a session in which `fetch` answers.
pub(crate) async fn world(rules: Vec<Rule>) -> Result<(World, String)> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    world.config.policy.rules = rules;
    world.start_host().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use fetch").await?;
    Ok((world, session))
}

pub(crate) fn asking() -> Vec<Rule> {
    vec![web_rule(Effect::Ask, &["127.0.0.1/32"])]
}

#[tokio::test]
async fn a_page_that_a_person_approves_is_read_and_shown() -> Result<()> {
    let ((world, session), site) = (world(asking()).await?, hello().await?);
    let interaction = world.user.say(&session, &format!("read {}, please", site.url("/a?b=c"))).await?;
    let asked = world.user.asked("").await?;
    assert_eq!(
        (&asked["command"], &asked["host"]),
        (
            &json!(format!("GET {}\nwith headers of 30 bytes: “accept: text/html, text/*, */*”", site.url("/a?b=c"))),
            &json!(site.addr.to_string())
        )
    );
    assert!(asked["message"].as_str().unwrap_or_default().contains("you asked me to read it"), "{asked}");
    assert!(site.asked().is_empty(), "it was sent before it was allowed");
    world.user.decide(&asked, json!({ "decision": "approve" })).await?;
    let text = world.user.answer(&interaction).await?.text;
    assert!(text.contains("**`A page`**") && text.contains("```text\nHello, you\n```"), "{text}");
    let request = &site.asked()[0];
    assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{request}");
    for line in [&format!("host: {}", site.addr), "connection: close", "accept-encoding: identity"] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{line} is not in {request}");
    }
    let card = world.user.kinds_of(&interaction);
    assert!(card.iter().any(|kind| kind == "task_completed"), "{card:?}");
    Ok(())
}

#[tokio::test]
async fn a_page_that_a_person_denies_is_not_asked_for() -> Result<()> {
    let ((world, session), site) = (world(asking()).await?, hello().await?);
    let interaction = world.user.say(&session, &site.url("/")).await?;
    world.user.decide(&world.user.asked("").await?, json!({ "decision": "deny" })).await?;
    let text = world.user.answer(&interaction).await?.text;
    assert!(text.contains("a person, who said no") && text.contains("[[policy]]"), "{text}");
    assert!(site.asked().is_empty());
    Ok(())
}

#[tokio::test]
async fn what_is_always_allowed_is_not_asked_again() -> Result<()> {
    let ((world, session), site) = (world(asking()).await?, hello().await?);
    let interaction = world.user.say(&session, &site.url("/")).await?;
    let asked = world.user.asked("").await?;
    world.user.decide(&asked, json!({ "decision": "approve_always", "scope": "domain" })).await?;
    world.user.answer(&interaction).await?;
    let text = world.user.ask(&session, &site.url("/other")).await?.text;
    assert!(text.contains("Hello, you"), "{text}");
    Ok(())
}

#[tokio::test]
async fn each_hop_is_a_request_of_its_own() -> Result<()> {
    let other = hello().await?;
    let onward = other.url("/there");
    let inward = "http://169.254.169.254/latest/meta-data/";
    let site = Site::start(move |asked| match asked.starts_with("GET /good") {
        true => redirect(&onward),
        false => redirect(inward),
    })
    .await?;
    let (world, session) = world(vec![web_rule(Effect::Allow, &["127.0.0.1/32"])]).await?;
    let text = world.user.ask(&session, &site.url("/good")).await?.text;
    assert!(text.contains("Hello, you") && text.contains("/there"), "{text}");
    let text = world.user.ask(&session, &site.url("/bad")).await?.text;
    assert!(text.contains("the egress check: 169.254.169.254 is where a cloud tells machines"), "{text}");
    Ok(())
}

#[tokio::test]
async fn without_a_rule_that_names_it_this_machine_is_out_of_reach_and_nobody_is_asked() -> Result<()> {
    let ((world, session), site) = (world(vec![]).await?, hello().await?);
    let text = world.user.ask(&session, &site.url("/")).await?.text;
    assert!(text.contains("this machine itself") && text.contains("addresses"), "{text}");
    assert!(site.asked().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_stopped_turn_drops_its_connection_at_once() -> Result<()> {
    let site = Site::start(|_| Page::Held(b"HTTP/1.1 200 OK\r\n".to_vec())).await?;
    let (world, session) = world(vec![web_rule(Effect::Allow, &["127.0.0.1/32"])]).await?;
    let interaction = world.user.say(&session, &site.url("/")).await?;
    site.news().await;
    world.user.post(&format!("/v1/me/sessions/{session}/cancel"), json!({ "interaction_id": interaction })).await?;
    site.closed().await;
    assert!(world.user.answer(&interaction).await?.text.contains("_Stopped._"));
    Ok(())
}

/// A world where requests are allowed, and a session in which the tireless probe answers.
async fn probing() -> Result<(World, String)> {
    let (world, session) = world(vec![web_rule(Effect::Allow, &["127.0.0.1/32"])]).await?;
    world.user.ask(&session, "/use tireless").await?;
    Ok((world, session))
}

#[tokio::test]
async fn several_requests_go_at_a_time_and_the_first_to_answer_is_taken_first() -> Result<()> {
    let (slow, quick) = (Site::start(|_| Page::Held(Vec::new())).await?, hello().await?);
    let (world, session) = probing().await?;
    let ask = async |words: String| Ok::<_, anyhow::Error>(world.user.ask(&session, &words).await?.text);
    assert_eq!(ask(format!("http first {} {}", slow.url("/"), quick.url("/"))).await?, "1 with 200");
    slow.closed().await;
    let text = ask(format!("http late {}", slow.url("/"))).await?;
    assert_eq!(text, "Wake::Timeout false Wake::Timeout true invalid: the operation was given up");
    slow.closed().await;
    let text = ask(format!("http crowd {} 1000", quick.url("/"))).await?;
    assert_eq!(
        text,
        "64 started, 2880 bytes, limit reached: a turn holds at most 64 requests and answers at once; drop some"
    );
    Ok(())
}

#[tokio::test]
async fn answers_that_are_held_are_bounded_and_their_connections_too() -> Result<()> {
    let empty = Site::start(|_| page("text/plain", "")).await?;
    let (world, session) = probing().await?;
    let text = world.user.ask(&session, &format!("http hold {} 1000", empty.url("/"))).await?.text;
    assert!(text.starts_with("64 held, limit reached: a turn holds at most 64"), "{text}");
    // The turn is over, and with it what it held.
    let text = world.user.ask(&session, &format!("http hold {} 2", empty.url("/"))).await?.text;
    assert_eq!(text, "2 held");
    Ok(())
}

#[tokio::test]
async fn a_body_of_many_megabytes_streams_through_a_small_guest_until_its_bound() -> Result<()> {
    let (world, session) = probing().await?;
    let site = Site::start(|asked| {
        let length: usize = asked.split(['/', ' ']).nth(2).and_then(|number| number.parse().ok()).unwrap_or(0);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        Page::Whole([head.into_bytes(), vec![b'x'; length]].concat())
    })
    .await?;
    let text = world.user.ask(&session, &format!("http size {}", site.url("/20000000"))).await?.text;
    assert_eq!(text, "20000000 bytes");
    let text = world.user.ask(&session, &format!("http size {}", site.url("/70000000"))).await?.text;
    assert_eq!(text, "limit reached: the body of an answer has at most 67108864 bytes");
    Ok(())
}

#[tokio::test]
async fn a_grant_that_is_taken_back_ends_the_request_that_goes_on_by_it() -> Result<()> {
    let site = Site::start(|_| Page::Held(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec())).await?;
    let (world, session) = world(asking()).await?;
    world.user.ask(&session, "/use tireless").await?;
    let interaction = world.user.say(&session, &format!("http get {}", site.url("/"))).await?;
    let asked = world.user.asked("").await?;
    world.user.decide(&asked, json!({ "decision": "approve_always", "scope": "tool" })).await?;
    site.news().await;
    crate::approvals::take_back(&world).await?;
    site.closed().await;
    let text = world.user.answer(&interaction).await?.text;
    assert!(text.contains("the grant that allowed it was taken back"), "{text}");
    Ok(())
}

#[tokio::test]
async fn what_is_always_allowed_in_a_session_is_asked_in_another() -> Result<()> {
    let ((world, session), site) = (world(asking()).await?, hello().await?);
    let interaction = world.user.say(&session, &site.url("/")).await?;
    let asked = world.user.asked("").await?;
    world.user.decide(&asked, json!({ "decision": "approve_always", "scope": "session" })).await?;
    world.user.answer(&interaction).await?;
    let text = world.user.ask(&session, &site.url("/other")).await?.text;
    assert!(text.contains("Hello, you"), "{text}");
    let other = world.user.session().await?;
    world.user.ask(&other, "/use fetch").await?;
    let interaction = world.user.say(&other, &site.url("/")).await?;
    world.user.decide(&world.user.asked("").await?, json!({ "decision": "deny" })).await?;
    assert!(world.user.answer(&interaction).await?.text.contains("a person, who said no"));
    assert_eq!(site.asked().len(), 2);
    Ok(())
}

#[tokio::test]
async fn what_is_allowed_for_all_is_asked_nowhere() -> Result<()> {
    let ((world, session), site, further) = (world(asking()).await?, hello().await?, hello().await?);
    let interaction = world.user.say(&session, &site.url("/")).await?;
    let asked = world.user.asked("").await?;
    world.user.decide(&asked, json!({ "decision": "approve_always", "scope": "all" })).await?;
    world.user.answer(&interaction).await?;
    let other = world.user.session().await?;
    world.user.ask(&other, "/use fetch").await?;
    for url in [site.url("/other"), further.url("/")] {
        let text = world.user.ask(&other, &url).await?.text;
        assert!(text.contains("Hello, you"), "{text}");
    }
    // Another agent has it all the same to ask.
    world.user.ask(&other, "/use tireless").await?;
    let interaction = world.user.say(&other, &format!("http get {}", site.url("/"))).await?;
    world.user.decide(&world.user.asked("").await?, json!({ "decision": "deny" })).await?;
    assert!(world.user.answer(&interaction).await?.text.contains("a person, who said no"));
    Ok(())
}
