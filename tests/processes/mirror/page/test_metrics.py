"""The house in numbers, read by Prometheus' own parser."""

import asyncio
import math
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from daemons.processes.mirror.page import metrics
from daemons.processes.mirror.page.counters import EDGES_SECONDS, Times
from tests.support.house import Household, eventually
from tests.support.page_client import ask, live, post
from tests.support.page_server import Stand, serving

Families = dict[str, Metric]


def parse(text: bytes) -> Families:
    """Give each family by its name."""
    return {family.name: family for family in text_string_to_metric_families(text.decode())}


def value(families: Families, name: str, **labels: str) -> float:
    """Give one number; none is nought."""
    family = families[name.removesuffix("_total").removesuffix("_count").removesuffix("_sum")]
    (found,) = [s.value for s in family.samples if s.name == name and s.labels == labels] or [0.0]
    return float(found)


def scrape(url: str) -> Families:
    """Ask as Prometheus does."""
    answer = ask(url, "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return parse(answer.body)


def test_everybody_is_there(url: str) -> None:
    """Each device and service, with how it stands, its age, its memory and its restarts."""
    eventually(lambda: value(scrape(url), "house_presence", device="toaster", presence="live"))
    found = scrape(url)
    everybody = ask(url, "/api/house").json
    names = {*everybody["devices"], *everybody["services"]}
    for family in ("house_age_seconds", "house_process_memory_bytes", "house_process_restarts"):
        assert {sample.labels["device"] for sample in found[family].samples} == names
    ages = [sample.value for sample in found["house_age_seconds"].samples]
    assert all(0 <= age < 60 for age in ages)
    assert all(sample.value > 1 << 20 for sample in found["house_process_memory_bytes"].samples)
    for name in names:
        stands = [s.value for s in found["house_presence"].samples if s.labels["device"] == name]
        assert sorted(stands) == [0, 0, 0, 0, 0, 1]
    watts = {
        s.labels["device"] for s in found["house_measurement"].samples if s.labels["field"] == "power_watts"
    }
    assert {"toaster", "coffee_maker", "kitchen_lamp", "bathroom_light"} <= watts


def test_every_family_says_what_it_is(url: str) -> None:
    """With a type, a sentence, and our own prefix."""
    for family in scrape(url).values():
        assert family.name.startswith("house_")
        assert family.type in {"counter", "gauge", "histogram"}
        assert family.documentation.endswith(".")


def test_counts_grow(shared: Household, url: str) -> None:
    """With each message that is heard and each command that is given; and never shrink."""
    before = scrape(url)
    for _ in range(3):
        assert post(url, "/api/devices/kitchen_lamp/toggle").status == 200
    assert post(url, "/api/devices/kitchen_lamp/fly").status == 409

    def grown(name: str, **labels: str) -> float:
        return value(scrape(url), name, **labels) - value(before, name, **labels)

    eventually(lambda: grown("house_messages_total", device="kitchen_lamp", type="state") >= 3)
    eventually(lambda: grown("house_state_latency_seconds_count", device="kitchen_lamp") >= 3)
    eventually(lambda: grown("house_messages_total", device="toaster", type="heartbeat") >= 1)
    assert grown("house_command_seconds_count", device="kitchen_lamp", outcome="applied") == 3
    assert grown("house_command_seconds_count", device="kitchen_lamp", outcome="rejected") == 1
    assert grown("house_command_seconds_sum", device="kitchen_lamp", outcome="applied") > 0
    after = scrape(url)
    for name, family in before.items():
        if family.type != "counter" and not name.endswith("_seconds"):
            continue
        for sample in family.samples:
            if family.type in {"counter", "histogram"}:
                assert value_of(after[name], sample.name, sample.labels) >= sample.value


def value_of(family: Metric, name: str, labels: dict[str, str]) -> float:
    """Give a sample that has to be there."""
    (found,) = [s.value for s in family.samples if (s.name, s.labels) == (name, labels)]
    return float(found)


async def test_clients_are_counted(url: str) -> None:
    """While they are there."""
    before = value(await asyncio.to_thread(scrape, url), "house_page_clients")
    async with live(url) as visitor:
        await visitor.next("house")
        assert value(await asyncio.to_thread(scrape, url), "house_page_clients") == before + 1
    while value(await asyncio.to_thread(scrape, url), "house_page_clients") != before:
        pass


async def test_what_slow_clients_were_spared_is_counted(run: Path) -> None:
    """As the tally has it."""
    made = Stand()
    made.show_all()
    made.tally.passed_over = 17
    async with serving(made):
        found = await asyncio.to_thread(scrape, made.url)
    assert value(found, "house_page_changes_passed_over_total") == 17


def test_before_anything_was_heard() -> None:
    """There are families without numbers, and nothing fails."""
    found = parse(metrics.write(Stand().subject, {}))
    assert found["house_presence"].samples == []
    assert value(found, "house_page_clients") == 0


def test_a_name_that_has_to_be_escaped() -> None:
    """Whatever stands in a label, it comes back as it was."""
    made = Stand()
    made.show_all()
    made.tally.messages['a"b\\c\nd', "state"] = 3
    found = parse(metrics.write(made.subject, {}))
    assert value(found, "house_messages_total", device='a"b\\c\nd', type="state") == 3


def test_who_was_never_heard_has_no_young_age() -> None:
    """A device that only the steward has spoken of is not told as just heard."""
    made = Stand()
    made.show_all()
    standing = made.board.latest()[1]["lamp"].standing
    made.table.entries["lamp"] = type(made.table.entries["lamp"])()
    made.board.put("lamp", {**standing, "presence": "offline"}, 0.0, heard=False)
    assert value(parse(metrics.write(made.subject, {})), "house_age_seconds", device="lamp") > 60


@pytest.mark.parametrize("seconds", [[], [0.0005], [0.0005, 0.3, 100.0, 100.0]])
def test_a_histogram_counts_what_is_below_as_well(seconds: list[float]) -> None:
    """Each bucket holds those of the buckets below it; the last holds all."""
    times = Times()
    for one in seconds:
        times.add(one)
    buckets, total = metrics.histogram(times)
    assert [float(edge) for edge, _ in buckets] == [*EDGES_SECONDS, math.inf]
    for edge, number in buckets:
        assert number == sum(one <= float(edge) for one in seconds)
    assert total == pytest.approx(sum(seconds))
