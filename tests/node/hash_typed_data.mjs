// Reads a JSON array of typed data (as eth_signTypedData_v4 takes it) and writes the digests that ethers makes of them.
import { hashTyped, readInput } from "./packages.mjs";

process.stdout.write(JSON.stringify(readInput().map(hashTyped)));
