// Where the button may lead. Its attributes may come from anybody who can write into a shop's page.

/** Returns an absolute https URL, or one of this machine for development; undefined for anything else. */
export function safeUrl(text: string | null | undefined): URL | undefined {
  if (!text) return undefined;
  const url = parsed(text);
  if (url === undefined || url.username !== "" || url.password !== "") return undefined;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname)) ? url : undefined;
}

/**
 * Returns the page that the button opens: the app with the request in its fragment, which no server sees, or else the
 * brand's own page of the request. Undefined where either is unsafe: then the button leads nowhere.
 */
export function targetOf(request: string | null, app: string | null): string | undefined {
  const asked = safeUrl(request);
  if (asked === undefined || app === null) return asked?.href;
  const place = safeUrl(app);
  if (place === undefined) return undefined;
  place.hash = `request=${encodeURIComponent(asked.href)}`;
  return place.href;
}

function parsed(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}
