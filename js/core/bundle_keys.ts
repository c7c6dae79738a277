// What opens one bundle, as capsule and update hand it over.

import { malformed } from "./errors.ts";
import type { Json } from "./json.ts";
import { checkCid, checkIdentityShape } from "./records.ts";
import { checkDistinct } from "./scalars.ts";
import { asObject, asText } from "./shapes.ts";
import { checkHex } from "./texts.ts";
import { asView, viewKey, type View } from "./views.ts";

export const STREAM_BYTES = 16;

/** `identity` is a secret of age, `head` the CID of the bundle's newest head. */
export interface BundleKey {
  readonly stream: string;
  readonly category: string;
  readonly view: View;
  readonly identity: string;
  readonly head: string;
}

/** Returns parsed JSON as the key of a bundle; `Malformed` otherwise. */
export function asBundleKey(value: Json, name = "bundle"): BundleKey {
  const found = asObject(value, name, ["stream", "category", "view", "identity", "head"]);
  checkHex(asText(found["stream"], `${name}.stream`), STREAM_BYTES, "the stream's name");
  const view = asView(found["view"], `${name}.view`);
  if (found["category"] !== view.category) throw malformed("a bundle and its view have different categories");
  checkIdentityShape(asText(found["identity"], `${name}.identity`));
  checkCid(asText(found["head"], `${name}.head`));
  return found as unknown as BundleKey;
}

/** Refuses a list that repeats a stream, a head or a view as `Malformed`. */
export function checkKeys(keys: readonly BundleKey[]): void {
  checkDistinct(keys.map((key) => key.stream), "a stream");
  checkDistinct(keys.map((key) => key.head), "a head");
  checkDistinct(keys.map((key) => viewKey(key.view)), "a view");
}
