"""Recipe identity: a change of code is noticed, a comment is not."""

import importlib
import json
import subprocess
import sys
import textwrap

import pytest
from factories import Exposure, Summed

from awlta import kernels
from awlta.errors import BadValue
from awlta.lineage import DataProduct, recipe
from awlta.lineage.recipes import identity
from awlta.lineage.recipes.identity import identify
from awlta.persistent import Link, link

MODULE = '''
from functools import lru_cache
import numpy as np
from . import tools
from .tools import scale, Window
{head}

LIMIT = 5
NAMES = frozenset(["a", "b", "c", "d", "e"])
TABLE = {{"low": [1, 2], "high": (3.5, None)}}
WEIGHTS = np.array([1.0, 2.0])
METHODS = {{"scaled": scale}}


class Product:
    DEPTH = 3

    def make(self):
        """Docstring of make."""
        # a comment
        total = self.helper(LIMIT) + tools.shifted(1)
        for name in NAMES:
            total += TABLE["low"][0] * WEIGHTS[0] * self.DEPTH + Window().width
        return scale(total) + kept(1) + self.property_of_it + METHODS["scaled"](1)

    def helper(self, x):
        """Docstring of helper."""
        return deeper(x)

    @property
    def property_of_it(self):
        return 8

    def unrelated(self):
        return 9


def deeper(x):
    return x + 1


@lru_cache
def kept(x):
    return x + 2


def unrelated():
    return 3
'''

TOOLS = """
FACTOR = 2


class Window:
    width = 7


def scale(x):
    return FACTOR * x


def shifted(x, by=4):
    return x + by
"""


@pytest.fixture
def digest(tmp_path):
    """Return the digest of Product.make in a package of some texts."""

    def measure(module=MODULE, tools=TOOLS, folder="here", head=""):
        package = tmp_path / folder / "recipes_of_a_test"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text("")
        (package / "product.py").write_text(module.format(head=head))
        (package / "tools.py").write_text(tools)
        sys.path.insert(0, str(package.parent))
        importlib.invalidate_caches()
        try:
            product = importlib.import_module("recipes_of_a_test.product").Product
            return identify(product.make, "1", product).digest
        finally:
            sys.path.remove(str(package.parent))
            for name in [n for n in sys.modules if n.startswith("recipes_of_a_test")]:
                del sys.modules[name]
                identity.sources._modules.pop(name, None)

    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    yield measure
    sys.dont_write_bytecode = before


UNCHANGED = {
    "comment": ("# a comment", "# another comment, and\n        # one more"),
    "docstring of make": ("Docstring of make.", "Other words."),
    "docstring of a helper": ('"""Docstring of helper."""', '"""Longer words."""'),
    "blank lines": ("def deeper(x):", "\n\n\ndef deeper(x):"),
    "type annotation": ("def deeper(x):", "def deeper(x: float) -> float:"),
    "brackets": ("return x + 1", "return (x + 1)"),
    "function that is not called": ("return 3", "return 4"),
    "method that is not called": ("return 9", "return 10"),
}

CHANGED = {
    "make": ("total = self", "total = 1 + self"),
    "constant": ("LIMIT = 5", "LIMIT = 6"),
    "set": ('"a", "b"', '"A", "b"'),
    "table": ('"low": [1, 2]', '"low": [1, 3]'),
    "array": ("np.array([1.0, 2.0])", "np.array([1.0, 2.5])"),
    "constant of the class": ("DEPTH = 3", "DEPTH = 4"),
    "method": ("return deeper(x)", "return 2 * deeper(x)"),
    "function called by a method": ("return x + 1", "return x - 1"),
    "decorated function": ("return x + 2", "return x - 2"),
    "decorator": ("@lru_cache\n", "@lru_cache(maxsize=1)\n"),
    "property": ("return 8", "return 88"),
}

CHANGED_ELSEWHERE = {
    "function of another module": ("FACTOR * x", "FACTOR * x + 1"),
    "constant of another module": ("FACTOR = 2", "FACTOR = 3"),
    "function reached through a module": ("x + by", "x - by"),
    "default of an argument": ("by=4", "by=5"),
    "class": ("width = 7", "width = 8"),
}


@pytest.mark.parametrize("what", UNCHANGED)
def test_what_does_not_change_the_result_does_not_change_the_digest(digest, what):
    old, new = UNCHANGED[what]
    assert old in MODULE
    assert digest(MODULE.replace(old, new)) == digest()


@pytest.mark.parametrize("what", CHANGED)
def test_a_change_of_code_changes_the_digest(digest, what):
    old, new = CHANGED[what]
    assert old in MODULE
    assert digest(MODULE.replace(old, new)) != digest()


