from app.runs.run import Run, State, new_id


def test_a_new_run_is_queued_and_has_an_id_of_ten_hexadecimal_digits():
    run = Run(id=new_id(), experiment="a.b", params={"workers": 2})
    assert (run.state, run.state.ended, run.rows) == (State.QUEUED, False, {})
    assert len(run.id) == 10
    assert int(run.id, 16) >= 0
    assert run.created_at > 1.7e9  # seconds of the wall clock, which may be set meanwhile


def test_a_run_is_told_in_json_with_its_state_in_words():
    told = Run(id=new_id(), experiment="a.b", params={"workers": 2}, state=State.RUNNING).as_json()
    assert (told["state"], told["params"], told["verdict"]) == ("running", {"workers": 2}, None)
