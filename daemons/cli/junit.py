"""Writes the result of `house test` as a JUnit report, which continuous integration reads."""

from typing import Any
from xml.etree import ElementTree as ET


def junit_report(name: str, results: list[dict[str, Any]]) -> bytes:
    """Return the report on some stories, as `house test --json` describes them."""
    failed = sum(not result["holds"] for result in results)
    seconds = sum(result["seconds"] for result in results)
    suite = ET.Element(
        "testsuite", name=name, tests=str(len(results)), failures=str(failed), time=f"{seconds:.6f}"
    )
    for result in results:
        case = ET.SubElement(
            suite, "testcase", classname="house", name=result["title"], time=f"{result['seconds']:.6f}"
        )
        if not result["holds"]:
            texts = [f"expected {failure.expected}, but {failure.found}" for failure in result["failures"]]
            texts += [
                f"it depends on the order of messages: seed {seed}" for seed in result["depends_on_seeds"]
            ]
            failure = ET.SubElement(case, "failure", message=texts[0])
            failure.text = "\n".join(texts)
    return bytes(ET.tostring(suite, encoding="utf-8", xml_declaration=True))
