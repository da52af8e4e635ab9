//! The only `bindgen!`: the contract of `wit/` as Rust types and traits.
#![allow(missing_docs, unreachable_pub, dead_code, reason = "generated from wit/, documented there")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "agent",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "sophon:agent/task.card": super::card::Card,
        "sophon:agent/operation.op": super::operation::Op,
        "sophon:agent/http.response": super::http::Answer,
        "sophon:agent/exec.process": crate::capability::Process,
    },
});
