// Where the person is in the app: the part of the address behind "#". It names things, and holds no secret.

export type Place =
  | { readonly at: "list" | "own" | "file" }
  | { readonly at: "request"; readonly link: string }
  | { readonly at: "one" | "go" | "receipt" | "end"; readonly digest: string }
  | { readonly at: "end-brand"; readonly account: string }
  | { readonly at: "end-all" };

const WITH_DIGEST = ["one", "go", "receipt", "end"] as const;

/** Reads the part of an address behind "#"; what makes no sense is the list. */
export function readPlace(hash: string): Place {
  const [name = "", value = ""] = splitOnce(hash.replace(/^#/, ""));
  if (name === "request") return { at: "request", link: decoded(value) };
  if (name === "end-brand") return { at: name, account: decoded(value) };
  if (name === "own" || name === "file" || name === "end-all") return { at: name };
  const found = WITH_DIGEST.find((each) => each === name);
  return found === undefined ? { at: "list" } : { at: found, digest: decoded(value) };
}

/** Writes a place as the part of an address behind "#". */
export function writePlace(place: Place): string {
  if (place.at === "request") return `#request=${encodeURIComponent(place.link)}`;
  if (place.at === "end-brand") return `#end-brand=${encodeURIComponent(place.account)}`;
  if ("digest" in place) return `#${place.at}=${place.digest}`;
  return `#${place.at}`;
}

function splitOnce(text: string): string[] {
  const at = text.indexOf("=");
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
