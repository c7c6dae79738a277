"use strict";
// Text from a brand or a wallet enters the page as text (textContent, append), never as markup.
// Each text is in English, then in French. Those about a question come with it (registry/data/pages).

const LANGUAGES = { en: "English", fr: "Français" };
const TEXT = {
  foot: "Served by this computer’s terminal alone.|Servi par le seul terminal de cet ordinateur.",
  left: "{time} left|encore {time}",
  more: "More time|Plus de temps",
  busy: "One moment|Un instant",
  connect: "Choose your wallet|Choisissez votre portefeuille",
  "connect.lead": "Your key stays in it; nothing is signed before you agree.|Votre clé y reste ; rien n’est signé sans votre accord.",
  "connect.again": "The one that holds {account}.|Celui qui contient {account}.",
  other: "This browser’s wallet|Portefeuille du navigateur",
  accounts: "Choose an account|Choisissez un compte",
  shared: "All brands to which one account signs see the same address.|Toutes les marques pour qui un même compte signe voient la même adresse.",
  none: "No wallet was found|Aucun portefeuille trouvé",
  "none.lead": "It may be switched off, or in another browser.|Il est peut-être désactivé ou dans un autre navigateur.",
  look: "Look again|Chercher à nouveau",
  elsewhere: "Use another browser|Utiliser un autre navigateur",
  again: "Try again|Réessayer",
  cancel: "Stop|Arrêter",
  waiting: "Go on in {wallet}. If no window opens, click its icon.|Continuez dans {wallet}. Si rien ne s’ouvre, cliquez sur son icône.",
  retry: "Put that right, then try again.|Corrigez cela, puis réessayez.",
  rerun: "You may close this page and run the command again.|Vous pouvez fermer cette page et relancer la commande.",
  close: "You may close this page.|Vous pouvez fermer cette page.",
  "end.signed": "Signed|Signé",
  "end.sent": "Sent|Envoyé",
  "end.no": "Nothing was signed|Rien n’a été signé",
  "end.unclear": "It may have been sent|Peut-être envoyé",
  "end.bad": "That is of no use|Cela ne convient pas",
  "end.gone": "The terminal has ended|Le terminal a terminé",
  "end.elsewhere": "Go on in the other browser|Continuez dans l’autre navigateur",
  "end.tokenless": "This page needs its link|Cette page a besoin de son lien",
  "end.taken": "This page is open already|Cette page est déjà ouverte",
  unclear: "See in your wallet. Sending it again does no harm.|Voyez dans votre portefeuille. L’envoyer à nouveau ne nuit pas.",
  gone: "See there what came of it.|Voyez-y ce qu’il en est.",
  "elsewhere.lead": "Open this link there. It is good for one page.|Ouvrez-y ce lien. Il vaut pour une seule page.",
  tokenless: "Open the one that your terminal shows.|Ouvrez celui qu’affiche votre terminal.",
  taken: "Go on in the tab or browser that has it.|Continuez dans l’onglet ou le navigateur qui l’a.",
  signed: "It was checked. The terminal does the rest.|Elle a été vérifiée. Le terminal fait le reste.",
  sent: "The terminal waits for the chain.|Le terminal attend la chaîne.",
  "said-no": "You said no.|Vous avez dit non.",
  rejected: "You said no in your wallet.|Vous avez dit non dans votre portefeuille.",
  nothing: "Your wallet returned nothing.|Le portefeuille n’a rien renvoyé.",
  garbage: "Its answer makes no sense.|Sa réponse n’a pas de sens.",
  length: "This signature has not 65 bytes.|Cette signature n’a pas 65 octets.",
  "high-s": "No chain accepts such a signature (high s).|Aucune chaîne n’accepte une telle signature (s élevé).",
  foreign: "Another account than {account} signed.|Un autre compte que {account} a signé.",
  locked: "Your wallet is locked, or still waits for an answer.|Le portefeuille est verrouillé ou attend encore une réponse.",
  account: "Your wallet offers {found}; this is for {account}.|Le portefeuille propose {found} ; ceci est pour {account}.",
  "account-changed": "Your wallet changed to {found}; this is for {account}.|Le portefeuille est passé à {found} ; ceci est pour {account}.",
  chain: "Your wallet stays on another chain than {chain}.|Le portefeuille reste sur une autre chaîne que {chain}.",
  "chain-unknown": "Your wallet does not know chain {chain}.|Le portefeuille ne connaît pas la chaîne {chain}.",
  "chain-changed": "Your wallet left chain {chain}.|Le portefeuille a quitté la chaîne {chain}.",
  disconnected: "Your wallet has lost its connection.|Le portefeuille a perdu sa connexion.",
  unsupported: "Your wallet cannot do that.|Le portefeuille ne sait pas faire cela.",
  wallet: "Your wallet answered with an error. {detail}|Le portefeuille a répondu par une erreur. {detail}",
  timeout: "The time is over.|Le temps est écoulé.",
  interrupted: "It was interrupted in the terminal.|Interrompu dans le terminal.",
  stopped: "The terminal stopped. {detail}|Le terminal s’est arrêté. {detail}",
};

