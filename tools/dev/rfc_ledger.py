"""The ledger of RFC requirements: what is required, and which tests show it.

docs/rfc-ledger/rfc<number>.toml holds the rows of one RFC:

    rfc = 9293
    title = "Transmission Control Protocol"
    identifiers = {MUST = 69, SHLD = 31}    # optional: these and no others must all be there

    [[requirement]]
    id = "MUST-1"              # an identifier of the RFC, or a section; what stands behind a "/"
    section = "3.1"            #   tells rows of the same identifier or section apart
    text = "in our own few words"
    tests = ["//libs/tcp:persist_test window.is_unsigned"]

    [[requirement]]
    id = "3.10.4/close"
    level = "MUST"             # where the identifier doesn't tell it
    text = "..."
    deviation = "why it is not so here"

A row has tests, or a deviation (and perhaps tests that show what happens instead), or `open = true`
as long as it is being built. A test claims a requirement by naming it in the comment right above
it: "MUST-36", "RFC 6298 section 5.7"; the row has to name the test then.
"""

import os
import re
import tomllib
from dataclasses import dataclass, field

LEVELS = {"MUST": "MUST", "SHLD": "SHOULD", "MAY": "MAY", "REC": "RECOMMENDED"}
KEYS = {"id", "section", "level", "text", "tests", "deviation", "open"}
SKIPPED_DIRECTORIES = re.compile(r"^(bazel-.*|\.git|__pycache__)$")

IDENTIFIER = re.compile(r"\b(MUST|SHLD|MAY|REC)-(\d+)(?:\s+to\s+(?:MUST|SHLD|MAY|REC)-(\d+))?")
SECTION = r"\d{1,2}(?:\.\d+)*(?![\d.]*\d)"
RFC = re.compile(
    r"\bRFC (\d+)(?:,? sections?|,)?((?:(?:,| and| to|) %s\b)*)" % SECTION)


class LedgerError(Exception):
    """A file of the ledger that can't be read as one."""


@dataclass(frozen=True)
class Case:
    """A test case, as the ledger names it: "//libs/tcp:close_test close.first"."""

    target: str
    name: str

    def __str__(self):
        return "%s %s" % (self.target, self.name)


@dataclass
class Source:
    """Where a case stands, and what its comment says."""

    path: str
    line: int
    comment: str


@dataclass
class Row:
    rfc: int
    id: str
    section: str
    level: str
    text: str
    tests: list = field(default_factory=list)
    deviation: str = ""
    open: bool = False

    @property
    def identifier(self):
        return self.id.split("/")[0]

    @property
    def title(self):
        return "RFC %d %s" % (self.rfc, self.id)

    def belongs_to(self, section):
        """A section is claimed with all that it contains, or as a part of what a row covers."""
        own, asked = self.section.split("."), section.split(".")
        shared = min(len(own), len(asked))
        return own[:shared] == asked[:shared]


@dataclass
class Document:
    """One RFC."""

    number: int
    title: str
    path: str
    identifiers: dict
    rows: list


def row_of(rfc, table):
    unknown = sorted(set(table) - KEYS)
    identifier = str(table.get("id", "")).split("/")[0]
    named = re.fullmatch(r"(MUST|SHLD|MAY|REC)-\d+", identifier)
    section = str(table.get("section", "" if named else identifier))
    level = LEVELS[named.group(1)] if named else table.get("level", "")
    if unknown or not identifier or not section or not table.get("text") or not level:
        raise LedgerError("RFC %d: a row that is not one: %s" % (rfc, table))
    return Row(rfc, table["id"], section, level, table["text"], list(table.get("tests", [])),
               table.get("deviation", ""), table.get("open", False))


def parse_document(path, text):
    try:
        document = tomllib.loads(text)
        rfc = document["rfc"]
        rows = [row_of(rfc, table) for table in document["requirement"]]
        return Document(rfc, document["title"], path, document.get("identifiers", {}), rows)
    except (tomllib.TOMLDecodeError, KeyError, LedgerError) as error:
        raise LedgerError("%s: %s" % (path, error)) from error


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def read_ledger(directory):
    paths = [os.path.join(directory, name) for name in os.listdir(directory)]
    documents = [parse_document(path, read(path)) for path in paths if path.endswith(".toml")]
    return sorted(documents, key=lambda document: document.number)


