// What the page says of what happened: one line that screen readers read out too.

import { Problem, isForLater } from "../api";
import { element } from "../dom";

/** How long a line stays, milliseconds. */
const SHOWN_MS = 8_000;
let timer = 0;

export function tell(text: string): void {
  const line = element("message");
  line.textContent = text;
  line.classList.add("shown");
  clearTimeout(timer);
  timer = window.setTimeout(() => line.classList.remove("shown"), SHOWN_MS);
}

/** What became of the sign-in of this page. */
export function signedOutWords({ kind }: { readonly kind: string }): string {
  return kind === "other-person" ? "somebody else has signed in in this browser: load the page again, and sign in again where they are not you" : "you are not signed in any more: load the page again to sign in";
}

/** What went wrong, in words. */
export function faultWords(error: unknown): string {
  return error instanceof Problem ? error.message : `the server cannot be reached: ${error}`;
}

/** Does `work` and says what went wrong, if anything. */
export async function attempt(work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    const isSignedOut = error instanceof Problem && error.status === 401;
    // who is being asked for a token need not be told that one is missing
    if (isSignedOut && document.querySelector("dialog[open] #token")) return;
    tell(isSignedOut ? signedOutWords(error) : faultWords(error));
  }
}

/** How long after work that could not be done it is tried again, milliseconds. */
const RETRY_MS = 5_000;

/** Does `work`, again and again where the server cannot be reached or may do it later, and says so each time. */
export async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isPassing = error instanceof Problem ? error.status !== 401 && isForLater(error.status) : error instanceof TypeError;
      if (!isPassing) throw error;
      tell(`${faultWords(error)}; this is tried again`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
