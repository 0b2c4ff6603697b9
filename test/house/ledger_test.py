#!/usr/bin/env python3
"""The check of the RFC ledger itself: what it must find, and what it must let pass."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/dev"))

import rfc_ledger  # noqa: E402

SOURCE = """
/* What is tested here: MUST-9 is claimed by nobody. */
#include "wire.h"

#define EACH_KIND(suite, name)                \\
    ParameterizedTestParameters(suite, name)  \\
    {                                         \\
        return kinds();                       \\
    }                                         \\
    ParameterizedTest(int *kind, suite, name)

#define KIND_TEST(name) EACH_KIND(kind, name)

/* MUST-1, and RFC 6298 sections 5.5 to 5.7. */
Test(window, is_unsigned)
{
}

/* MUST-2 is not claimed: */

EACH_KIND(window, moves)
{
}

KIND_TEST(one)
{
    Test(not, a_test);
}

Test(slow, test, .timeout = 120)
{
}
"""

ROWS = """
rfc = 9293
title = "Transmission Control Protocol"
identifiers = {MUST = 1}

[[requirement]]
id = "MUST-1"
section = "3.1"
text = "the window is unsigned"
tests = ["//libs/tcp:window_test window.is_unsigned"]
"""

OTHER = """
rfc = 6298
title = "Retransmission Timer"

[[requirement]]
id = "5.5/doubled"
level = "MUST"
text = "the RTO is doubled"
tests = ["//libs/tcp:window_test window.is_unsigned"]