# Tests in the sources.

def joined_lines(text):
    return text.replace("\\\n", " ")


def arguments_of(text):
    return [argument.strip() for argument in text.split(",")]


def macros_in(texts):
    """{macro: (suite, name)} of all that declare a test: a number is the place of an argument,
    a text is the suite's or the test's name itself. Macros of macros are followed."""
    macros = {"Test": (0, 1), "ParameterizedTest": (1, 2)}
    defined = {}
    for text in texts:
        for match in re.finditer(r"^#define (\w+)\(([^)]*)\)(.*)$", joined_lines(text), re.M):
            defined[match.group(1)] = (arguments_of(match.group(2)), match.group(3))
    found = True
    while found:
        found = False
        for macro, (parameters, body) in defined.items():
            use = re.search(r"\b(%s)\(([^()]*)\)" % "|".join(macros), body)
            if use is None or macro in macros:
                continue
            given = arguments_of(use.group(2))
            places = [given[place] if isinstance(place, int) else place
                      for place in macros[use.group(1)]]
            macros[macro] = tuple(parameters.index(place) if place in parameters else place
                                  for place in places)
            found = True
    return macros


def comment_above(text, position):
    """The block comment that ends on the line above."""
    before = text[:position]
    if not before.endswith("*/\n"):
        return ""
    start = before.rfind("/*")
    return re.sub(r"\n \*", "", before[start + 2:-len("*/\n")])


def cases_in(text, macros):
    """(suite.name, line, comment) of each test of a file."""
    for match in re.finditer(r"^(%s)\(([^)]*)\)" % "|".join(macros), text, re.M):
        given = arguments_of(match.group(2))
        suite, name = (given[place] if isinstance(place, int) else place
                       for place in macros[match.group(1)])
        yield ("%s.%s" % (suite, name), text.count("\n", 0, match.start()) + 1,
               comment_above(text, match.start()))


def files_below(root):
    for directory, directories, names in os.walk(root):
        directories[:] = sorted(
            name for name in directories if not SKIPPED_DIRECTORIES.match(name))
        for name in sorted(names):
            yield os.path.relpath(os.path.join(directory, name), root)


def label_of(path, packages):
    """The target of a test's file: the package is the nearest directory with a BUILD file."""
    directory = os.path.dirname(path)
    while directory and directory not in packages:
        directory = os.path.dirname(directory)
    return "//%s:%s" % (directory, os.path.splitext(os.path.basename(path))[0])


def read_cases(root):
    """{case: its source} of all tests below `root`."""
    files = list(files_below(root))
    packages = {os.path.dirname(path) for path in files if os.path.basename(path) == "BUILD"}
    texts = {path: read(os.path.join(root, path)) for path in files if path.endswith((".c", ".h"))}
    macros = macros_in(text for text in texts.values() if "#define" in text)
    return {
        Case(label_of(path, packages), name): Source(path, line, comment)
        for path, text in texts.items() if path.endswith("_test.c")
        for name, line, comment in cases_in(text, macros)
    }


def claims_in(comment):
    """What a comment claims: identifiers ("MUST-36"), and pairs of an RFC and a section or None."""
    identifiers, sections = [], []
    for kind, first, last in IDENTIFIER.findall(comment):
        identifiers += ["%s-%d" % (kind, n) for n in range(int(first), int(last or first) + 1)]
    for rfc, rest in RFC.findall(comment):
        sections += [(int(rfc), section) for section in re.findall(SECTION, rest) or [None]]
    return identifiers, sections


# The check.

def find_faults(documents, cases):
    return (faults_of_rows(documents) + faults_of_identifiers(documents)
            + faults_of_tests(documents, cases) + faults_of_claims(documents, cases))


