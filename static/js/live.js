// Follows topics over one websocket: resumes where it was, notices gaps, comes back after a loss.
// Knows nothing of a browser: the socket, the clock and the dice are given to it.

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 8000;
const SILENCE_MS = 15000; // without a word the connection counts as dead: half of it, then a ping asks

export class Live {
  // world: {connect() → socket, now(), later(f, ms) → handle, cancel(handle), random()}
  constructor(world, onState = () => {}) {
    this.world = world;
    this.onState = onState;
    this.topics = new Map();
    this.tries = 0;
    this.stopped = false;
    this.server = null;
    this.open();
  }

  // handler: {snap(value), ops(list), last(value), err(code)}; each is optional.
  // `epoch` and `since` say what the page has already, e.g. in its HTML.
  follow(topic, handler, { epoch = null, since = null } = {}) {
    const known = epoch !== null && since !== null;
    this.topics.set(topic, { handler, epoch: known ? epoch : null, seq: known ? since : null });
    this.subscribe(topic);
  }

  leave(topic) {
    if (this.topics.delete(topic)) {
      this.send({ op: "unsub", topic });
    }
  }

  open() {
    this.onState("connecting");
    const socket = this.world.connect();
    this.socket = socket;
    this.ready = false;
    socket.onopen = () => this.opened(socket);
    socket.onmessage = (event) => this.received(socket, event.data);
    socket.onclose = () => this.lost(socket);
    this.heard();
  }

  opened(socket) {
    if (socket !== this.socket) {
      return;
    }
    this.ready = true;
    this.heard();
    for (const topic of this.topics.keys()) {
      this.subscribe(topic);
    }
  }

  subscribe(topic) {
    const { epoch, seq } = this.topics.get(topic);
    const place = epoch === null ? {} : { epoch, since: seq };
    this.send({ op: "sub", topic, ...place });
  }

  send(message) {
    if (this.ready) {
      this.socket.send(JSON.stringify(message));
    }
  }

  received(socket, text) {
    if (socket !== this.socket) {
      return;
    }
    this.heard();
    const message = JSON.parse(text);
    if (message.t === "hello") {
      this.tries = 0;
      this.server = message.server;
      this.onState("live", message);
      return;
    }
    const topic = this.topics.get(message.topic);
    if (topic) {
      this.take(message, topic);
    }
  }

  take(message, topic) {
    if (message.t === "snap") {
      topic.epoch = message.epoch;
      topic.seq = message.seq;
      topic.handler.snap?.(message.v);
    } else if (message.t === "ops") {
      this.takeOps(message, topic);
    } else if (message.t === "last") {
      topic.handler.last?.(message.v);
    } else if (message.t === "err") {
      topic.handler.err?.(message.code);
    }
  }

  // Operations count only if they follow what the page has; else it asks for the whole state.
  takeOps(message, topic) {
    if (topic.seq === null || (message.epoch === topic.epoch && message.seq <= topic.seq)) {
      return; // a snapshot is on its way, or this is known already
    }
    if (message.epoch !== topic.epoch || message.from !== topic.seq + 1) {
      topic.epoch = null;
      topic.seq = null;
      this.subscribe(message.topic);
      return;
    }
    topic.seq = message.seq;
    topic.handler.ops?.(message.ops);
  }

  // A watchdog: asks once when it has been quiet, gives the socket up when there is no answer.
  heard() {
    this.world.cancel(this.watch);
    this.watch = this.world.later(() => this.ask(), SILENCE_MS / 2);
  }

  ask() {
    this.send({ op: "ping", id: 1 });
    this.watch = this.world.later(() => this.lost(this.socket), SILENCE_MS / 2);
  }

  lost(socket) {
    if (socket !== this.socket || this.stopped) {
      return;
    }
    this.socket = null;
    this.ready = false;
    socket.onclose = null;
    socket.close();
    this.world.cancel(this.watch);
    const wait = this.pause();
    this.onState("lost", { wait });
    this.retry = this.world.later(() => this.open(), wait);
  }

  // Twice as long every time, with dice, so that many pages do not come back at once.
  pause() {
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.tries);
    this.tries += 1;
    return longest * (0.5 + this.world.random() / 2);
  }

  // The network is back, or the page is looked at again: do not wait any longer.
  hurry() {
    if (!this.socket && !this.stopped) {
      this.world.cancel(this.retry);
      this.tries = 0;
      this.open();
    }
  }

  close() {
    this.stopped = true;
    this.world.cancel(this.watch);
    this.world.cancel(this.retry);
    this.ready = false;
    this.socket?.close();
  }
}
