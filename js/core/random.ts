// The one place where this code draws random bytes.

/** Returns `size` random bytes (at most 65,536) that can be secrets. */
export function randomBytes(size: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(size));
}
