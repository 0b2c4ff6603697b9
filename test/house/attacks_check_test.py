#!/usr/bin/env python3
"""The check of attacks and tests itself."""

import unittest

import attacks_check

SOURCE = """
/* Attack 3. What it is. */
Test(suite, one)
{
    /* nothing of this */
}

/* Attacks 4, 5 and 17: a comment that is
 * longer. */
WIRE_TEST(suite, two)
{
}

/* Of an attack, by word only. */
Test(suite, three, .timeout = 3)
"""

PAGE = """
| # | case | what happens | tests |
|---|---|---|---|
| 1 | a | b | old |
| 2 | c | d | |
"""


class Sources(unittest.TestCase):
    def test_comments_in_front_of_tests(self):
        found, loose = attacks_check.tests_of_source(SOURCE)
        self.assertEqual(found, [(3, "suite.one"), (4, "suite.two"), (5, "suite.two"),
                                 (17, "suite.two")])
        self.assertEqual(loose, 0)

    def test_the_comment_may_break_between_the_numbers(self):
        found, _ = attacks_check.tests_of_source("/* Some. Attacks 4,\n * 5. */\nTest(a, b)\n")
        self.assertEqual(found, [(4, "a.b"), (5, "a.b")])

    def test_a_comment_without_a_test_is_found(self):
        _, loose = attacks_check.tests_of_source("/* Attack 3. */\nint x;\n")
        self.assertEqual(loose, 1)


class Pages(unittest.TestCase):
    def test_the_last_column_is_made_anew(self):
        fresh, rows = attacks_check.rewrite(PAGE, {1: ["ip: x.y", "ip: a.b", "ip: a.b"]})
        self.assertEqual(rows, [1, 2])
        self.assertIn("| 1 | a | b | `ip: a.b`, `ip: x.y` |\n", fresh)


if __name__ == "__main__":
    unittest.main()
