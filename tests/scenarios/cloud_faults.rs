//! The host against an embedded cloud that misbehaves on demand, over the admin port.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sophon_host::cloud::Pairing;
use sophon_host::config::{CloudUrl, Config, Environment, Overrides};
use sophon_host::daemon::Daemon;
use sophon_host::localcloud::{Buckets, LocalCloud, Options};
use sophon_tests::{User, engine, guests};
use tempfile::TempDir;

struct Rig {
    cloud: LocalCloud,
    user: User,
    host: Daemon,
    admin: reqwest::Client,
    _dir: TempDir,
}

impl Rig {
    async fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let admin = Some(([127, 0, 0, 1], 0).into());
        let options = Options { admin, buckets: Buckets::unlimited(), ..Options::default() };
        let cloud = LocalCloud::start(options).await?;
        let user = User::connect(&cloud.base_url(), cloud.user_token()).await?;
        let pairing = Pairing::start(CloudUrl::parse(&cloud.base_url()).map_err(anyhow::Error::msg)?, "a test").await?;
        user.post("/v1/me/pairing/claim", json!({ "code": pairing.code() })).await?;
        let token = pairing.wait().await?;
        let flags = Overrides {
            data_dir: Some(dir.path().join("host")),
            cloud_url: Some(cloud.base_url()),
            ..Overrides::default()
        };
        let config = Config::load(flags, &Environment::default())?;
        let mut host = Daemon::start(&config, token, engine(), guests()).await?;
        host.ready().await;
        let admin = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { cloud, user, host, admin, _dir: dir })
    }

    async fn admin(&self, path: &str, body: Value) -> Result<()> {
        let url = format!("http://{}{path}", self.cloud.admin_addr().context("an admin port")?);
        let request = self.admin.post(url).bearer_auth(self.cloud.user_token()).json(&body);
        request.send().await?.error_for_status()?;
        Ok(())
    }
}

#[tokio::test]
async fn a_turn_comes_out_once_whatever_gets_lost_on_the_way() -> Result<()> {
    let rig = Rig::start().await?;
    for rule in [
        json!({ "on": "update", "do": "duplicate" }),
        json!({ "on": "request", "route": "sendMessage", "do": "lose_answer" }),
        json!({ "on": "request", "route": "sendMessageDelta", "do": "refuse", "status": 503, "retry_after_ms": 1 }),
        json!({ "on": "request", "route": "sendMessageEnd", "do": "lose_answer" }),
    ] {
        rig.admin("/faults", rule).await?;
    }
    let session = rig.user.session().await?;
    let answer = rig.user.ask(&session, "hello").await?;
    rig.admin("/cut", json!({})).await?;
    let after = rig.user.ask(&session, "after the cut").await?;
    rig.host.stop().await;
    let record = rig.cloud.record();
    for (turn, answer) in [(&record["turns"][0], answer), (&record["turns"][1], after)] {
        let bubbles = turn["bubbles"].as_array().context("bubbles")?;
        assert_eq!(bubbles.len(), 1, "{turn}");
        assert_eq!((&bubbles[0]["text"], &bubbles[0]["finalized"]), (&json!(answer.text), &json!(true)));
    }
    Ok(())
}
