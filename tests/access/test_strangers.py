"""What strangers make up is forgotten with the answer: nothing grows with it (AC-26)."""

from tests.access.house import NOBODY, Caller, House

SOME, MANY = 5, 25
"""After some, everything that can be counted has been; many leave nothing more."""


def series(house: House) -> set[str]:
    """Return the names and labels of everything that is counted."""
    lines = house.ask(NOBODY, "GET", "/api/metrics").text.splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


def made_up(house: House, auditor: Caller, number: int) -> list[tuple[int, str]]:
    """Ask with a word of one's own in every place; return statuses and reasons."""
    word = f"made-up-{number}"
    answers = [
        house.ask(auditor, "GET", f"/api/users?{word}=1"),
        house.ask(auditor, "GET", f"/api/users?sort={word}"),
        house.ask(auditor, "POST", "/api/transfers", {word: 1}),
        house.ask(NOBODY, "GET", f"/api/{word}"),
        house.ask(NOBODY, "PATCH", f"/api/users?{word}"),
        house.ask(NOBODY, "GET", "/api/users", headers={"authorization": f"Bearer {word}"}),
        house.ask(NOBODY, "GET", f"/api/problems/{word.replace('-', '_')}"),
    ]
    return [(each.status_code, each.json()["reason"]) for each in answers]


def test_words_of_strangers_are_neither_counted_apart_nor_kept(
    house: House, auditor: Caller
) -> None:
    first = made_up(house, auditor, 0)
    assert [reason for _, reason in first] == [
        "unknown_parameter",
        "invalid_sort_field",
        "insufficient_permissions",
        "resource_not_found",
        "method_not_allowed",
        "invalid_token",
        "problem_not_found",
    ]
    for number in range(1, SOME):
        assert made_up(house, auditor, number) == first
    assert series(house)
    before = series(house)
    for number in range(SOME, MANY):
        assert made_up(house, auditor, number) == first
    assert series(house) - before == set()
    assert not [each for each in before if "made" in each.lower()]
