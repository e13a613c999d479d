"""Tests ask for a result's Error in ways that a success cannot pass (tests/support/failure.hpp).

`.error()` of a success reads whatever stands there, and the first code is 0. A message that is
only printed, behind `<<`, is left alone.

usage: failures.py ROOT         check a tree; one line a violation, exit status 1 if any
       failures.py --self-test  check the checker against violations made on purpose
"""

import re
import sys

import checker

INSTEAD = {"code": "code_of", "errno_value": "errno_of", "fate": "fate_of",
           "message": "message_of"}
# Of an expression no more than its last words matter: what stands in front of them, `<<` or not.
READS = re.compile(r"(?P<shown><<[^;]*?)?\berror\(\)\s*\.\s*"
                   rf"(?P<field>{'|'.join(INSTEAD)})\b")
COMMENT = re.compile(r"//.*$", re.MULTILINE)
# Tools' failures are no Errors.
NOT_ERRORS = {"tests/tools"}


def violations(root):
    """Each violation in the tree at root, and how many files were looked at."""
    found, files = [], 0
    for path in sorted((root / "tests").rglob("*")):
        name = str(path.relative_to(root))
        if not (name.endswith("_test.cpp") or name.endswith(".hpp")):
            continue
        if name == "tests/support/failure.hpp" or str(path.parent.relative_to(root)) in NOT_ERRORS:
            continue
        files += 1
        text = COMMENT.sub("", path.read_text(encoding="utf-8"))
        for read in READS.finditer(text):
            if read["shown"] and read["field"] == "message":
                continue
            number = text.count("\n", 0, read.start("field")) + 1
            found.append(f"{name}:{number}: a success passes .error().{read['field']}; "
                         f"{INSTEAD[read['field']]}() of tests/support/failure.hpp does not let it")
    return found, files


SAMPLES = [
    ("tests/transport/a_test.cpp", "EXPECT_EQ(f().error().code, ErrorCode::busy);\n", "code_of"),
    ("tests/capi/b_test.cpp", "EXPECT_EQ(end\n  .error()\n  .errno_value, EBADF);\n", "errno_of"),
    ("tests/support/c.hpp", "return made.error().fate == Fate::none;\n", "fate_of"),
    ("tests/core/d_test.cpp", "EXPECT_THAT(a.error().message, HasSubstr(b));\n", "message_of"),
    ("tests/core/e_test.cpp", "EXPECT_TRUE(a) << b;\nif (c.error().code == d) e();\n", "code_of"),
    ("tests/core/f_test.cpp", "EXPECT_EQ(a, b) << f.error().code;\n", "code_of"),
    ("tests/core/ok_test.cpp", "ASSERT_TRUE(made) << made.error().message;\n", ""),
    ("tests/core/ok_test.cpp", "EXPECT_EQ(code_of(f()), b);  // f().error().code\n", ""),
    ("tests/tools/ok_test.cpp", "EXPECT_EQ(tried.error().message, kSays);\n", ""),
    ("transport/ok.cpp", "if (made.error().code == ErrorCode::busy) return;\n", ""),
]


if __name__ == "__main__":
    sys.exit(checker.main(__doc__, "failures", violations, SAMPLES))
