"""`house doctor` finds files that others can read, or that a process cannot write."""

from pathlib import Path

from daemons.cli.checks import permissions
from daemons.cli.checks.finding import Finding
from daemons.cli.checks.permissions import Entry


def remedies(findings: list[Finding]) -> list[str | None]:
    """Return what is to be done."""
    return [finding.remedy for finding in findings if finding.ok is False]


def test_a_key_a_password_and_a_folder_that_others_can_read_are_found(tmp_path: Path) -> None:
    """Each remedy is a command, and after it all is well."""
    config, run, password = tmp_path / "house.toml", tmp_path / "run", tmp_path / "password"
    (run / "keys" / "clients").mkdir(parents=True)
    raw = {"devices": {"lamp": {"mqtt": {"password_file": str(password)}}}}
    secrets = [run / "keys" / "own.toml", run / "keys" / "clients" / "phone.toml", run / "token", password]
    for path in (config, *secrets):
        path.write_text("")
        path.chmod(0o640)
    run.chmod(0o750)
    config.chmod(0o666)

    def look() -> list[str | None]:
        return remedies(permissions.read_findings(config, run, [config], raw))

    expected = {f"`chmod o-w {config}`", f"`chmod 700 {run}`", *(f"`chmod 600 {one}`" for one in secrets)}
    assert set(look()) == expected
    for path in secrets:
        path.chmod(0o600)
    run.chmod(0o700)
    config.chmod(0o644)
    assert look() == []


def test_files_of_another_user_are_found() -> None:
    """A `sudo house` leaves files that the house cannot write."""
    found = [Entry(Path(f"/run/journal/{name}"), 0o600, owner) for name, owner in (("a", 0), ("b", 1000))]
    (finding,) = permissions.owner_findings(found, 1000)
    assert finding.text.startswith("/run/journal/a belong")
    assert permissions.owner_findings(found[1:], 1000) == []
    (finding,) = permissions.run_findings(Entry(Path("/run"), 0o700, 0), 1000)
    assert finding.remedy == "run `house` as root"


def test_no_run_directory_is_no_fault(tmp_path: Path) -> None:
    """A house that was never up has none."""
    assert remedies(permissions.read_findings(tmp_path / "no.toml", tmp_path / "run", [], None)) == []
