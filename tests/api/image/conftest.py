from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import images


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[images.Images]:
    with images.images(tmp_path) as built:
        yield built
