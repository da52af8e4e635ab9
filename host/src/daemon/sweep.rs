//! Removes work folders that nobody comes back to: at the start, and every few hours. Those of agents that are no more
//! stay, for `sophon-host doctor` to tell.

use crate::capability::Folders;
use crate::config::AgentName;
use crate::store::Store;
use crate::turn::House;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(6 * 3_600);

/// Looks from now on, until `stop`.
pub(super) fn start(house: &House, stop: CancellationToken) {
    let (folders, store, registry) = (house.folders.clone(), house.store.clone(), house.registry.clone());
    let sweeping = async move {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let names = registry.agents().iter().map(|agent| agent.manifest.name.clone()).collect();
            sweep(&folders, &store, names, SystemTime::now()).await;
        }
    };
    crate::tasks::spawn("sweep", stop.run_until_cancelled_owned(sweeping));
}

/// Looks once.
async fn sweep(folders: &Arc<Folders>, store: &Store, agents: Vec<AgentName>, now: SystemTime) {
    let looking = folders.clone();
    let unused =
        crate::tasks::blocking(move || agents.iter().map(|agent| looking.unused(agent, now)).collect::<Vec<_>>());
    let unused: Vec<_> = unused.await.into_iter().filter(|unused| !unused.is_empty()).collect();
    if unused.is_empty() {
        return;
    }
    let known = match store.sessions().await {
        Ok(known) => known,
        Err(error) => {
            return tracing::error!("cannot read which sessions there are, so no work folder is removed: {error}");
        }
    };
    let folders = folders.clone();
    let removed =
        crate::tasks::blocking(move || unused.iter().map(|unused| folders.remove(unused, &known)).sum::<usize>());
    match removed.await {
        0 => {}
        removed => tracing::info!("removed {removed} work folders of sessions that are forgotten"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::UserMessage;
    use crate::store::{Brought, Durability};

    #[tokio::test]
    async fn only_work_folders_of_forgotten_sessions_go() {
        let data = tempfile::tempdir().expect("a folder");
        let store = Store::open(&data.path().join("host.db"), Durability::Process).expect("opens");
        let message = UserMessage::example("ses_known", "int_1");
        let brought = Brought::Message(Box::new(message));
        let receipt = store.receive("1".to_owned().try_into().expect("an id"), brought, 1_000).await;
        receipt.await.expect("queued").expect("recorded");
        let folders = Arc::new(Folders::new(data.path()));
        let agent: AgentName = "probe".to_owned().try_into().expect("a name");
        let other: AgentName = "gone".to_owned().try_into().expect("a name");
        let made = |agent: &AgentName, session: &str| folders.make(agent, session).expect("made");
        let (known, forgotten) = (made(&agent, "ses_known"), made(&agent, "ses_old"));
        let foreign = made(&other, "ses_old");
        let later = SystemTime::now() + Duration::from_secs(7 * 86_400);
        sweep(&folders, &store, vec![agent.clone()], SystemTime::now()).await;
        assert!(forgotten.exists(), "it was just used");
        sweep(&folders, &store, vec![agent], later).await;
        assert_eq!((known.exists(), forgotten.exists(), foreign.exists()), (true, false, true));
    }
}
