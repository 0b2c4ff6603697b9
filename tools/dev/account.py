"""What tests came to: how many cases passed, failed and were skipped, and why.

Criterion tells each case in its XML. Another program counts as one test. Either says that it can't
run on this kind of machine by printing a line "skipped: <why>".
"""

import json
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

SKIPPED = re.compile(r"^skipped: (.*)", re.MULTILINE)


@dataclass
class Account:
    """What one step, or one test target, came to."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)
    reasons: list = field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.reasons += other.reasons

    @staticmethod
    def failure(what, count=1):
        return Account(failed=count, failures=[what])


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def cases_in(xml_path):
    """The status of each test case in Criterion's XML, or None if this is another program's."""
    text = read(xml_path)
    if "Criterion Tests" not in text:
        return None
    try:
        return [case.get("status") for case in ElementTree.fromstring(text).iter("testcase")]
    except ElementTree.ParseError:
        return None


def account_of_target(label, passed, files):
    """Counts test cases where Criterion tells them, and the target as one where it doesn't."""
    reasons = SKIPPED.findall(read(files.get("test.log", "")))
    cases = cases_in(files.get("test.xml", "")) or ["PASSED" if passed else "FAILED"]

    skipped = min(len(cases), max(len(reasons), cases.count("SKIPPED")))
    failed = sum(1 for status in cases if status not in ("PASSED", "SKIPPED"))
    if not passed and failed == 0:
        # The cases passed and the program did not: a leak, a time-out, a crash at its end.
        failed = 1
    account = Account(
        passed=max(0, len(cases) - failed - skipped), failed=failed, skipped=skipped,
        reasons=["%s: %s" % (label, reason) for reason in reasons])
    if failed:
        account.failures.append("%s  %s" % (label, files.get("test.log", "")))
    return account


def events_of(path):
    for line in read(path).splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            # The last line, when Bazel was interrupted.
            return


def account_of_program(name, status, output):
    """A program that is no Bazel target counts as one test."""
    if status != 0:
        return Account.failure(name)
    reasons = ["%s: %s" % (name, reason) for reason in SKIPPED.findall(output)]
    if reasons:
        return Account(skipped=1, reasons=reasons)
    return Account(passed=1)


def account_of_bazel(events_path):
    """Reads Bazel's own record of a "bazel test": its last attempt at each target."""
    targets = {}
    account = Account()
    for event in events_of(events_path):
        result_id = event.get("id", {}).get("testResult")
        if result_id and "testResult" in event:
            result = event["testResult"]
            files = {
                output["name"]: urllib.parse.unquote(urllib.parse.urlparse(output["uri"]).path)
                for output in result.get("testActionOutput", [])
            }
            targets[result_id["label"]] = (result.get("status") in ("PASSED", "FLAKY"), files)
        # Only failed actions are recorded; what depends on them is not counted again.
        action_id = event.get("id", {}).get("actionCompleted")
        if action_id and not event.get("action", {}).get("success"):
            account.add(Account.failure("%s: %s failed" % (
                action_id.get("label", "?"), event["action"].get("type", "action"))))
    for label, (passed, files) in sorted(targets.items()):
        account.add(account_of_target(label, passed, files))
    return account
