//! What the host tells of itself while much waits.

use crate::link::{host, message, ready};
use anyhow::Result;
use serde_json::json;
use sophon_host::daemon::{Troubles, ask};
use sophon_tests::Script;

#[tokio::test]
async fn turns_are_told_from_their_receipt_though_the_cloud_takes_no_request() -> Result<()> {
    let later = json!({ "ok": false, "error": { "code": "temporarily_unavailable", "retry_after_ms": 60_000 } });
    let mut script = Script::with(101, move |_| (503, later.clone())).await?;
    let (mut host, dir) = host(&script).await?;
    host.serve_programs(&Troubles::default());
    script.send(ready()).await?;
    for update in 1..=3 {
        script.send(message(update, &format!("int_{update}"), "hello")).await?;
    }
    // Acked is what was taken up.
    while script.hear().await?["up_to_update_id"] != "3" {}
    let status = ask(dir.path()).await?;
    let (running, waiting) = (status["turns"]["running"].as_u64(), status["turns"]["waiting"].as_u64());
    assert_eq!(running.zip(waiting).map(|(running, waiting)| running + waiting), Some(3), "{status:#}");
    assert_eq!(status["queues"]["sessions"], 1, "{status:#}");
    Ok(())
}
