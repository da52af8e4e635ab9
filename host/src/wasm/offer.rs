//! What is linked to a guest: WASI, which denies by default, and the interfaces of the contract that work.

use super::bindings::sophon::agent::{
    approval, config, control, entropy, exec, http, log, operation, reply, state, task, types,
};
use super::guest::Guest;
use wasmtime::component::{HasSelf, Linker};

/// The interfaces of `sophon:agent` that this version of the host serves.
pub(super) const OFFERED: [&str; 12] =
    ["types", "reply", "task", "approval", "operation", "http", "exec", "state", "config", "control", "entropy", "log"];

/// Everything that a component may import.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    super::files::link(&mut linker)?;
    wasmtime_wasi_config::add_to_linker(&mut linker, Guest::standard_config)?;
    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    reply::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    task::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    exec::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    state::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    config::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    control::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    entropy::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    approval::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    log::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    operation::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    http::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    Ok(linker)
}
