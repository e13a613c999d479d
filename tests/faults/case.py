"""A program under strace, one of whose system calls fails, and what must not come of it."""

import collections
import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

ERRNOS = {
    "accept4": ["EMFILE", "ECONNABORTED", "EINTR"],
    "access": ["EACCES", "ENOENT"],
    "bind": ["EACCES", "ENOSPC"],
    "chmod": ["EPERM"],
    "clock_nanosleep": ["EINTR"],
    "clone": ["EAGAIN", "ENOMEM"],
    "clone3": ["EAGAIN", "ENOMEM"],
    "connect": ["ECONNREFUSED", "EAGAIN", "EINTR"],
    "dup": ["EMFILE"],
    "dup2": ["EMFILE"],
    "dup3": ["EMFILE", "EINTR"],
    "epoll_create1": ["EMFILE"],
    "epoll_ctl": ["ENOMEM", "ENOSPC"],
    "epoll_pwait": ["EINTR"],
    "epoll_wait": ["EINTR"],
    "eventfd2": ["EMFILE", "ENOMEM"],
    "fadvise64": ["ESPIPE"],
    "fallocate": ["ENOSPC", "EINTR", "EPERM", "ENOSYS"],
    "fchmod": ["EPERM"],
    "fcntl": ["EMFILE", "ENOLCK", "EAGAIN"],
    "flock": ["ENOLCK", "EINTR"],
    "fstat": ["EACCES"],
    "fsync": ["EIO"],
    "newfstatat": ["ENOMEM", "EACCES"],
    "ftruncate": ["ENOSPC", "EPERM"],
    "futex_waitv": ["EINTR", "ENOSYS", "ENOMEM"],
    "get_mempolicy": ["ENOSYS"],
    "getcwd": ["ENOENT"],
    "getdents64": ["EIO"],
    "getrandom": ["ENOSYS"],
    "getsockname": ["ENOBUFS"],
    "getsockopt": ["ENOBUFS"],
    "io_uring_enter": ["EINTR", "EAGAIN"],
    "io_uring_register": ["ENOMEM"],
    "io_uring_setup": ["EPERM", "ENOMEM", "ENOSYS"],
    "ioctl": ["ENOTTY", "ENOMEM"],
    "linkat": ["EXDEV", "EACCES", "ENOENT"],
    "listen": ["EADDRINUSE"],
    "lseek": ["EINVAL"],
    "madvise": ["ENOMEM", "EPERM", "EINTR"],
    "mbind": ["EPERM", "ENOSYS"],
    "membarrier": ["EPERM", "ENOSYS"],
    "memfd_create": ["EMFILE", "EPERM", "ENOSYS"],
    "mincore": ["EAGAIN", "ENOMEM"],
    "mkdir": ["EACCES", "ENOSPC"],
    "mlock": ["ENOMEM", "EPERM"],
    "mmap": ["ENOMEM"],
    "mprotect": ["ENOMEM"],
    "mremap": ["ENOMEM"],
    "msync": ["EIO"],
    "openat": ["EMFILE", "EACCES", "ENFILE"],
    "pidfd_open": ["EMFILE", "ENOSYS"],
    "pipe2": ["EMFILE"],
    "poll": ["EINTR"],
    "ppoll": ["EINTR"],
    "prctl": ["EINVAL"],
    "pread64": ["EIO"],
    "preadv2": ["EOPNOTSUPP", "ENOSYS", "EINTR"],
    "pwrite64": ["ENOSPC"],
    "read": ["EINTR", "EIO"],
    "readlink": ["EACCES"],
    "recvfrom": ["ECONNRESET", "EINTR"],
    "recvmsg": ["EINTR", "ECONNRESET"],
    "rename": ["EACCES", "ENOENT"],
    "renameat": ["EACCES", "ENOENT"],
    "sched_getaffinity": ["EINVAL"],
    "sendmsg": ["EINTR", "EPIPE", "ENOBUFS"],
    "sendto": ["EPIPE"],
    "set_mempolicy": ["EPERM", "ENOSYS"],
    "setsockopt": ["ENOMEM"],
    "shmat": ["ENOMEM", "EACCES"],
    "shmctl": ["EIDRM"],
    "shmget": ["ENOSPC", "ENOMEM"],
    "shutdown": ["ENOTCONN"],
    "signalfd4": ["EMFILE"],
    "socket": ["EMFILE", "EACCES"],
    "socketpair": ["EMFILE"],
    "statfs": ["ENOSYS"],
    "sync_file_range": ["EIO", "ENOSYS"],
    "fstatfs": ["ENOSYS"],
    "timerfd_create": ["EMFILE"],
    "unlink": ["EACCES"],
    "unlinkat": ["EACCES", "EBUSY"],
    "wait4": ["EINTR"],
    "write": ["EINTR", "ENOSPC"],
    "writev": ["EINTR", "ENOSPC", "EPIPE"],
}
# What is not made to fail, by the reason.
NOT_FAILED = {
    "strace would leave it out": {"close", "munmap", "shmdt"},
    "its wake-ups never fail, and end a process in the C library if they do": {"futex"},
    "it has no errno": {"brk", "exit", "exit_group", "getegid", "geteuid", "getgid", "getpid",
                        "getppid", "gettid", "getuid", "restart_syscall", "rt_sigreturn",
                        "sched_yield", "umask"},
    "it fails only of arguments that are wrong": {
        "clock_getres", "clock_gettime", "getrusage", "prlimit64", "rt_sigaction", "rt_sigpending",
        "rt_sigprocmask", "sched_getscheduler", "sigaltstack", "sysinfo", "timerfd_settime",
        "uname"},
    "the C library's at the start of a program or thread, which need not have it": {
        "arch_prctl", "execve", "rseq", "set_robust_list", "set_tid_address"},
    "of a process or thread of its own": {"kill", "tgkill"},
}
# All of the first, then ever fewer.
OCCURRENCES = [*range(1, 17), 20, 26, 34, 45, 60, 80, 120, 200]
PATIENCE_S = 30
Fault = collections.namedtuple("Fault", "case call number errno")


