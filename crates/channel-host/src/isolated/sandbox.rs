//! What a channel's process takes from itself before it maps a library: memory, files, system calls.
//!
//! It holds for every thread that the process starts later. It is a fence around faults and a high
//! step for malice; it is no proof against a kernel's own faults.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

/// Open descriptors that a channel may have.
const FILES_MAX: u64 = 1024;
/// `CLONE_THREAD`: the new task is a thread of this process, and no process of its own.
const CLONE_THREAD: u64 = 0x0001_0000;

/// Ends this process with its parent, whatever it is doing then, and not before: a terminal and a service
/// manager tell every process of a service to stop, and the core still drains its calls then.
///
/// # Errors
/// Where the system refuses.
#[expect(unsafe_code, reason = "no library ignores a signal without it")]
pub(super) fn end_with_the_core() -> Result<(), String> {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        // SAFETY: to ignore a signal runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("the end of the core would go unnoticed: {error}"))
}

/// What is inside.
pub(super) struct Fence<'a> {
    /// The copy of the library.
    pub(super) staged: &'a Path,
    /// The most private memory.
    pub(super) memory_bytes: u64,
    /// The ports that it may connect to; `None`: any.
    pub(super) ports: Option<&'a [u32]>,
    /// A try to start a process ends this one.
    pub(super) ends_forks: bool,
}

/// Puts up the fence; what this system does not give comes back, in words.
pub(super) fn enter(fence: &Fence<'_>) -> Vec<String> {
    let mut missing = Vec::new();
    let mut note = |what: &str, done: Result<(), String>| {
        if let Err(why) = done {
            missing.push(format!("{what}: {why}"));
        }
    };
    note("limits of memory and files", limits(fence.memory_bytes));
    note(
        "no new privileges",
        rustix::thread::set_no_new_privs(true).map_err(|e| e.to_string()),
    );
    note("files (landlock)", files(fence.staged));
    if let Some(ports) = fence.ports {
        note("ports (landlock)", network(ports));
    }
    note("system calls (seccomp)", system_calls(fence.ends_forks));
    missing
}

/// Private writable memory, and not address space: runtimes such as Go's reserve far more than they use.
/// What this program has mapped for itself by now, which may be a lot that it never touches, comes on top.
fn limits(memory_bytes: u64) -> Result<(), String> {
    let limit = |most: u64| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    let own = std::fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    let own = private_bytes(&own).ok_or("/proc/self/status does not tell VmData")?;
    let all = [
        (Resource::Data, own.saturating_add(memory_bytes)),
        (Resource::Nofile, FILES_MAX),
        (Resource::Core, 0),
    ];
    for (resource, most) in all {
        setrlimit(resource, limit(most)).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn private_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmData:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// What a channel may read: its library, the system's libraries, and what finds a host and proves a
/// certificate. It may write to nothing.
fn readable(staged: &Path) -> Vec<PathBuf> {
    const SYSTEM: &[&str] = &[
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/usr/share/ca-certificates",
        "/usr/share/zoneinfo",
        "/usr/local/share/ca-certificates",
        "/etc/ca-certificates",
        "/etc/gai.conf",
        "/etc/host.conf",
        "/etc/hosts",
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/nsswitch.conf",
        "/etc/pki",
        "/etc/protocols",
        "/etc/resolv.conf",
        "/etc/services",
        "/etc/ssl",
        "/run/systemd/resolve",
        "/dev/null",
        "/dev/random",
        "/dev/urandom",
        "/dev/zero",
        "/proc/self",
        "/sys/devices/system/cpu",
    ];
    let system = SYSTEM.iter().map(PathBuf::from);
    let all = system.chain([staged.to_owned()]);
    all.filter(|path| path.exists()).collect()
}

fn files(staged: &Path) -> Result<(), String> {
    let abi = ABI::V6;
    let restricted = || {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()?
            .add_rules(path_beneath_rules(readable(staged), read))?
            .restrict_self()
    };
    held(restricted())
}

/// A ruleset of its own: a kernel that knows files alone still holds those.
fn network(ports: &[u32]) -> Result<(), String> {
    let restricted = || {
        let rules = ports.iter().filter_map(|port| u16::try_from(*port).ok());
        let rules =
            rules.map(|port| Ok::<_, RulesetError>(NetPort::new(port, AccessNet::ConnectTcp)));
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessNet::ConnectTcp | AccessNet::BindTcp)?
            .create()?
            .add_rules(rules)?
            .restrict_self()
    };
    held(restricted())
}

fn held(done: Result<RestrictionStatus, RulesetError>) -> Result<(), String> {
    match done.map_err(|e| e.to_string())?.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced => {
            Err("this kernel knows a part of the rules alone; they hold in part".to_owned())
        }
        RulesetStatus::NotEnforced => Err("this kernel has none".to_owned()),
    }
}

