import { expect, test } from "vitest";
import { identityFromSeed, recipientOf } from "./recipients.ts";
import { openBytes, openStream, sealBytes, sealStream } from "./sealing.ts";

const identity = identityFromSeed(new Uint8Array(32).fill(1));
const plain = Uint8Array.from({ length: 70_000 }, (_, at) => (at * 7) % 251);
const collected = async (stream: ReadableStream<Uint8Array>): Promise<Uint8Array> => new Uint8Array(await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer());
/** The bytes as a stream of pieces of this size. */
function inPieces(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, (at += size)));
    },
  });
}

test.each([100, 1000, 65_536, 70_000])("streams of pieces of %i bytes are sealed and opened as a whole file is", async (size) => {
  const sealed = await collected(await sealStream(inPieces(plain, size), [await recipientOf(identity)]));
  expect(await openBytes(sealed, [identity])).toEqual(plain);
  expect(await collected(await openStream(inPieces(sealed, size), [identity]))).toEqual(plain);
});

test("a stream that is cut fails at its end, with the name of a damaged seal", async () => {
  const sealed = await sealBytes(plain, [await recipientOf(identity)]);
  const stream = await openStream(inPieces(sealed.slice(0, -1), 4096), [identity]);
  await expect(collected(stream)).rejects.toMatchObject({ name: "DamagedSeal" });
});

test("no message repeats an identity", async () => {
  const wrong = `${identity.slice(0, -1)}Q`;
  const error = (await openBytes(plain, [wrong]).catch((thrown: unknown) => thrown)) as Error & { advice: string };
  expect(error.name).toBe("InvalidInput");
  expect(error.message + error.advice).not.toContain(wrong.slice(20, 40));
});
