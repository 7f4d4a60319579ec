// What the page says of what happened: one line that screen readers read out too.

import { Problem } from "../api";
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
