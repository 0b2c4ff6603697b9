#!/usr/bin/env python3
"""Holds docs/attacks.md against the tests: each attack has at least one.

A test says in the comment in front of it which attacks it is about: "Attack 12." or "Attacks 12,
13." The last column of the page's table is made of that.

usage: attacks_check.py [--write] [<page>]    (--write: brings the last column up to date)
"""

import glob
import re
import sys

PAGE = "docs/attacks.md"
SOURCES = "libs/*/test/**/*.c"
COUNT = 50

NUMBERS = r"\d+(?:(?:, | and )\d+)*"
# A comment with the numbers, and the test behind it: Test(suite, name), WIRE_TEST(...), ...
TAGGED = re.compile(
    r"/\*((?:[^*]|\*(?!/))*)\*/\s*\n[A-Z]\w*\(\s*(\w+),\s*(\w+)", re.MULTILINE)
ATTACKS = re.compile(r"\bAttacks? (%s)" % NUMBERS)
ANY_TAG = re.compile(r"\bAttacks? \d")
ROW = re.compile(r"^\| *(\d+) *\|(.*)\|(.*)\|(.*)\|\s*$")


def plain(comment):
    """A comment's text without the stars in front of its lines."""
    return re.sub(r"\s+\*?\s*", " ", comment)


def numbers_of(comment):
    return [int(number) for found in ATTACKS.findall(plain(comment))
            for number in re.findall(r"\d+", found)]


def tests_of_source(text):
    """[(number, "suite.name")], and how many comments name attacks without a test behind them."""
    found, used = [], 0
    for comment, suite, name in TAGGED.findall(text):
        numbers = numbers_of(comment)
        used += bool(numbers)
        found += [(number, "%s.%s" % (suite, name)) for number in numbers]
    comments = re.findall(r"/\*(?:[^*]|\*(?!/))*\*/", text)
    return found, sum(bool(ANY_TAG.search(plain(comment))) for comment in comments) - used


def crate_of(path):
    return path.split("/")[1]


def read_tests(paths):
    """{number: ["crate: suite.name"]} and the sentences that say what is wrong."""
    tests, wrong = {}, []
    for path in sorted(paths):
        with open(path, encoding="utf-8") as file:
            found, loose = tests_of_source(file.read())
        if loose > 0:
            wrong.append("%s: %d comments name attacks, and no test follows" % (path, loose))
        for number, test in found:
            if not 1 <= number <= COUNT:
                wrong.append("%s: there is no attack %d" % (path, number))
            tests.setdefault(number, []).append("%s: %s" % (crate_of(path), test))
    return tests, wrong


def column_of(tests):
    return " " + ", ".join("`%s`" % test for test in sorted(set(tests))) + " "


def rewrite(page, tests):
    """The page with its last column made anew, and the numbers of its rows."""
    lines, rows = [], []
    for line in page.splitlines():
        match = ROW.match(line)
        if match:
            number = int(match.group(1))
            rows.append(number)
            line = "| %d |%s|%s|%s|" % (
                number, match.group(2), match.group(3), column_of(tests.get(number, [])))
        lines.append(line)
    return "\n".join(lines) + "\n", rows


def main(arguments):
    write = "--write" in arguments
    paths = [argument for argument in arguments if not argument.startswith("-")] or [PAGE]
    tests, wrong = read_tests(glob.glob(SOURCES, recursive=True))
    with open(paths[0], encoding="utf-8") as file:
        page = file.read()
    fresh, rows = rewrite(page, tests)
    if rows != list(range(1, COUNT + 1)):
        wrong.append("%s: the rows are not 1 to %d, each once and in order" % (paths[0], COUNT))
    wrong += ["attack %d has no test" % number for number in range(1, COUNT + 1)
              if number not in tests]
    if write and fresh != page:
        with open(paths[0], "w", encoding="utf-8") as file:
            file.write(fresh)
    elif fresh != page:
        wrong.append("%s: the column of tests is old: attacks_check.py --write" % paths[0])
    for sentence in wrong:
        print(sentence)
    if not wrong:
        print("%d attacks, %d tests" % (COUNT, len({t for found in tests.values() for t in found})))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
