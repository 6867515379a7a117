"""Answers are compressed for whoever takes that, pages and programs alike."""

import pytest

PACKED = {"accept-encoding": "gzip"}
PLAIN = {"accept-encoding": "identity"}


@pytest.mark.parametrize("path", ["/", "/experiments/threads.race", "/api/experiments", "/openapi.json"])
async def test_large_answers_are_packed_once_for_pages_and_programs(client, path):
    plain = await client.get(path, headers=PLAIN)
    packed = await client.get(path, headers=PACKED)
    assert (packed.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.text[:15] == plain.text[:15]
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("path", "packed"), [("/api/health", []), ("/api/runs", []), ("/favicon.ico", ["gzip"])]
)
async def test_what_is_small_or_packed_already_is_left_alone(client, path, packed):
    answer = await client.get(path, headers=PACKED)
    assert answer.headers.get_list("content-encoding") == packed
    assert answer.content == (await client.get(path, headers=PLAIN)).content


async def test_a_page_says_on_what_it_depends(client):
    vary = (await client.get("/", headers=PACKED)).headers["vary"]
    assert {part.strip().lower() for part in vary.split(",")} == {
        "accept-language",
        "cookie",
        "accept-encoding",
    }