/// What no channel needs: other processes, other programs, and the kernel's own doors.
fn refused_calls() -> Vec<i64> {
    #[cfg(target_arch = "x86_64")]
    const OF_THE_MACHINE: &[i64] = &[libc::SYS_iopl, libc::SYS_ioperm];
    #[cfg(not(target_arch = "x86_64"))]
    const OF_THE_MACHINE: &[i64] = &[];
    const EVERYWHERE: &[i64] = &[
        libc::SYS_acct,
        libc::SYS_add_key,
        libc::SYS_bpf,
        libc::SYS_chroot,
        libc::SYS_clock_settime,
        libc::SYS_delete_module,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_finit_module,
        libc::SYS_init_module,
        libc::SYS_io_uring_setup,
        libc::SYS_kexec_load,
        libc::SYS_keyctl,
        libc::SYS_mount,
        libc::SYS_move_mount,
        libc::SYS_open_by_handle_at,
        libc::SYS_open_tree,
        libc::SYS_perf_event_open,
        libc::SYS_personality,
        libc::SYS_pidfd_getfd,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_send_signal,
        libc::SYS_pivot_root,
        libc::SYS_process_madvise,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_ptrace,
        libc::SYS_reboot,
        libc::SYS_request_key,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_setns,
        libc::SYS_settimeofday,
        libc::SYS_swapoff,
        libc::SYS_swapon,
        libc::SYS_tkill,
        libc::SYS_umount2,
        libc::SYS_unshare,
        libc::SYS_userfaultfd,
    ];
    [EVERYWHERE, OF_THE_MACHINE].concat()
}

fn system_calls(ends_forks: bool) -> Result<(), String> {
    let refused = |error: i32| SeccompAction::Errno(error.unsigned_abs());
    let refuse = filter(refusals()?, refused(libc::EPERM))?;
    // Its flags lie in memory, where a filter cannot look: the C library takes `clone` instead.
    let without_clone3 = filter(
        BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
        refused(libc::ENOSYS),
    )?;
    let end = filter(forks()?, SeccompAction::KillProcess)?;
    for program in [refuse, without_clone3]
        .iter()
        .chain(ends_forks.then_some(&end))
    {
        apply_filter(program).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// What starts a process. A new one would outlive this one; a new thread does not.
fn forks() -> Result<BTreeMap<i64, Vec<SeccompRule>>, String> {
    let no_thread = SeccompCmpOp::MaskedEq(CLONE_THREAD);
    let new_process = SeccompCondition::new(0, SeccompCmpArgLen::Qword, no_thread, 0)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(|e| e.to_string())?;
    let mut rules = BTreeMap::from([(libc::SYS_clone, vec![new_process])]);
    #[cfg(target_arch = "x86_64")]
    rules.extend([(libc::SYS_fork, Vec::new()), (libc::SYS_vfork, Vec::new())]);
    Ok(rules)
}

fn refusals() -> Result<BTreeMap<i64, Vec<SeccompRule>>, String> {
    let own = u64::from(std::process::id());
    let all_but = |argument: u8, allowed: &[u64]| {
        let others = allowed.iter().map(|value| {
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, *value)
        });
        let rule = others.collect::<Result<_, _>>().and_then(SeccompRule::new);
        rule.map(|rule| vec![rule]).map_err(|e| e.to_string())
    };
    let calls = refused_calls().into_iter().map(|call| (call, Vec::new()));
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = calls.collect();
    rules.extend(forks()?);
    // Signals to itself alone: `abort` is one.
    rules.insert(libc::SYS_kill, all_but(0, &[own])?);
    rules.insert(libc::SYS_tgkill, all_but(0, &[own])?);
    rules.insert(libc::SYS_prlimit64, all_but(0, &[0, own])?);
    // A carrier is reached over IP. Local sockets would reach what trusts this machine's user.
    let families = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let families = families.map(|family| u64::from(family.unsigned_abs()));
    rules.insert(libc::SYS_socket, all_but(0, &families)?);
    Ok(rules)
}

fn filter(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    action: SeccompAction,
) -> Result<BpfProgram, String> {
    let machine = std::env::consts::ARCH
        .try_into()
        .map_err(|_| format!("no filter for {}", std::env::consts::ARCH))?;
    SeccompFilter::new(rules, SeccompAction::Allow, action, machine)
        .and_then(TryInto::try_into)
        .map_err(|e| e.to_string())
}
