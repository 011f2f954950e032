"""More emulated devices of TP-Link, beside the plug in `emulators/kasa.py`: a strip and a lamp of the older
protocol on port 9999, and newer devices (Tapo), which speak KLAP version 2 and answer methods.
"""

import threading
from pathlib import Path
from typing import Any, ClassVar

from tests.support.emulator import Emulator, Garbage
from tests.support.emulators.kasa import USERNAME, KasaPlug
from tests.support.klap import KlapServer
from tests.support.ports import free_port

UNKNOWN_METHOD = -10008
OLD_ACCOUNT = frozenset({"a_password_is_accepted", "a_wrong_password_is_refused"})
"""The tests of an older device with an account; the plug passes them for all of them."""
BULB = "smartlife.iot.smartbulb.lightingservice"


class KasaStrip(KasaPlug):
    """A power strip with a meter for each outlet (HS300)."""

    has_timer = False

    def __init__(self, folder: Path, outlets: int = 6) -> None:
        super().__init__(folder)
        self.outlets = dict.fromkeys((f"8006{number:02}" for number in range(outlets)), False)

    def sysinfo(self) -> dict[str, Any]:
        """Return what it reports of itself, with its outlets."""
        children = [
            {"id": name, "state": int(on), "alias": f"Outlet {name[-1]}", "on_time": 0}
            for name, on in self.outlets.items()
        ]
        own = {**super().sysinfo(), "model": "HS300(US)", "alias": "Desk", "children": children}
        return {key: value for key, value in own.items() if key not in ("relay_state", "dev_name")}

    def set_relay(self, on: bool) -> None:
        """Switch the selected outlets."""
        for name in self.selected:
            self.outlets[name] = on
            self.switchings.append(on)


class KasaOutlet(KasaStrip):
    """The third outlet of a power strip, with the interface of one plug."""

    unsupported_tests = OLD_ACCOUNT

    def options(self) -> dict[str, Any]:
        """Return the driver's table for the outlet."""
        return {**super().options(), "outlet": 3}

    def sysinfo(self) -> dict[str, Any]:
        """Return what the strip reports of itself."""
        self.outlets["800602"] = self.on
        return super().sysinfo()

    def set_relay(self, on: bool) -> None:
        """Switch the outlet, if it is the selected one."""
        if self.selected == ["800602"]:
            self.switch_relay(on)


class KasaBulb(KasaPlug):
    """A lamp with white of several temperatures and colours (KL130)."""

    has_timer = False
    has_meter = False
    unsupported_tests = OLD_ACCOUNT | {"its_power_is_reported"}  # it has a power of its own

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.light = {"brightness": 30, "color_temp": 0, "hue": 240, "saturation": 100, "mode": "normal"}
        self.settings: list[dict[str, Any]] = []
        """The settings of its light, as they were sent."""

    def sysinfo(self) -> dict[str, Any]:
        """Return what it reports of itself, with the state of its light."""
        state = {"on_off": 1, **self.light} if self.on else {"on_off": 0, "dft_on_state": self.light}
        own = {
            **super().sysinfo(), "model": "KL130(EU)", "alias": "Shelf", "mic_type": "IOT.SMARTBULB",
            "light_state": state, "preferred_state": [], "is_dimmable": 1, "is_color": 1,
            "is_variable_color_temp": 1,
        }  # fmt: skip
        return {key: value for key, value in own.items() if key not in ("relay_state", "feature", "dev_name")}

    def do_more(self, module: str, command: str, args: dict[str, Any]) -> dict[str, Any] | None:
        """Set its light, and measure its power."""
        if (module, command) == (BULB, "transition_light_state"):
            self.settings.append(args)
            self.light |= {key: value for key, value in args.items() if key in self.light}
            self.switch_relay(bool(args["on_off"]))
            return {**args, "err_code": 0}
        if (module, command) == ("smartlife.iot.common.emeter", "get_realtime"):
            return {"power_mw": 8000 if self.on else 0, "err_code": 0}
        if (module, command) == ("smartlife.iot.common.timesetting", "get_timezone"):
            return {"index": 39, "err_code": 0}
        return None


