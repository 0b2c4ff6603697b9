#!/usr/bin/env python3
"""Holds the build graph of the crates against the table in docs/architecture.md, both ways.

Every edge of the graph must stand in the table, every edge of the table must be in the graph, and
every crate must be in both. Bazel can't be asked from inside a test of its own, so ./dev test runs
this one.

usage: edges_check.py [<architecture page>]
"""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

# What the table calls the external repositories. The C library is everybody's, and no edge.
EXTERNAL = {"@dpdk": "DPDK", "@urcu": "liburcu"}
NO_EDGE = {"libc"}
ALL = "all"

HEADINGS = ["crate", "what it is", "may depend on"]


class TableError(Exception):
    """The page has no table of crates, or one that can't be understood."""


def cells_of(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows_of_table(text):
    """The rows of the one Markdown table whose headings are HEADINGS."""
    lines = text.splitlines()
    starts = [
        number
        for number, line in enumerate(lines)
        if line.lstrip().startswith("|") and [cell.lower() for cell in cells_of(line)] == HEADINGS
    ]
    if len(starts) != 1:
        raise TableError(
            "expected one table | %s |, found %d" % (" | ".join(HEADINGS), len(starts)))
    rows = []
    for line in lines[starts[0] + 2:]:
        if not line.lstrip().startswith("|"):
            break
        rows.append(cells_of(line))
    return rows


def crate_name(text):
    """`libs/base` and base are the same crate."""
    return text.strip().strip("`").removeprefix("libs/")


def parse_table(text):
    """{crate: set of names it may depend on}; ALL stands for every other crate."""
    table = {}
    for row in rows_of_table(text):
        if len(row) != len(HEADINGS):
            raise TableError("a row needs %d cells: %s" % (len(HEADINGS), " | ".join(row)))
        crates = [crate_name(crate) for crate in re.findall(r"`[^`]+`", row[0])]
        if not crates:
            raise TableError("no crate in backticks: %s" % row[0])
        allowed = {crate_name(name) for name in row[2].split(",") if name.strip()} - NO_EDGE
        for crate in crates:
            if crate in table:
                raise TableError("%s stands in the table twice" % crate)
            table[crate] = set(allowed)
    return table


def node_of(label):
    """The crate or external library a Bazel label belongs to; None for anything else."""
    external, _, package = label.partition("//")
    if external in EXTERNAL:
        return EXTERNAL[external]
    if external in ("", "@", "@tpa") and package.startswith("libs/"):
        return package[len("libs/"):].split(":")[0].split("/")[0]
    return None


def parse_query(xml):
    """{crate: set of nodes its libraries depend on}, from the XML of bazel query."""
    graph = {}
    for rule in ElementTree.fromstring(xml).iter("rule"):
        crate = node_of(rule.get("name"))
        testonly = any(
            flag.get("name") == "testonly" and flag.get("value") == "true"
            for flag in rule.iter("boolean"))
        if crate is None or testonly:
            continue
        edges = graph.setdefault(crate, set())
        for attribute in rule.iter("list"):
            if attribute.get("name") == "deps":
                edges.update(node_of(label.get("value")) for label in attribute.iter("label"))
        edges -= {None, crate}
    return graph


def reachable(graph, start):
    seen, todo = set(), [start]
    while todo:
        for node in graph.get(todo.pop(), ()):
            if node not in seen:
                seen.add(node)
                todo.append(node)
    return seen


def differences(table, graph):
    """Sentences that say where the two disagree; none if they don't."""
    found = []
    for crate in sorted(table.keys() - graph.keys()):
        found.append("%s is in the table, but there is no such crate" % crate)
    for crate in sorted(graph.keys() - table.keys()):
        found.append("%s is a crate, but not in the table" % crate)

    for crate in sorted(table.keys() & graph.keys()):
        if ALL in table[crate]:
            # A crate that composes all others may reach some of them through others.
            everything = (set(graph) | set(EXTERNAL.values())) - {crate}
            for node in sorted(everything - reachable(graph, crate)):
                found.append("%s -> %s: in the table (all), not in the build" % (crate, node))
            continue
        for node in sorted(graph[crate] - table[crate]):
            found.append("%s -> %s: in the build, not in the table" % (crate, node))
        for node in sorted(table[crate] - graph[crate]):
            found.append("%s -> %s: in the table, not in the build" % (crate, node))
    return found


def main(arguments):
    page = arguments[0] if arguments else "docs/architecture.md"
    try:
        with open(page, encoding="utf-8") as file:
            table = parse_table(file.read())
    except (OSError, TableError) as error:
        print("%s: %s" % (page, error))
        return 1

    query = subprocess.run(
        ["bazel", "query", "kind(cc_library, //libs/...)", "--output=xml", "--noshow_progress"],
        check=False, stdout=subprocess.PIPE)
    if query.returncode != 0:
        print("bazel query failed")
        return 1

    graph = parse_query(query.stdout)
    found = differences(table, graph)
    for sentence in found:
        print(sentence)
    if not found:
        print("%d crates, %d edges: the table and the build agree" % (
            len(graph), sum(len(edges) for edges in graph.values())))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
