"""A subject that is killed ends the run within moments, with a sentence, and is never judged."""

import pytest

from experiments.kit.spec import names
from tests.experiments.killing import kill_one

WITHOUT_SUBJECTS = ("memory.paging",)
SOON_S = 10.0  # a second of ours; the rest is for a machine that is busy with something else


@pytest.mark.parametrize("name", [name for name in names() if name not in WITHOUT_SUBJECTS])
def test_a_run_whose_subject_is_killed_fails_with_a_sentence_and_keeps_what_was_measured(name):
    """The last of all below the leader: a subject's own child, where there is one."""
    found = kill_one(name, at_s=0.3, place=-1)
    assert found.victim is not None, "the run was over before somebody could be killed"
    assert found.end["why"] == "failed", found.end
    assert found.after_s < SOON_S
    assert "ended" in found.end["sentence"] or "closed its end" in found.end["sentence"]
    assert "Traceback" not in found.end["last_words"]
    assert "Error" not in found.end["sentence"].partition(" ")[0]


@pytest.mark.parametrize("place", [0, 10, 20, 30])
def test_each_end_of_each_way_to_talk_is_missed_when_it_is_killed(place):
    found = kill_one("ipc.channels", at_s=1.0, place=place)
    assert (found.end["why"], found.after_s < SOON_S) == ("failed", True), found.end
