//! A host whose names mean something else whenever they are looked up, as their owners can have it.

use crate::table::Row;
use anyhow::{Result, ensure};
use sophon_host::capability::http::{Addresses, Connector, Resolve};
use sophon_host::grant::Effect;
use sophon_host::localcloud::Buckets;
use sophon_tests::{Site, World, agents, install, page, web_rule};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What any name stands for, one after the other. The first may be reached, and nothing is there.
const ANSWERS: [&[&str]; 6] = [
    &["127.0.0.2"],
    &["127.0.0.1"],
    &["127.0.0.2", "127.0.0.1"],
    &["::ffff:127.0.0.1"],
    &["169.254.169.254"],
    &["127.0.0.2", "10.0.0.1"],
];

/// Looks names up; how often is counted.
struct Shifting(Arc<AtomicUsize>);

impl Resolve for Shifting {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> Addresses<'a> {
        let answer = ANSWERS[self.0.fetch_add(1, Ordering::Relaxed) % ANSWERS.len()];
        Box::pin(async move { Ok(answer.iter().map(|ip| SocketAddr::new(ip.parse().expect(ip), port)).collect()) })
    }
}

/// Runs a guest there, beside one that is none.
pub(crate) async fn check(row: &Row) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, component) in [("shifting", "hostile"), ("echo", "echo")] {
        let wants = "[[want.http]]\nurl = \"*://*:*/*\"\nwhy = \"\"\n";
        let manifest = format!("[agent]\nname = \"{name}\"\nversion = \"1\"\ncomponent = \"c.wasm\"\n{wants}");
        install(folder.path(), name, component, &manifest)?;
    }
    let mut world = World::paired(agents(vec![folder.path().to_owned()]), Buckets::unlimited()).await?;
    world.config.policy.rules = vec![web_rule(Effect::Allow, &["127.0.0.2/32"])];
    let (site, lookups) = (Site::start(|_| page("text/plain", "inside")).await?, Arc::new(AtomicUsize::new(0)));
    world.start_host_by(Connector::new(Box::new(Shifting(lookups.clone())))).await?;
    let (session, other) = (world.user.session().await?, world.user.session().await?);
    world.user.ask(&session, "/use shifting").await?;
    let hostile = world.user.say(&session, &format!("{} {}", row.name, site.addr)).await?;
    let beside = world.user.ask(&other, "beside it").await?;
    let text = world.user.answer(&hostile).await?.text;
    ensure!(beside.text == "beside it", "{} was noticed beside it: {beside:?}", row.name);
    ensure!(site.asked().is_empty(), "{} reached the site: {:?}", row.name, site.asked());
    let lookups = lookups.load(Ordering::Relaxed);
    ensure!(lookups == 60, "{}: 60 requests, and {lookups} lookups: one was checked, and another used", row.name);
    row.judge(&text).map_err(|wrong| anyhow::anyhow!("{}: {wrong}, and: {text}", row.name))
}
