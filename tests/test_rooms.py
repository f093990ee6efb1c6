"""The house: imports go down its floors, readers need no JAX, public names are documented."""

import ast
import importlib
import inspect
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "ntknas"
MODULES = sorted(PACKAGE.rglob("*.py"))
FLOORS = (
    ("errors", "files", "locks", "notebook", "registry", "rooms"),
    ("data",),
    ("spaces", "images", "ranking"),
    ("truth",),
    ("layers", "attack"),
    ("kernel",),
    ("scores",),
    ("network",),
    ("proxies", "runs"),
    ("training",),
    ("theory", "evaluation", "analysis"),
    ("engine",),
    ("search",),
    ("report",),
    ("cli",),
    ("__main__",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
WITHOUT_JAX = (
    *(
        "errors",
        "notebook",
        "registry",
        "data",
        "rooms",
        "spaces",
        "images",
        "ranking",
        "truth",
        "scores",
        "runs",
    ),
    *("evaluation", "analysis", "report"),
)
INTERNALS = ("jax._src", "jax.interpreters")
ADAPTOR = PACKAGE / "theory" / "neural_tangents.py"
TOP = PACKAGE.parent

each_module = pytest.mark.parametrize(
    "path", MODULES, ids=[str(path.relative_to(PACKAGE)) for path in MODULES]
)


@cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path):
    """Dotted names that a file imports, wherever in it: modules, and names from modules."""
    names = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import in line {node.lineno}"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def attributes(path):
    """Dotted names that a file reads, such as jax.interpreters.ad."""
    return [ast.unparse(node) for node in ast.walk(parsed(path)) if isinstance(node, ast.Attribute)]


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def load(path):
    return importlib.import_module(module_name(path))


def test_every_room_is_on_a_floor():
    assert {room_of(path) for path in MODULES} - {"__init__"} == set(FLOOR)


# The package's own __init__ leads to every room.
@pytest.mark.parametrize("path", [path for path in MODULES if path != PACKAGE / "__init__.py"])
def test_imports_go_down(path):
    room = room_of(path)
    for name in imported(path):
        package, *rest = name.split(".")
        if package != "ntknas":
            continue
        if not rest:  # `import ntknas`: the package itself may be asked for its version alone
            used = {name for name in attributes(path) if name.startswith("ntknas.")}
            assert used <= {"ntknas.__version__"} or room == "cli", used
        else:
            allowed = rest[0] == "__version__" or FLOOR[rest[0]] <= FLOOR[room]
            assert allowed, f"{room} is below {rest[0]}, and imports {name}"


@each_module
def test_nothing_imports_the_scripts_around_the_package(path):
    tops = {name.split(".")[0] for name in imported(path)}
    assert not tops & {"experiments", "benchmarks", "tests"}


@each_module
def test_flags_are_read_by_the_command_line_alone(path):
    if room_of(path) not in ("cli", "__main__"):
        assert not {name.split(".")[0] for name in imported(path)} & {"absl", "argparse", "click"}
        assert not {"sys.argv"} & set(attributes(path))


@each_module
def test_no_star_imports(path):
    assert not [name for name in imported(path) if name.endswith(".*")]


@each_module
def test_internals_of_jax_are_touched_by_the_adaptor_alone(path):
    if path != ADAPTOR:
        named = [*imported(path), *attributes(path)]
        assert not [
            name for name in named if f"{name}.".startswith(tuple(f"{i}." for i in INTERNALS))
        ]


@each_module
def test_every_public_name_exists_and_is_documented(path):
    assert ast.get_docstring(parsed(path)), f"{path} has no docstring"
    module = load(path)
    names = module.__all__
    assert len(names) == len(set(names))
    for name in names:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            doc = inspect.getdoc(value) or ""
            made_by_dataclass = doc.startswith(f"{value.__name__}(")
            assert doc.strip(), f"{module.__name__}.{name} has no docstring"
            assert not made_by_dataclass, f"{module.__name__}.{name} has no docstring of its own"


@each_module
def test_every_module_lists_its_public_names(path):
    assigned = [
        node
        for node in parsed(path).body
        if isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in ast.unparse(node)
    ]
    assert len(assigned) == 1 or path.name == "__main__.py"


@pytest.mark.parametrize("room", [path.parent for path in PACKAGE.rglob("__init__.pyi")], ids=str)
def test_a_room_gives_what_its_modules_list(room):
    """The stub of a room names things that the module it names lists as public."""
    for node in ast.parse((room / "__init__.pyi").read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            module = load(room / f"{node.module.replace('.', '/')}")
            assert {alias.name for alias in node.names} <= set(module.__all__), node.module


@pytest.mark.parametrize(
    "path",
    sorted((TOP / "experiments").glob("*.py")),
    ids=lambda path: path.name,
)
def test_experiments_use_the_public_api_alone(path):
    for node in ast.walk(parsed(path)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            package, *rest = name.split(".")
            assert package != "ntknas" or len(rest) <= 1, f"{name} is no room"


def test_reading_needs_no_jax(tmp_path):
    rooms = ", ".join(f"ntknas.{room}" for room in WITHOUT_JAX)
    code = f"""
import sys
import {rooms}
for room in ({rooms},):
    for name in getattr(room, "__all__", ()):
        getattr(room, name)
import ntknas.report.page.page
ntknas.report.page.page.libraries = lambda: ""  # an extra may be missing
from ntknas.cli.main import main
run = {str(TOP / "tests/golden/version_0_1_0/batch")!r}
for command in (
    ["--help"], ["scores"], ["arch", "5"], ["rank", "--precomputed"], ["rank", run],
    ["export", run, "--out", "scores.csv"], ["sweep", run, "--beta", "0,1", "--plot", "x.png"],
    ["arch", "10", "--run", run], ["truth", "--where"], ["data", "list"],
    ["report", run, "-o", "page.html"],
):
    assert main(command) == 0, command
found = [name for name in sys.modules if name.partition(".")[0] in ("jax", "jaxlib", "flax")]
assert not found, found
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_package_gives_what_it_lists():
    package = importlib.import_module("ntknas")
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="nothing"):
        _ = package.nothing


def test_a_misspelt_name_gets_advice():
    package = importlib.import_module("ntknas")
    with pytest.raises(AttributeError, match=r"'corelate'; did you mean correlate"):
        _ = package.corelate
    with pytest.raises(AttributeError, match=r"'ntknas.runs' has no attribute 'Rum'.*Run"):
        _ = importlib.import_module("ntknas.runs").Rum


def test_an_old_name_still_works_and_says_so():
    package = importlib.import_module("ntknas")
    with pytest.warns(DeprecationWarning, match="JointGram"):
        assert package.KernelBlocks is package.JointGram
