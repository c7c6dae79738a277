// Texts of strangers (a server's answer, a wallet's name) as they are shown beside our own words.

// Joiners stay: Persian and the scripts of India need them.
const UNSEEN = /(?![\u200c\u200d])[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Co}\p{Cs}]/gu;
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;
const STACKED = /(\p{M}{4})\p{M}+/gu;
const SPACES = / {2,}/g;
const QUOTES = /[“”„‟«»]/g;

/**
 * Returns a text in one line of at most `most` characters, without what is invisible or turns the direction of other text.
 *
 * Marks that stack on one letter are cut after the fourth: more of them paint over the lines around.
 */
export function oneLine(text: string, most = 2_000): string {
  // A text of megabytes is cut first, generously: what is taken out below is not counted.
  const plain = text.slice(0, 8 * most).replace(BREAKS, " ").replace(UNSEEN, "").replace(STACKED, "$1").replace(SPACES, " ").trim();
  const letters = [...plain];
  return letters.length <= most ? plain : `${letters.slice(0, most - 1).join("")}…`;
}

/** Returns a stranger's words in quotes, which they cannot end themselves. */
export const quoted = (text: string): string => `“${text.replace(QUOTES, '"')}”`;