[[requirement]]
id = "5.7"
level = "MUST"
text = "three seconds after a lost SYN"
tests = ["//libs/tcp:window_test window.is_unsigned"]
"""


def cases():
    with tempfile.TemporaryDirectory() as root:
        for path, text in (("libs/tcp/BUILD", ""), ("libs/tcp/test/window_test.c", SOURCE),
                           ("bazel-out/libs/tcp/test/other_test.c", SOURCE)):
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return rfc_ledger.read_cases(root)


def faults(*documents):
    parsed = [rfc_ledger.parse_document("rfc%d.toml" % number, text)
              for number, text in enumerate(documents)]
    return rfc_ledger.find_faults(parsed, cases())


class Sources(unittest.TestCase):
    def test_each_way_to_declare_a_test_is_found(self):
        self.assertEqual({str(case) for case in cases()}, {
            "//libs/tcp:window_test " + name
            for name in ("window.is_unsigned", "window.moves", "kind.one", "slow.test")})

    def test_only_the_comment_right_above_claims(self):
        claims = {case.name: rfc_ledger.claims_in(source.comment)
                  for case, source in cases().items()}
        self.assertEqual(
            claims["window.is_unsigned"], (["MUST-1"], [(6298, "5.5"), (6298, "5.7")]))
        self.assertEqual(claims["window.moves"], ([], []))


class Claims(unittest.TestCase):
    def test_forms(self):
        for text, expected in (
                ("MUST-24 to MUST-26, SHLD-3", (["MUST-24", "MUST-25", "MUST-26", "SHLD-3"], [])),
                ("RFC 9293 3.6, 3.10.4 and 3.10.5.",
                 ([], [(9293, "3.6"), (9293, "3.10.4"), (9293, "3.10.5")])),
                ("RFC 6582 section 3.2, step 3", ([], [(6582, "3.2")])),
                ("RFC 2018 and RFC 2883.", ([], [(2018, None), (2883, None)])),
                ("RFC 5681 section 3.1, RFC 6928 section 2", ([], [(5681, "3.1"), (6928, "2")])),
                ("RFC 9293 figure 12", ([], [(9293, None)])),
                ("RFC 1071's definition, in 1988", ([], [(1071, None)]))):
            self.assertEqual(rfc_ledger.claims_in(text), expected, text)


class Faults(unittest.TestCase):
    def test_none_where_all_is_well(self):
        self.assertEqual(faults(ROWS, OTHER), [])

    def test_requirements_of_rfcs_that_are_not_in_the_ledger_are_not_asked_for(self):
        self.assertEqual(faults(ROWS), [])

    def test_claim_that_the_row_does_not_know(self):
        row = ROWS.replace("tests = [", "open = true\n#")
        self.assertEqual(faults(row, OTHER), [
            'libs/tcp/test/window_test.c:15: claims MUST-1: name '
            '"//libs/tcp:window_test window.is_unsigned" in RFC 9293 MUST-1'])

    def test_claim_without_a_row(self):
        other = OTHER.replace('"5.7"', '"5.8"')
        self.assertEqual(faults(ROWS, other), [
            "libs/tcp/test/window_test.c:15: claims RFC 6298 5.7: there is no such row"])

    def test_section_is_claimed_with_its_parts(self):
        self.assertEqual(faults(ROWS, OTHER.replace('"5.7"', '"5.7.1"')), [])
        self.assertEqual(faults(ROWS, OTHER.replace('"5.7"', '"5"')), [])

    def test_test_that_does_not_exist(self):
        row = ROWS.replace("tests = [", 'tests = ["//libs/tcp:window_test window.is", ')
        self.assertEqual(faults(row, OTHER), [
            "RFC 9293 MUST-1: there is no test //libs/tcp:window_test window.is"])

    def test_row_with_nothing_to_show(self):
        self.assertIn("RFC 6298 6: neither a test nor a deviation with its reason", faults(
            ROWS, OTHER + '\n[[requirement]]\nid = "6"\nlevel = "MUST"\ntext = "x"\n'))

    def test_deviation_is_not_open(self):
        row = OTHER + '\n[[requirement]]\nid = "6"\nlevel = "MAY"\ntext = "x"\ndeviation = "y"\n'
        self.assertEqual(faults(ROWS, row), [])
        self.assertEqual(
            faults(ROWS, row + "open = true"), ["RFC 6298 6: open, or a deviation: not both"])

    def test_row_twice(self):
        self.assertEqual(faults(ROWS, OTHER.replace("5.5/doubled", "5.7").replace(
            '[[requirement]]', '[[requirement]]\nsection = "5"', 1)),
            ["RFC 6298 5.7: there are two such rows"])

    def test_identifiers_are_complete(self):
        self.assertEqual(faults(ROWS.replace("MUST = 1", "MUST = 2"), OTHER),
                         ["rfc0.toml: MUST-2 is missing"])
        self.assertEqual(faults(ROWS.replace("MUST = 1", "MAY = 1"), OTHER), [
            "rfc0.toml: MAY-1 is missing",
            "rfc0.toml: MUST-1 is none of this RFC's identifiers"])

    def test_file_that_is_not_one(self):
        for text in ("rfc = 1", ROWS.replace("text", "words"), ROWS.replace('"3.1"', '""'),
                     OTHER.replace("level", "lvl"), ROWS + "=", "title = 3\nrequirement = []"):
            with self.assertRaises(rfc_ledger.LedgerError):
                rfc_ledger.parse_document("rfc.toml", text)


class Page(unittest.TestCase):
    def test_says_what_shows_each_row_and_counts(self):
        page = rfc_ledger.page_of([
            rfc_ledger.parse_document("a", ROWS),
            rfc_ledger.parse_document("b", OTHER.replace("tests = [", "open = true\n#", 1))])
        self.assertIn("3 requirements of 2 RFCs: 2 shown by tests, 0 declared deviations, 1 open",
                      page)
        self.assertIn("| MUST-1 | 3.1 | MUST | the window is unsigned | "
                      "tcp:window_test: `window.is_unsigned` |", page)
        self.assertIn("| 5.5/doubled | 5.5 | MUST | the RTO is doubled | **open** |", page)

    def test_is_the_same_each_time(self):
        documents = [rfc_ledger.parse_document("a", ROWS)]
        self.assertEqual(rfc_ledger.page_of(documents), rfc_ledger.page_of(documents))


if __name__ == "__main__":
    unittest.main()
