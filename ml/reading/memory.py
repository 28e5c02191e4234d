"""Keeps the answers given last, so that what many look at is asked of the database once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class Memory:
    """The answers given last. Who asks for what is being worked on waits for it."""

    def __init__(self, size: int = 400) -> None:
        """Nothing is known yet."""
        self._size, self._lock = size, Lock()
        self._answers: OrderedDict[Hashable, Future[Any]] = OrderedDict()

    def get(self, key: Hashable, work: Callable[[], Answer]) -> Answer:
        """The answer under a key, worked out if there is none; what fails is not kept."""
        with self._lock:
            known = self._answers.get(key)
            answer: Future[Any] = known or Future()
            if known is None:
                self._answers[key] = answer
                while len(self._answers) > self._size:
                    self._answers.popitem(last=False)
            else:
                self._answers.move_to_end(key)
        if known is None:
            try:
                answer.set_result(work())
            except BaseException as error:
                answer.set_exception(error)
                with self._lock:
                    self._answers.pop(key, None)
        result: Answer = answer.result()
        return result
