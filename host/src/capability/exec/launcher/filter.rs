//! What a program may ask of the kernel, held by a seccomp filter: what Landlock does not see.
//!
//! Sockets of all kinds (Landlock knows TCP alone), the rights of files (it does not look at who changes them), how other
//! processes are scheduled, memory and queues that outlive all of a program's, and what belongs to whoever runs the machine.
//! All that is refused fails with `EPERM`, but `clone3`: its flags are not seen here, and libraries that find no such call
//! fall back on `clone`.

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;
use std::io;

/// Never: what runs the machine, what gets around the rules of paths, what asks the kernel by another way.
const NEVER: [c_long; 64] = [
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fsconfig,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    SETXATTRAT,
    REMOVEXATTRAT,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_fspick,
    MOUNT_SETATTR,
    libc::SYS_vhangup,
];
/// Calls that the library does not name everywhere.
const FCHMODAT2: c_long = 452;
const SETXATTRAT: c_long = 463;
const REMOVEXATTRAT: c_long = 466;
const MOUNT_SETATTR: c_long = 442;
/// What is done through a file that is only read: its flags (one is that nobody may change it any more), and the whole
/// file system's state.
const CONTROLS: [u64; 7] = [0x4008_6602, 0x4004_6602, 0x401c_5820, 0x4008_7602, 0xc004_5877, 0xc004_5878, 0x8004_587d];
/// Namespaces of one's own: who has one is root there, and has more of the kernel to attack.
const NAMESPACES: [u64; 7] = [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];
/// Of a file's rights: to run as its owner or its group, and writing for others.
const DANGEROUS: [u64; 4] = [0o4000, 0o2000, 0o020, 0o002];
/// Its owner's rights: to read it, where it is open; and to write it, where its path says which it is.
const OWN_OPEN: [u64; 1] = [0o400];
const OWN_PATH: [u64; 2] = [0o400, 0o200];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Whether there is a filter for this machine.
pub(super) fn is_known() -> bool {
    TargetArch::try_from(std::env::consts::ARCH).is_ok()
}

/// Puts the filter before the calling thread, and before what it starts, for good. Where there is none for this machine
/// it does nothing, which was told before.
pub(super) fn apply(network: bool) -> io::Result<()> {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return Ok(()) };
    let failed = |error: seccompiler::Error| io::Error::other(format!("it cannot be confined: {error}"));
    for filter in [program(network, arch), unknown(arch)] {
        seccompiler::apply_filter(&filter.map_err(|error| failed(error.into()))?).map_err(failed)?;
    }
    Ok(())
}

/// Refuses what is to be asked for in another way, as a kernel does that does not know the call.
fn unknown(arch: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules = Rules::from([(libc::SYS_clone3, vec![])]);
    elsewhere::double(&mut rules);
    filter(rules, libc::ENOSYS, arch)
}

fn filter(rules: Rules, refusal: i32, arch: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    let refused = SeccompAction::Errno(refusal.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refused, arch)?.try_into()
}

fn program(network: bool, arch: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules = Rules::new();
    for call in NEVER.into_iter().chain(elsewhere::NEVER) {
        rules.insert(call, vec![]);
    }
    rules.insert(libc::SYS_socket, if network { sockets()? } else { vec![] });
    rules.insert(libc::SYS_fchmod, modes(1, &OWN_OPEN)?);
    for (call, mode) in [(libc::SYS_fchmodat, 2), (FCHMODAT2, 2)].into_iter().chain(elsewhere::MODES) {
        rules.insert(call, modes(mode, &OWN_PATH)?);
    }
    others(&mut rules)?;
    let has = |argument, bit| SeccompRule::new(vec![is(argument, SeccompCmpOp::MaskedEq(bit), bit)?]);
    rules.insert(libc::SYS_clone, NAMESPACES.into_iter().map(|flag| has(0, flag)).collect::<Result<_, _>>()?);
    let control = |control| SeccompRule::new(vec![is(1, SeccompCmpOp::Eq, control)?]);
    rules.insert(libc::SYS_ioctl, CONTROLS.into_iter().map(control).collect::<Result<_, _>>()?);
    elsewhere::double(&mut rules);
    filter(rules, libc::EPERM, arch)
}

/// Limits and scheduling of other processes than the one that calls, which calls itself 0.
fn others(rules: &mut Rules) -> Result<(), seccompiler::BackendError> {
    let unless = |argument, value| SeccompRule::new(vec![is(argument, SeccompCmpOp::Ne, value)?]);
    for call in [
        libc::SYS_prlimit64,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setattr,
        libc::SYS_sched_setaffinity,
    ] {
        rules.insert(call, vec![unless(0, 0)?]);
    }
    // Whose: a process's, which is 0 here and 1 there; not a group's or a user's.
    for (call, process) in [(libc::SYS_setpriority, 0), (libc::SYS_ioprio_set, 1)] {
        rules.insert(call, vec![unless(0, process)?, unless(1, 0)?]);
    }
    Ok(())
}

fn is(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

/// With the network: sockets of another family than the internet's, and raw ones.
fn sockets() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let family = |family: i32| is(0, SeccompCmpOp::Ne, u64::from(family.unsigned_abs()));
    let raw = is(1, SeccompCmpOp::MaskedEq(0xf), u64::from(libc::SOCK_RAW.unsigned_abs()))?;
    Ok(vec![SeccompRule::new(vec![family(libc::AF_INET)?, family(libc::AF_INET6)?])?, SeccompRule::new(vec![raw])?])
}

/// Rights that a file is not given, in this argument, and those that its owner keeps: its path is not seen here, so it may
/// be anybody's.
fn modes(argument: u8, own: &[u64]) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let has = |bit: u64| SeccompRule::new(vec![is(argument, SeccompCmpOp::MaskedEq(bit), bit)?]);
    let mut rules = DANGEROUS.into_iter().map(has).collect::<Result<Vec<_>, _>>()?;
    for bit in own {
        rules.push(SeccompRule::new(vec![is(argument, SeccompCmpOp::MaskedEq(*bit), 0)?])?);
    }
    Ok(rules)
}

/// What only this kind of machine has.
#[cfg(target_arch = "x86_64")]
mod elsewhere {
    use super::Rules;
    use libc::c_long;

    pub(super) const NEVER: [c_long; 5] =
        [libc::SYS_kexec_file_load, libc::SYS_chown, libc::SYS_lchown, libc::SYS_iopl, libc::SYS_ioperm];
    pub(super) const MODES: [(c_long, u8); 1] = [(libc::SYS_chmod, 1)];
    /// Set in the number of a call that is made the way of x32.
    const X32: i64 = 0x4000_0000;

    /// The same for those who call the kernel the way of x32.
    pub(super) fn double(rules: &mut Rules) {
        let also: Vec<_> = rules.iter().map(|(call, rules)| (call | X32, rules.clone())).collect();
        rules.extend(also);
    }
}

/// What only this kind of machine has.
#[cfg(not(target_arch = "x86_64"))]
mod elsewhere {
    use super::Rules;
    use libc::c_long;

    pub(super) const NEVER: [c_long; 1] = [libc::SYS_kexec_file_load];
    pub(super) const MODES: [(c_long, u8); 0] = [];

    pub(super) fn double(_: &mut Rules) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_made_for_all_machines_that_have_one() {
        for arch in [TargetArch::x86_64, TargetArch::aarch64, TargetArch::riscv64] {
            for network in [false, true] {
                let len = program(network, arch).expect("a filter").len();
                assert!((100..4_000).contains(&len), "{len} instructions");
            }
        }
        assert!(is_known());
    }
}
