"""Changes the planner's and the controllers' code in one place at a time and looks whether a fast test fails.

Prints who survived, and by module how many were killed. Each mutant runs in a fork of this process, on a copy of the
package: the tree is not touched. Random plays are left out, and Hypothesis draws the same each time: what is killed
here is killed in every run.
"""

import argparse
import ast
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "operator" / "windlass"
PARTS = ("planner", "controllers")
# The cheapest first: most mutants fall at once.
PLANNER_TESTS = ("tests/planner", "tests/sim/test_scenarios.py", "tests/sim/test_real_steps.py")
CONTROLLER_TESTS = (
    "tests/controllers/test_fences.py",
    "tests/controllers/test_passes.py",
    "tests/controllers/test_steps.py",
    "tests/controllers",
)
LEFT_OUT = ("tests/planner/test_many_views.py", "tests/planner/test_purity.py")  # about the tests, and the text
MOST_SECONDS = 300.0  # for one mutant; one that takes longer hangs, and is killed by that

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """`text` in place of what stands between two offsets (in bytes) of a file."""

    path: Path
    line: int
    start: int
    end: int
    before: str
    text: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(PACKAGE)}:{self.line}: {_short(self.before)}  =>  {_short(self.text)}"

    def source(self) -> bytes:
        """The file with the change in it."""
        whole = self.path.read_bytes()
        return whole[: self.start] + self.text.encode() + whole[self.end :]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:99]}…"


# ---- what can be changed


def mutants_of(path: Path) -> list[Mutant]:
    """Every mutant of a module, in the order of its text."""
    source = path.read_bytes()
    starts = [0]
    for text in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(text))
    found = []
    for node, text in _changes(ast.parse(source)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        found.append(Mutant(path, node.lineno, start, end, source[start:end].decode(), text))
    return sorted(found, key=lambda mutant: (mutant.start, mutant.end, mutant.text))


def _changes(tree: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    for node in _code(tree):
        if isinstance(node, ast.expr):
            for text in _other_values(node):
                yield node, f"({text})"
        elif isinstance(node, ast.stmt):
            for text in _other_statements(node):
                yield node, text


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """What runs: without annotations, decorators, docstrings, what is logged, and what a class or `match` declares."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "bases", "pattern", "format_spec"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_only_said(child):
                yield from _code(child)


def _is_only_said(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr):
        return True
    if not isinstance(node, ast.Expr):
        return False
    call = node.value
    return isinstance(call, ast.Constant) or (
        isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "logger"
    )


def _other_values(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARED:
            yield ast.unparse(ast.Compare(node.left, [COMPARED[type(op)]()], node.comparators))
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield ast.unparse(ast.BoolOp(other, node.values))
        case ast.UnaryOp(op=ast.Not()):
            yield ast.unparse(node.operand)
        case ast.BinOp() if type(node.op) in COUNTED:
            yield ast.unparse(ast.BinOp(node.left, COUNTED[type(node.op)](), node.right))
        case ast.IfExp():
            yield ast.unparse(ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse))
        case ast.Call(func=ast.Name(id=name)) if name in CALLED:
            yield ast.unparse(ast.Call(ast.Name(CALLED[name]), node.args, node.keywords))
        case ast.Constant(value=bool(value)):
            yield str(not value)
        case ast.Constant(value=int(value)):
            yield str(value + 1)


def _other_statements(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.If():
            for text in ("True", "False"):
                yield ast.unparse(ast.copy_location(ast.If(ast.Name(text), node.body, node.orelse), node)).replace(
                    "\n", "\n" + " " * node.col_offset
                )
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield "return None"
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Delete():
            yield "pass"


# ---- trying one


def tests_for(path: Path) -> Sequence[str]:
    return CONTROLLER_TESTS if "controllers" in path.relative_to(PACKAGE).parts else PLANNER_TESTS


def survives(mutant: Mutant | None, tests: Sequence[str], folder: Path) -> bool:
    """Whether all tests pass on a copy of the package with this change."""
    copy = folder / "windlass"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    if mutant is not None:
        (copy / mutant.path.relative_to(PACKAGE)).write_bytes(mutant.source())
    child = os.fork()
    if child == 0:
        _test(tests, folder)
    deadline, status = time.monotonic() + MOST_SECONDS, None
    try:
        while time.monotonic() < deadline:
            pid, ending = os.waitpid(child, os.WNOHANG)
            if pid:
                status = ending
                return os.waitstatus_to_exitcode(status) == 0
            time.sleep(0.02)
    finally:
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return False


def _test(tests: Sequence[str], folder: Path) -> None:
    """Never returns."""
    code = 99
    try:
        import pytest

        output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder / "hypothesis")
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(folder))
        left_out = [f"--deselect={name}" for name in LEFT_OUT]
        code = int(
            pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", "--tb=line", *left_out, *tests])
        )
    finally:
        os._exit(code)


# ---- the run


def chosen(module: str, sample: int, seed: int) -> list[Mutant]:
    """So many mutants of the modules whose path holds `module`; all of them where there are no more."""
    paths = sorted(path for part in PARTS for path in (PACKAGE / part).rglob("*.py") if module in str(path))
    found = [mutant for path in paths for mutant in mutants_of(path)]
    picked = Random(seed).sample(found, min(sample, len(found)))  # noqa: S311 — no secret
    return sorted(picked, key=lambda mutant: (mutant.path, mutant.start))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="draws the sample")
    parser.add_argument("--sample", type=int, default=100, help="how many mutants")
    parser.add_argument("--module", default="", help="a part of the modules' paths: controllers, capacity/launch")
    parser.add_argument("--list", action="store_true", help="only print them")
    options = parser.parse_args()
    mutants = chosen(options.module, options.sample, options.seed)
    if options.list:
        print(*mutants, sep="\n")
        return 0
    os.nice(10)
    os.chdir(ROOT)
    _warm_up()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for tests in {tests_for(mutant.path) for mutant in mutants}:
            if not survives(None, tests, Path(folder)):
                print((Path(folder) / "output").read_text(), "the tests fail without any mutant", sep="\n")
                return 1
        return _run(mutants, Path(folder))


def _warm_up() -> None:
    """What takes long to import and is not mutated is imported once, before any fork."""
    import pytest  # noqa: F401


def _run(mutants: Sequence[Mutant], folder: Path) -> int:
    tried: Counter[str] = Counter()
    killed: Counter[str] = Counter()
    for mutant in mutants:
        name = str(mutant.path.relative_to(PACKAGE))
        tried[name] += 1
        if survives(mutant, tests_for(mutant.path), folder):
            print(f"survived  {mutant}", flush=True)
        else:
            killed[name] += 1
    for name, count in sorted(tried.items()):
        print(f"{killed[name]:>5} of {count:>4} killed  {name}")
    print(f"{killed.total():>5} of {tried.total():>4} killed: {100 * killed.total() / max(1, tried.total()):.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
