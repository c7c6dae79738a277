// Why a wallet did not do it, in the person's language.

import { WalletTrouble } from "../client/wallets.ts";
import { t, wordsOfError } from "./session.svelte.ts";

export const wordsOfTrouble = (error: unknown): string => (error instanceof WalletTrouble ? t(`sign.${error.name}`, error.values) : wordsOfError(error));
