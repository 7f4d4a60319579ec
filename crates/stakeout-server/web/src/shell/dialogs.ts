// Dialogs with a form: each sends one thing, stays open with the reason where that fails.

import { make } from "../dom";
import { faultWords, tell } from "./tell";

export interface Form {
  readonly box: HTMLDialogElement;
  readonly open: () => void;
  readonly close: () => void;
  readonly fault: (text: string) => void;
}

/**
 * Makes a dialog of fields; `opens` is called each time it opens, `work` when it is sent. Closing it meanwhile aborts the work;
 * work that cannot be taken back goes on, and its fault is told by the page then.
 */
export function formDialog(
  title: string,
  send: string,
  fields: readonly (Node | string)[],
  work: (closed: AbortSignal) => Promise<void>,
  opens: () => Promise<void> | void = () => {},
): Form {
  const fault = make("p", { class: "fault wide", role: "alert" });
  const button = make("button", { type: "submit", class: "primary" }, send);
  const cancel = make("button", { type: "button", onclick: () => box.close() }, "Cancel");
  const form = make("form", {}, ...fields, fault, make("div", { class: "wide actions" }, cancel, button));
  const box = make("dialog", { "aria-label": title }, make("h2", {}, title), form);
  /** How often it was sent. */
  let sent = 0;
  document.body.append(box);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    fault.textContent = "";
    button.disabled = true;
    sent += 1;
    const own = sent;
    const running = new AbortController();
    const left = () => running.abort();
    box.addEventListener("close", left, { once: true });
    const { signal } = running;
    work(signal)
      .then(() => !signal.aborted && box.close(), (error) => {
        if (!signal.aborted) fault.textContent = faultWords(error);
        else if (error !== signal.reason) tell(faultWords(error));
      })
      .finally(() => {
        box.removeEventListener("close", left);
        if (own === sent) button.disabled = false;
      });
  });
  const open = () => {
    fault.textContent = "";
    // work of before that goes on behind it is another one
    button.disabled = false;
    box.showModal();
    Promise.resolve(opens()).catch((error) => (fault.textContent = faultWords(error)));
  };
  return { box, open, close: () => box.close(), fault: (text) => (fault.textContent = text) };
}

/** A field with its words above it. */
export function field(label: string, input: HTMLElement, wide = ""): HTMLElement {
  return make("label", { class: wide }, make("span", {}, label), input);
}
