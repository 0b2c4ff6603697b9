#!/usr/bin/env python3
"""The check of crates and edges itself: what it must find, and what it must let pass."""

import unittest

import edges_check

PAGE = """
| crate | what it is | may depend on |
|---|---|---|
| `libs/base` | words | libc |
| `libs/mem` | packets | base, DPDK, liburcu |
| `libs/cfg`, `libs/stats` | options; counters | base |
| `libs/api` | the whole | all |

| other | table |
|---|---|
"""

GRAPH = {
    "base": set(),
    "mem": {"base", "DPDK", "liburcu"},
    "cfg": {"base"},
    "stats": {"base"},
    "api": {"mem", "cfg", "stats"},
}

QUERY = """<query version="2">
    <rule class="cc_library" name="//libs/mem:mem">
        <list name="deps">
            <label value="//libs/base:base"/>
            <label value="//libs/mem:mem_include"/>
            <label value="@dpdk//:dpdk_min"/>
            <label value="//bazel:prelude"/>
        </list>
    </rule>
    <rule class="cc_library" name="//libs/mem:mem_internal">
        <boolean name="testonly" value="true"/>
        <list name="deps"><label value="//libs/tcp:tcp"/></list>
    </rule>
    <rule class="cc_library" name="//libs/tcp/cc:cc">
        <list name="deps"><label value="//libs/tcp:tcp"/><label value="@urcu//:urcu"/></list>
    </rule>
</query>"""


def found_with(**changes):
    return edges_check.differences(edges_check.parse_table(PAGE), {**GRAPH, **changes})


class Table(unittest.TestCase):
    def test_names_of_one_row_share_its_edges(self):
        table = edges_check.parse_table(PAGE)
        self.assertEqual(table["cfg"], {"base"})
        self.assertEqual(table["stats"], {"base"})

    def test_libc_is_no_edge(self):
        self.assertEqual(edges_check.parse_table(PAGE)["base"], set())

    def test_names_may_be_quoted_or_spelled_out(self):
        page = PAGE.replace("base, DPDK", "`libs/base`, DPDK")
        self.assertEqual(edges_check.parse_table(page)["mem"], {"base", "DPDK", "liburcu"})

    def test_page_without_the_table_is_refused(self):
        with self.assertRaises(edges_check.TableError):
            edges_check.parse_table("# no table\n")

    def test_crate_in_two_rows_is_refused(self):
        with self.assertRaises(edges_check.TableError):
            edges_check.parse_table(PAGE.replace("`libs/stats`", "`libs/mem`"))


class Query(unittest.TestCase):
    def test_own_targets_and_tests_are_no_edges(self):
        graph = edges_check.parse_query(QUERY)
        self.assertEqual(graph["mem"], {"base", "DPDK"})

    def test_package_below_a_crate_belongs_to_it(self):
        self.assertEqual(edges_check.parse_query(QUERY)["tcp"], {"liburcu"})


class Differences(unittest.TestCase):
    def test_none_when_they_agree(self):
        self.assertEqual(found_with(), [])

    def test_edge_only_in_the_build(self):
        self.assertEqual(
            found_with(cfg={"base", "mem"}), ["cfg -> mem: in the build, not in the table"])

    def test_edge_only_in_the_table(self):
        self.assertEqual(
            found_with(cfg=set()), ["cfg -> base: in the table, not in the build"])

    def test_crate_only_in_the_build(self):
        self.assertIn("ip is a crate, but not in the table", found_with(ip=set()))

    def test_crate_only_in_the_table(self):
        graph = {crate: edges for crate, edges in GRAPH.items() if crate != "cfg"}
        graph["api"] = {"mem", "stats"}
        self.assertEqual(
            edges_check.differences(edges_check.parse_table(PAGE), graph),
            ["cfg is in the table, but there is no such crate"])

    def test_all_means_every_crate(self):
        self.assertEqual(
            found_with(api={"mem", "cfg"}), ["api -> stats: in the table (all), not in the build"])


if __name__ == "__main__":
    unittest.main()
