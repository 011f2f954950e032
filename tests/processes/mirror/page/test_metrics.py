"""The metrics, read with Prometheus' own parser."""

import asyncio
import math
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from daemons.processes.mirror.page import metrics
from daemons.processes.mirror.page.counters import Histogram
from tests.support.house import TemporaryHouse, eventually
from tests.support.page_client import http_post, http_request, live_client
from tests.support.page_server import PageStub, serve_page

Families = dict[str, Metric]
LIMITS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def parse(text: bytes) -> Families:
    """Return each metric family by its name."""
    return {family.name: family for family in text_string_to_metric_families(text.decode())}


def sample_value(families: Families, name: str, **labels: str) -> float:
    """Return the value of one sample, or 0 if it is absent."""
    family = families[name.removesuffix("_total").removesuffix("_count").removesuffix("_sum")]
    (found,) = [s.value for s in family.samples if s.name == name and s.labels == labels] or [0.0]
    return float(found)


def scrape(url: str) -> Families:
    """Send the request of a Prometheus server, and return the metric families."""
    response = http_request(url, "/metrics")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return parse(response.body)


def test_every_process_has_its_metrics(url: str) -> None:
    """Each device and service has a presence, an age, its memory and its restarts."""
    eventually(lambda: sample_value(scrape(url), "house_presence", device="toaster", presence="live"))
    found = scrape(url)
    house = http_request(url, "/api/house").json
    names = {*house["devices"], *house["services"]}
    for family in ("house_age_seconds", "house_process_memory_bytes", "house_process_restarts"):
        assert {sample.labels["device"] for sample in found[family].samples} == names
    ages = [sample.value for sample in found["house_age_seconds"].samples]
    assert all(0 <= age < 60 for age in ages)
    assert all(sample.value > 1 << 20 for sample in found["house_process_memory_bytes"].samples)
    for name in names:
        presences = [s.value for s in found["house_presence"].samples if s.labels["device"] == name]
        assert sorted(presences) == [0, 0, 0, 0, 0, 1]
    watts = {
        s.labels["device"] for s in found["house_measurement"].samples if s.labels["field"] == "power_watts"
    }
    assert {"toaster", "coffee_maker", "kitchen_lamp", "bathroom_light"} <= watts


def test_every_family_is_documented(url: str) -> None:
    """With a type, a sentence, and our prefix."""
    for family in scrape(url).values():
        assert family.name.startswith("house_")
        assert family.type in {"counter", "gauge", "histogram"}
        assert family.documentation.endswith(".")


def test_counters_only_grow(shared: TemporaryHouse, url: str) -> None:
    """They grow with each received message and each command, and never shrink."""
    before = scrape(url)
    for _ in range(3):
        assert http_post(url, "/api/devices/kitchen_lamp/toggle").status == 200
    assert http_post(url, "/api/devices/kitchen_lamp/fly").status == 409

    def grown(name: str, **labels: str) -> float:
        return sample_value(scrape(url), name, **labels) - sample_value(before, name, **labels)

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
                assert existing_sample_value(after[name], sample.name, sample.labels) >= sample.value


def existing_sample_value(family: Metric, name: str, labels: dict[str, str]) -> float:
    """Return the value of a sample that must exist."""
    (found,) = [s.value for s in family.samples if (s.name, s.labels) == (name, labels)]
    return float(found)


async def test_connected_clients_are_counted(url: str) -> None:
    """The number falls again when a client disconnects."""
    before = sample_value(await asyncio.to_thread(scrape, url), "house_page_clients")
    async with live_client(url) as client:
        await client.receive("house")
        assert sample_value(await asyncio.to_thread(scrape, url), "house_page_clients") == before + 1
    while sample_value(await asyncio.to_thread(scrape, url), "house_page_clients") != before:
        pass


async def test_skipped_changes_are_counted(run: Path) -> None:
    """The metric has the value of the counter."""
    stub = PageStub()
    stub.publish_all()
    stub.counters.skipped_changes = 17
    async with serve_page(stub):
        found = await asyncio.to_thread(scrape, stub.url)
    assert sample_value(found, "house_page_changes_passed_over_total") == 17


def test_there_are_metrics_before_any_message() -> None:
    """The families have no samples, and nothing fails."""
    found = parse(metrics.write(PageStub().context, {}))
    assert found["house_presence"].samples == []
    assert sample_value(found, "house_page_clients") == 0


def test_a_label_is_escaped() -> None:
    """Any text in a label is read back unchanged."""
    stub = PageStub()
    stub.publish_all()
    stub.counters.messages['a"b\\c\nd', "state"] = 3
    found = parse(metrics.write(stub.context, {}))
    assert sample_value(found, "house_messages_total", device='a"b\\c\nd', type="state") == 3


def test_a_process_without_a_message_has_a_great_age() -> None:
    """A device that only the steward has reported is not shown with an age of zero."""
    stub = PageStub()
    stub.publish_all()
    status = stub.changes.latest()[1]["lamp"].status
    stub.table.entries["lamp"] = type(stub.table.entries["lamp"])()
    stub.changes.append("lamp", replace(status, presence="offline"), 0.0, is_own_state=False)
    assert sample_value(parse(metrics.write(stub.context, {})), "house_age_seconds", device="lamp") > 60


@pytest.mark.parametrize("seconds", [[], [0.0005], [0.0005, 0.3, 100.0, 100.0]])
def test_the_buckets_are_cumulative(seconds: list[float]) -> None:
    """Each bucket includes the durations of all lower buckets; the last bucket has all durations."""
    histogram = Histogram()
    for each in seconds:
        histogram.add(each)
    buckets, total = metrics.prometheus_buckets(histogram)
    assert [float(limit) for limit, _ in buckets] == [*LIMITS_SECONDS, math.inf]
    for limit, number in buckets:
        assert number == sum(each <= float(limit) for each in seconds)
    assert total == pytest.approx(sum(seconds))
