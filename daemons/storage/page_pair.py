"""Two pages that are written in turn, so that the newest one is never overwritten."""

from pathlib import Path

from daemons.storage.page_file import PageFile


class PagePair:
    """Two page files. At first the second one counts as the newest."""

    def __init__(self, first: Path, second: Path) -> None:
        self.pages = (PageFile(first), PageFile(second))
        self._newest = 1

    @property
    def newest(self) -> PageFile:
        """The page to keep."""
        return self.pages[self._newest]

    @property
    def next(self) -> PageFile:
        """The page to write next."""
        return self.pages[1 - self._newest]

    def set_newest(self, page: PageFile) -> None:
        """Keep this page; the other one is written next."""
        self._newest = self.pages.index(page)

    def close(self) -> None:
        """Close both files."""
        for page in self.pages:
            page.close()
