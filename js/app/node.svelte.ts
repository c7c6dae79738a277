// Which network the app asks: that of the page, or with a node that the person typed.

import type { Domain } from "../core/eip712.ts";
import { InvalidInput } from "../core/errors.ts";
import { Network } from "../client/network.ts";
import { askNode, isNamed, NO_NETWORK, type OwnNetwork, withOwn } from "../client/own_network.ts";
import { Web } from "../client/web.ts";
import type { Rows } from "./store/answers.svelte.ts";

const KIND = "o:";
const NAME = "network";

export class OwnNode {
  /** The network of the page, or with the person's own node. */
  network = $state.raw(new Network(NO_NETWORK, new Web()));
  /** The URL of the person's own node, empty where there is none. It may hold a key. */
  rpc = $state("");
  readonly #load: () => Promise<Network>;
  readonly #rows: Rows;
  #page: Network | undefined;
  #own: OwnNetwork | undefined;

  /** `load` gives the network of the page, and throws where the page names none (any more). */
  constructor(load: () => Promise<Network>, rows: Rows) {
    this.#load = load;
    this.#rows = rows;
  }

  async open(): Promise<void> {
    this.#own = await this.#rows.get<OwnNetwork>(KIND, NAME).catch(() => undefined);
    await this.findPage();
    this.#show();
  }

  /** Looks again for the network of the page, where it was not there before. */
  async findPage(): Promise<void> {
    if (this.#page !== undefined) return;
    this.#page = await this.#load().catch(() => undefined);
    if (this.#page !== undefined) this.#show();
  }

  /**
   * Takes the person's own node for everything from now on, once it has shown the registry: that of the page, or that of their consents.
   *
   * Throws as `askNode`, and `StorageFull`.
   */
  async use(typed: string, ofConsents: Domain | undefined): Promise<void> {
    const domain = this.#page?.config.domain ?? ofConsents;
    if (domain === undefined) throw new InvalidInput("it is not known yet which registry to look for", "Open the saved file of a consent first.");
    const own = await askNode(this.network.web, typed, domain);
    await this.#rows.put([[KIND, NAME, own]]);
    this.#own = own;
    this.#show();
  }

  /** Goes back to the network of the page. */
  async forget(): Promise<void> {
    await this.#rows.delete(KIND, NAME);
    this.#own = undefined;
    this.#show();
  }

  /** Keeps it again, after the browser's data was cleared. */
  async keepAgain(): Promise<void> {
    if (this.#own !== undefined) await this.#rows.put([[KIND, NAME, this.#own]]);
  }

  get isNamed(): boolean {
    return isNamed(this.network.config);
  }

  #show(): void {
    const page = this.#page ?? new Network(NO_NETWORK, this.network.web);
    this.network = this.#own === undefined ? page : new Network(withOwn(page.config, this.#own), page.web);
    this.rpc = this.#own?.rpc ?? "";
  }
}
