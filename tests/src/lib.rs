//! The harness: a host in this process (or the real binary) against the embedded cloud, and the user in front of it.
//!
//! Nothing here waits for a time to pass: it waits for events, each wait bounded, and says what it waited for.

mod alone;
mod browser;
mod chance;
mod collector;
mod keeps;
mod log;
mod port;
mod process;
mod record;
mod rule;
mod script;
mod shell;
mod site;
mod time;
mod traffic;
mod user;
mod work;
mod world;

pub use alone::{Alone, turn};
pub use browser::Chrome;
pub use chance::Chance;
pub use collector::Collector;
pub use keeps::{MIGRATES, keeps};
pub use log::Log;
pub use port::free_addr;
pub use process::{Dev, Run, binary, run};
pub use record::{Tally, check};
pub use rule::{rule, web_rule};
pub use script::{Request, Script, good};
pub use shell::{by_the_standard, component};
pub use site::{Page, Site, hello, page, redirect};
pub use time::Frozen;
pub use traffic::{Deed, End, Said, deed};
pub use user::{Answer, Event, User};
pub use work::{nobody, work};
pub use world::{World, agents, engine, guest, guests, install, plugin, probe};

use anyhow::Context as _;
use std::time::Duration;

/// The longest that any wait takes before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A number of the environment, for tests that run by name with options.
///
/// # Errors
/// When it is set, and no number.
pub fn number(name: &str) -> anyhow::Result<Option<u64>> {
    std::env::var(name).ok().map(|text| text.parse().with_context(|| format!("{name}={text}"))).transpose()
}
