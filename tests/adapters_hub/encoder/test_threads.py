"""Several threads share one encoder."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.adapters_hub.conftest import Shelf


def test_eight_threads_get_the_bits_that_one_gets(
    shelf: Shelf, german: list[str], kazakh: list[str], english: list[str]
) -> None:
    sequential, shared = shelf.encoder(*shelf.folders), shelf.encoder(*shelf.folders)
    jobs = [
        (german, "deu", False),
        (german, "deu", True),
        (kazakh, "kaz", False),
        (kazakh, "kaz", {"kaz": "parallel"}),
        (kazakh, "kaz", {"kaz": {"paraphrase": 0.7, "parallel": 0.3}}),
        (english, "eng", True),
        (english, None, False),
        ([*german, *kazakh], ["deu"] * len(german) + ["kaz"] * len(kazakh), {"deu": "both", "kaz": "paraphrase"}),
    ]
    expected = [sequential.encode(texts, code, align=align, batch_size=5) for texts, code, align in jobs]
    together = threading.Barrier(len(jobs))

    def work(number: int) -> list[np.ndarray]:
        together.wait()
        turns = [(number + turn) % len(jobs) for turn in range(2 * len(jobs))]
        found = [(job, shared.encode(jobs[job][0], jobs[job][1], align=jobs[job][2], batch_size=5)) for job in turns]
        return [vectors for _, vectors in sorted(found, key=lambda entry: entry[0])]

    with ThreadPoolExecutor(len(jobs)) as pool:
        for found in pool.map(work, range(len(jobs))):
            for job, vectors in enumerate(found):
                np.testing.assert_array_equal(vectors, expected[job // 2])


def test_modules_may_come_and_go_while_others_encode(shelf: Shelf, german: list[str], kazakh: list[str]) -> None:
    encoder = shelf.encoder(shelf.deu.folder)
    expected = encoder.encode(german, "deu")
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            encoder.add_module(shelf.kaz)
            encoder.encode(kazakh[:2], "kaz")
            encoder.remove_module("kaz")

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(come_and_go)
        try:
            for _ in range(20):
                np.testing.assert_array_equal(encoder.encode(german, "deu"), expected)
        finally:
            stop.set()
        other.result()
