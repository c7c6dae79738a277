// <consent-button request="https://shop.example/r/0x.." app="https://app.example/">: leads a person to what a brand asks.
//
// It never opens anything by itself, loads nothing, stores nothing, and tells nobody that it was shown.
// Events, which bubble: `consent-open` before it leads away (preventDefault() keeps the person here), and
// `consent-return` when the person is back on the page: then ask your server what they decided.

import { targetOf } from "./links.ts";
import { Returning } from "./returning.ts";
import { STYLE } from "./style.ts";
import { languageOf, wordsOf, type Words } from "./words.ts";

const SVG = "http://www.w3.org/2000/svg";
// A sheet with a line under it, and a tick.
const MARK = "M6 3h9l4 4v14H6zM9.5 16.5h6M9.5 10.5l2 2 4-4";

/** Whether the browser sends Global Privacy Control: do not sell or share this person's data. */
export function globalPrivacyControl(): boolean {
  return (navigator as { globalPrivacyControl?: unknown }).globalPrivacyControl === true;
}

export class ConsentButton extends HTMLElement {
  static readonly observedAttributes = ["request", "app", "lang"];
  readonly #root: ShadowRoot;
  readonly #returning = new Returning(() => this.#tell("consent-return"));
  #watching: AbortController | undefined;

  constructor() {
    super();
    this.#root = this.attachShadow({ mode: "open", delegatesFocus: true });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    this.#root.adoptedStyleSheets = [sheet];
  }

  connectedCallback(): void {
    this.#watching = new AbortController();
    this.#returning.watch(this.#watching.signal);
    this.#render();
  }

  disconnectedCallback(): void {
    this.#watching?.abort();
  }

  attributeChangedCallback(): void {
    if (this.isConnected) this.#render();
  }

  #render(): void {
    const language = languageOf(this.closest("[lang]")?.getAttribute("lang") ?? undefined, navigator.languages);
    const words = wordsOf(language);
    const target = targetOf(this.getAttribute("request"), this.getAttribute("app"));
    const parts = target === undefined ? [note(words.unsafe, "unsafe")] : this.#offer(target, words);
    for (const part of parts) part.lang = language;
    this.#root.replaceChildren(...parts);
  }

  #offer(target: string, words: Words): HTMLElement[] {
    const isAskedNotTo = globalPrivacyControl();
    const link = document.createElement("a");
    link.href = target;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    link.setAttribute("part", "button");
    link.setAttribute("aria-describedby", "note");
    link.classList.toggle("quiet", isAskedNotTo);
    const label = document.createElement("slot");
    label.textContent = words.decide;
    link.append(mark(), label);
    link.addEventListener("click", (event) => this.#follow(event));
    return [link, note(isAskedNotTo ? `${words.control} ${words.opens}` : words.opens)];
  }

  #follow(event: Event): void {
    if (this.#tell("consent-open")) this.#returning.left();
    else event.preventDefault();
  }

  #tell(name: string): boolean {
    const detail = { request: this.getAttribute("request") };
    return this.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, cancelable: true, detail }));
  }
}

function note(text: string, kind = ""): HTMLElement {
  const line = document.createElement("p");
  line.id = "note";
  line.className = kind;
  line.setAttribute("part", "note");
  line.textContent = text;
  return line;
}

function mark(): SVGElement {
  const image = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  const drawn = { fill: "none", stroke: "currentColor", "stroke-width": "1.75", "stroke-linecap": "round" };
  for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true" })) image.setAttribute(name, value);
  for (const [name, value] of Object.entries({ d: MARK, "stroke-linejoin": "round", ...drawn })) path.setAttribute(name, value);
  image.append(path);
  return image;
}

// A page may load this file twice, for example from two plug-ins.
if (customElements.get("consent-button") === undefined) customElements.define("consent-button", ConsentButton);

declare global {
  interface HTMLElementTagNameMap {
    "consent-button": ConsentButton;
  }
}
