// Loads the network that the app works on, from the server that served the app.

import { CouldNotCheck } from "../core/errors.ts";
import { MAX_CONFIG, parseConfig } from "../client/config.ts";
import { Network } from "../client/network.ts";
import { Web } from "../client/web.ts";

export async function loadNetwork(): Promise<Network> {
  const web = new Web();
  const answer = await web.ask("LedgerUnavailable", "the app's own server", new URL("./config.json", document.baseURI).href, { maxBytes: MAX_CONFIG });
  if (answer.status !== 200) throw new CouldNotCheck("LedgerUnavailable", "the app's own server gives no config.json");
  return new Network(parseConfig(answer.body), web);
}
