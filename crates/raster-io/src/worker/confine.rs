//! What a decoding process gives up before it looks at a file.

use std::{collections::BTreeMap, path::Path};

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};

use super::WorkerLimits;

/// Files that may be open at a time.
const OPEN_FILES_MAX: u64 = 64;
/// `prctl` operation that names a thread.
const PR_SET_NAME: u64 = 15;
/// `fcntl` operations on descriptors and locks. Those that have signals sent, to whatever process, are left out.
const FCNTL_ALLOWED: [i32; 12] = [
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_GETLK,
    libc::F_SETLK,
    libc::F_SETLKW,
    libc::F_OFD_GETLK,
    libc::F_OFD_SETLK,
    libc::F_OFD_SETLKW,
];

/// System calls that decoding takes. Everything else (sockets, starting programs, looking into other processes,
/// `io_uring`, mounts) answers "not permitted".
const ALLOWED: &[i64] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fadvise64,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_ioctl,
    libc::SYS_dup,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_membarrier,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getrusage,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // refused by a filter of its own, with the answer that makes the C library use `clone`
    libc::SYS_clone3,
];

/// The older names of some of these, which only this architecture has.
#[cfg(target_arch = "x86_64")]
const ALLOWED_OLDER: &[i64] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_time,
    libc::SYS_poll,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_OLDER: &[i64] = &[];

