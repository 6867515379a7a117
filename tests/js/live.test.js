import assert from "node:assert/strict";
import { test } from "node:test";
import { Live } from "../../static/js/live.js";

// A world with sockets that say nothing by themselves and a clock that is turned by hand.
class World {
  constructor() {
    this.sockets = [];
    this.timers = [];
    this.random = () => 1;
    this.connect = () => {
      const socket = { sent: [], closed: false, send: (text) => socket.sent.push(JSON.parse(text)), close: () => (socket.closed = true) };
      this.sockets.push(socket);
      return socket;
    };
    this.later = (action, ms) => {
      const timer = { action, ms };
      this.timers.push(timer);
      return timer;
    };
    this.cancel = (timer) => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  get socket() {
    return this.sockets.at(-1);
  }

  open() {
    this.socket.onopen();
    this.say({ t: "hello", role: "presenter", server: "1" });
  }

  say(message) {
    this.socket.onmessage({ data: JSON.stringify(message) });
  }

  fire() {
    const timer = this.timers.pop();
    timer.action();
    return timer.ms;
  }
}

function follower() {
  const got = [];
  const handler = { snap: (value) => got.push(["snap", value]), ops: (ops) => got.push(...ops), last: (value) => got.push(["last", value]) };
  return { got, handler };
}

test("what the page has already is not asked for again", () => {
  const world = new World();
  const live = new Live(world);
  live.follow("run:1", follower().handler, { epoch: "e", since: 7 });
  world.open();
  assert.deepEqual(world.socket.sent, [{ op: "sub", topic: "run:1", epoch: "e", since: 7 }]);
});

test("operations that follow what the page has are applied", () => {
  const world = new World();
  const live = new Live(world);
  const { got, handler } = follower();
  live.follow("run:1", handler, { epoch: "e", since: 7 });
  world.open();
  world.say({ t: "ops", topic: "run:1", epoch: "e", from: 8, seq: 9, ops: ["a", "b"] });
  world.say({ t: "ops", topic: "run:1", epoch: "e", from: 10, seq: 10, ops: ["c"] });
  assert.deepEqual(got, ["a", "b", "c"]);
});

test("operations that are known already are not applied twice", () => {
  const world = new World();
  const live = new Live(world);
  const { got, handler } = follower();
  live.follow("run:1", handler, { epoch: "e", since: 7 });
  world.open();
  world.say({ t: "ops", topic: "run:1", epoch: "e", from: 6, seq: 7, ops: ["old"] });
  assert.deepEqual(got, []);
});

test("a gap is answered by asking for the whole state", () => {
  const world = new World();
  const live = new Live(world);
  const { got, handler } = follower();
  live.follow("run:1", handler, { epoch: "e", since: 7 });
  world.open();
  world.say({ t: "ops", topic: "run:1", epoch: "e", from: 9, seq: 9, ops: ["late"] });
  world.say({ t: "ops", topic: "run:1", epoch: "e", from: 10, seq: 10, ops: ["later"] });
  world.say({ t: "snap", topic: "run:1", epoch: "e", seq: 10, v: "all" });
  world.say({ t: "ops", topic: "run:1", epoch: "e", from: 11, seq: 11, ops: ["next"] });
  assert.deepEqual(world.socket.sent.slice(1), [{ op: "sub", topic: "run:1" }]);
  assert.deepEqual(got, [["snap", "all"], "next"]);
});

test("operations of another epoch are no continuation", () => {
  const world = new World();
  const live = new Live(world);
  const { got, handler } = follower();
  live.follow("run:1", handler, { epoch: "before", since: 7 });
  world.open();
  world.say({ t: "ops", topic: "run:1", epoch: "after", from: 8, seq: 8, ops: ["x"] });
  assert.deepEqual(got, []);
  assert.deepEqual(world.socket.sent.at(-1), { op: "sub", topic: "run:1" });
});

test("after a loss it comes back later each time, and goes on where it was", () => {
  const world = new World();
  const states = [];
  const live = new Live(world, (state) => states.push(state));
  live.follow("run:1", follower().handler, { epoch: "e", since: 7 });
  world.open();
  world.say({ t: "ops", topic: "run:1", epoch: "e", from: 8, seq: 12, ops: [] });
  world.socket.onclose();
  const first = world.fire();
  world.socket.onclose();
  const second = world.fire();
  world.open();
  assert.deepEqual([first, second], [250, 500]);
  assert.deepEqual(states, ["connecting", "live", "lost", "connecting", "lost", "connecting", "live"]);
  assert.deepEqual(world.socket.sent, [{ op: "sub", topic: "run:1", epoch: "e", since: 12 }]);
});

test("silence is answered by a ping, and silence after that by a new connection", () => {
  const world = new World();
  new Live(world);
  world.open();
  world.fire();
  assert.deepEqual(world.socket.sent, [{ op: "ping", id: 1 }]);
  world.fire();
  assert.equal(world.sockets[0].closed, true);
  world.fire();
  assert.equal(world.sockets.length, 2);
});

test("the network is back: it does not wait for the next try", () => {
  const world = new World();
  const live = new Live(world);
  world.open();
  world.socket.onclose();
  live.hurry();
  live.hurry();
  assert.equal(world.sockets.length, 2);
});

test("what an abandoned socket still says is not heard", () => {
  const world = new World();
  const live = new Live(world);
  const { got, handler } = follower();
  live.follow("queue", handler);
  world.open();
  const old = world.socket;
  old.onclose();
  world.fire();
  old.onmessage({ data: JSON.stringify({ t: "last", topic: "queue", seq: 1, v: 1 }) });
  assert.deepEqual(got, []);
});

test("a topic that was left is not followed any more", () => {
  const world = new World();
  const live = new Live(world);
  const { got, handler } = follower();
  live.follow("run:1", handler);
  world.open();
  live.leave("run:1");
  world.say({ t: "snap", topic: "run:1", epoch: "e", seq: 1, v: "late" });
  assert.deepEqual(got, []);
  assert.deepEqual(world.socket.sent.at(-1), { op: "unsub", topic: "run:1" });
});

test("only the newest value of a topic that has no history counts", () => {
  const world = new World();
  const live = new Live(world);
  const { got, handler } = follower();
  live.follow("machine", handler);
  world.open();
  world.say({ t: "last", topic: "machine", seq: 40, v: { t: 1 } });
  world.say({ t: "last", topic: "machine", seq: 52, v: { t: 2 } });
  assert.deepEqual(got, [["last", { t: 1 }], ["last", { t: 2 }]]);
});

test("nothing is opened again after the page was closed", () => {
  const world = new World();
  const live = new Live(world);
  world.open();
  live.close();
  world.socket.onclose();
  assert.equal(world.timers.length, 0);
});