const $ = (id) => document.getElementById(id);
const ui = { turn: 0, deadline: 0 };
const SEND = "eth_sendTransaction";
const wallets = new Map();
const heard = new WeakSet();
const store = sessionStorage;
let key = "";
let language = store.language ?? navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag in LANGUAGES) ?? "en";

// A text in pieces, so that a value may be an element.
function pieces(name, values = {}) {
  const text = TEXT[name]?.split("|")[language === "fr" ? 1 : 0] ?? ui.state.question.said[language][name];
  return text.split(/\{(\w+)\}|\$(\w+)/).map((piece, index) => index % 3 ? piece && (values[piece] ?? "") : piece).filter(Boolean);
}

const t = (name, values) => pieces(name, values).join("");
// Browsers break a line at a hyphen, and so in the middle of a date.
const dated = (text) => text.split(/(\b\d{4}-\d\d-\d\d\b)/).map((piece, index) => index % 2 ? h("time", null, piece) : piece);

function h(tag, given, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given ?? {})) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter(Boolean));
  return element;
}

const button = (content, click, look) => h("button", { type: "button", class: look, click }, content);
const short = (address) => `${address.slice(0, 6)}…${address.slice(-4)}`;
const named = (words) => words.name || (words.account && short(words.account)) || t("someone");

// Views

function draw(focus = true) {
  const heading = () => $("view").querySelector("h1");
  // A redraw keeps the person's focus where it was.
  focus ||= document.activeElement === heading();
  document.documentElement.lang = language;
  const { view, actions = [] } = shown();
  $("view").replaceChildren(...view.filter(Boolean));
  $("actions").replaceChildren(...actions);
  for (const id of ["foot", "more"]) $(id).textContent = t(id);
  $("languages").replaceChildren(...Object.entries(LANGUAGES).map(([tag, name]) =>
    h("button", { type: "button", class: "plain", lang: tag, "aria-pressed": String(tag === language), click: () => speak(tag) }, name)));
  heading().tabIndex = -1;
  document.title = heading().textContent;
  if (focus) heading().focus();
  drawNote();
  drawTime();
}

function speak(tag) {
  store.language = language = tag;
  draw(false);
  $("languages").querySelector(`[lang=${tag}]`).focus();
}

function shown() {
  if (ui.end) return endView();
  const stage = ui.state?.stage;
  if (stage === "question" && ui.wallet) return questionView();
  if (stage !== "account" && stage !== "question") return { view: head("busy") };
  if (ui.offered) return accountsView();
  return wallets.size ? walletsView() : noneView();
}

const head = (title, values, lead, leadValues) => [h("h1", { "aria-describedby": "unconfirmed" }, t(title, values)), lead && h("p", { class: "lead" }, t(lead, leadValues))];

const choices = (list, click) => h("ul", { class: "wallets" }, list.map((content, index) => h("li", null, button(content, () => click(index), "wallet"))));

