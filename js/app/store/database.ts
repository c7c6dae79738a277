// The browser's own database (IndexedDB). Everything personal in it is sealed before it gets here.

import { ConsentError, CouldNotCheck } from "../../core/errors.ts";

export type Shelf = "door" | "kept";

const VERSION = 1;
const SHELVES: readonly Shelf[] = ["door", "kept"];

/** The browser has no room left, or may not keep anything. Nothing was lost of what is kept already. */
export class StorageFull extends CouldNotCheck {
  constructor() {
    super("StorageUnavailable", "this browser has no room left to keep it", "Make room, then do it again: nothing was sent.");
  }
}

export class Database {
  /** Called when the browser took the database away: the site's data was cleared, or the disk failed. */
  lost: () => void = () => undefined;
  #open: Promise<IDBDatabase> | undefined;
  readonly #name: string;

  constructor(name = "consent") {
    this.#name = name;
  }

  async get<T>(shelf: Shelf, key: string): Promise<T | undefined> {
    return (await this.some<T>(shelf, [key]))[0];
  }

  /** Returns the values under these keys, read at one moment; undefined where there is none. */
  some<T>(shelf: Shelf, keys: readonly string[]): Promise<(T | undefined)[]> {
    return this.#run(shelf, "readonly", (store) => keys.map((key) => store.get(key))) as Promise<(T | undefined)[]>;
  }

  async all<T>(shelf: Shelf): Promise<T[]> {
    return (await this.#run(shelf, "readonly", (store) => [store.getAll()]))[0] as T[];
  }

  /** Keeps values durably, all or none, each under its `id`. Throws `StorageFull`. */
  async put(shelf: Shelf, ...values: readonly { readonly id: string }[]): Promise<void> {
    await this.#run(shelf, "readwrite", (store) => values.map((value) => store.put(value)));
  }

  async delete(shelf: Shelf, ...keys: readonly string[]): Promise<void> {
    await this.#run(shelf, "readwrite", (store) => keys.map((key) => store.delete(key)));
  }

  async clear(): Promise<void> {
    for (const shelf of SHELVES) await this.#run(shelf, "readwrite", (store) => [store.clear()]);
  }

  async #run(shelf: Shelf, mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest[]): Promise<unknown[]> {
    const transaction = await this.#begun(shelf, mode);
    return new Promise((done, failed) => {
      let requests: IDBRequest[] = [];
      transaction.oncomplete = () => done(requests.map(({ result }) => result as unknown));
      transaction.onabort = () => failed(troubleOf(transaction.error));
      try {
        requests = work(transaction.objectStore(shelf));
      } catch (error) {
        failed(troubleOf(error));
        // All or none: what was put before this one goes as well. Where it is aborted already, this throws, and nobody hears it.
        transaction.abort();
      }
    });
  }

  async #begun(shelf: Shelf, mode: IDBTransactionMode): Promise<IDBTransaction> {
    const begin = async (): Promise<IDBTransaction> => (await this.#opened()).transaction(shelf, mode, { durability: "strict" });
    try {
      return await begin();
    } catch {
      // The browser may have closed it meanwhile; a second no is its answer.
      this.#open = undefined;
      return begin().catch((error: unknown) => Promise.reject(troubleOf(error)));
    }
  }

  #opened(): Promise<IDBDatabase> {
    this.#open ??= new Promise<IDBDatabase>((done, failed) => {
      const request = indexedDB.open(this.#name, VERSION);
      request.onupgradeneeded = () => SHELVES.forEach((shelf) => request.result.createObjectStore(shelf, { keyPath: "id" }));
      request.onerror = () => failed(troubleOf(request.error));
      request.onsuccess = () => (this.#watch(request.result), done(request.result));
    }).catch((error: unknown) => {
      this.#open = undefined;
      throw error;
    });
    return this.#open;
  }

  #watch(database: IDBDatabase): void {
    database.onclose = () => this.#forget();
    database.onversionchange = () => (database.close(), this.#forget());
  }

  #forget(): void {
    this.#open = undefined;
    this.lost();
  }
}

function troubleOf(error: unknown): Error {
  if (error instanceof ConsentError) return error;
  const { name = "unknown" } = (error ?? {}) as { name?: string };
  if (name === "QuotaExceededError") return new StorageFull();
  return new CouldNotCheck("StorageUnavailable", `this browser could not keep it (${name})`, "Close other tabs of this page, then open it again.");
}
