//! What can be followed from the host's log into the cloud's.

use anyhow::Result;
use sophon_tests::{Log, World};
use std::collections::BTreeSet;

/// The values of a field in these lines.
fn values<'l>(lines: &[&'l str], field: &str) -> BTreeSet<&'l str> {
    let value = |line: &&'l str| line.split_once(field)?.1.split([' ', '}']).next();
    lines.iter().filter_map(value).collect()
}

#[tokio::test]
async fn the_requests_of_a_turn_share_a_trace_and_each_can_be_found_in_the_clouds_log() -> Result<()> {
    let log = Log::start();
    let world = World::start().await?;
    let mut traces = BTreeSet::new();
    for words in ["one", "two"] {
        let session = world.user.session().await?;
        let interaction = world.user.say(&session, words).await?;
        world.user.answer(&interaction).await?;
        let text = log.text();
        let turn = format!("turn{{session={session} interaction={interaction}");
        let parts = [&turn, "}:request{route=\"/v1/bridge/", "answered"];
        let is_ours = |line: &&str| parts.iter().all(|part| line.contains(part));
        let ours: Vec<&str> = text.lines().filter(is_ours).collect();
        let trace = values(&ours, " trace=");
        assert!(!ours.is_empty() && trace.len() == 1, "{ours:#?}");
        // The cloud's spans begin with the id of the request.
        for id in values(&ours, "request_id=\"") {
            let (id, trace) = (id.trim_end_matches('"'), trace.first().expect("one"));
            let theirs = format!("request{{request_id={id} trace_id={trace} ");
            assert!(text.contains(&theirs), "the cloud did not log {theirs}");
        }
        traces.extend(trace.into_iter().map(str::to_owned));
    }
    assert_eq!(traces.len(), 2, "two turns, two traces");
    assert!(!log.text().contains(":s_"), "a token is in the log");
    Ok(())
}