/// A restriction that this machine does not offer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfineError {
    #[error("the limits on memory, time and files cannot be set")]
    Limits(#[source] rustix::io::Errno),
    #[error("a file or folder it needs cannot be opened: {0}")]
    Path(#[from] landlock::PathFdError),
    #[error("access to other files cannot be given up: {0}")]
    Files(#[from] landlock::RulesetError),
    #[error("access to other files cannot be given up: the kernel has no Landlock (Linux 5.13 and later do)")]
    NoLandlock,
    #[error("system calls cannot be given up: {0}")]
    Calls(#[from] seccompiler::Error),
    #[error("system calls cannot be given up: {0}")]
    Filter(#[from] seccompiler::BackendError),
}

/// Leaves this process, for good: reading `input` and the `tables`, writing in the folder of `output`, threads, and
/// time and memory within `limits`.
///
/// # Errors
/// When the machine does not offer one of the restrictions; then nothing may be decoded.
pub(super) fn confine(
    input: &Path,
    output: &Path,
    tables: &[std::path::PathBuf],
    limits: &WorkerLimits,
) -> Result<(), ConfineError> {
    bound(limits).map_err(ConfineError::Limits)?;
    give_up_files(input, output, tables)?;
    give_up_calls()
}

fn bound(limits: &WorkerLimits) -> rustix::io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let bounds = [
        (Resource::As, limits.memory_bytes),
        (Resource::Cpu, limits.cpu_s),
        (Resource::Fsize, limits.output_bytes),
        (Resource::Nofile, OPEN_FILES_MAX),
        (Resource::Core, 0),
    ];
    for (resource, most) in bounds {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

fn give_up_files(input: &Path, output: &Path, tables: &[std::path::PathBuf]) -> Result<(), ConfineError> {
    let abi = ABI::V6;
    let folder = output.parent().unwrap_or(Path::new("/nonexistent"));
    let writing = AccessFs::ReadFile
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::RemoveFile
        | AccessFs::ReadDir;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rule(PathBeneath::new(PathFd::new(input)?, AccessFs::ReadFile))?
        .add_rule(PathBeneath::new(PathFd::new(folder)?, writing))?;
    for table in tables {
        rules =
            rules.add_rule(PathBeneath::new(PathFd::new(table)?, AccessFs::ReadFile | AccessFs::ReadDir))?;
    }
    match rules.restrict_self()?.ruleset {
        RulesetStatus::NotEnforced => Err(ConfineError::NoLandlock),
        _ => Ok(()),
    }
}

fn give_up_calls() -> Result<(), ConfineError> {
    let architecture = std::env::consts::ARCH.try_into()?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().chain(ALLOWED_OLDER).map(|call| (*call, Vec::new())).collect();
    use SeccompCmpArgLen::{Dword, Qword};
    let is = |argument, length, value| SeccompCondition::new(argument, length, SeccompCmpOp::Eq, value);
    let thread = libc::CLONE_THREAD as u64;
    let is_thread = SeccompCondition::new(0, Qword, SeccompCmpOp::MaskedEq(thread), thread)?;
    let fcntl = FCNTL_ALLOWED.map(|operation| SeccompRule::new(vec![is(1, Dword, operation as u64)?]));
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![is_thread])?]);
    rules.insert(libc::SYS_prctl, vec![SeccompRule::new(vec![is(0, Dword, PR_SET_NAME)?])?]);
    rules.insert(libc::SYS_fcntl, fcntl.into_iter().collect::<Result<_, _>>()?);
    // signals to its own threads, its own limits to read: never those of the service, which runs as the same user
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![is(0, Dword, own)?])?]);
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![is(0, Dword, 0)?, is(2, Qword, 0)?])?]);
    let not_permitted = SeccompAction::Errno(libc::EPERM as u32);
    let few = SeccompFilter::new(rules, not_permitted, SeccompAction::Allow, architecture)?;
    let unknown = SeccompAction::Errno(libc::ENOSYS as u32);
    let no_clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let no_clone3 = SeccompFilter::new(no_clone3, SeccompAction::Allow, unknown, architecture)?;
    for filter in [no_clone3, few] {
        let program: BpfProgram = filter.try_into()?;
        apply_filter_all_threads(&program)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{io::ErrorKind, net::TcpStream, path::PathBuf, process::Command};

    use super::*;

    const FOLDER: &str = "CONFINED_IN";
    /// `fcntl` operation that chooses the signal for input on a file.
    const F_SETSIG: i32 = 10;

    /// Runs the test `inside` in a process of its own, since what it gives up does not come back.
    #[test]
    fn a_confined_process_has_its_files_and_threads_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("input"), "in").unwrap();
        std::fs::write(folder.path().join("canary"), "secret").unwrap();
        std::fs::create_dir(folder.path().join("made")).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ran = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "worker::confine::tests::inside",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(FOLDER, folder.path())
            .env("PORT", listener.local_addr().unwrap().port().to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(
            ran.status.success() && said.contains("1 passed"),
            "{said}{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        assert_eq!(std::fs::read_to_string(folder.path().join("made/output")).unwrap(), "out");
    }

    #[test]
    #[ignore = "confines its process; started by the test above"]
    fn inside() {
        let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
        let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
        let made = folder.join("made");
        let parent = std::os::unix::process::parent_id() as i32;
        confine(&folder.join("input"), &made.join("output"), &[], &WorkerLimits::default()).unwrap();

        assert_eq!(std::fs::read_to_string(folder.join("input")).unwrap(), "in");
        std::fs::write(made.join("part"), "out").unwrap();
        std::fs::rename(made.join("part"), made.join("output")).unwrap();
        assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7, "threads are had");

        let denied = |what: &str, kind: Option<ErrorKind>| {
            assert_eq!(kind, Some(ErrorKind::PermissionDenied), "{what}");
        };
        let kind = |error: std::io::Error| error.kind();
        denied("another file", std::fs::read(folder.join("canary")).err().map(kind));
        denied("a file of the system", std::fs::read("/etc/passwd").err().map(kind));
        denied("the input, for writing", std::fs::write(folder.join("input"), "x").err().map(kind));
        denied("a file elsewhere", std::fs::write(folder.join("new"), "x").err().map(kind));
        denied("a link", std::os::unix::fs::symlink("/etc/passwd", made.join("link")).err().map(kind));
        denied("the network", TcpStream::connect(("127.0.0.1", port)).err().map(kind));
        denied("a program", Command::new("/bin/true").spawn().err().map(kind));

        let refused = |what: &str, answer: libc::c_long| {
            let error = std::io::Error::last_os_error();
            assert_eq!((answer, error.kind()), (-1, ErrorKind::PermissionDenied), "{what}");
        };
        let limit = libc::rlimit { rlim_cur: 1 << 40, rlim_max: 1 << 40 };
        let old = std::ptr::null_mut::<libc::rlimit>();
        // SAFETY: what the calls are given outlives them, and none of them is let through
        unsafe {
            let prlimit =
                |pid: i32| libc::syscall(libc::SYS_prlimit64, pid, libc::RLIMIT_AS, &raw const limit, old);
            refused("limits of its parent", prlimit(parent));
            refused("limits of its own", prlimit(0));
            refused("a signal to its parent", libc::syscall(libc::SYS_tgkill, parent, parent, 0));
            refused("a signal to its parent, by a file", libc::fcntl(0, libc::F_SETOWN, parent).into());
            refused("a signal of choice", libc::fcntl(0, F_SETSIG, libc::SIGKILL).into());
        }
    }
}
