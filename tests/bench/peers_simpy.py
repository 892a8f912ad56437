"""The same network as a plain SimPy model; run with the interpreter that has SimPy.

`python peers_simpy.py NETWORK.json REPLICATIONS` prints seconds, then a line a
replication: orders, starts, sum of days and number of the treated, late.
"""

import json
import random
import sys
import time
from collections.abc import Generator
from typing import Any

import simpy

WEEK = 7.0
Step = Generator[simpy.Event, Any, None]


class Order:
    def __init__(self, stream: dict[str, Any], turn: float) -> None:
        self.stream, self.turn, self.due, self.attempt = stream, turn, turn, 0


class Year:
    """One replication: sites with lines, streams that send them orders."""

    def __init__(self, network: dict[str, Any], seed: int) -> None:
        self.network, self.chance = network, random.Random(seed)
        self.env = simpy.Environment()
        self.orders = self.starts = self.treated = self.late = 0
        self.days = 0.0
        self.queues = [simpy.Store(self.env) for _ in network["opens"]]
        for queue, lines in zip(self.queues, network["opens"], strict=True):
            for opens in lines:
                self.env.process(self.line(queue, opens))
        for stream in network["streams"]:
            self.env.process(self.coming(stream))
        self.env.run(until=network["end"])

    def within(self, day: float) -> bool:
        return self.network["from"] <= day < self.network["until"]

    def coming(self, stream: dict[str, Any]) -> Step:
        while stream["rate"]:
            yield self.env.timeout(self.chance.expovariate(stream["rate"]))
            if self.env.now >= self.network["until"]:
                return
            order = Order(stream, self.env.now)
            self.orders += stream["patient"] and self.within(order.turn)
            self.queues[stream["home"]].put(order)

    def line(self, queue: simpy.Store, opens: list[float]) -> Step:
        """Takes the next order in weeks in which it is staffed, and keeps it a week."""
        while True:
            now = self.env.now
            week = int(now / WEEK)
            if week >= len(opens) or opens[week] == -1:
                return
            if opens[week] > now:
                yield self.env.timeout(opens[week] - now)
                continue
            asked = queue.get()
            yield asked | self.env.timeout(WEEK * (week + 1) - now)
            if not asked.triggered:
                asked.cancel()
                continue
            if self.begun(asked.value):
                yield self.env.timeout(WEEK)

    def begun(self, order: Order) -> bool:
        """Whether the patient is still there; then what becomes of the batch."""
        stream, now = order.stream, self.env.now
        mean = stream["patience"]
        if stream["patient"] and mean is not None:
            patience = self.chance.expovariate(1 / mean)
            if now - order.due > patience:
                self.late += self.within(order.turn)
                return False
        self.starts += self.within(now)
        self.end(order)
        return True

    def end(self, order: Order) -> None:
        stream, draw = order.stream, self.chance.random
        if draw() < stream["fails"]:
            if draw() < stream["again"] and order.attempt < 3:
                self.env.process(self.again(order))
        elif stream["patient"] and draw() < stream["given"] and self.within(order.turn):
            lead, after = (self.chance.choice(stream[k]) for k in ("lead", "after"))
            days = lead + self.env.now - order.turn + after
            self.treated += 1
            self.days += days
            self.late += days > 28

    def again(self, order: Order) -> Step:
        yield self.env.timeout(self.chance.choice(order.stream["gap"]))
        order.due, order.attempt = self.env.now, order.attempt + 1
        self.queues[order.stream["home"]].put(order)


def main(path: str, replications: str) -> None:
    with open(path) as file:
        network = json.load(file)
    begun = time.process_time()
    years = [Year(network, seed) for seed in range(int(replications))]
    print(time.process_time() - begun)
    for y in years:
        print(y.orders, y.starts, y.days, y.treated, y.late)


main(*sys.argv[1:])
