"""A forked child, as multiprocessing makes them, goes on with its parent's sessions."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import time

import numpy as np
import ortolan as ort
import pytest
from test_parallel_execution import branches

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def test_a_child_runs_and_drops_its_parents_session() -> None:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    model = branches(3, 4).SerializeToString()
    sessions = [ort.InferenceSession(model, options), ort.InferenceSession(model)]
    feeds = [{"x": np.full((rows, 300), 0.5, np.float32)} for rows in range(600, 620)]
    wanted = [session.run(None, feed)[0] for feed in feeds for session in sessions]  # a growing series
    child = os.fork()
    if child == 0:
        status = 1
        try:
            results = [session.run(None, feed)[0] for feed in feeds for session in sessions]
            same = all(np.array_equal(*pair) for pair in zip(wanted, results, strict=True))
            more = sessions[0].run(None, {"x": np.full((700, 300), 0.5, np.float32)})[0]
            results.clear()
            sessions.clear()
            gc.collect()
            fresh = ort.InferenceSession(model, options).run(
                None, {"x": np.full((700, 300), 0.5, np.float32)}
            )[0]
            status = 0 if same and np.array_equal(more, fresh) else 2
        finally:
            os._exit(status)
    until = time.monotonic() + 30
    ended, status = 0, 0
    while ended == 0 and time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    if ended == 0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended == child, "the child hangs"
    assert status == 0
    np.testing.assert_array_equal(sessions[0].run(None, feeds[0])[0], wanted[0])


def double(rows: int) -> float:
    session = ort.InferenceSession(branches(2, 2).SerializeToString())
    return float(session.run(None, {"x": np.zeros((rows, 300), np.float32)})[0].sum())


def test_a_pool_of_forked_processes() -> None:
    here = [double(rows) for rows in (1, 5, 9)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(double, (1, 5, 9)) == here
