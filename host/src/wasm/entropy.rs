//! `sophon:agent/entropy`: the operating system's randomness.

use super::bindings::sophon::agent::entropy;
use super::breach::Misuse;
use super::guest::Guest;
use rand::TryRng as _;
use rand::rngs::SysRng;

/// The most bytes of one call; the contract's number.
const MAX_BYTES: u32 = 4_096;

impl entropy::Host for Guest {
    async fn bytes(&mut self, len: u32) -> wasmtime::Result<Vec<u8>> {
        self.enter()?;
        if len > MAX_BYTES {
            // The function has no failure to give, and fewer bytes than asked for would make weak keys.
            return Err(Misuse(format!("it asked `entropy` for {len} bytes at once, and may for {MAX_BYTES}")).into());
        }
        let mut bytes = vec![0; len as usize];
        SysRng.try_fill_bytes(&mut bytes)?;
        Ok(bytes)
    }
}
