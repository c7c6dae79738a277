// The button's few words. The page's language comes first, because the button stands among the page's words.

const ALL = {
  en: {
    decide: "Decide about your data",
    opens: "Opens in a new tab. Nothing is agreed until you sign.",
    control: "Your browser says: do not sell or share my data (Global Privacy Control). So nobody asks you here; you may still decide.",
    unsafe: "This button has no safe link.",
  },
  fr: {
    decide: "Décider pour vos données",
    opens: "S’ouvre dans un nouvel onglet. Rien n’est convenu avant votre signature.",
    control: "Votre navigateur dit de ne pas vendre ni partager vos données (Global Privacy Control). On ne vous demande donc rien ici\u202f; vous pouvez décider quand même.",
    unsafe: "Ce bouton n’a pas de lien sûr.",
  },
  de: {
    decide: "Über Ihre Daten entscheiden",
    opens: "Öffnet einen neuen Tab. Nichts gilt, bevor Sie unterschreiben.",
    control: "Ihr Browser sagt: Meine Daten nicht verkaufen oder teilen (Global Privacy Control). Darum fragt Sie hier niemand; entscheiden können Sie trotzdem.",
    unsafe: "Dieser Knopf hat keinen sicheren Link.",
  },
  zh: {
    decide: "决定您的数据如何使用",
    opens: "将在新标签页中打开。签署之前，一切均不生效。",
    control: "您的浏览器表示：不要出售或分享我的数据（Global Privacy Control）。因此这里不会主动询问您；您仍可自行决定。",
    unsafe: "此按钮没有安全的链接。",
  },
} as const;

export type Language = keyof typeof ALL;
export type Words = Record<keyof (typeof ALL)["en"], string>;
export const LANGUAGES = Object.keys(ALL) as readonly Language[];

/** Returns the first language that we speak: of the page, then of the browser, then English. */
export function languageOf(page: string | undefined, browser: readonly string[]): Language {
  for (const wished of [page ?? "", ...browser]) {
    const found = LANGUAGES.find((each) => each === wished.toLowerCase().split("-")[0]);
    if (found !== undefined) return found;
  }
  return "en";
}

export const wordsOf = (language: Language): Words => ALL[language];
