//! What the cloud gets of several turns at once: each in its own order.

use crate::link::{host, message, ready};
use anyhow::Result;
use serde_json::json;
use sophon_tests::Script;

#[tokio::test]
async fn each_turn_sends_in_its_order_under_keys_that_are_made_of_it() -> Result<()> {
    let mut script = Script::start().await?;
    let (_host, _dir) = host(&script).await?;
    script.send(ready()).await?;
    let turns = ["int_a", "int_b", "int_c", "int_d"];
    for (turn, number) in turns.iter().zip(1..) {
        let mut frame = message(number, turn, "card: one");
        let session = json!(format!("ses_{number}"));
        (frame["update"]["session_id"], frame["update"]["payload"]["session"]["id"]) = (session.clone(), session);
        script.send(frame).await?;
    }
    let (mut sent, mut ended) = (Vec::new(), 0);
    while ended < turns.len() {
        let request = script.request().await?;
        ended += usize::from(request.route == "sendMessageEnd");
        sent.push(request);
    }
    for turn in turns {
        let is_its = |body: &serde_json::Value| body.to_string().contains(turn);
        let name = |body: &serde_json::Value| ["idempotency_key", "task_id"].map(|key| body[key].clone());
        let its: Vec<_> = sent
            .iter()
            .filter(|request| is_its(&request.body))
            .map(|request| (&*request.route, name(&request.body)))
            .collect();
        let key = |suffix: &str| json!(format!("{turn}-{suffix}"));
        let nothing = serde_json::Value::Null;
        let expected = [
            ("sendMessage", [key("open"), nothing.clone()]),
            ("sendMessageDelta", [key("d1"), nothing.clone()]),
            ("createTask", [nothing.clone(), key("c0")]),
            ("updateTask", [key("p1"), key("c0")]),
            ("finishTask", [nothing.clone(), key("c0")]),
            ("sendMessageEnd", [key("end"), nothing]),
        ];
        assert_eq!(its, expected, "{turn}");
    }
    Ok(())
}