def errnos_of(call):
    if any(call in calls for calls in NOT_FAILED.values()):
        return []
    if call not in ERRNOS:
        raise SystemExit(f"faults: {call} is made, and stands neither in ERRNOS nor in NOT_FAILED")
    return ERRNOS[call]


class Case:
    """One program under strace. `begin`: the calls before this one are of the program's start."""

    begin = "fcntl(0, F_GETFD"  # the first of the command's main()

    def __init__(self, name, command):
        self.name, self.command = name, command

    def strace(self, folder, *options):
        environment = {**os.environ, "RINGBELL_DIR": str(folder / "names")}
        with (folder / "output").open("wb") as output:
            return subprocess.Popen(
                ["strace", "-f", "-qq", *options, *self.command(folder)], cwd=folder,
                env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE,
                text=True, errors="replace", start_new_session=True)

    def prepare(self, folder):
        pass

    def judge(self, folder, status):
        """What is wrong, or nothing."""
        if status not in (0, 1):
            return f"status {status}"
        return None

    def calls(self):
        """The first and the last occurrence of each call that may fail, by the call's name."""
        with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
            folder = Path(name)
            self.prepare(folder)
            log = folder / "strace.log"
            process = self.strace(folder, "-o", str(log))
            _, errors = process.communicate("\n" if process.stdin else None, PATIENCE_S)
            wrong = self.judge(folder, process.returncode)
            if process.returncode != 0 or wrong:
                raise SystemExit(f"faults: {self.name} does not work without a fault: {wrong}, "
                                 f"status {process.returncode}\n{errors}")
            counts, first = collections.defaultdict(collections.Counter), {}
            main = None
            for line in log.read_text(errors="replace").splitlines():
                found = re.match(r"(\d+)\s+(\w+)\(", line)
                if not found:
                    continue
                process_id, call = found.groups()
                main = main or process_id
                counts[process_id][call] += 1
                if self.begin and not first and self.begin in line and process_id == main:
                    first = dict(counts[main])
            if self.begin and not first:
                raise SystemExit(f"faults: {self.name} never comes to {self.begin}")
        last = collections.Counter()
        for counted in counts.values():
            last |= counted
        # The same number counts for each process, so what the first one needs to start is left
        # alone in the others, too.
        return {call: (first.get(call, 0) + 1, times) for call, times in last.items()}

    def faults(self):
        for call, (first, last) in sorted(self.calls().items()):
            errnos = errnos_of(call) if first <= last else []
            for occurrence in OCCURRENCES:
                number = first - 1 + occurrence
                if number <= last:
                    for errno in errnos:
                        yield Fault(self, call, number, errno)

    def try_fault(self, fault):
        """What is wrong, or nothing."""
        with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
            folder = Path(name)
            self.prepare(folder)
            process = self.strace(
                folder, "-o", "/dev/null", "-e", f"trace={fault.call}", "-e",
                f"inject={fault.call}:error={fault.errno}:when={fault.number}")
            try:
                _, errors = process.communicate("\n" if process.stdin else None, PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                return "it hangs"
            if process.returncode < 0:  # strace ends as its program does
                return f"a signal: status {process.returncode}\n{errors}"
            wrong = self.judge(folder, process.returncode)
            return f"{wrong}\n{errors}" if wrong else None


class Beside(Case):
    """Two programs in one shell, of which one is under strace: the other one ends as well."""

    script = ""  # with {strace}, and what names() has; leaves both statuses in `statuses`

    def __init__(self, name):
        super().__init__(name, None)

    def names(self, folder):
        """What stands in the script."""
        raise NotImplementedError

    def strace(self, folder, *options):
        words = " ".join(["strace", "-f", "-qq", *options])
        script = self.script.format(strace=words, **self.names(folder))
        return subprocess.Popen(
            ["bash", "-c", f"exec 3>statuses; {script} >&3"], cwd=folder,
            env={**os.environ, "RINGBELL_DIR": str(folder / "names")}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            start_new_session=True)

    @staticmethod
    def statuses(folder):
        """Of the one under strace, and of the other one."""
        return tuple(map(int, (folder / "statuses").read_text().split()))
