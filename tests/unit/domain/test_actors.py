"""What a role may do: the specification's table, written out once more."""

import pytest

from ofh.domain.actors import PERMISSIONS, Action, Actor, Role, allows

V, M, A, O = Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER  # noqa: E741 - the letters are the table's columns
TABLE: dict[Action, set[Role]] = {
    Action.VIEW: {V, M, A, O},
    Action.LEAVE: {V, M, A, O},
    Action.EDIT_FILES: {M, A, O},
    Action.NAME_DRONES: {M, A, O},
    Action.DRAW: {M, A, O},
    Action.ACKNOWLEDGE_ALERTS: {M, A, O},
    Action.CONTROL_STREAMS: {M, A, O},
    Action.MANAGE_CONNECTIONS: {A, O},
    Action.MANAGE_MEMBERS: {A, O},
    Action.MANAGE_WORKSPACE: {A, O},
    Action.MANAGE_OWNERS: {O},
    Action.READ_AUDIT: {O},
    Action.DELETE_WORKSPACE: {O},
}


def test_the_table_speaks_of_every_action_and_every_role() -> None:
    assert set(TABLE) == set(Action)
    assert set(PERMISSIONS) == set(Role)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", Action)
def test_a_role_may_do_what_the_table_says_and_nothing_else(role: Role, action: Action) -> None:
    assert allows(role, action) is (role in TABLE[action])


def test_each_role_may_do_all_that_the_one_below_it_may_and_more() -> None:
    for below, above in ((V, M), (M, A), (A, O)):
        assert PERMISSIONS[below] < PERMISSIONS[above]


def test_roles_have_the_names_that_the_api_and_the_database_use() -> None:
    assert {role.name: role.value for role in Role} == {name: name for name in ("OWNER", "ADMIN", "MEMBER", "VIEWER")}


def test_an_actor_does_not_change() -> None:
    actor = Actor(user_id=1, credential="session", credential_id=2)
    with pytest.raises(AttributeError):
        actor.user_id = 3  # type: ignore[misc]
    assert actor == Actor(user_id=1, credential="session", credential_id=2, address="")
