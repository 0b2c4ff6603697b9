#!/usr/bin/env python3
"""How ./dev test counts: nothing that failed or was skipped may end up among the passed."""

import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/dev"))

from account import account_of_bazel, account_of_program  # noqa: E402

LABEL = "//libs/x:y_test"


def criterion_xml(*statuses):
    cases = "".join('<testcase name="c%d" status="%s"/>' % case for case in enumerate(statuses))
    return '<testsuites name="Criterion Tests"><testsuite>%s</testsuite></testsuites>' % cases


class Bazel(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.events = []

    def tearDown(self):
        self.directory.cleanup()

    def file(self, name, text):
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def target(self, status="PASSED", xml="", log="", label=LABEL):
        outputs = [
            {"name": name, "uri": "file://" + self.file("%d.%s" % (len(self.events), name), text)}
            for name, text in (("test.log", log), ("test.xml", xml))
        ]
        self.events.append({
            "id": {"testResult": {"label": label}},
            "testResult": {"status": status, "testActionOutput": outputs},
        })

    def assert_counts(self, passed=0, failed=0, skipped=0):
        lines = "".join(json.dumps(event) + "\n" for event in self.events)
        account = account_of_bazel(self.file("events.json", lines))
        self.assertEqual(
            (account.passed, account.failed, account.skipped), (passed, failed, skipped))
        return account

    def test_cases_of_criterion_are_counted_one_by_one(self):
        self.target(xml=criterion_xml("PASSED", "PASSED"))
        self.assert_counts(passed=2)

    def test_another_program_is_one_test(self):
        self.target(xml="<testsuites><testsuite/></testsuites>")
        self.assert_counts(passed=1)

    def test_failed_and_crashed_cases(self):
        self.target("FAILED", criterion_xml("PASSED", "FAILED", "ERRORED"))
        account = self.assert_counts(passed=1, failed=2)
        self.assertIn(LABEL, account.failures[0])

    def test_program_that_fails_after_its_cases_passed(self):
        self.target("FAILED", criterion_xml("PASSED", "PASSED"))
        self.assert_counts(passed=1, failed=1)

    def test_program_that_left_no_xml(self):
        self.target("TIMEOUT")
        self.assert_counts(failed=1)

    def test_case_that_says_it_was_skipped(self):
        self.target(xml=criterion_xml("PASSED", "PASSED"), log="skipped: no /dev/net/tun\n")
        account = self.assert_counts(passed=1, skipped=1)
        self.assertEqual(account.reasons, [LABEL + ": no /dev/net/tun"])

    def test_case_that_says_it_and_tells_criterion_is_skipped_once(self):
        self.target(xml=criterion_xml("PASSED", "SKIPPED"), log="skipped: no /dev/net/tun\n")
        self.assert_counts(passed=1, skipped=1)

    def test_other_program_that_was_skipped(self):
        self.target(log="skipped: needs root\n")
        self.assert_counts(skipped=1)

    def test_word_in_the_middle_of_a_line_skips_nothing(self):
        self.target(log="3 frames skipped: as they should be\n")
        self.assert_counts(passed=1)

    def test_last_attempt_at_a_target_counts(self):
        self.target("FAILED")
        self.target("PASSED")
        self.assert_counts(passed=1)

    def test_failed_action_counts_once(self):
        self.events.append({
            "id": {"actionCompleted": {"label": "//libs/x:x"}},
            "action": {"success": False, "type": "CppCompile"},
        })
        self.events.append({"id": {"targetCompleted": {"label": "//:tpa"}}, "completed": {}})
        account = self.assert_counts(failed=1)
        self.assertEqual(account.failures, ["//libs/x:x: CppCompile failed"])


class Program(unittest.TestCase):
    def test_exit_status_decides(self):
        self.assertEqual(account_of_program("p", 0, "").passed, 1)
        self.assertEqual(account_of_program("p", 1, "skipped: no root").failed, 1)

    def test_skipped_is_not_passed(self):
        account = account_of_program("p", 0, "skipped: no root\n")
        self.assertEqual((account.passed, account.skipped), (0, 1))


if __name__ == "__main__":
    unittest.main()
