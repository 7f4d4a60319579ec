import assert from "node:assert/strict";
import { test } from "node:test";
import { whyNot } from "../src/shell/role";

test("a role may do what it must be for, and what a lesser one may", () => {
  assert.equal(whyNot("viewer", "add scenes"), "To add scenes takes the role analyst; yours is viewer");
  assert.equal(whyNot("analyst", "make sites"), "To make sites takes the role admin; yours is analyst");
  for (const role of ["analyst", "reviewer", "admin"]) assert.equal(whyNot(role, "compare scenes"), null, role);
  assert.equal(whyNot("admin", "make sites"), null);
  assert.equal(whyNot(null, "make sites"), null, "nobody is signed in yet");
});