function walletsView() {
  const account = ui.state.account;
  const all = [...wallets.values()].sort((a, b) => a.name.localeCompare(b.name));
  const list = all.map((wallet) => [wallet.icon ? h("img", { src: wallet.icon, alt: "" }) : h("span", { class: "icon", "aria-hidden": "true" }, wallet.name.slice(0, 1)),
    h("span", null, h("b", null, wallet.name), h("small", null, wallet.rdns))]);
  return {
    view: [...head("connect", null, account ? "connect.again" : "connect.lead", { account }), choices(list, (index) => connect(all[index]))],
    actions: [button(t("elsewhere"), elsewhere, "plain"), button(t("cancel"), giveUp, "plain")],
  };
}

function noneView() {
  return {
    view: head("none", null, "none.lead"),
    actions: [button(t("look"), look, "main"), button(t("elsewhere"), elsewhere), button(t("cancel"), () => say("stop", "none"), "plain")],
  };
}

function accountsView() {
  const list = choices(ui.offered.map((account) => h("code", null, account)), (index) => choose(ui.offered[index]));
  return { view: [...head("accounts", {}, "shared"), list], actions: [button(t("cancel"), giveUp, "plain")] };
}

function questionView() {
  const { words, method, params } = ui.state.question;
  const said = ui.state.question.said.en;
  const name = named(words);
  const sends = method === SEND;
  const exact = sends ? params[0] : JSON.parse(params[1]);
  const values = { ...about(), wallet: ui.wallet.name };
  const lead = words.loose && ENDINGS.includes(words.act) ? "loose" : `${words.act}.lead`;
  return {
    view: [
      words.name && h("p", { class: words.standing === "confirmed" ? "confirmed" : "warning", id: "unconfirmed" }, asker(words)),
      ...head(words.act in said ? words.act : "Statement", { name }, lead in said && lead),
      ...words.risks.map(({ name: risk, brands }) => h("p", { class: "warning" }, t(`risk.${risk}`, { payer: words.payer, brands: brands.join(", ") }))),
      words.sentence && h("figure", null, h("figcaption", null, t({ Revoke: "once", Acceptance: "theirs", Acknowledgement: "theirs" }[words.act] ?? "you.sign")), theirs(words, "blockquote", words.sentence)),
      h("dl", null, rows(words)),
      words.texts.length > 0 && fold(t("brand", { name }), h("dl", null, words.texts.map(([what, text]) => row(what, theirs(words, "span", text))))),
      fold(t("exact"), h("pre", { tabindex: "0", role: "region", "aria-label": t("exact") }, JSON.stringify(exact, null, 2))),
      h("p", { class: "as" }, t("as", values)),
    ],
    actions: [button(t(sends ? "send" : "sign", values), sign, "main"), button(t(sends ? "unsent" : "no"), giveUp)],
  };
}

// The brand's text, marked with its language.
const theirs = (words, tag, text) => h(tag, { lang: words.language, dir: "auto" }, dated(text));
const code = (text) => h("code", null, text);
const asker = ({ name, domain, account, standing }) => pieces(["confirmed", "changed"].includes(standing) ? standing : "unconfirmed", { name: h("bdi", null, name), domain, account: code(account) });
const ENDINGS = ["Revoke", "RevokeAll", "Retire"];