def faults_of_rows(documents):
    faults = []
    seen = set()
    for row in rows_of(documents):
        if row.title in seen:
            faults.append("%s: there are two such rows" % row.title)
        seen.add(row.title)
        if not (row.tests or row.deviation or row.open):
            faults.append("%s: neither a test nor a deviation with its reason" % row.title)
        if row.deviation and row.open:
            faults.append("%s: open, or a deviation: not both" % row.title)
        if len(set(row.tests)) != len(row.tests):
            faults.append("%s: names a test twice" % row.title)
    return faults


def faults_of_identifiers(documents):
    faults = []
    for document in documents:
        wanted = {"%s-%d" % (kind, number) for kind, last in document.identifiers.items()
                  for number in range(1, last + 1)}
        there = {row.identifier for row in document.rows if "-" in row.identifier}
        faults += ["%s: %s is missing" % (document.path, name) for name in sorted(wanted - there)]
        faults += ["%s: %s is none of this RFC's identifiers" % (document.path, name)
                   for name in sorted(there - wanted)]
    return faults


def faults_of_tests(documents, cases):
    names = {str(case) for case in cases}
    return ["%s: there is no test %s" % (row.title, test)
            for row in rows_of(documents) for test in row.tests if test not in names]


def faults_of_claims(documents, cases):
    ledger = {document.number: document for document in documents}
    faults = []

    def check(case, what, rows, path):
        if not any(str(case) in row.tests for row in rows):
            source = cases[case]
            faults.append("%s:%d: claims %s: %s" % (
                source.path, source.line, what,
                "name \"%s\" in %s" % (case, path) if rows else "there is no such row"))

    for case, source in cases.items():
        identifiers, sections = claims_in(source.comment)
        for identifier in identifiers:
            rows = [row for row in rows_of(documents) if row.identifier == identifier]
            check(case, identifier, rows, " or ".join(sorted({row.title for row in rows})))
        for rfc, section in sections:
            if rfc not in ledger:
                continue
            rows = [row for row in ledger[rfc].rows
                    if section is None or row.belongs_to(section)]
            check(case, "RFC %d %s" % (rfc, section or ""), rows, ledger[rfc].path)
    return faults


# The page.

def rows_of(documents):
    return [row for document in documents for row in document.rows]


def summary_of(documents):
    rows = rows_of(documents)
    still_open = sum(row.open for row in rows)
    deviations = sum(bool(row.deviation) for row in rows)
    return "%d requirements of %d RFCs: %d shown by tests, %d declared deviations, %d open" % (
        len(rows), len(documents), len(rows) - deviations - still_open, deviations, still_open)


def evidence_of(row):
    lines = ["**open**"] if row.open else []
    if row.deviation:
        lines.append("*deviation*: " + row.deviation)
    for target in dict.fromkeys(test.split()[0] for test in row.tests):
        names = ["`%s`" % test.split()[1] for test in row.tests if test.split()[0] == target]
        lines.append("%s: %s" % (re.sub("^//(libs/)?", "", target), ", ".join(names)))
    return "<br>".join(lines).replace("|", "\\|")


PAGE = """<!-- Written by ./dev ledger --write from docs/rfc-ledger: edit there. -->
# What the RFCs require, and the tests that show it

%s.

A row has the tests that show it, or a deviation and its reason, or is open: being built.
`./dev test ledger` fails when a row has none of these, when a test that is named does not exist, and
when a test claims a requirement whose row does not name it. How rows are written:
`tools/dev/rfc_ledger.py`.
"""


def page_of(documents):
    lines = [PAGE % summary_of(documents)]
    for document in documents:
        lines += ["## RFC %d: %s" % (document.number, document.title), "",
                  "| requirement | section | level | what | shown by |", "|---|---|---|---|---|"]
        lines += ["| %s | %s | %s | %s | %s |" % (
            row.id, row.section, row.level, row.text.replace("|", "\\|"), evidence_of(row))
            for row in document.rows]
        lines.append("")
    return "\n".join(lines)
