import threading

import pytest

from dashboard.queries.memory import Memory


def test_who_asks_meanwhile_waits_for_the_one_answer() -> None:
    memory: Memory[int] = Memory(4)
    asked, go_on = threading.Event(), threading.Event()
    made: list[int] = []
    answers: list[int] = []

    def make() -> int:
        asked.set()
        go_on.wait(20)
        made.append(len(made))
        return made[-1]

    def ask() -> None:
        answers.append(memory.answer("question", make))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert asked.wait(20)
    assert not answers
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert made == [0]
    assert answers == [0] * 5


def test_a_failure_is_told_and_not_kept() -> None:
    memory: Memory[int] = Memory(4)
    with pytest.raises(ZeroDivisionError):
        memory.answer("question", lambda: 1 // 0)
    assert memory.answer("question", lambda: 7) == 7


def test_what_was_not_asked_for_longest_is_forgotten_first() -> None:
    memory: Memory[str] = Memory(2)

    def again(question: str) -> str:
        return memory.answer(question, lambda: f"{question} made again")

    for question in ("a", "b", "a", "c"):
        memory.answer(question, lambda q=question: q)
    assert again("a") == "a"
    assert again("b") == "b made again"


def test_what_is_weighed_is_kept_up_to_that_weight() -> None:
    memory: Memory[str] = Memory(6, len)
    for word in ("one", "two", "three"):
        memory.answer(word, lambda w=word: w)
    assert memory.answer("three", lambda: "again") == "three"
    assert memory.answer("two", lambda: "again") == "again"


def test_what_weighs_more_than_is_kept_is_told_all_the_same() -> None:
    memory: Memory[str] = Memory(2, len)
    assert memory.answer("one", lambda: "one") == "one"
    assert memory.answer("one", lambda: "1") == "1"
