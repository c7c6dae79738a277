// Makes tests/vectors/cids/files.json: the CIDs of generated files, from an implementation that is not ours.
//
//   npm install --prefix DIR ipfs-unixfs-importer@17.1.1 blockstore-core
//   node scripts/vectors_cids.mjs DIR > tests/vectors/cids/files.json
//
// The importer (Apache-2.0 OR MIT) has the settings of `ipfs add --cid-version=1`. Byte i of a file is byte i mod 32 of
// SHA-256(big-endian uint64 of floor(i / 32)). Any language can repeat that, and no two leaves are alike.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { join, resolve } from 'node:path'

const LEAF = 262144
const LINKS = 174
const SIZES = [0, 1, 255, LEAF - 1, LEAF, LEAF + 1, 2 * LEAF, 60_000_000, LINKS * LEAF, LINKS * LEAF + 1, (LINKS + 1) * LEAF + 1]

const root = resolve(process.argv[2])
async function load (name) {
  const manifest = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json')))
  const entry = manifest.exports['.'].import ?? manifest.exports['.']
  return import(pathToFileURL(join(root, 'node_modules', name, entry)))
}
const { importer } = await load('ipfs-unixfs-importer')
const sub = path => import(pathToFileURL(join(root, 'node_modules/ipfs-unixfs-importer/dist/src', path)))
const { balanced } = await sub('layout/balanced.js')
const { fixedSize } = await sub('chunker/fixed-size.js')

function * content (size) {
  const counter = Buffer.alloc(8)
  for (let made = 0; made < size;) {
    const part = Buffer.alloc(Math.min(LEAF, size - made))
    for (let at = 0; at < part.length; at += 32) {
      counter.writeBigUInt64BE(BigInt((made + at) / 32))
      createHash('sha256').update(counter).digest().copy(part, at)
    }
    made += part.length
    yield part
  }
}

const cases = []
for (const size of SIZES) {
  const blocks = new Map()
  const store = { put: async (cid, bytes) => { blocks.set(cid.toString(), bytes.length); return cid } }
  const options = {
    cidVersion: 1, rawLeaves: true, leafType: 'raw', reduceSingleLeafToSelf: true, wrapWithDirectory: false,
    chunker: fixedSize({ chunkSize: LEAF }), layout: balanced({ maxChildrenPerNode: LINKS })
  }
  let last
  for await (const entry of importer([{ content: content(size) }], store, options)) last = entry
  const stored = [...blocks.values()].reduce((sum, length) => sum + length, 0)
  cases.push({ description: `${size} bytes`, size, cid: last.cid.toString(), blocks: blocks.size, stored })
}
const version = JSON.parse(readFileSync(join(root, 'node_modules/ipfs-unixfs-importer/package.json'))).version
console.log(JSON.stringify({ made_by: `ipfs-unixfs-importer ${version}`, cases }, null, 1))
