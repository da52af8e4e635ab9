//! Traces on their way to a collector.

use anyhow::{Context as _, Result};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Told;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};
use sophon_tests::{Collector, Dev, Script, guest, run};
use std::collections::BTreeSet;
use tokio::net::TcpListener;

const TOKEN: &str = "inst_0123456789abcdef:s_test_0123456789abcdef0123456789abcdef01234567";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a span says of itself under this name.
fn told(span: &Span, name: &str) -> Option<String> {
    let value = span.attributes.iter().find(|known| known.key == name)?.value.clone()?.value?;
    match value {
        Told::StringValue(text) => Some(text),
        Told::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_turn(span: &Span) -> bool {
    span.name == "turn"
}

/// The `traceparent`s of a turn's requests.
async fn parents(script: &mut Script) -> Result<BTreeSet<String>> {
    let mut sent = BTreeSet::new();
    loop {
        let request = script.request().await?;
        sent.insert(request.header("traceparent").context("a traceparent")?.to_owned());
        if request.route == "sendMessageEnd" {
            return Ok(sent);
        }
    }
}

/// A message that is part of a trace.
fn message() -> Value {
    json!({ "type": "update", "update": {
        "update_id": "1", "type": "session.message", "session_id": "ses_1", "interaction_id": "int_1",
        "traceparent": format!("00-{TRACE}-{PARENT}-01"),
        "payload": { "message": { "id": "msg_1", "text": "what a user says" } }
    }})
}

#[tokio::test]
async fn the_spans_of_a_turn_arrive_with_the_ids_that_the_cloud_was_told() -> Result<()> {
    let (data, collector) = (tempfile::tempdir()?, Collector::start().await?);
    let mut script = Script::start().await?;
    let echo = guest("echo").display().to_string();
    let arguments = ["--cloud-url", &script.base, "--log", "off", "run", &echo];
    let environment = [
        ("SOPHON_TOKEN", TOKEN),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.base.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=open%20sesame"),
    ];
    let mut host = Dev::start(data.path(), &arguments, &environment)?;
    script.send(json!({ "type": "ready", "installation_id": "inst_0123456789abcdef" })).await?;
    script.send(message()).await?;
    let sent = parents(&mut script).await?;
    let spans = collector.wait("the turn", |spans| spans.iter().any(is_turn)).await?;
    let turn = spans.iter().find(|span| is_turn(span)).context("the turn")?;
    assert_eq!((hex(&turn.trace_id).as_str(), hex(&turn.parent_span_id).as_str()), (TRACE, PARENT));
    for (name, value) in [("session", "ses_1"), ("interaction", "int_1"), ("agent", "echo"), ("result", "answered")] {
        assert_eq!(told(turn, &format!("sophon.{name}")).as_deref(), Some(value), "{turn:#?}");
    }
    let requests: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == turn.span_id).collect();
    let ids = requests.iter().map(|span| format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id)));
    assert_eq!(ids.collect::<BTreeSet<_>>(), sent, "the spans of requests are not those that the cloud was told");
    for request in requests {
        assert_eq!(told(request, "sophon.request_id").as_deref(), Some("req_0123456789abcdef"));
        assert_eq!(told(request, "http.response.status_code").as_deref(), Some("200"));
        let ends = [request.start_time_unix_nano, request.end_time_unix_nano, turn.end_time_unix_nano];
        assert!(ends.is_sorted() && turn.start_time_unix_nano <= request.start_time_unix_nano, "{ends:?}");
    }
    let (headers, _) = collector.requests().into_iter().next().context("a request")?;
    assert_eq!(headers["api-key"], "open sesame");
    let (status, words) = host.terminate().await?;
    assert!(status.success() && !words.contains("sesame"), "{words}");
    let all: String = collector.requests().iter().map(|(_, body)| String::from_utf8_lossy(body).into_owned()).collect();
    assert!(!all.contains("what a user says") && !all.contains("s_test_"), "more is exported than should be");
    Ok(())
}

#[tokio::test]
async fn a_collector_that_is_away_or_never_answers_holds_up_neither_turns_nor_the_end() -> Result<()> {
    // Connections are taken by the system, and nobody reads them.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let silent = (format!("http://{}", silent.local_addr()?), Some(silent));
    for (endpoint, _listener) in [silent, ("http://127.0.0.1:1".to_owned(), None)] {
        let data = tempfile::tempdir()?;
        let config = format!("[telemetry]\notlp_endpoint = \"{endpoint}\"\n");
        std::fs::write(data.path().join("sophon-host.toml"), config)?;
        let echo = guest("echo").display().to_string();
        let mut dev = Dev::start(data.path(), &["dev", "--port", "0", &echo], &[])?;
        dev.line().await?;
        for words in ["one", "two"] {
            let said = run(data.path(), &["chat", words], &[]).await?;
            assert_eq!((said.code, said.stdout), (Some(0), format!("{words}\n")), "{}", said.stderr);
        }
        let (status, words) = dev.terminate().await?;
        let warnings = words.lines().filter(|line| line.contains("traces")).count();
        assert!(status.success() && (1..=2).contains(&warnings), "{warnings} warnings: {words}");
    }
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_makes_no_sense_is_told_with_its_key_and_no_secret() -> Result<()> {
    let data = tempfile::tempdir()?;
    std::fs::write(data.path().join("sophon-host.toml"), "[telemetry]\notlp_endpoint = \"http://collector:4318\"\n")?;
    let ended = run(data.path(), &["run"], &[]).await?;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("telemetry.otlp_endpoint") && ended.stderr.contains("in clear"), "{}", ended.stderr);
    let headers = [("OTEL_EXPORTER_OTLP_HEADERS", "sesame"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")];
    let ended = run(tempfile::tempdir()?.path(), &["run"], &headers).await?;
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("OTEL_EXPORTER_OTLP_HEADERS") && !ended.stderr.contains("sesame"),
        "{}",
        ended.stderr
    );
    Ok(())
}
