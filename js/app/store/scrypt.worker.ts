// Runs in a worker: seals and opens an age file by a passphrase.

import { Decrypter, Encrypter } from "age-encryption";

export interface Task {
  readonly do: "seal" | "open";
  readonly data: Uint8Array;
  readonly passphrase: string;
}

// 2^17 blocks: half a second on a phone. The passphrase has to be long as well.
const WORK_FACTOR = 17;

async function done({ do: what, data, passphrase }: Task): Promise<Uint8Array> {
  if (what === "open") {
    const decrypter = new Decrypter();
    decrypter.addPassphrase(passphrase);
    return decrypter.decrypt(data);
  }
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(WORK_FACTOR);
  encrypter.setPassphrase(passphrase);
  return encrypter.encrypt(data);
}

onmessage = ({ data }: MessageEvent<Task>) =>
  // Why it does not open, nobody needs to know: it is the passphrase, or a damaged file.
  void done(data).then((found) => postMessage(found), () => postMessage(null));