class TapoDevice(Emulator):
    """A newer device: a plug with a meter (P115), unless `info` makes another one of it."""

    driver: ClassVar[str] = "kasa"
    has_timer = True
    has_meter = True

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        super().__init__(folder, password=password or "Tapo")
        self.host, self.port = "127.0.0.1", free_port()
        self.requests = 0
        """How many requests it has answered."""
        self.components = ["device", "auto_off", "energy_monitoring"]
        self.info: dict[str, Any] = {
            "type": "SMART.TAPOPLUG", "model": "P115", "device_id": "8022", "nickname": "S2V0dGxl",
            "fw_ver": "1.2.3 Build 230425 Rel.142542", "hw_ver": "1.0", "mac": "AA-BB-CC-DD-EE-FF",
            "rssi": -42, "device_on": False, "auto_off_status": "off", "auto_off_remain_time": 0,
        }  # fmt: skip
        self.auto_off = {"enable": False, "delay_min": 120}
        self.usage = {"local_time": "2026-11-30 23:59:50", "month_energy": 430, "today_energy": 12}
        self.children: list[TapoChild] = []
        self._server: KlapServer | None = None
        self._hung = threading.Event()
        self._hung.set()
        self._lag = threading.Event()
        self._lag_seconds = 0.0
        self._garbage: Garbage | None = None

    def options(self) -> dict[str, Any]:
        """Return the driver's table."""
        file = self.write_password(str(self.password))
        return {
            "address": f"{self.host}:{self.port}", "poll": "200ms", "username": USERNAME,
            "password_file": file,
        }  # fmt: skip

    def open(self) -> None:
        """Listen on the port."""
        self._server = KlapServer(
            self.port, USERNAME, str(self.password), self._serve, version=2, host=self.host
        )

    def stop(self) -> None:
        """Stop; each request had a connection of its own."""
        server, self._server = self._server, None
        if server:
            self._hung.set()
            server.close()

    def _serve(self, request: dict[str, Any]) -> dict[str, Any] | bytes:
        self._hung.wait()
        self._lag.wait(self._lag_seconds)
        if self._garbage:
            return self._garbage()
        self.requests += 1
        return self.reply(request)

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request of one method or of several."""
        method, params = str(request.get("method")), request.get("params") or {}
        if method == "multipleRequest":
            each = [{"method": one["method"], **self.reply(one)} for one in params["requests"]]
            return {"error_code": 0, "result": {"responses": each}}
        if method == "control_child":
            (child,) = (one for one in self.children if one.info["device_id"] == params["device_id"])
            return {"error_code": 0, "result": {"responseData": child.reply(params["requestData"])}}
        result = self.do(method, params)
        return {"error_code": UNKNOWN_METHOD} if result is None else {"error_code": 0, "result": result}

    def do(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """Answer one method; None for a method that it does not know."""
        match method:
            case "component_nego":
                return {"component_list": [{"id": one, "ver_code": 1} for one in self.components]}
            case "get_device_info":
                return self.device_info()
            case "set_device_info":
                self.info |= {key: value for key, value in params.items() if key in self.info}
                if "device_on" in params:
                    self.switch_relay(bool(params["device_on"]))
                return {}
            case "get_connect_cloud_state":
                return {"status": 0}
            case "get_auto_off_config":
                return dict(self.auto_off)
            case "set_auto_off_config":
                self.auto_off = dict(params)
                self.armed_seconds = params["delay_min"] * 60.0 if params["enable"] else None
                return {}
            case "get_energy_usage" if "energy_monitoring" in self.components:
                milliwatts = round(self.power_watts * 1000) if self.on else 0
                return {**self.usage, "current_power": milliwatts}
            case "get_child_device_list" if self.children:
                infos = [child.device_info() for child in self.children]
                return {"child_device_list": infos, "start_index": 0, "sum": len(infos)}
            case "get_child_device_component_list" if self.children:
                lists = [
                    {"device_id": one.info["device_id"], **(one.do("component_nego", {}) or {})}
                    for one in self.children
                ]
                return {"child_component_list": lists, "start_index": 0, "sum": len(lists)}
        return None

    def device_info(self) -> dict[str, Any]:
        """Return what it reports of itself."""
        if "device_on" not in self.info:
            return dict(self.info)
        runs = self.on and self.auto_off["enable"] and "auto_off" in self.components
        timer = {"auto_off_status": "on", "auto_off_remain_time": 600} if runs else {}
        return {**self.info, "device_on": self.on, **timer}

    def switch_by_hand(self, on: bool) -> None:
        """Switch by its button."""
        self.switch_relay(on)

    def hang(self) -> None:
        """Accept connections and requests, and answer nothing."""
        self._hung.clear()

    def slow_down(self, seconds: float) -> None:
        """Delay every answer."""
        self._lag_seconds = seconds

    def garble(self, garbage: Garbage | None = None) -> None:
        """Answer every request with garbage."""
        self._garbage = garbage or (lambda: b"I am a teapot")

    def recover(self) -> None:
        """End all faults."""
        self._garbage = None
        self._lag_seconds = 0.0
        self._hung.set()


class TapoChild(TapoDevice):
    """An outlet of a newer strip, or a device behind a hub; its parent passes requests to it."""

    def __init__(self, folder: Path, components: list[str], **info: Any) -> None:
        super().__init__(folder)
        self.components = components
        self.info = {"fw_ver": "1.0", "hw_ver": "1.0", "mac": "AABBCCDDEEFF", "nickname": "", **info}
        self.logs: list[dict[str, Any]] = []

    def do(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """Answer one method, also for the log of a button."""
        if method == "get_trigger_logs":
            return {"logs": self.logs, "start_id": 0, "sum": len(self.logs)}
        return super().do(method, params)


def tapo_strip(folder: Path, outlets: int = 3) -> TapoDevice:
    """Return a newer strip (P300)."""
    strip = TapoDevice(folder)
    strip.components = ["device", "child_device"]
    strip.info = {
        "type": "SMART.TAPOPLUG", "model": "P300", "device_id": "8022", "nickname": "RGVzaw==",
        "fw_ver": "1.0.15", "hw_ver": "1.0", "mac": "AA-BB-CC-DD-EE-FF", "rssi": -42,
    }  # fmt: skip
    strip.children = [
        TapoChild(
            folder, ["device", "auto_off"], type="SMART.TAPOPLUG", model="P300", device_id=f"80220{number}",
            category="plug.powerstrip.sub-plug", position=number, device_on=False, auto_off_status="off",
        )
        for number in range(outlets, 0, -1)
    ]  # fmt: skip
    return strip
