// Seals or opens files with npm `age-encryption`, the reference implementation in TypeScript.
//
//   node age_interop.mjs FOLDER_WITH_NODE_MODULES   (one JSON request on stdin, one JSON answer on stdout)
//
// Request: {"cases": [{"do": "seal", "recipients": [..] | "passphrase": "..", "data": hex}
//                     {"do": "open", "identity": ".." | "passphrase": "..", "data": hex},
//                     {"do": "recipient", "identity": ".."} | {"do": "generate"}]}
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const entry = join(resolve(process.argv[2]), 'node_modules/age-encryption/dist/index.js')
const age = await import(pathToFileURL(entry))
const hex = bytes => Buffer.from(bytes).toString('hex')

const actions = {
  async seal ({ recipients, passphrase, data }) {
    const encrypter = new age.Encrypter()
    if (passphrase) {
      encrypter.setScryptWorkFactor(4)
      encrypter.setPassphrase(passphrase)
    }
    for (const recipient of recipients ?? []) encrypter.addRecipient(recipient)
    return hex(await encrypter.encrypt(Buffer.from(data, 'hex')))
  },
  async open ({ identity, passphrase, data }) {
    const decrypter = new age.Decrypter()
    if (passphrase) decrypter.addPassphrase(passphrase)
    if (identity) decrypter.addIdentity(identity)
    return hex(await decrypter.decrypt(Buffer.from(data, 'hex')))
  },
  recipient: ({ identity }) => age.identityToRecipient(identity),
  generate: () => age.generateHybridIdentity()
}

const { cases } = JSON.parse(readFileSync(0, 'utf8'))
const answers = []
for (const each of cases) answers.push(await actions[each.do](each))
process.stdout.write(JSON.stringify(answers))