function rows(words) {
  const { act, payer, whose } = words;
  // The vocabulary's words come first; it is in English.
  const plain = (term) => [term.words && h("span", { lang: "en" }, term.words, " "), code(term.term)];
  const term = (each) => [...plain(each),
    each.special && h("strong", { class: "block" }, t("special")),
    !each.words && h("strong", { class: "block" }, t("undefined")),
    each.label && h("span", { class: "soft block" }, pieces("called", { label: theirs(words, "span", each.label) }))];
  const list = (items) => items.length && h("ul", null, items.map((item) => h("li", null, item)));
  const count = (number) => number === 1 ? t("handed.one") : t("handed.many", { count: number.toLocaleString(language) });
  const members = ({ members: all, extras, file }) => [...all, ...extras.map((name) => t(`handed.${name}`)), ...(file ? [t(`handed.file.${file}`)] : [])].join(", ");
  const period = (each) => {
    const bounds = ["from", "until"].filter((name) => each[name]).join("-");
    return bounds && [" ", dated(t(`handed.period.${bounds}`, each))];
  };
  const records = (each) => [...pieces("handed.records", { category: h("span", null, plain(each.category)), count: count(each.count), members: members(each) }), ".",
    period(each), " ", t(each.continuing ? "handed.later" : "handed.once")];
  const answers = ["Grant", "Refusal"].includes(act);
  const sends = ui.state.question.method === SEND;
  const seen = payer || sends || (ENDINGS.includes(act) && !words.loose) ? "seen.account" : (answers || ["Acceptance", "Acknowledgement", "UseLog"].includes(act)) && "seen.hash";
  return [
    row("for", whose && h("code", null, whose)),
    row({ Revoke: "whom", Acceptance: "from", Acknowledgement: "from" }[act] ?? "who", words.account && (words.name ? asker(words) : code(words.account))),
    row("purposes", list(words.purposes.map(term))),
    row("data", list(words.data.map(term))),
    row("processing", list(words.processing.map(term))),
    row("training", words.training && t(`training.${words.training}`)),
    row("until", words.until && moment(words.until)),
    row("handed", words.records !== null && (words.records.length ? [list(words.records.map(records)), t("handed.keys")] : t("handed.nothing"))),
    row("stop", act === "Grant" && [...pieces("stop.how", { command: code("consent revoke") }), " ", t(words.notary ? "stop.notary" : payer ? "stop.payer" : "stop.relay")]),
    row("seen", seen && [t(seen, { account: payer || (!sends && whose) || ui.state.account }), answers && h("p", null, t("shared"))]),
    row("terms", words.terms && term(words.terms)),
  ];
}

const fold = (title, content) => h("details", null, h("summary", null, title), content);
const row = (name, content) => content && h("div", null, h("dt", null, t(name)), h("dd", null, content));
// A Date ends in the year 275760.
const moment = (seconds) => seconds > 8.64e12 ? `${seconds} s` : `${new Intl.DateTimeFormat(language === "fr" ? "fr-FR" : "en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" }).format(seconds * 1000)} UTC`;

const BAD = ["nothing", "garbage", "length", "high-s", "foreign"];

function endView() {
  const { code, detail, token } = ui.end;
  const good = ["signed", "sent"].includes(code);
  const kind = !good && ui.state?.asked ? "unclear" : `end.${code}` in TEXT ? code : BAD.includes(code) ? "bad" : "no";
  const mark = h("p", { class: good ? "sign good" : "sign", "aria-hidden": "true" }, good ? "✓" : "×");
  if (token) {
    const link = h("input", { readonly: "readonly", value: `${location.origin}/#${token}`, "aria-label": t("elsewhere.lead"), focus: () => link.select() });
    return { view: [...head("end.elsewhere", null, "elsewhere.lead"), link] };
  }
  const ended = good || ["no", "bad"].includes(kind);
  const after = kind === "unclear" ? kind : good || ["said-no", "rejected"].includes(code) ? "close" : ended && "rerun";
  return { view: [ended && mark, ...head(`end.${kind}`, null, code, { ...about(), ...ui.values, detail: detail || ui.values?.detail }), after && h("p", { class: "soft" }, t(after))] };
}

function drawNote() {
  $("note").className = ui.note?.problem ? "problem" : "";
  $("note").textContent = ui.note ? t(ui.note.name, ui.note.values) + (ui.note.problem ? ` ${t("retry")}` : "") : "";
  const main = ui.note?.problem && ui.wallet && $("actions").querySelector(".main");
  if (main) main.textContent = t("again");
}

function tell(name, values, problem = false) {
  ui.note = name && { name, values, problem };
  drawNote();
}

// Time

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
const ANNOUNCED = [120, 30];

function drawTime() {
  const left = Math.max(0, (ui.deadline - performance.now()) / 1000);
  const runs = ui.state && !ui.end;
  $("time").hidden = !runs;
  $("more").hidden = left > ANNOUNCED[0];
  $("clock").textContent = t("left", { time: clock(left) });
  const passed = ANNOUNCED.filter((mark) => left <= mark).length;
  if (runs && passed > (ui.passed ?? 0)) $("times").textContent = t("left", { time: clock(left) });
  ui.passed = passed;
}

// The server

async function post(path, body, headers) {
  const answer = await fetch(`/${path}`, { method: "POST", cache: "no-store", keepalive: path === "leave",
    headers: { "Content-Type": "application/json", "Consent-Key": key, ...headers }, body: JSON.stringify(body ?? null) });
  if (!answer.ok) throw answer.status;
  return answer.json();
}

async function begin() {
  const token = location.hash.slice(1);
  history.replaceState(null, "", "/");
  key = store.owner ?? "";
  if (token) {
    try {
      store.owner = key = (await post("claim", null, { "Consent-Token": token })).key;
    } catch (status) {
      // It is claimed, perhaps by this tab, which followed the same link again.
      if (!key) return finish({ code: { 403: "tokenless", 409: "taken" }[status] ?? "gone" });
    }
  }
  return key ? follow() : finish({ code: "tokenless" });
}

async function follow() {
  for (let failed = 0; !ui.end; ) {
    let state;
    try {
      state = await post("state", ui.state?.number ?? 0);
      failed = 0;
    } catch (status) {
      // A page that reloads fails here too and must not end; a computer that wakes up tries again.
      await new Promise((go) => setTimeout(go, 500));
      if (typeof status === "number") return finish({ code: "tokenless" });
      if (++failed > 4) return finish({ code: "gone" });
      continue;
    }
    take(state);
  }
}

function take(state) {
  if (ui.end) return;
  const { stage, number } = ui.state ?? {};
  ui.deadline = performance.now() + state.left * 1000;
  if (state.number === number) return;
  ui.state = state;
  if (state.stage === "done") finish(state.outcome);
  else if (state.stage !== stage) {
    ui.note = null;
    draw();
  }
}

function finish(end) {
  if (ui.end) return;
  ui.end = end;
  ui.note = null;
  store.removeItem("owner");
  draw();
}

// If it fails, the next state says more than the error.
const say = (...what) => post(...what).catch(() => {});
// Report the problem before the end.
async function giveUp() {
  await ui.told;
  return say("stop", ui.note?.problem ? ui.note.name : "said-no");
}

async function elsewhere() {
  const { token } = await post("elsewhere");
  finish({ code: "elsewhere", token });
}

// The wallet

function Trouble(code, values) {
  Object.assign(this, { code, values });
}

const CODES = { 4001: "rejected", 4100: "locked", "-32002": "locked", 4200: "unsupported", "-32601": "unsupported", 4900: "disconnected", 4901: "disconnected" };
const troubleOf = (error) => error instanceof Trouble ? error : new Trouble(CODES[error?.code] ?? "wallet", { detail: String(error?.message ?? "").slice(0, 200) });

function trouble(error) {
  const { code, values } = troubleOf(error);
  ui.turn++;
  ui.waiting = false;
  if (code === "rejected") return say("stop", code);
  ui.values = values;
  tell(code, { ...about(), ...values }, true);
  ui.told = say("problem", code);
}

// One request to the wallet at a time. After a change, an older one is no longer awaited.
async function ask(work) {
  if (ui.waiting) return;
  const turn = ++ui.turn;
  ui.waiting = true;
  tell("waiting", { wallet: ui.wallet.name });
  try {
    await work(() => turn === ui.turn && !ui.end);
  } catch (error) {
    if (turn === ui.turn && !ui.end) trouble(error);
  }
  if (turn === ui.turn) ui.waiting = false;
}

const about = () => ({ account: short(ui.state?.account ?? ""), chain: ui.state?.chain.id });
const request = (method, params) => ui.wallet.provider.request(params ? { method, params } : { method });
const same = (a, b) => String(a).toLowerCase() === String(b).toLowerCase();

function held(accounts) {
  const list = Array.isArray(accounts) ? accounts.filter((one) => /^0x[0-9a-fA-F]{40}$/.test(one)) : [];
  if (!list.length) throw new Trouble("locked");
  const wanted = ui.state.account;
  if (wanted && !list.some((one) => same(one, wanted))) throw new Trouble("account", { found: short(list[0]) });
  return list;
}

