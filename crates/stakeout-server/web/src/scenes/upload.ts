// A file on its way to the server, in pieces that survive a lost connection.

import { DetailedError, Upload } from "tus-js-client";
import { Problem, problemOf, whose } from "../api";

/** Bytes a piece: what a lost connection costs at most. */
const PIECE_BYTES = 8 << 20;
/**
 * Pauses before a piece is tried again, milliseconds: longer together than the minute for which the server waits for a
 * connection that is lost without a word, and holds the upload for it.
 */
const RETRY_MS = [0, 1_000, 3_000, 5_000, 10_000, 20_000, 30_000, 30_000];

/** Sends a file; gives the address of the upload. Where it is aborted the server throws away what it has of the file. */
export function upload(file: File, progress: (share: number) => void, aborted: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const sending = new Upload(file, {
      endpoint: "/uploads",
      headers: whose(),
      chunkSize: PIECE_BYTES,
      retryDelays: RETRY_MS,
      removeFingerprintOnSuccess: true,
      metadata: { filename: file.name, filetype: file.type },
      onProgress: (sent, all) => progress(all ? sent / all : 1),
      onError: (error) => reject(uploadFault(error)),
      onSuccess: () => {
        // what the server has whole is not thrown away any more
        aborted.removeEventListener("abort", stop);
        resolve(sending.url ?? "");
      },
    });
    const stop = (): void => {
      reject(aborted.reason);
      // what cannot be thrown away now ends with its time
      sending.abort(true).catch(() => {});
    };
    aborted.addEventListener("abort", stop);
    sending.findPreviousUploads().then(([earlier]) => {
      if (aborted.aborted) return;
      if (earlier) sending.resumeFromPreviousUpload(earlier);
      sending.start();
    }, reject);
  });
}

/** Throws away what was sent and refused: it would count among what the person has open until its time is over. */
export async function discard(address: string): Promise<void> {
  await Upload.terminate(address, { headers: whose(), retryDelays: null }).catch(() => {});
}

/** Why an upload failed, as the server says it. */
function uploadFault(error: Error | DetailedError): Problem {
  if (!(error instanceof DetailedError)) return new Problem(0, `the upload failed: ${error.message}`);
  const answer = error.originalResponse;
  return answer ? problemOf(answer.getStatus(), answer.getBody()) : new Problem(0, "the upload failed: the server cannot be reached");
}
