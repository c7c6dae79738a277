// A shop's page cannot reach into the button but by these custom properties and by ::part(button) and ::part(note).
// A constructed style sheet needs no permission of the shop's Content-Security-Policy.

export const STYLE = `
:host {
  --accent: var(--consent-accent, #1d5c86);
  --on-accent: var(--consent-on-accent, #ffffff);
  --ink: var(--consent-ink, #1c2127);
  --quiet: var(--consent-quiet, #545c65);
  --surface: var(--consent-surface, #ffffff);
  --edge: var(--consent-edge, #7c838b);
  --bad: var(--consent-bad, #9b2428);
  display: inline-block;
  max-inline-size: 24rem;
  padding: 0.75rem;
  border-radius: 0.75rem;
  background: var(--surface);
  color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  text-align: start;
}
:host([hidden]) { display: none; }
a {
  display: inline-flex;
  align-items: center;
  gap: 0.5rem;
  box-sizing: border-box;
  min-block-size: 2.75rem;
  padding: 0.5rem 1rem;
  border: 1px solid var(--accent);
  border-radius: 0.5rem;
  background: var(--accent);
  color: var(--on-accent);
  font-weight: 600;
  line-height: 1.25;
  text-decoration: none;
}
a:hover { text-decoration: underline; text-underline-offset: 0.15em; }
a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
a.quiet { border-color: var(--edge); background: var(--surface); color: var(--accent); }
svg { inline-size: 1.25rem; block-size: 1.25rem; flex: none; }
p { margin: 0.5rem 0 0; color: var(--quiet); font-size: 0.875rem; }
p.unsafe { margin: 0; color: var(--bad); }
@media (prefers-color-scheme: dark) {
  :host {
    --accent: var(--consent-accent, #86bfe6);
    --on-accent: var(--consent-on-accent, #0c1a25);
    --ink: var(--consent-ink, #e9eaec);
    --quiet: var(--consent-quiet, #a8b0b8);
    --surface: var(--consent-surface, #1c2024);
    --edge: var(--consent-edge, #7e8790);
    --bad: var(--consent-bad, #f4a19c);
  }
}
`;