async function onChain() {
  const { id, rpc } = ui.state.chain;
  const chainId = `0x${id.toString(16)}`;
  const there = async () => BigInt(await request("eth_chainId")) === BigInt(id);
  const move = () => request("wallet_switchEthereumChain", [{ chainId }]);
  if (await there()) return;
  try {
    await move();
  } catch (error) {
    if ([4001, -32002].includes(error?.code)) throw error;
    if (error?.code !== 4902 && error?.data?.originalError?.code !== 4902) throw new Trouble("chain");
    if (!rpc) throw new Trouble("chain-unknown");
    await request("wallet_addEthereumChain", [{ chainId, chainName: `Chain ${id}`, rpcUrls: [rpc], nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 } }]);
    if (!(await there())) await move();
  }
  if (!(await there())) throw new Trouble("chain");
}

function connect(wallet) {
  // The person may choose another wallet while one does not answer.
  ui.waiting = false;
  ui.wallet = wallet;
  ask(async (current) => {
    try {
      const accounts = held(await request("eth_requestAccounts"));
      if (!current()) return;
      await onChain();
      if (!current()) return;
      listen(wallet);
      ui.note = null;
      if (!ui.state.account && accounts.length === 1) return choose(accounts[0]);
      ui.offered = ui.state.account ? null : accounts;
      draw();
    } catch (error) {
      if (current()) ui.wallet = null;
      throw error;
    }
  });
}

function choose(account) {
  ui.state.stage = "busy";
  draw();
  say("account", account);
}

function listen({ provider }) {
  if (!provider.on || heard.has(provider)) return;
  heard.add(provider);
  const changed = (code, found) => {
    if (ui.wallet?.provider === provider && ui.state.stage === "question" && !ui.end) trouble(new Trouble(code, { found }));
  };
  provider.on("accountsChanged", (accounts) => accounts?.some((one) => same(one, ui.state.account)) ||
    changed(accounts?.length ? "account-changed" : "locked", short(String(accounts?.[0]))));
  provider.on("chainChanged", (chain) => Number(chain) === ui.state.chain.id || changed("chain-changed"));
  provider.on("disconnect", () => changed("disconnected"));
}

function sign() {
  ask(async (current) => {
    held(await request("eth_accounts"));
    await onChain();
    if (!current()) return;
    const { method, params } = ui.state.question;
    const sends = method === SEND;
    // From here the wallet may send, however the page ends, unless it clearly says that it did not.
    if (sends) await post("asked", 1);
    const answer = await request(method, params).catch(async (error) => {
      if (sends && ["rejected", "unsupported"].includes(troubleOf(error).code)) await say("asked", -1);
      throw error;
    });
    if (current() || (sends && answer)) await post("answer", typeof (answer ?? "") === "string" ? answer : "?");
  });
}

// Finding wallets: EIP-6963, else window.ethereum (EIP-1193)

function announced(event) {
  const { info, provider } = event.detail ?? {};
  if (!info || typeof provider?.request !== "function" || wallets.has(info.uuid)) return;
  const icon = /^data:image\//.test(info.icon) ? info.icon : "";
  wallets.delete("ethereum");
  wallets.set(info.uuid, { name: String(info.name).slice(0, 60), rdns: String(info.rdns ?? "").slice(0, 100), icon, provider });
  if (ui.state && !ui.wallet && !ui.end) draw(false);
}

function look() {
  window.dispatchEvent(new Event("eip6963:requestProvider"));
  const { ethereum } = window;
  if (!wallets.size && typeof ethereum?.request === "function") wallets.set("ethereum", { name: t("other"), icon: "", provider: ethereum });
  if (ui.state && !ui.end) draw();
}

window.addEventListener("eip6963:announceProvider", announced);
// The tab followed another link.
window.addEventListener("hashchange", () => location.reload());
window.addEventListener("pagehide", () => ui.end || !key || say("leave"));
$("more").addEventListener("click", () => say("more"));
setInterval(drawTime, 1000);
look();
draw(false);
begin();
