// Reviews as the server takes them.

import { checked } from "../api";
import type { Verdict } from "./decide";

export interface Outcome { readonly review: { readonly id: string }; readonly state: string }

export interface ReviewBody {
  readonly verdict: Verdict;
  readonly structure_type?: string;
  readonly confidence?: string;
  readonly title?: string;
  readonly note?: string;
  readonly seen: Record<string, unknown>;
}

export async function send(candidate: string, body: ReviewBody, key: string): Promise<Outcome> {
  const item = await checked(await fetch(`/ogc/collections/candidates/items/${candidate}`));
  const headers = {
    "content-type": "application/json",
    "if-match": item.headers.get("etag") ?? "",
    "idempotency-key": key,
  };
  const answer = await fetch(`/api/candidates/${candidate}/reviews`, { method: "POST", headers, body: JSON.stringify(body) });
  return (await checked(answer)).json();
}

export async function undo(review: string): Promise<Outcome> {
  return (await checked(await fetch(`/api/reviews/${review}/undo`, { method: "POST" }))).json();
}