@pytest.mark.parametrize("what", CHANGED_ELSEWHERE)
def test_a_change_in_another_module_changes_the_digest(digest, what):
    old, new = CHANGED_ELSEWHERE[what]
    assert old in TOOLS
    assert digest(tools=TOOLS.replace(old, new)) != digest()


def test_the_digest_does_not_depend_on_where_the_file_lies(digest):
    assert digest(folder="here") == digest(folder="over/there")


def test_the_declared_version_is_part_of_the_digest():
    make = Summed.__recipe__.function
    assert identify(make, "1").digest != identify(make, "2").digest


def test_kernels_are_part_of_the_digest_of_recipes_that_name_them(digest, monkeypatch):
    named = MODULE.replace("LIMIT = 5", "LIMIT = 5 if kernels.extract else 6")
    named = named.replace("tools.shifted(1)", "tools.shifted(len(kernels.extract(1)))")
    before = digest(named, head="from awlta import kernels"), digest()
    monkeypatch.setattr(kernels, "source_digest", lambda: "other kernels")
    after = digest(named, head="from awlta import kernels"), digest()
    assert before[0] != after[0]
    assert before[1] == after[1]


TABLES = """
KINDS = {"a", "b", "c", "d"}
WAYS = {"x": lambda v: v,
        "y": lambda v: v + 1}

def make(self):
    return KINDS, WAYS
"""


def test_the_digest_is_the_same_in_every_process(tmp_path):
    """Sets have another order in each process, so their constants are sorted."""
    (tmp_path / "tables_of_a_test.py").write_text(TABLES)
    script = "import tables_of_a_test as m; from awlta.lineage.recipes.identity import identify; "
    script += "print(identify(m.make, '1').digest)"
    found = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        ).stdout
        for seed in "12"
    ]
    assert len(found[0]) == 65
    assert found[0] == found[1]


def test_a_subclass_that_changes_a_method_has_another_recipe():
    class Original(DataProduct):
        @recipe
        def make(self):
            """Call the part."""
            self.part()

        def part(self):
            """Do one thing."""
            return 1

    class Same(Original):
        pass

    class Changed(Original):
        def part(self):
            """Do another thing."""
            return 2

    digests = [c.__recipe__.identity.digest for c in (Original, Same, Changed)]
    assert digests[0] == digests[1] != digests[2]


class Events(DataProduct):
    """A product with methods that recipes of other products call."""

    def counts(self):
        """Return counts."""
        return helper_of_events()

    def unrelated(self):
        """Return nothing."""


def helper_of_events():
    return [1]


class Counted(DataProduct):
    """A product that calls a method of what it links."""

    events: Link[Events] = link("events")

    @recipe
    def make(self):
        """Count."""
        self.events.counts()


def test_methods_of_linked_products_are_part_of_the_recipe():
    code = identity._Reached(__name__.split(".")[0])
    code.function(Counted.__recipe__.function, Counted)
    reached = {name.removeprefix(f"{__name__}.") for name in code.found}
    assert reached == {"Counted.make", "Events.counts", "helper_of_events"}


def test_code_whose_source_is_gone_is_refused():
    space = {"__name__": "nowhere"}
    exec("def make(self):\n    return 1\n", space)
    with pytest.raises(BadValue, match=r"source of nowhere.make cannot be read"):
        identify(space["make"], "1")


PROMPT = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
cells = [
    '''
from awlta.lineage import DataProduct, recipe

class Tool:
    def work(self):
        return {number}

def helper():
    return Tool().work()
''', '''
class Typed(DataProduct):
    @recipe
    def make(self):
        helper()
''', "import json; i = Typed.__recipe__.identity; found = [i.digest, i.interactive, i.name]",
]
for cell in cells:
    shell.run_cell(cell).raise_error()
print(shell.user_ns["json"].dumps(shell.user_ns["found"]))
"""


def test_code_typed_at_a_prompt_has_an_identity_and_is_marked(tmp_path):
    found = []
    for number in (1, 1, 2):
        script = tmp_path / "prompt.py"
        script.write_text(textwrap.dedent(PROMPT.replace("{number}", str(number))))
        done = subprocess.run(
            [sys.executable, script],
            env={"HOME": str(tmp_path), "PATH": "/usr/bin"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found.append(json.loads(done.stdout.splitlines()[-1]))
    assert found[0] == found[1]
    assert found[0][0] != found[2][0]
    assert found[0][1:] == [True, "__main__:Typed.make"]
    assert not Exposure.__recipe__.identity.interactive
