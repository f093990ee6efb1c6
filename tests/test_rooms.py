"""The house: imports go down its floors, and every public name exists and is documented."""

import ast
import importlib
import inspect
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "ntknas"
MODULES = sorted(PACKAGE.rglob("*.py"))
FLOORS = (
    ("errors",),
    ("architecture", "truth", "ranking", "images"),
    ("network",),
    ("attack",),
    ("kernel",),
    ("scores",),
    ("engine",),
    ("search", "theory", "training"),
    ("report",),
    ("cli",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
INTERNALS = ("jax._src", "jax.interpreters")
ADAPTOR = PACKAGE / "kernel" / "neural_tangents.py"

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
    assert {room_of(path) for path in MODULES} - {"__init__"} <= set(FLOOR)


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
        if isinstance(node, ast.Assign | ast.AnnAssign) and ast.unparse(node).startswith("__all__")
    ]
    assert len(assigned) == 1 or path.name == "__main__.py"


def test_the_package_gives_what_it_lists():
    package = importlib.import_module("ntknas")
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing
