// The view of what is asked: who asks, what is signed, what goes where, and exactly what the wallet receives.

import { bold, button, code, dated, fold, h, head, list, moment, pieces, row, type Child } from "./elements.ts";
import { SEND, type Question, type Records, type Summary, type Term } from "./protocol.ts";
import { about, session, short, t } from "./session.ts";
import { isWord } from "./words/words.ts";

const ENDINGS = ["Revoke", "RevokeAll", "Retire"];
const ANSWERS = ["Grant", "Refusal"];
const HASHED = [...ANSWERS, "Acceptance", "Acknowledgement", "UseLog"];
const STANDINGS: Readonly<Record<string, string>> = { confirmed: "confirmed", changed: "warning changed" };
// Whose sentence it is where the person does not sign it now.
const SENTENCES: Readonly<Record<string, string>> = { Revoke: "once", Acceptance: "theirs", Acknowledgement: "theirs" };
const PARTNERS: Readonly<Record<string, string>> = { Revoke: "whom", Acceptance: "from", Acknowledgement: "from" };

/** The view of a question, and its two buttons. `sign` has it signed or sent, `refuse` says no. */
export function questionView(question: Question, sign: () => void, refuse: () => void): { view: Child; actions: Child } {
  const { words } = question;
  const sends = question.method === SEND;
  const values = { ...about(), wallet: session.wallet?.name ?? "" };
  const main = button(t(sends ? "send" : "sign", values), sign, "main");
  main.disabled = !session.isAgreed;
  return {
    view: [
      words.name !== "" && h("p", { class: STANDINGS[words.standing] ?? "warning", id: "unconfirmed" }, asker(words)),
      head(t(isWord(words.act) ? words.act : "Statement"), leadOf(words)),
      words.risks.map(({ name, brands }) => h("p", { class: "warning" }, t(`risk.${name}`, { payer: words.payer, brands: brands.join(", ") }))),
      words.sentence !== "" && h("figure", {}, h("figcaption", {}, t(SENTENCES[words.act] ?? "you.sign")), theirs(words, "blockquote", words.sentence)),
      h("dl", {}, rows(words, sends)),
      words.texts.length > 0 && fold(t("brand", { name: named(words) }), h("dl", {}, words.texts.map(([what, text]) => row(what, theirs(words, "span", text))))),
      exactly(question),
      h("p", { class: "as" }, t("as", values)),
    ],
    actions: [main, button(t(sends ? "unsent" : "no"), refuse)],
  };
}

function leadOf({ act, loose }: Summary): string {
  if (loose && ENDINGS.includes(act)) return t("loose");
  return isWord(`${act}.lead`) ? t(`${act}.lead`) : "";
}

const named = ({ name, account }: Summary): string => name || short(account) || t("someone");

/** The brand's text, marked with its language. */
const theirs = ({ language }: Summary, tag: "blockquote" | "span", text: string): HTMLElement => h(tag, { lang: language, dir: "auto" }, dated(text));

function asker({ name, domain, account, standing }: Summary): Child {
  const word = standing === "confirmed" || standing === "changed" ? standing : "unconfirmed";
  return pieces(word, { name: h("bdi", {}, name), domain, account: code(account) });
}

/** What the wallet receives, to the byte, with what the page read of it by itself. */
function exactly({ method, params, digest }: Question): Child {
  const exact: unknown = method === SEND ? params[0] : JSON.parse(String(params[1]));
  return fold(
    t("exact"),
    session.isAgreed && digest !== "" && h("p", { class: "soft" }, pieces("hash", { hash: code(digest) })),
    session.verdict?.isWritten === true && h("p", { class: "soft" }, t("written")),
    h("pre", { tabindex: "0", role: "region", "aria-label": t("exact") }, JSON.stringify(exact, null, 2)),
  );
}

function rows(words: Summary, sends: boolean): Child {
  const { act, records } = words;
  const terms = (all: readonly Term[]): Child => list(all.map((each) => termIn(words, each)));
  const handed = records !== null && (records.length > 0 ? [list(records.map(recordsIn)), t("handed.keys")] : t("handed.nothing"));
  return [
    row("for", words.whose !== "" && code(words.whose)),
    row(PARTNERS[act] ?? "who", words.account !== "" && (words.name !== "" ? asker(words) : code(words.account))),
    row("purposes", terms(words.purposes)),
    row("data", terms(words.data)),
    row("processing", terms(words.processing)),
    row("training", words.training !== "" && t(`training.${words.training}`)),
    row("until", words.until !== null && moment(words.until)),
    row("handed", handed),
    row("stop", act === "Grant" && [pieces("stop.how", { command: code("consent revoke") }), " ", t(payerOf(words))]),
    row("seen", seenBy(words, sends)),
    row("terms", words.terms !== null && termIn(words, words.terms)),
  ];
}

const payerOf = ({ notary, payer }: Summary): string => (notary ? "stop.notary" : payer !== "" ? "stop.payer" : "stop.relay");

function seenBy(words: Summary, sends: boolean): Child {
  const { act, payer, whose, loose } = words;
  const shared = ANSWERS.includes(act) && h("p", {}, t("shared"));
  const isOpen = payer !== "" || sends || (ENDINGS.includes(act) && !loose);
  const account = payer || (sends ? "" : whose) || (session.state?.account ?? "");
  if (isOpen) return [t("seen.account", { account }), shared];
  return HASHED.includes(act) && [t("seen.hash"), shared];
}

/** The vocabulary's words come first; they are in English. */
const plain = ({ words, term }: Term): Child => [words !== "" && h("span", { lang: "en" }, words, " "), code(term)];

function termIn(words: Summary, each: Term): Child {
  return [
    plain(each),
    each.special && bold("special"),
    each.words === "" && bold("undefined"),
    each.label !== "" && h("span", { class: "soft block" }, pieces("called", { label: theirs(words, "span", each.label) })),
  ];
}

function recordsIn(each: Records): Child {
  const count = each.count === 1 ? t("handed.one") : t("handed.many", { count: each.count.toLocaleString(session.language) });
  const category = h("span", {}, plain(each.category));
  return [pieces("handed.records", { category, count, members: membersOf(each) }), ".", periodOf(each), " ", t(each.continuing ? "handed.later" : "handed.once")];
}

function membersOf({ members, extras, file }: Records): string {
  return [...members, ...extras.map((name) => t(`handed.${name}`)), ...(file === "" ? [] : [t(`handed.file.${file}`)])].join(", ");
}

function periodOf({ from, until }: Records): Child {
  const bounds = [from !== "" && "from", until !== "" && "until"].filter((bound) => bound !== false).join("-");
  return bounds !== "" && [" ", dated(t(`handed.period.${bounds}`, { from, until }))];
}
