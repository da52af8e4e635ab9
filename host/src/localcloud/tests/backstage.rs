//! The host behind the page's settings: who may ask for it, and what is told where there is none.

use super::*;
use crate::localcloud::{Backstage, Behind, HostAgents, HostGrant, HostVersion};
use std::future::pending;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// A host with these grants, that tells when somebody waits for a change.
#[derive(Default)]
struct Host(Mutex<Vec<HostGrant>>, Notify);

impl Backstage for Host {
    fn grants(&self) -> Behind<'_, Vec<HostGrant>> {
        Box::pin(async { Ok(self.0.lock().expect("whole").clone()) })
    }

    fn agents(&self, after: Option<u64>) -> Behind<'_, HostAgents> {
        Box::pin(async move {
            if after == Some(7) {
                self.1.notify_one();
                pending::<()>().await;
            }
            Ok(HostAgents { change: 7, agents: Vec::new(), problems: Vec::new() })
        })
    }

    fn versions<'a>(&'a self, session: &'a str) -> Behind<'a, Vec<HostVersion>> {
        Box::pin(async move {
            Ok(vec![HostVersion { interaction_id: format!("int of {session}"), by: "echo 1 (aa)".to_owned() }])
        })
    }

    fn revoke<'a>(&'a self, id: &'a str) -> Behind<'a, bool> {
        Box::pin(async move {
            let mut grants = self.0.lock().expect("whole");
            let before = grants.len();
            grants.retain(|grant| grant.id != id);
            if id == "stuck" { Err("the disk is full".to_owned()) } else { Ok(grants.len() < before) }
        })
    }
}

fn grant(number: u64) -> HostGrant {
    HostGrant {
        id: format!("g{number}"),
        agent: "probe".to_owned(),
        digest: "d".repeat(12),
        covers: "its own questions: eat".to_owned(),
        scope: "tool".to_owned(),
        session_id: None,
        created_at: number,
        until: None,
        uses_left: Some(3),
    }
}

const GRANTS: &str = "/page/host/grants";
const AGENTS: &str = "/page/host/agents";

#[tokio::test]
async fn a_hosts_grants_are_listed_and_taken_back_by_the_user_alone() {
    bounded(async {
        let host = Arc::new(Host(Mutex::new((0..502).map(grant).collect()), Notify::new()));
        let rig = Rig::with(Options { backstage: Some(host.clone()), ..unlimited() }).await;
        let listed = rig.get(GRANTS).await.result();
        let list = listed["grants"].as_array().expect("a list");
        assert_eq!((list.len(), &listed["more"], &list[0]["id"]), (500, &json!(2), &json!("g2")));
        assert_eq!(list[0]["uses_left"], 3);

        let cookie = rig.cookie().await;
        let one = format!("{GRANTS}/g2");
        let by = |method: Method, headers: Vec<(&'static str, String)>| {
            let (rig, one) = (&rig, one.clone());
            async move {
                let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                rig.ask(method, &one, &headers, String::new()).await.status.as_u16()
            }
        };
        assert_eq!(by(Method::DELETE, vec![]).await, 401);
        assert_eq!(by(Method::DELETE, vec![("cookie", cookie.clone())]).await, 403, "without a sign of its origin");
        let foreign = vec![("cookie", cookie.clone()), ("origin", "http://evil.example".to_owned())];
        assert_eq!(by(Method::DELETE, foreign).await, 403);
        assert_eq!(host.0.lock().expect("whole").len(), 502);
        let own = || vec![("cookie", cookie.clone()), ("origin", rig.cloud.base_url())];
        assert_eq!(by(Method::DELETE, own()).await, 200);
        assert_eq!(by(Method::DELETE, own()).await, 404, "it is gone");
        let stuck = rig.call(Method::DELETE, &format!("{GRANTS}/stuck"), USER, Value::Null).await;
        assert_eq!(
            (stuck.error(), stuck.json()["error"]["message"].clone()),
            (refused(503, "temporarily_unavailable"), json!("the disk is full"))
        );
    })
    .await;
}

#[tokio::test]
async fn agents_and_versions_are_told_and_who_waits_does_not_hold_up_the_end() {
    bounded(async {
        let host = Arc::<Host>::default();
        let rig = Rig::with(Options { backstage: Some(host.clone()), ..unlimited() }).await;
        assert_eq!(rig.get(AGENTS).await.result(), json!({ "change": 7, "agents": [], "problems": [] }));
        assert_eq!(rig.get(&format!("{AGENTS}?after=6")).await.result()["change"], 7);
        let versions = rig.get("/page/host/sessions/ses_1/versions").await.result();
        assert_eq!(versions["versions"][0], json!({ "interaction_id": "int of ses_1", "by": "echo 1 (aa)" }));
        let long = format!("/page/host/sessions/{}/versions", "s".repeat(200));
        assert_eq!(rig.get(&long).await.error(), refused(404, "session_not_found"));
        let waits = rig.http.get(format!("{}{AGENTS}?after=7", rig.cloud.base_url())).bearer_auth(USER).send();
        let stops = async {
            host.1.notified().await;
            rig.cloud.stop().await;
        };
        let (answer, ()) = tokio::join!(waits, stops);
        assert_eq!(answer.expect("an answer").status().as_u16(), 503);
    })
    .await;
}

#[tokio::test]
async fn without_a_host_in_the_same_process_that_is_told() {
    bounded(async {
        let rig = Rig::start().await;
        assert_eq!(rig.get(GRANTS).await.result(), json!({ "grants": null }));
        assert_eq!(rig.get(AGENTS).await.result(), json!({ "agents": null }));
        let versions = rig.get("/page/host/sessions/ses_1/versions").await;
        assert_eq!(versions.result(), json!({ "versions": null }));
        assert_eq!(rig.ask(Method::GET, AGENTS, &[], String::new()).await.status.as_u16(), 401);
        let gone = rig.call(Method::DELETE, &format!("{GRANTS}/g1"), USER, Value::Null).await;
        assert_eq!(gone.error(), refused(404, "grant_not_found"));
        assert_eq!(rig.ask(Method::GET, GRANTS, &[], String::new()).await.status.as_u16(), 401);
    })
    .await;
}
