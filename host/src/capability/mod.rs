//! What an agent can do to the world: each deed is checked before it is done, and told of after.

mod chat;

pub use chat::{Act, AskId, CardId, Chat, Stopped};
