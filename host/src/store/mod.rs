//! What must outlive the process: updates and turns, what was said, who answers where. One SQLite file.
//!
//! Methods are verbs of the domain; SQL stays in here.

mod choice;
mod file;
mod inbox;
mod transcript;

pub use file::{Receipt, Store, StoreError};
pub use inbox::Recent;
pub use transcript::{Said, Speaker};
