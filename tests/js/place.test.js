// Where oscope is: what a module's own address says of every other one.
import assert from "node:assert/strict";
import test from "node:test";
import { below, prefixOf } from "../../static/js/place.js";

test("what stands before the static files is the path of every address", () => {
  assert.equal(prefixOf("http://127.0.0.1:8000/static/0123456789ab/js/place.js"), "");
  assert.equal(prefixOf("https://hub.example/user/ann%40x/proxy/8000/static/0123456789ab/js/place.js"), "/user/ann%40x/proxy/8000");
});

test("a path is the same page under a prefix and without one", () => {
  assert.equal(below("", "/runs/0123456789"), "/runs/0123456789");
  assert.equal(below("/tools", "/tools/runs/0123456789"), "/runs/0123456789");
  assert.equal(below("/tools", "/toolsruns"), "/toolsruns");
});
