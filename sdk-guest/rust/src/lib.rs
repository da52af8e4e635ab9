//! Agents for sophon-host in Rust.
//!
//! An agent is one function: a [`Turn`] goes in, text goes out through a [`Reply`], and an [`Answer`] ends the bubble.
//!
//! ```
//! use sophon_agent::{Agent, Answer, Reply, Result, Turn};
//!
//! struct Shout;
//!
//! impl Agent for Shout {
//!     fn handle(turn: Turn, reply: &mut Reply) -> Result<Answer> {
//!         reply.write(&turn.text.to_uppercase())?;
//!         Ok(Answer::streamed())
//!     }
//! }
//!
//! sophon_agent::export!(Shout);
//! ```
//!
//! Build it as a `cdylib` with `cargo build --release --target wasm32-wasip2` and put an `agent.toml` beside it.
//! Each turn runs in a fresh instance: nothing kept in a `static` is there the next time.

//!
//! What must last goes into [`state`], and [`Migrate`] carries it over to a new shape; [`approval`] asks the person; [`config`] tells what the operator set, [`control`] what is left of the turn, and
//! [`entropy`] gives random bytes. A component imports only what it uses.

mod answer;
pub mod approval;
#[allow(missing_docs, unreachable_pub, unsafe_code, reason = "generated from wit/, documented there")]
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "agent",
        pub_export_macro: true,
        export_macro_name: "export_handler",
    });
}
pub mod config;
pub mod control;
pub mod entropy;
pub mod exec;
mod failure;
pub mod http;
pub mod log;
mod migrate;
pub mod operation;
mod reply;
pub mod state;
mod task;

pub use answer::{Answer, Finish, Usage};
pub use bindings::sophon::agent::types::{Attachment, Effort, PastMessage, Role, Turn};
pub use failure::{Failure, Result};
#[doc(hidden)]
pub use migrate::bindings as migrator;
pub use migrate::{Migrate, Scope, run_migrate};
pub use reply::Reply;
pub use state::State;
pub use task::Card;

/// What an agent implements.
pub trait Agent {
    /// Answers one message of the user.
    ///
    /// # Errors
    /// A [`Failure`] ends the bubble with its text. Any error of the standard library turns into one with `?`.
    fn handle(turn: Turn, reply: &mut Reply) -> Result<Answer>;
}

/// Makes a type that implements [`Agent`] the component's handler. Once a crate.
#[macro_export]
macro_rules! export {
    ($agent:ty) => {
        const _: () = {
            struct Exported;
            impl $crate::bindings::exports::sophon::agent::handler::Guest for Exported {
                fn handle(
                    turn: $crate::Turn,
                ) -> ::std::result::Result<
                    $crate::bindings::sophon::agent::types::Outcome,
                    $crate::bindings::sophon::agent::types::Failure,
                > {
                    $crate::run::<$agent>(turn)
                }
            }
    $crate::bindings::export_handler!(Exported with_types_in $crate::bindings);
        };
    };
}

/// Runs an agent; what [`export!`] calls.
///
/// # Errors
/// The agent's own failure, in the contract's form.
#[doc(hidden)]
pub fn run<A: Agent>(
    turn: Turn,
) -> std::result::Result<bindings::sophon::agent::types::Outcome, bindings::sophon::agent::types::Failure> {
    A::handle(turn, &mut Reply::new()).map(Answer::into_outcome).map_err(Failure::into_wit)
}
