// Who is there. A server that knows people apart asks for a token once; the browser keeps it as a cookie that no script
// can read.

import { Problem, checked, get, post, write, writeAs } from "../api";
import { element, make } from "../dom";
import { field, formDialog } from "./dialogs";
import { attempt } from "./tell";

export interface Session { readonly actor: string; readonly role: string; readonly people: boolean }

let known: Promise<Session> | null = null;

/** Who is there, once a token was given where one is needed: what the page asks of its own accord waits for it. */
export function signedIn(): Promise<Session> {
  known ??= greeted().catch((error) => {
    // it is asked anew next time
    known = null;
    throw error;
  });
  return known;
}

async function greeted(): Promise<Session> {
  const session = await get<Session>("/api/session").catch((error) => {
    if (error instanceof Problem && error.status === 401) return askForToken();
    throw error;
  });
  writeAs(session.actor);
  const out = make("button", { type: "button", id: "sign-out", onclick: () => void attempt(signOut) }, "Sign out");
  element("who").replaceChildren(`${session.actor} (${session.role})`, ...(session.people ? [" ", out] : []));
  return session;
}

function askForToken(): Promise<Session> {
  return new Promise((resolve) => {
    let entered = false;
    const input = make("input", { id: "token", type: "password", required: true, autocomplete: "current-password", spellcheck: "false" });
    const form = formDialog("Sign in", "Sign in", [
      make("p", { class: "wide" }, "This server knows people by their tokens. An administrator makes one with "),
      make("p", { class: "wide" }, make("code", {}, "stakeout token create --data DIR --role analyst --name NAME")),
      field("Token", input, "wide"),
    ], async () => {
      await post("/api/session", { token: input.value });
      const session = await get<Session>("/api/session");
      entered = true;
      resolve(session);
    });
    // without a token there is nothing to see, and nothing to go back to
    form.box.querySelector(".actions button[type=button]")?.remove();
    form.box.addEventListener("close", () => !entered && form.open());
    form.open();
  });
}

async function signOut(): Promise<void> {
  await checked(await write("DELETE", "/api/session"));
  location.reload();
}
