//! What must outlive the process: updates and turns, what was sent and said, who answers where, what agents
//! keep. One SQLite file.
//!
//! Methods are verbs of the domain; SQL stays in here.

mod audit;
mod carry;
mod check;
mod choice;
mod file;
mod grant;
mod inbox;
mod journal;
mod open;
mod pin;
mod shape;
mod state;
mod transcript;
mod version;

pub use audit::{Entry, Seal, Sealed};
pub use carry::{Carried, Contents, Moved, Put};
pub use check::{Condition, check};
pub use file::{Receipt, Store, StoreError};
pub use grant::{Standing, grant_id};
pub use inbox::{Brought, Recent};
pub use journal::Unfinished;
pub use open::Durability;
pub use pin::Pin;
pub use shape::{Shape, Shapes};
pub use state::{Capacity, Change, Changed, Drawer, Expected};
pub use transcript::{Said, Speaker};
pub use version::{Barred, Post, Version};
