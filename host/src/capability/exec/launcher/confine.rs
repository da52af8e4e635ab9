//! What a program may read and write, held by the kernel's Landlock.

use super::super::orders::Orders;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, Scope,
};
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

/// What is read and run by programs in general: the system's own, without what it keeps from its users.
const SYSTEM: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];
/// What is read only: where libraries and time zones are, who is who, which certificates to trust. Not `/proc/self`: seen
/// from here that is the launcher.
const SETTINGS: [&str; 26] = [
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ca-certificates",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/debian_version",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/filesystems",
    "/proc/stat",
];
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// How well this kernel holds programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// Not at all: programs read and write what the host may.
    None,
    /// Files are held; signals to the user's other programs are not.
    Files,
    /// All of it.
    All,
}

impl Hold {
    /// Where all programs may read.
    pub(crate) const SYSTEM: [&str; 8] = SYSTEM;

    /// What this kernel can do. Nothing is confined by asking.
    pub fn of_this_kernel() -> Self {
        let can = |abi| {
            let strict = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
            let files = strict().handle_access(AccessFs::from_all(abi)).and_then(Ruleset::create);
            files.is_ok() && (abi < ABI::V6 || strict().scope(Scope::Signal).and_then(Ruleset::create).is_ok())
        };
        match () {
            () if !super::filter::is_known() || !can(ABI::V3) => Self::None,
            () if can(ABI::V6) => Self::All,
            () => Self::Files,
        }
    }

    /// What it lacks, for people.
    pub fn lack(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Files => {
                Some("this kernel cannot keep programs from sending signals to others of the same user; 6.12 can")
            }
            Self::None => Some(
                "this kernel cannot confine programs: they would read and write all that the host may; Linux 6.2 with \
                 Landlock can",
            ),
        }
    }
}

/// Confines the calling thread, and what it starts, for good: as well as this kernel can.
pub(super) fn landlock(orders: &Orders, program: &File) -> io::Result<()> {
    confine(orders, program).map_err(|error| io::Error::other(format!("it cannot be confined: {error}")))
}

fn confine(orders: &Orders, program: &File) -> Result<(), RulesetError> {
    let all = AccessFs::from_all(ABI::V6);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let run = read | AccessFs::Execute;
    // No devices: who may make them, reaches what they stand for.
    let write = all & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
    let mut rules = Ruleset::default().handle_access(all)?;
    rules = rules.scope(Scope::from_all(ABI::V6))?;
    if !orders.network {
        rules = rules.handle_access(AccessNet::from_all(ABI::V6))?;
    }
    let mut rules = rules.create()?;
    rules = rules.add_rule(PathBeneath::new(program.as_fd(), AccessFs::ReadFile | AccessFs::Execute))?;
    rules = add(rules, SYSTEM, run)?;
    rules = add(rules, SETTINGS, read)?;
    rules = add(rules, DEVICES, AccessFs::ReadFile | AccessFs::WriteFile)?;
    rules = add(rules, &orders.reads, read)?;
    rules = add(rules, [&orders.work], write)?;
    rules.restrict_self().map(drop)
}

/// Allows this below each of these paths; what is not there is left out.
fn add(
    mut rules: RulesetCreated,
    paths: impl IntoIterator<Item: AsRef<Path>>,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    for path in paths {
        let Ok(opened) = PathFd::new(&path) else { continue };
        let is_file = path.as_ref().metadata().is_ok_and(|metadata| !metadata.is_dir());
        let access = if is_file { access & AccessFs::from_file(ABI::V6) } else { access };
        rules = rules.add_rule(PathBeneath::new(opened, access))?;
    }
    Ok(rules)
}
