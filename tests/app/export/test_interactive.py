"""The report with live figures: what it carries, and in which letters. The browser tests open it."""

import base64
import gzip
import json
import re

from app.export import downloads, interactive
from app.ground import paths
from tests.app.export.test_report import RUN, TABLES
from tests.tiny.root import load as tiny

ELEMENT = re.compile(r'<script type="text/plain" id="(\w+)" data-bytes="(\d+)">([^<]*)</script>')


def unpacked(letters, size):
    return gzip.decompress(base64.b85decode(letters.replace(",", "<"))[: int(size)])


def test_what_is_packed_comes_out_again_and_ends_no_element():
    for content in (b"", b"a", b"</script><!--" * 100, bytes(range(256)) * 9):
        [(id, size, letters)] = ELEMENT.findall(interactive.packed(content, "parts"))
        assert (id, unpacked(letters, size)) == ("parts", content)


def test_the_script_of_the_page_knows_the_same_letters():
    script = (paths.resource("static") / "js" / "unfold.js").read_text()
    letters = re.search(r'LETTERS = "(.*)"', script)[1]
    four = bytes(4 * [0])
    counted = [base64.b85encode((n * 85**4).to_bytes(4, "big"))[:1] for n in range(1, 82)]
    assert base64.b85encode(four) == b"00000"
    assert len(letters) == 85
    assert letters[1:82] == b"".join(counted).decode().replace("<", ",")


def test_a_page_carries_its_figures_and_every_module_that_they_import():
    whole = downloads.whole("interactive", tiny()["tiny.counting"], RUN, TABLES)
    found = {id: unpacked(letters, size) for id, size, letters in ELEMENT.findall(interactive.as_html(whole))}
    parts = json.loads(found["parts"])
    assert [figure["id"] for figure in parts["figures"]] == ["line"]
    assert found["plotly"].startswith(paths.plotly().read_bytes()[:100])
    imported = {name for text in parts["modules"].values() for name in re.findall(r'from "([^"]+)"', text)}
    assert imported <= parts["modules"].keys()
    assert not [name for name in imported if name.startswith(".")]
