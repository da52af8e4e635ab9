//! What a program may do beyond its user: nothing, also where that is root.

use super::confine::Hold;
use caps::{CapSet, Capability, CapsHashSet};
use std::io;

/// Takes the kernel's capabilities from the calling thread. What it starts has none of them either, for good: Landlock and
/// the filter are put on with `no_new_privs`, by which nothing that was given up comes back.
pub(super) fn give_up() -> io::Result<()> {
    let failed = |error: caps::errors::CapsError| io::Error::other(format!("it cannot be confined: {error}"));
    let has = caps::read(None, CapSet::Permitted).map_err(failed)?;
    let keep: CapsHashSet = has.intersection(&kept(Hold::of_this_kernel())).copied().collect();
    // In this order: what is in force is part of what is permitted.
    caps::clear(None, CapSet::Inheritable).map_err(failed)?;
    caps::set(None, CapSet::Effective, &keep).map_err(failed)?;
    caps::set(None, CapSet::Permitted, &keep).map_err(failed)
}

/// To read what root may is kept where Landlock says what is read: a rule may give a folder that is another user's.
fn kept(hold: Hold) -> CapsHashSet {
    let reads = (hold > Hold::None).then_some(Capability::CAP_DAC_READ_SEARCH);
    reads.into_iter().collect()
}
