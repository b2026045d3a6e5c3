"""What is counted leaves no trace once there is none of it."""

from collections import Counter

import pytest

from ofh.domain.tallies import give_back, one_more


def test_a_key_of_which_there_is_none_any_more_is_forgotten() -> None:
    tally: Counter[str] = Counter()
    with one_more(tally, "ada"):
        with one_more(tally, "ada"), one_more(tally, "bob"):
            assert tally == {"ada": 2, "bob": 1}
        assert list(tally) == ["ada"]
    assert not tally


def test_what_fails_within_is_given_back_too() -> None:
    tally: Counter[str] = Counter()
    with pytest.raises(KeyError), one_more(tally, "ada"):
        raise KeyError
    assert not tally


def test_giving_back_once_too_often_lends_nobody_one_more() -> None:
    tally: Counter[str] = Counter()
    give_back(tally, "ada")
    assert not tally
