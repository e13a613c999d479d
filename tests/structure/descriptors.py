"""No descriptor below 3 in transport and capi: what makes one stands in a FileDescriptor.

The command fills the first three at its start (standard_streams.hpp).

usage: descriptors.py ROOT         check a tree; one line a violation, exit status 1 if any
       descriptors.py --self-test  check the checker against violations made on purpose
"""

import re
import sys

import checker

FOLDERS = ["transport", "capi"]
SUFFIXES = {".hpp", ".cpp", ".h", ".c"}

# Calls that return a descriptor, and those that store some where the caller says.
MAKES = re.compile(
    r"(?<![\w>])::(open|openat|openat2|creat|socket|socketpair|accept|accept4|memfd_create|eventfd"
    r"|epoll_create1?|pidfd_open|dup|dup2|dup3|pipe2?|timerfd_create|signalfd|inotify_init1?"
    r"|shm_open|mkostemp|mkstemp|userfaultfd|fanotify_init|opendir|fopen)\("
    r"|\bstd::([io]?fstream|filebuf|filesystem::(?:recursive_)?directory_iterator)\b"
    r"|\b(F_DUPFD(?:_CLOEXEC)?|__NR_io_uring_setup|SYS_\w*(?:open|fd|socket)\w*)\b"
)
# Nothing but other calls stands between the owner and the call.
OWNED = re.compile(r"FileDescriptor(?: \w+)?[({]\s*(?:static_cast<int>\(\s*)?(?:::\w+\([^;]*)?$")
COMMENT = re.compile(r"//.*$", re.MULTILINE)

# Where it must be done by hand, and why.
ALLOWED = [
    ("transport/base/file_descriptor.cpp", "F_DUPFD_CLOEXEC"),  # what moves them up
    ("transport/base/unix_socket.cpp", "socketpair"),  # two numbers, each owned at once
    ("transport/base/private_descriptors.cpp", "open"),  # a number in a child, replaced
    ("transport/base/private_descriptors.cpp", "dup3"),
    # Open for reading, and closed before the call returns: what the program writes to its standard
    # output meanwhile fails, as without.
    ("transport/base/control_groups.cpp", "ifstream"),
    ("transport/memory/container.cpp", "ifstream"),
    ("transport/memory/in_use.cpp", "ifstream"),
    ("transport/memory/numa.cpp", "ifstream"),
    ("transport/names/lock_table.cpp", "ifstream"),
    ("transport/names/name_folder.cpp", "opendir"),
]


def violations(root):
    """Each violation in the tree at root, and how many files were looked at."""
    found, files = [], 0
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in SUFFIXES:
                continue
            files += 1
            name = str(path.relative_to(root))
            text = COMMENT.sub("", path.read_text(encoding="utf-8"))
            for call in MAKES.finditer(text):
                made = call[1] or call[2] or call[3]
                before = text[:call.start()]
                if OWNED.search(before) or (name, made) in ALLOWED:
                    continue
                line = before.count("\n") + 1
                found.append(f"{name}:{line}: {made} makes a descriptor that may be below 3; "
                             f"FileDescriptor{{...}} moves it up")
    return found, files


SAMPLES = [
    ("transport/a.cpp", "const int fd = ::open(path, O_RDONLY);\n", "open makes"),
    ("transport/b.cpp", "  int fd = ::memfd_create(\"x\", 0);\n", "memfd_create makes"),
    ("capi/c.cpp", "const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);\n", "F_DUPFD_CLOEXEC makes"),
    ("transport/d.cpp", "if (::pipe2(ends, O_CLOEXEC) != 0) return;\n", "pipe2 makes"),
    ("transport/e.cpp", "const long fd = ::syscall(SYS_pidfd_open, pid, 0);\n", "SYS_pidfd_open"),
    ("transport/f.cpp", "std::ofstream file(path);\n", "ofstream makes"),
    ("transport/g.cpp", "DIR* const all = ::opendir(path);\n", "opendir makes"),
    ("transport/ok.cpp", "FileDescriptor fd{::open(path, O_RDONLY)};\n", ""),
    ("transport/ok.cpp", "const FileDescriptor fd{\n    ::openat(folder, name, O_RDWR)};\n", ""),
    ("transport/ok.cpp", "return FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, 1)));\n",
     ""),
    ("transport/ok.cpp", "Result<Sender> sender = Sender::open(name);  // as ::open(2)\n", ""),
    ("transport/ok.cpp", "Parking<>::open(word, true);\n", ""),
    ("transport/base/file_descriptor.cpp", "::fcntl(fd, F_DUPFD_CLOEXEC, 3);\n", ""),
    ("transport/names/lock_table.cpp", "std::ifstream table(path);\n", ""),
    ("tests/ok.cpp", "const int fd = ::open(path, O_RDONLY);\n", ""),
]


if __name__ == "__main__":
    sys.exit(checker.main(__doc__, "descriptors", violations, SAMPLES))
