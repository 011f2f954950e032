"""Sensors with Tasmota: what each model reports, and what is read of it."""

import json
from typing import Any

import pytest

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

from daemons.drivers.mqtt_tasmota import MqttTasmota, make_device
from daemons.drivers.tasmota.device import TasmotaDevice
from daemons.drivers.tasmota.options import Options
from daemons.drivers.tasmota.sensor import sensors
from tests.support.listening_channel import RecordingChannel

MODELS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "DS18B20": ({"Id": "0000019F6DF9", "Temperature": 21.4}, {"temperature_celsius": 21.4}),
    "DS18B20-1": ({"Id": "01131B123456", "Temperature": -3.5}, {"temperature_celsius": -3.5}),
    "AM2301": (
        {"Temperature": 23.1, "Humidity": 48.2, "DewPoint": 11.5},
        {"temperature_celsius": 23.1, "humidity_percent": 48.2},
    ),
    "DHT11": ({"Temperature": None, "Humidity": 48}, {"temperature_celsius": None, "humidity_percent": 48}),
    "BME280": (
        {"Temperature": 19.9, "Humidity": 55.4, "DewPoint": 10.7, "Pressure": 1013.3},
        {"temperature_celsius": 19.9, "humidity_percent": 55.4, "pressure_hectopascals": 1013.3},
    ),
    "BMP280": (
        {"Temperature": 20.1, "Pressure": 991.2},
        {"temperature_celsius": 20.1, "pressure_hectopascals": 991.2},
    ),
    "SHT3X-0x44": (
        {"Temperature": 22.0, "Humidity": 41.0},
        {"temperature_celsius": 22.0, "humidity_percent": 41.0},
    ),
    "SCD30": (
        {"CarbonDioxide": 746, "eCO2": 739, "Temperature": 24.6, "Humidity": 52.1},
        {"co2_ppm": 746, "temperature_celsius": 24.6, "humidity_percent": 52.1},
    ),
    "SCD40": ({"CarbonDioxide": 812, "Temperature": 23.0}, {"co2_ppm": 812, "temperature_celsius": 23.0}),
    "MHZ19B": (
        {"Model": "B", "CarbonDioxide": 410, "Temperature": 25.0},
        {"co2_ppm": 410, "temperature_celsius": 25.0},
    ),
    "BH1750": ({"Illuminance": 227}, {"illuminance_lux": 227}),
    "PMS5003": ({"CF1": 2, "PM1": 2, "PM2.5": 4, "PM10": 5, "PB0.3": 339}, {"pm25_micrograms": 4}),
    "SDS0X1": ({"PM2.5": "7.5", "PM10": 9.1}, {"pm25_micrograms": 7.5}),
    "MI32-Flower": (
        {"Temperature": 20.0, "Illuminance": 120, "Moisture": 31, "Fertility": 89, "Battery": 87.0},
        {
            "temperature_celsius": 20.0,
            "illuminance_lux": 120,
            "soil_moisture_percent": 31,
            "battery_percent": 87,
        },
    ),
    "ENERGY": (
        {"Total": 12.5, "Power": [10, "20.5", 30], "Voltage": [230, 231, 229]},
        {"power_watts": 60.5, "energy_watt_hours": 12500.0, "voltage_volts": 230},
    ),
}
"""Sections of SENSOR, by their names, with what is read of each."""
NOT_READ = {
    "SR04": {"Distance": 16.76},
    "GAS": {"Count": 3},
    "ANALOG": {"A0": 512},
}


def sensor(name: str) -> tuple[TasmotaDevice, RecordingChannel]:
    """Return a sensor as the driver creates it, and a channel that records its readings."""
    channel = RecordingChannel()
    return make_device(channel, Options(topic="t", sensor=name)), channel  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MODELS)
def test_each_model_is_read(name: str) -> None:
    """A value that the sensor fails to measure is unknown."""
    section, expected = MODELS[name]
    device, channel = sensor(name)
    message = {"Time": "2026-11-24T06:30:00", "OTHER": {"Temperature": 99}, name: section, "TempUnit": "C"}
    device.on_message("tele/t/SENSOR", json.dumps(message), retained=False)
    assert {field: getattr(channel.reading, field) for field in expected} == expected
    assert channel.reading.reachable is True
    assert sensors(message)[name] is True


@pytest.mark.parametrize("name", NOT_READ)
def test_a_sensor_of_something_else_is_not_read(name: str) -> None:
    """A distance, a count or a voltage at a pin has no field in the house."""
    assert sensors({name: NOT_READ[name]}) == {name: False}


def test_other_units_are_converted() -> None:
    """TempUnit and PressureUnit are set in Tasmota (SetOption8, SetOption24)."""
    device, channel = sensor("BME280")
    values = {"Temperature": 68, "Humidity": 40, "Pressure": 750}
    message = {"BME280": values, "PressureUnit": "mmHg", "TempUnit": "F"}
    device.on_message("tele/t/SENSOR", json.dumps(message), retained=False)
    assert (channel.reading.temperature_celsius, channel.reading.pressure_hectopascals) == (20.0, 999.9)
    message = {"BME280": {"Pressure": 12}, "PressureUnit": "furlong"}
    device.on_message("tele/t/SENSOR", json.dumps(message), retained=False)
    assert channel.reading.pressure_hectopascals is None


def test_a_sensor_that_is_not_there_is_a_fault() -> None:
    """The fault names those that are there. Another message of the device is no fault."""
    device, _ = sensor("AM2301")
    device.on_message("tele/t/SENSOR", '{"Switch1":"ON"}', retained=False)
    with pytest.raises(ValueError, match="it has no sensor AM2301; its sensors: DS18B20-1"):
        device.on_message("stat/t/STATUS10", '{"StatusSNS":{"DS18B20-1":{"Temperature":20}}}', retained=False)


def test_a_chip_has_a_temperature_of_its_own() -> None:
    """That of an ESP32 is a fact about the hardware, and no sensor."""
    device, channel = sensor("AM2301")
    message = {"AM2301": {"Temperature": 68}, "ESP32": {"Temperature": 122}, "TempUnit": "F"}
    device.on_message("tele/t/SENSOR", json.dumps(message), retained=False)
    assert (channel.reading.temperature_celsius, channel.reading.device_temperature_celsius) == (20, 50)
    assert sensors(message) == {"AM2301": True}


def test_a_sensor_only_measures() -> None:
    """It is never switched, and has reached whatever it is set to."""
    assert MqttTasmota.abilities_with(Options(topic="t", sensor="AM2301")) == {"sense"}
