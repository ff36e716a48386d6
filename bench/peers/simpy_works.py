#!/usr/bin/python3
"""The works on SimPy: usage: simpy_works.py WORK [--quick] | --list

Random numbers are the same as in the C++ drivers, but drawn before the clock starts: 64-bit
arithmetic in Python would cost as much as the simulator that is to be measured.
"""

import json
import math
import sys
import time

import simpy

# name: (size, warm-up, measured operations); the warm-up is the same for every peer.
WORKS = {
    "phold_1k": (1_000, 100_000, 300_000),
    "phold_100k": (100_000, 200_000, 200_000),
    "sleeping_1k": (1_000, 100_000, 300_000),
    "sleeping_100k": (100_000, 200_000, 200_000),
    "mm1": (1, 100_000, 200_000),
    "rearm_1k": (1_000, 100_000, 300_000),
    "rearm_100k": (100_000, 2_000_000, 300_000),
    "spawn": (1, 10_000, 100_000),
    "messages_1k": (1_000, 100_000, 200_000),
}
REARMS_PER_TICK = 64
TIMEOUT_GAPS = 8
SPAWN_BATCH = 100
MASK = (1 << 64) - 1


def splitmix64(seed):
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def unit(draw):
    return ((draw >> 11) + 1) * 2.0**-53


def exponential(draw):
    return -math.log(unit(draw))


def below(draw, bound):
    return ((draw >> 32) * bound) >> 32


class Meter:
    """Runs the environment to the end of the warm-up, then to the end of the measured part."""

    def __init__(self, env, warm_up, operations):
        self.env, self.warm_up, self.operations = env, warm_up, operations
        self.done = 0
        self.mark = warm_up
        self.reached = env.event()

    def count(self):
        self.done += 1
        if self.done == self.mark:
            self.reached.succeed()

    def run(self, check):
        self.env.run(until=self.reached)
        value = check()
        self.reached = self.env.event()
        # The event that ends the warm-up is handled after the operation that triggered it.
        begun = self.done
        self.mark = begun + self.operations
        start = time.process_time_ns()
        self.env.run(until=self.reached)
        return (time.process_time_ns() - start) / self.operations, value


def phold(env, meter, size, draws):
    total = size + meter.warm_up + meter.operations + 100
    others = splitmix64(2)
    draw_delay = iter([exponential(next(draws)) for _ in range(total)]).__next__
    targets = [i if i < size else below(next(others), size) for i in range(total)]
    draw_target = iter(targets).__next__
    visits = [0] * size
    timeout, count = env.timeout, meter.count

    def handle(event):
        visits[event.value] += 1
        target = draw_target()
        timeout(draw_delay(), target).callbacks.append(handle)
        count()

    for _ in range(size):
        target = draw_target()
        timeout(draw_delay(), target).callbacks.append(handle)
    return lambda: env.now


def sleeping(env, meter, size, draws):
    total = size + meter.warm_up + meter.operations + 100
    draw_delay = iter([exponential(next(draws)) for _ in range(total)]).__next__
    timeout, count = env.timeout, meter.count

    def sleeper():
        while True:
            yield timeout(draw_delay())
            count()

    for _ in range(size):
        env.process(sleeper())
    return lambda: env.now


def mm1(env, meter, _size, draws):
    # Arrivals may run ahead of the customers served by the length of the queue.
    total = meter.warm_up + meter.operations
    services = splitmix64(2)
    draw_gap = iter([exponential(next(draws)) / 0.9 for _ in range(total + 10_000)]).__next__
    draw_service = iter([exponential(next(services)) for _ in range(total + 100)]).__next__
    timeout, count = env.timeout, meter.count
    store = simpy.Store(env)
    sojourns = 0.0
    served = 0

    def source():
        while True:
            yield timeout(draw_gap())
            store.put(env.now)

    def server():
        nonlocal sojourns, served
        while True:
            arrived = yield store.get()
            yield timeout(draw_service())
            sojourns += env.now - arrived
            served += 1
            count()

    env.process(source())
    env.process(server())
    return lambda: sojourns / served


def rearm(env, meter, size, draws):
    total = meter.warm_up + meter.operations + 2 * REARMS_PER_TICK
    raw = [next(draws) for _ in range(total)]
    length = TIMEOUT_GAPS * size // REARMS_PER_TICK
    picks = iter([below(draw, size) for draw in raw]).__next__
    lengths = iter([length + (draw & 0xFFFFF) * 2.0**-20 for draw in raw]).__next__
    del raw
    fired = 0
    timeout, count = env.timeout, meter.count

    def fire(_event):
        nonlocal fired
        fired += 1

    timers = [None] * size

    def ticker():
        while True:
            for _ in range(REARMS_PER_TICK):
                index = picks()
                old = timers[index]
                # SimPy cannot take back a Timeout: it stays queued until it is due, and cancelling
                # is to make it do nothing then.
                if old is not None and old.callbacks:
                    old.callbacks.clear()
                new = timers[index] = timeout(lengths())
                new.callbacks.append(fire)
                count()
            yield timeout(1)

    env.process(ticker())
    return lambda: fired


def spawn(env, meter, _size, _draws):
    timeout, count, process = env.timeout, meter.count, env.process

    def child():
        yield timeout(0)
        count()

    def parent():
        while True:
            for _ in range(SPAWN_BATCH):
                process(child())
            yield timeout(1)

    env.process(parent())
    return lambda: env.now


def messages(env, meter, size, draws):
    latencies = [1e-3 * (1 + unit(next(draws))) for _ in range(size)]
    total = size + meter.warm_up + meter.operations + 100
    draw_target = iter([below(next(draws), size) for _ in range(total)]).__next__
    stores = [simpy.Store(env) for _ in range(size)]
    timeout, count = env.timeout, meter.count

    def arrive(event):
        target = event.value
        stores[target].put(target)

    def send(origin):
        target = draw_target()
        timeout(latencies[origin] + latencies[target], target).callbacks.append(arrive)

    def node(index):
        store = stores[index]
        send(index)
        while True:
            yield store.get()
            send(index)
            count()

    for index in range(size):
        env.process(node(index))
    return lambda: env.now


def main():
    arguments = sys.argv[1:]
    if arguments == ["--list"]:
        print("\n".join(WORKS))
        return 0
    quick = arguments[1:] == ["--quick"]
    if not arguments or arguments[0] not in WORKS or not (quick or len(arguments) == 1):
        print(f"usage: {sys.argv[0]} WORK [--quick] | --list", file=sys.stderr)
        return 2
    name = arguments[0]
    size, warm_up, operations = WORKS[name]
    if quick:
        operations //= 10
    env = simpy.Environment()
    meter = Meter(env, warm_up, operations)
    model = globals()[name.split("_")[0]]
    check = model(env, meter, size, splitmix64(1))
    ns_per_op, value = meter.run(check)
    print(
        json.dumps(
            {
                "work": name,
                "peer": "SimPy",
                "version": simpy.__version__,
                "ns_per_op": round(ns_per_op, 2),
                "ops": operations,
                "check": value,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
