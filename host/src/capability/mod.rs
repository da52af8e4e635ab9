//! What agents may use: their chat, and beside it one file a capability, each a check first and then the effect.
//!
//! A turn is given its [`Tools`]; the functions of the contract only carry its calls here and the answers back.

mod chat;
mod closed;
mod door;
mod exec;
mod files;
pub mod http;
mod operation;
mod secret;
mod settings;
mod state;
mod tools;
mod wall;

pub use chat::{Act, ActFuture, AskId, CardId, Chat, Stopped, Wait};
pub use door::{Door, Leave};
pub use exec::{Command, Hold, Output, Process, Programs, launch};
pub use files::{Folders, Forgotten, Given, Meter, Open, Placed, Room, left_behind};
pub use operation::Operation;
pub use secret::{Keys, Vault};
pub use settings::Settings;
pub use state::{Scope, State};
pub use tools::{Refusal, Tools};
pub use wall::{Pause, WallClock};
