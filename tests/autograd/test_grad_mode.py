"""`no_grad`, nested, in threads, in tasks and in generators."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import autograd
from autograd import Value, grad_mode, no_grad
from autograd.grad_mode import paused, resumed


def recorded(value: Value) -> bool:
    assert bool(value.op) == bool(value.parents) == bool(value.local_derivatives)
    return bool(value.parents)


def test_no_grad_gives_leaves_and_nests() -> None:
    x = Value(2.0)
    with no_grad():
        results = [x * x, 3 - x, x**2, x // 2, -x, abs(x), autograd.exp(x), autograd.sum([x, x])]
        results += [autograd.dot([x], [2.0]), autograd.net([x], [x], x), x.tanh(), *divmod(x, 2)]
        with no_grad():
            results.append(x * x)
        results.append(x * x)
    assert not any(map(recorded, results))
    assert results[0].data == 4.0
    assert recorded(x * x)


def test_no_grad_ends_with_an_exception() -> None:
    x = Value(2.0)
    with pytest.raises(ZeroDivisionError), no_grad():
        x / 0
    assert recorded(x * x)


def test_no_grad_decorates_functions_that_recurse() -> None:
    x = Value(2.0)

    @no_grad()
    def power(n: int) -> Value:
        """Multiply."""
        result = x * power(n - 1) if n else x
        assert not recorded(result)
        return result

    assert power(3).data == 16.0
    assert recorded(x * x)
    assert (power.__name__, power.__doc__) == ("power", "Multiply.")


def test_no_grad_does_not_decorate_what_runs_later() -> None:
    # Such a function returns before its body runs; silently recording would be worse than an error.
    def generator() -> Iterator[int]:
        yield 1

    async def coroutine() -> None: ...

    async def asynchronous_generator() -> Any:
        yield 1

    for function in (generator, coroutine, asynchronous_generator):
        with pytest.raises(TypeError, match="with no_grad"):
            no_grad()(function)


def test_no_grad_holds_for_its_own_thread_only() -> None:
    x, entered, leave = Value(2.0), threading.Event(), threading.Event()

    def elsewhere() -> bool:
        with no_grad():
            entered.set()
            leave.wait(10)
            return recorded(x * x)

    with ThreadPoolExecutor(2) as pool:
        future = pool.submit(elsewhere)
        assert entered.wait(10)
        assert recorded(x * x)
        with no_grad():
            assert pool.submit(lambda: recorded(x * x)).result()  # a thread begins recording
        assert recorded(x * x)
        leave.set()
        assert not future.result()


def test_one_no_grad_may_serve_several_threads() -> None:
    x, pause, barrier = Value(2.0), no_grad(), threading.Barrier(2)

    def work(order: int) -> tuple[bool, bool]:
        second = threading.Event()
        with pause:
            barrier.wait(10)
            second.wait(0.05 * order)
            inside = recorded(x * x)
        barrier.wait(10)
        return inside, recorded(x * x)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, range(2))) == [(False, True)] * 2
    with pause, pause:
        assert not recorded(x * x)
    assert recorded(x * x)


def test_no_grad_holds_for_its_own_asynchronous_task_only() -> None:
    x = Value(2.0)

    async def paused() -> bool:
        with no_grad():
            await asyncio.sleep(0.01)
            return recorded(x * x)

    async def recording() -> bool:
        await asyncio.sleep(0.001)
        return recorded(x * x)

    async def main() -> list[bool]:
        return [*await asyncio.gather(paused(), recording(), paused()), recorded(x * x)]

    assert asyncio.run(main()) == [False, True, False, True]


def test_no_grad_in_generators_that_interleave_ends_with_the_last() -> None:
    x = Value(2.0)

    def generator() -> Generator[bool]:
        with no_grad():
            yield recorded(x * x)

    first, second = generator(), generator()
    assert [next(first), next(second)] == [False, False]
    first.close()
    assert not recorded(x * x)  # the second still holds it
    second.close()
    entered, leave = threading.Event(), threading.Event()

    def elsewhere() -> None:
        with no_grad():
            entered.set()
            leave.wait(10)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(elsewhere)
        assert entered.wait(10)
        try:
            assert recorded(x * x)
        finally:
            leave.set()


def test_once_all_blocks_are_left_operations_ask_no_more() -> None:
    before = grad_mode.open_blocks
    with no_grad():
        with no_grad():
            with no_grad():
                assert grad_mode.open_blocks == before + 3
            assert grad_mode.open_blocks == before + 2
        assert grad_mode.open_blocks == before + 1
    assert grad_mode.open_blocks == before


def test_resumed_records_within_no_grad_and_ends_with_its_block() -> None:
    x = Value(2.0)
    with no_grad(), no_grad():
        with resumed():
            assert recorded(x * x)
            with no_grad():
                assert not recorded(x * x)
                with resumed():
                    assert recorded(x * x)
            assert recorded(x * x)
        assert not recorded(x * x)
    assert recorded(x * x)
    with resumed():
        assert recorded(x * x)


def test_resumed_ends_with_an_exception() -> None:
    x = Value(2.0)
    with no_grad():
        with pytest.raises(ZeroDivisionError), resumed():
            x / 0.0
        assert paused()
    assert not paused()


def test_resumed_holds_for_its_own_thread_only() -> None:
    x = Value(2.0)

    def elsewhere() -> tuple[bool, bool]:
        with no_grad():
            return recorded(x * x), paused()

    with no_grad(), resumed(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(elsewhere).result() == (False, True)
        assert recorded(x * x)


def test_resumed_within_a_decorated_function() -> None:
    x = Value(2.0)

    @no_grad()
    def f() -> tuple[bool, bool]:
        with resumed():
            inside = recorded(x * x)
        return inside, recorded(x * x)

    assert f() == (True, False)
    assert recorded(x * x)


def test_a_block_that_was_open_before_may_end_where_recording_is_resumed() -> None:
    def blocks() -> Iterator[None]:
        with no_grad():
            yield

    generator = blocks()
    next(generator)
    with resumed():
        list(generator)
        assert not paused()
    assert not paused()
    assert recorded(Value(2.0) * 3.0)
