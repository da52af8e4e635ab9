//! The host behind the page's settings: who may ask for it, and what is told where there is none.

use super::*;
use crate::localcloud::{Backstage, Behind, HostGrant};
use std::sync::{Arc, Mutex};

/// A host with these grants.
struct Host(Mutex<Vec<HostGrant>>);

impl Backstage for Host {
    fn grants(&self) -> Behind<'_, Vec<HostGrant>> {
        Box::pin(async { Ok(self.0.lock().expect("whole").clone()) })
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

#[tokio::test]
async fn a_hosts_grants_are_listed_and_taken_back_by_the_user_alone() {
    bounded(async {
        let host = Arc::new(Host(Mutex::new((0..502).map(grant).collect())));
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
async fn without_a_host_in_the_same_process_that_is_told() {
    bounded(async {
        let rig = Rig::start().await;
        assert_eq!(rig.get(GRANTS).await.result(), json!({ "grants": null }));
        let gone = rig.call(Method::DELETE, &format!("{GRANTS}/g1"), USER, Value::Null).await;
        assert_eq!(gone.error(), refused(404, "grant_not_found"));
        assert_eq!(rig.ask(Method::GET, GRANTS, &[], String::new()).await.status.as_u16(), 401);
    })
    .await;
}
