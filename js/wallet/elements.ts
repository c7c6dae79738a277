// Elements, made by the DOM. Text from a brand or a wallet enters the page as text, never as markup.

import { session, t } from "./session.ts";
import { piecesOf } from "./words/words.ts";

export type Child = Node | string | number | false | null | undefined | readonly Child[];
type Given = Readonly<Record<string, string | (() => void) | undefined>>;

const DATE = /(\b\d{4}-\d\d-\d\d\b)/;

/** An element with these attributes and listeners. Children that are empty are left out. */
export function h<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, given: Given = {}, ...children: readonly Child[]): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...flat(children));
  return element;
}

function flat(children: Child): (Node | string)[] {
  if (Array.isArray(children)) return (children as readonly Child[]).flatMap(flat);
  if (children === false || children === null || children === undefined || children === "") return [];
  return [typeof children === "number" ? String(children) : (children as Node | string)];
}

/** The element of the page's own frame with this id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

export const button = (content: Child, click: () => void, look = ""): HTMLButtonElement =>
  h("button", { type: "button", class: look === "" ? undefined : look, click }, content);

/** The word of this name, with elements or text in its places. */
export const pieces = (name: string, values: Readonly<Record<string, Child>> = {}): Child => piecesOf<Child>(session.language, name, values);

/** Browsers break a line at a hyphen, and so in the middle of a date. */
export const dated = (text: string): Child => text.split(DATE).map((piece, place) => (place % 2 === 0 ? piece : h("time", {}, piece)));

export const code = (text: string): HTMLElement => h("code", {}, text);
export const bold = (name: string): HTMLElement => h("strong", { class: "block" }, t(name));
export const row = (name: string, content: Child): Child => flat(content).length > 0 && h("div", {}, h("dt", {}, t(name)), h("dd", {}, content));
export const fold = (title: string, ...content: readonly Child[]): HTMLElement => h("details", {}, h("summary", {}, title), content);
export const list = (items: readonly Child[]): Child => items.length > 0 && h("ul", {}, items.map((item) => h("li", {}, item)));

/** The heading of a view, and what it is about. */
export function head(title: string, lead: Child = ""): Child {
  return [h("h1", { "aria-describedby": "unconfirmed" }, title), flat(lead).length > 0 && h("p", { class: "lead" }, lead)];
}

/** A moment in UTC, in the page's language. A Date ends in the year 275760. */
export function moment(seconds: number): string {
  if (seconds > 8.64e12) return `${seconds} s`;
  const format = new Intl.DateTimeFormat(session.language === "fr" ? "fr-FR" : "en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });
  return `${format.format(seconds * 1000)} UTC`;
}
