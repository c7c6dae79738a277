// Looks how everything stands: on the chain, with the brands, and in their use logs. "Could not check" changes nothing that was seen.

import { ConsentError } from "../core/errors.ts";
import { isUntold, type Kept, type Seen, withSeen } from "../client/kept.ts";
import { askBrand, look } from "../client/status.ts";
import type { UsesReport } from "../client/uses.ts";
import { tell } from "./ending.ts";
import type { OwnNode } from "./node.svelte.ts";
import type { Answers } from "./store/answers.svelte.ts";
import { changedFile, lookAndKeep } from "./use_log.ts";

/** So many brands are asked at most when everything is looked at. */
const MOST_ASKED = 40;

export class Looks {
  /** When the chain was read last (unix seconds), 0 for never, and why the last reading failed. */
  checkedAt = $state(0);
  unchecked = $state("");
  readonly #node: OwnNode;
  readonly #answers: Answers;
  readonly #over: AbortSignal;

  constructor(node: OwnNode, answers: Answers, over: AbortSignal) {
    [this.#node, this.#answers, this.#over] = [node, answers, over];
  }

  /** Reads the chain for everything. What could not be checked stays as it was seen, and `unchecked` says so. */
  async check(): Promise<void> {
    try {
      await this.#node.findPage();
      const before = new Map(this.#answers.kept.map((kept) => [kept.id, kept.seen]));
      const found = await look(this.#node.network, this.#answers.kept, (kept) => this.#answers.notice(kept.message.notice));
      const newer = new Map(found.filter(({ id, seen }) => isNews(before.get(id), seen)).map(({ id, seen }) => [id, seen]));
      await this.#answers.changeAll([...newer.keys()], (kept) => {
        // A newer look than this one may have come between.
        const isSame = JSON.stringify(before.get(kept.id)) === JSON.stringify(kept.seen);
        return isSame ? { ...kept, seen: newer.get(kept.id) ?? kept.seen } : kept;
      });
      this.checkedAt = this.#node.network.clock();
      this.unchecked = "";
    } catch (error) {
      if (!(error instanceof ConsentError)) throw error;
      this.unchecked = error.message;
    }
  }

  /** Asks the brand of one answer how it stands there; returns why that could not be learned, empty where it was. */
  async askBrand(kept: Kept): Promise<string> {
    try {
      const { seen, acceptance } = await askBrand(this.#node.network, kept, await this.#answers.notice(kept.message.notice));
      const { acceptedAt, acknowledgedAt, brandSays } = seen;
      await this.#answers.change(kept.id, (newest) => ({
        ...withSeen(newest, { acceptedAt, acknowledgedAt, brandSays }), ...(acceptance === undefined ? {} : { acceptance }),
      }));
      return "";
    } catch (error) {
      if (!(error instanceof ConsentError)) throw error;
      return error.message;
    }
  }

  /** Asks the brands of the grants that were asked longest ago: how they stand there, and what was used. */
  async askBrands(): Promise<void> {
    const asked = this.#answers.kept.filter(({ kind, capability, seen }) => kind === "Grant" && capability !== undefined && !(seen.endedAt > 0 && seen.acknowledgedAt > 0));
    const age = (kept: Kept): number => kept.log?.checkedAt ?? 0;
    for (const kept of asked.sort((one, other) => age(one) - age(other)).slice(0, MOST_ASKED)) {
      if (this.#over.aborted) return;
      if (isUntold(kept)) await tell(this.#node.network, this.#answers, kept);
      await this.askBrand(this.#answers.find(kept.digest) ?? kept);
      await this.atUses(kept);
    }
  }

  /** Looks at the brand's use log for one answer; returns what it shows, undefined where that did not hold or could not be checked. */
  atUses(kept: Kept): Promise<UsesReport | undefined> {
    return lookAndKeep(this.#node.network, this.#answers, kept);
  }

  /** The file that tells of a changed log. */
  changedLog(kept: Kept): Promise<string | undefined> {
    return changedFile(this.#answers, kept.digest);
  }
}

/** Whether a look showed more than that nothing changed. */
const isNews = (before: Seen | undefined, after: Seen): boolean =>
  before === undefined || before.checkedAt === 0 || JSON.stringify({ ...before, checkedAt: 0 }) !== JSON.stringify({ ...after, checkedAt: 0 });
