// The browser's own database (IndexedDB). Everything personal in it is sealed before it gets here.

import { CouldNotCheck } from "../../core/errors.ts";

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
  #open: Promise<IDBDatabase> | undefined;
  readonly #name: string;

  constructor(name = "consent") {
    this.#name = name;
  }

  get<T>(shelf: Shelf, key: string): Promise<T | undefined> {
    return this.#run(shelf, "readonly", (store) => store.get(key)) as Promise<T | undefined>;
  }

  all<T>(shelf: Shelf): Promise<T[]> {
    return this.#run(shelf, "readonly", (store) => store.getAll()) as Promise<T[]>;
  }

  /** Keeps values durably, all or none, each under its `id`. Throws `StorageFull`. */
  async put(shelf: Shelf, ...values: readonly { readonly id: string }[]): Promise<void> {
    await this.#run(shelf, "readwrite", (store) => values.map((value) => store.put(value)).at(-1) as IDBRequest);
  }

  async delete(shelf: Shelf, ...keys: readonly string[]): Promise<void> {
    await this.#run(shelf, "readwrite", (store) => keys.map((key) => store.delete(key)).at(-1) as IDBRequest);
  }

  async clear(): Promise<void> {
    for (const shelf of SHELVES) await this.#run(shelf, "readwrite", (store) => store.clear());
  }

  async #run(shelf: Shelf, mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest): Promise<unknown> {
    const database = await this.#opened();
    return new Promise((done, failed) => {
      const transaction = database.transaction(shelf, mode, { durability: "strict" });
      const request = work(transaction.objectStore(shelf));
      transaction.oncomplete = () => done(request.result);
      transaction.onabort = () => failed(troubleOf(transaction.error ?? request.error));
    });
  }

  #opened(): Promise<IDBDatabase> {
    this.#open ??= new Promise<IDBDatabase>((done, failed) => {
      const request = indexedDB.open(this.#name, VERSION);
      request.onupgradeneeded = () => SHELVES.forEach((shelf) => request.result.createObjectStore(shelf, { keyPath: "id" }));
      request.onerror = () => failed(troubleOf(request.error));
      request.onsuccess = () => {
        const forget = (): void => (this.#open = undefined, undefined);
        request.result.onclose = forget; // the person cleared the site's data
        request.result.onversionchange = () => (request.result.close(), forget());
        done(request.result);
      };
    }).catch((error: unknown) => {
      this.#open = undefined;
      throw error;
    });
    return this.#open;
  }
}

function troubleOf(error: DOMException | null): Error {
  if (error?.name === "QuotaExceededError") return new StorageFull();
  return new CouldNotCheck("StorageUnavailable", `this browser could not keep it (${error?.name ?? "unknown"})`);
}
