// Draws the page: the view with its actions, the note below it, the languages and the time that is left.

import type { Wallet } from "../client/wallets.ts";
import { button, byId, code, h, head, type Child } from "./elements.ts";
import { say } from "./protocol.ts";
import { questionView } from "./question.ts";
import { about, session, t, type Note } from "./session.ts";
import { isWord, LANGUAGES, type Language } from "./words/words.ts";

/** What a person can do on the page. */
export interface Acts {
  connect(wallet: Wallet): void;
  choose(account: string): void;
  sign(): void;
  refuse(): void;
  look(): void;
  elsewhere(): void;
}

interface View {
  readonly view: Child;
  readonly actions?: Child;
}

// What a wallet may answer that is no signature of the account's.
const BAD = ["nothing", "garbage", "length", "high-s", "foreign"];
const GOOD = ["signed", "sent"];
// Seconds before the end at which it is told to screen readers, and more time is offered.
const ANNOUNCED = [120, 30] as const;

let acts: Acts;
let told = 0;

/** Begins to draw; `given` is what the buttons do. */
export function open(given: Acts): void {
  acts = given;
  byId("more").addEventListener("click", () => void say("more"));
  setInterval(drawTime, 1000);
  draw(false);
}

/** Draws everything anew. A new view begins at its heading; a redraw keeps the person's focus where it was. */
export function draw(moves = true): void {
  const heading = (): HTMLElement | null => byId("view").querySelector("h1");
  const focuses = moves || document.activeElement === heading();
  document.documentElement.lang = session.language;
  const { view, actions = [] } = shown();
  byId("view").replaceChildren(...h("div", {}, view).childNodes);
  byId("actions").replaceChildren(...h("div", {}, actions).childNodes);
  for (const id of ["foot", "more"]) byId(id).textContent = t(id);
  byId("languages").replaceChildren(...(Object.keys(LANGUAGES) as Language[]).map(languageButton));
  const title = heading();
  if (title !== null) {
    title.tabIndex = -1;
    document.title = title.textContent;
    if (focuses) title.focus();
  }
  drawNote();
  drawTime();
}

function languageButton(tag: Language): HTMLButtonElement {
  const found = button(LANGUAGES[tag], () => speak(tag), "plain");
  found.lang = tag;
  found.setAttribute("aria-pressed", String(tag === session.language));
  return found;
}

function speak(tag: Language): void {
  session.speak(tag);
  draw(false);
  byId("languages").querySelector<HTMLElement>(`[lang=${tag}]`)?.focus();
}

/** Says this below the view, or nothing. A problem can be put right, and tried again. */
export function tell(note: Note | undefined): void {
  session.note = note;
  drawNote();
}

function drawNote(): void {
  const { note } = session;
  const canRetry = note?.isProblem === true && session.verdict?.fault === undefined;
  byId("note").className = note?.isProblem === true ? "problem" : "";
  byId("note").textContent = note === undefined ? "" : t(note.name, note.values) + (canRetry ? ` ${t("retry")}` : "");
  const main = byId("actions").querySelector(".main");
  if (main !== null && canRetry && session.wallet !== undefined) main.textContent = t("again");
}

function drawTime(): void {
  const left = Math.max(0, (session.deadline - performance.now()) / 1000);
  const runs = session.state !== undefined && session.end === undefined;
  const said = t("left", { time: `${Math.floor(left / 60)}:${String(Math.floor(left % 60)).padStart(2, "0")}` });
  byId("time").hidden = !runs;
  byId("more").hidden = left > ANNOUNCED[0];
  byId("clock").textContent = said;
  const passed = ANNOUNCED.filter((mark) => left <= mark).length;
  if (runs && passed > told) byId("times").textContent = said;
  told = passed;
}

function shown(): View {
  if (session.end !== undefined) return endView();
  const { state, wallet } = session;
  if (state?.stage === "question" && state.question && wallet !== undefined) return questionView(state.question, acts.sign, acts.refuse);
  if (state?.stage !== "account" && state?.stage !== "question") return { view: head(t("busy")) };
  if (session.offered !== undefined) return accountsView(session.offered);
  return session.wallets.length > 0 ? walletsView() : noneView();
}

const choices = (items: readonly { readonly content: Child; readonly click: () => void }[]): Child =>
  h("ul", { class: "wallets" }, items.map(({ content, click }) => h("li", {}, button(content, click, "wallet"))));

function walletsView(): View {
  const isKnown = session.state?.account !== undefined;
  const items = session.wallets.map((wallet) => ({ content: [iconOf(wallet), namesOf(wallet)], click: () => acts.connect(wallet) }));
  return {
    view: [head(t("connect"), t(isKnown ? "connect.again" : "connect.lead", { account: session.state?.account })), choices(items)],
    actions: [button(t("elsewhere"), acts.elsewhere, "plain"), button(t("cancel"), acts.refuse, "plain")],
  };
}

const iconOf = ({ icon, name }: Wallet): Child => (icon === "" ? h("span", { class: "icon", "aria-hidden": "true" }, name.slice(0, 1)) : h("img", { src: icon, alt: "" }));
const namesOf = ({ name, rdns }: Wallet): Child => h("span", {}, h("b", {}, name), h("small", {}, rdns));

function noneView(): View {
  return {
    view: head(t("none"), t("none.lead")),
    actions: [button(t("look"), acts.look, "main"), button(t("elsewhere"), acts.elsewhere), button(t("cancel"), () => void say("stop", "none"), "plain")],
  };
}

function accountsView(offered: readonly string[]): View {
  const items = offered.map((account) => ({ content: code(account), click: () => acts.choose(account) }));
  return { view: [head(t("accounts"), t("shared")), choices(items)], actions: button(t("cancel"), acts.refuse, "plain") };
}

function endView(): View {
  const { code: name, detail, token } = session.end ?? { code: "gone" };
  if (token !== undefined) return elsewhereView(token);
  const kind = kindOf(name);
  const isEnded = ["signed", "sent", "no", "bad"].includes(kind);
  const mark = isEnded && h("p", { class: GOOD.includes(kind) ? "sign good" : "sign", "aria-hidden": "true" }, GOOD.includes(kind) ? "✓" : "×");
  const after = afterOf(kind, name);
  const values = { ...about(), ...session.values, detail: detail || session.values["detail"] || "" };
  return { view: [mark, head(t(`end.${kind}`), isWord(name) && t(name, values)), after !== "" && h("p", { class: "soft" }, t(after))] };
}

/** Which heading an end has. Once the wallet was asked to send, nobody says that nothing was sent. */
function kindOf(name: string): string {
  if (!GOOD.includes(name) && (session.state?.asked ?? 0) > 0) return "unclear";
  if (isWord(`end.${name}`)) return name;
  return BAD.includes(name) ? "bad" : "no";
}

function afterOf(kind: string, name: string): string {
  if (kind === "unclear") return kind;
  if (GOOD.includes(kind) || ["said-no", "rejected"].includes(name)) return "close";
  return kind === "no" || kind === "bad" ? "rerun" : "";
}

function elsewhereView(token: string): View {
  const link: HTMLInputElement = h("input", {
    readonly: "readonly", value: `${location.origin}/#${token}`, "aria-label": t("elsewhere.lead"), focus: () => link.select(),
  });
  return { view: [head(t("end.elsewhere"), t("elsewhere.lead")), link] };
}
