function e(e){if(!e)return;let t=n(e);if(t!==void 0&&t.username===``&&t.password===``)return t.protocol===`https:`||t.protocol===`http:`&&r(t.hostname)?t:void 0}function t(t,n){let r=e(t);if(r===void 0||n===null)return r?.href;let i=e(n);if(i!==void 0)return i.hash=`request=${encodeURIComponent(r.href)}`,i.href}function n(e){try{return new URL(e)}catch{return}}function r(e){return e===`localhost`||e.endsWith(`.localhost`)||e===`[::1]`||/^127(\.\d{1,3}){3}$/.test(e)}var i=class{#e=`here`;#t;constructor(e){this.#t=e}left(){this.#e=`leaving`}watch(e){let t={signal:e};addEventListener(`blur`,()=>this.#n(),t),addEventListener(`pagehide`,()=>this.#n(),t),addEventListener(`focus`,()=>this.#r(),t),addEventListener(`pageshow`,()=>this.#r(),t),document.addEventListener(`visibilitychange`,()=>document.hidden?this.#n():this.#r(),t)}#n(){this.#e===`leaving`&&(this.#e=`away`)}#r(){this.#e!==`away`||document.hidden||(this.#e=`here`,this.#t())}},a=`
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
`,o={en:{decide:`Decide about your data`,opens:`Opens in a new tab. Nothing is agreed until you sign.`,control:`Your browser says: do not sell or share my data (Global Privacy Control). So nobody asks you here; you may still decide.`,unsafe:`This button has no safe link.`},fr:{decide:`Décider pour vos données`,opens:`S’ouvre dans un nouvel onglet. Rien n’est convenu avant votre signature.`,control:`Votre navigateur dit de ne pas vendre ni partager vos données (Global Privacy Control). On ne vous demande donc rien ici ; vous pouvez décider quand même.`,unsafe:`Ce bouton n’a pas de lien sûr.`},de:{decide:`Über Ihre Daten entscheiden`,opens:`Öffnet einen neuen Tab. Nichts gilt, bevor Sie unterschreiben.`,control:`Ihr Browser sagt: Meine Daten nicht verkaufen oder teilen (Global Privacy Control). Darum fragt Sie hier niemand; entscheiden können Sie trotzdem.`,unsafe:`Dieser Knopf hat keinen sicheren Link.`},zh:{decide:`决定您的数据如何使用`,opens:`将在新标签页中打开。签署之前，一切均不生效。`,control:`您的浏览器表示：不要出售或分享我的数据（Global Privacy Control）。因此这里不会主动询问您；您仍可自行决定。`,unsafe:`此按钮没有安全的链接。`}},s=Object.keys(o);function c(e,t){for(let n of[e??``,...t]){let e=s.find(e=>e===n.toLowerCase().split(`-`)[0]);if(e!==void 0)return e}return`en`}var l=e=>o[e],u=`http://www.w3.org/2000/svg`,d=`M6 3h9l4 4v14H6zM9.5 16.5h6M9.5 10.5l2 2 4-4`;function f(){return navigator.globalPrivacyControl===!0}var p=class extends HTMLElement{static observedAttributes=[`request`,`app`,`lang`];#e;#t=new i(()=>this.#o(`consent-return`));#n;constructor(){super(),this.#e=this.attachShadow({mode:`open`,delegatesFocus:!0});let e=new CSSStyleSheet;e.replaceSync(a),this.#e.adoptedStyleSheets=[e]}connectedCallback(){this.#n=new AbortController,this.#t.watch(this.#n.signal),this.#r()}disconnectedCallback(){this.#n?.abort()}attributeChangedCallback(){this.isConnected&&this.#r()}#r(){let e=c(this.closest(`[lang]`)?.getAttribute(`lang`)??void 0,navigator.languages),n=l(e),r=t(this.getAttribute(`request`),this.getAttribute(`app`)),i=r===void 0?[m(n.unsafe,`unsafe`)]:this.#i(r,n);for(let t of i)t.lang=e;this.#e.replaceChildren(...i)}#i(e,t){let n=f(),r=document.createElement(`a`);r.href=e,r.target=`_blank`,r.rel=`noopener noreferrer`,r.setAttribute(`part`,`button`),r.setAttribute(`aria-describedby`,`note`),r.classList.toggle(`quiet`,n);let i=document.createElement(`slot`);return i.textContent=t.decide,r.append(h(),i),r.addEventListener(`click`,e=>this.#a(e)),[r,m(n?`${t.control} ${t.opens}`:t.opens)]}#a(e){this.#o(`consent-open`)?this.#t.left():e.preventDefault()}#o(e){let t={request:this.getAttribute(`request`)};return this.dispatchEvent(new CustomEvent(e,{bubbles:!0,composed:!0,cancelable:!0,detail:t}))}};function m(e,t=``){let n=document.createElement(`p`);return n.id=`note`,n.className=t,n.setAttribute(`part`,`note`),n.textContent=e,n}function h(){let e=document.createElementNS(u,`svg`),t=document.createElementNS(u,`path`),n={fill:`none`,stroke:`currentColor`,"stroke-width":`1.75`,"stroke-linecap":`round`};for(let[t,n]of Object.entries({viewBox:`0 0 24 24`,"aria-hidden":`true`}))e.setAttribute(t,n);for(let[e,r]of Object.entries({d,"stroke-linejoin":`round`,...n}))t.setAttribute(e,r);return e.append(t),e}customElements.get(`consent-button`)===void 0&&customElements.define(`consent-button`,p);export{p as ConsentButton,f as globalPrivacyControl};