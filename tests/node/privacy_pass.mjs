// Draws a token from a notary and anchors a commitment with it, by Cloudflare's library alone.
//   node privacy_pass.mjs URL COMMITMENT
// Prints JSON: the statuses without a token, with it, of the repeat, and of the same token for another commitment.
import {
    AuthorizationHeader, MediaType, PRIVATE_TOKEN_ISSUER_DIRECTORY, publicVerif, TokenChallenge,
    WWWAuthenticateHeader,
} from '../../scripts/node/node_modules/@cloudflare/privacypass-ts/lib/src/index.js';

const [url, commitment] = process.argv.slice(2);
const { Client, Origin, BlindRSAMode, BLIND_RSA } = publicVerif;

function anchor(item, token) {
    const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: token }) };
    return fetch(`${url}/v1/commitments`, { method: 'POST', headers, body: JSON.stringify({ commitments: [item] }) });
}

const refused = await anchor(commitment);
const [asked] = WWWAuthenticateHeader.parse(refused.headers.get('WWW-Authenticate'));

const directory = await (await fetch(url + PRIVATE_TOKEN_ISSUER_DIRECTORY)).json();
const client = new Client(BlindRSAMode.PSS);
const request = await client.createTokenRequest(asked.challenge, asked.tokenKey);
const answer = await fetch(url + directory['issuer-request-uri'], {
    method: 'POST',
    headers: { 'Content-Type': MediaType.PRIVATE_TOKEN_REQUEST, Accept: MediaType.PRIVATE_TOKEN_RESPONSE },
    body: request.serialize(),
});
const response = client.deserializeTokenResponse(new Uint8Array(await answer.arrayBuffer()));
const token = await client.finalize(response);
const header = new AuthorizationHeader(token).toString(true);
const plain = new AuthorizationHeader(token).toString(false);

const other = '0x' + 'ee'.repeat(32);
const first = await anchor(commitment, header);
const repeat = await anchor(commitment, plain);
const another = await anchor(other, header);
const serialized = asked.challenge.serialize();
console.log(JSON.stringify({
    refused: refused.status,
    issued: answer.status,
    type: answer.headers.get('Content-Type'),
    challenge: Buffer.from(serialized).toString('hex'),
    readAgain: Buffer.from(TokenChallenge.deserialize(serialized).serialize()).toString('hex'),
    sameKey: directory['token-keys'][0]['token-key'] === Buffer.from(asked.tokenKey).toString('base64url'),
    first: first.status,
    repeat: repeat.status,
    samePromise: (await first.text()) === (await repeat.text()),
    another: another.status,
    verified: await new Origin(BlindRSAMode.PSS).verify(token, await crypto.subtle.importKey(
        'spki', publicVerif.convertRSASSAPSSToEnc(asked.tokenKey), BLIND_RSA.rsaParams, true, ['verify'])),
}));
