//! Ports that can be taken again.

use anyhow::{Context as _, Result};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// The first, and how many: below those that systems give to who names none.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// An address of this machine that nobody has. It stays free until somebody takes it by its name: one that the system
/// chose would go to the next connection of a test beside this one once nobody listens there.
///
/// # Errors
/// When all of them are taken.
pub fn free_addr() -> Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Tests of another process begin elsewhere.
    let own = std::process::id().wrapping_mul(7_919) % u32::from(COUNT);
    let next = || {
        let at = (own + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % u32::from(COUNT);
        SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + u16::try_from(at).unwrap_or_default()))
    };
    let mut all = (0..COUNT).map(|_| next());
    all.find(|addr| TcpListener::bind(addr).is_ok()).context("every port of the tests is taken")
}
