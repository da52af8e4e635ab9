//! `sophon:agent/migrator`: an export that an agent may have. One call carries one drawer over.

use super::bindings::AgentPre;
use super::bindings::sophon::agent::state;
use super::bindings::sophon::agent::types::Failure;
use super::engine::{Engine, Slots};
use super::guest::Guest;
use super::load::Agent;
use super::run::{Ended, Fault, store, without_answer};
use crate::capability::{Door, Scope, Tools};
use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex};

/// How its name begins.
pub(super) const INTERFACE: &str = "migrator";

pub(super) type Arguments = (state::Scope, u32);
pub(super) type Carried = (Result<(), Failure>,);

/// The function, if a component has it.
///
/// # Errors
/// What is wrong with it.
pub(super) fn find(component: &Component, name: Option<&str>) -> Result<Option<ComponentExportIndex>, String> {
    let Some(name) = name else { return Ok(None) };
    let missing = || "it exports no function `migrate`".to_owned();
    let interface = component.get_export_index(None, name).ok_or_else(missing)?;
    let (item, index) = component.get_export(Some(&interface), "migrate").ok_or_else(missing)?;
    match item {
        ComponentItem::ComponentFunc(_) => Ok(Some(index)),
        _ => Err("`migrate` is no function".to_owned()),
    }
}

impl Agent {
    /// Whether it can carry its state over from another schema.
    pub fn migrates(&self) -> bool {
        self.migrate.is_some()
    }

    /// Carries over what these tools' state holds of one scope. The tools must lead nowhere else.
    ///
    /// # Errors
    /// How it ended instead.
    pub async fn carry_over(
        &self,
        engine: &Engine,
        slots: Slots,
        (of, from): (Scope, u32),
        tools: Tools,
    ) -> Result<(), Ended> {
        let chat = Door::no_chat();
        let slot = match slots {
            Slots::OfTurns => engine.slot(&self.share, &*chat).await,
            Slots::Aside => engine.slot_aside().await,
        };
        let guest = self.guest(engine, chat, tools.with_only(of), Vec::new());
        let (spending, wall) = (guest.spending(), guest.wall.clone());
        let of = match of {
            Scope::Session => state::Scope::Session,
            Scope::Agent => state::Scope::Agent,
        };
        let (pre, migrate, mut store) = (self.pre.clone(), self.migrate, store(&engine.engine, guest));
        let call = async move {
            // Held to the end.
            let _slot = slot;
            match call(&pre, migrate, &mut store, of, from).await {
                Ok(carried) => carried.map_err(Ended::Failed),
                Err(fault) => Err(without_answer(&fault, store.data())),
            }
        };
        self.within(engine, call, spending, wall).await.unwrap_or_else(|breach| Err(Ended::Limit(breach)))
    }
}

async fn call(
    pre: &AgentPre<Guest>,
    migrate: Option<ComponentExportIndex>,
    store: &mut Store<Guest>,
    of: state::Scope,
    from: u32,
) -> Result<Result<(), Failure>, Fault> {
    let index = migrate.ok_or_else(|| Fault::Start(wasmtime::Error::msg("it has no `migrate`")))?;
    let instance = pre.instance_pre().instantiate_async(&mut *store).await.map_err(Fault::Start)?;
    let function = instance.get_typed_func::<Arguments, Carried>(&mut *store, &index).map_err(Fault::Start)?;
    let (carried,) = function.call_async(store, (of, from)).await.map_err(Fault::Run)?;
    Ok(carried)
}
