// A passphrase takes a second of computing on purpose: a worker does it, so that the page goes on.

import { CouldNotCheck } from "../../core/errors.ts";
import type { Task } from "./scrypt.worker.ts";
import url from "./scrypt.worker.ts?worker&url";

/** The passphrase does not open it. */
export class Refused extends Error {}

interface Policy {
  createScriptURL(url: string): string;
}
interface Policies {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): Policy;
}

let policy: Policy | undefined;

/** Seals the bytes by a passphrase, or opens them, as an age file. Throws `Refused`. */
export function inWorker(task: Task): Promise<Uint8Array> {
  const worker = new Worker(trusted(url), { type: "module" });
  return new Promise<Uint8Array>((done, failed) => {
    worker.onmessage = ({ data }: MessageEvent<Uint8Array | null>) => (data === null ? failed(new Refused()) : done(data));
    worker.onerror = () => failed(new CouldNotCheck("StorageUnavailable", "this browser did not run the part that opens a passphrase", "Reload the page, then try again."));
    worker.postMessage(task);
  }).finally(() => worker.terminate());
}

/** The page's policy lets a worker come from this one address alone. */
function trusted(address: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: Policies };
  policy ??= trustedTypes?.createPolicy("consent-worker", {
    createScriptURL: (wanted) => {
      if (wanted !== url) throw new TypeError("only the app's own worker");
      return wanted;
    },
  });
  return policy === undefined ? address : policy.createScriptURL(address);
}
