import { parseUrl } from "../client/web.ts";

/** Returns the host of a link that is not of this domain; empty where it is, or is no link. */
export function hostOf(url: string, domain: string): string {
  try {
    const { hostname } = parseUrl(url);
    return hostname === domain || hostname.endsWith(`.${domain}`) ? "" : hostname;
  } catch {
    return "";
  }
}
