import type { Case, Comparison, Contender } from '../case.js';
import { httpContender } from '../http-contender.js';
import { HttpLoad } from '../http-load.js';
import { startPeers } from '../peer.js';
import { textOf } from '../seed-tokens.js';

const OURS = 'POST /oauth2/introspect';
const PEER = 'oidc-provider';

export const introspectionOverHttp: Case = {
  name: 'introspection-over-http',
  title: 'RFC 7662 introspection over HTTP',
  explanation: `
How many tokens a second a server tells a resource server about (RFC 7662), asked by 1 and 64 clients, each on a connection of its
own, that wait for the response before they ask again. Each request asks about another token, all of them in turn; every response is
checked to say that it is active.

- **POST /oauth2/introspect**: the caller presents a token with the scope \`introspect\`, which is verified like any
  other. So one request is **two verifications, one after the other, each a use that is committed to the log, on the disk, before
  the response**; the answer names the user and the roles that the user has at that moment.
- **oidc-provider** with opaque access tokens of users, in PostgreSQL by a small adapter (one table, JSON found by its primary
  key, prepared statements). The caller is a client of its configuration, whose secret it compares in memory; it reads the token and the grant
  that it stands on, two queries, and **writes nothing**: no use is counted. A hint says what kind of token it is, which saves
  it a third query.

oidc-provider runs in production mode with up to 20 connections, in a database of its own on the same PostgreSQL, with as many
users and tokens as the token service: one made by its own models, the others copies of that row.

The clients, the server, nats-server and PostgreSQL are processes of their own, on the one machine.
`,
  levels: [1, 64],

  async prepare(bench) {
    const stage = await bench.stage();
    const load = await HttpLoad.start();
    const { peers, missing } = await startPeers([PEER], bench, stage);
    const caller = await stage.createAdminToken(['introspect']);
    const requests = stage.tokens.map((token) => ({
      method: 'POST' as const,
      path: '/oauth2/introspect',
      headers: { authorization: `Bearer ${caller}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: `token=${textOf(token)}&token_type_hint=access_token`,
    }));
    const ours = { url: stage.system.tokens.url, requests, expect: { status: 200, body: '"active":true' } };
    const contenders: Contender[] = [];
    for (const each of [{ name: OURS, server: ours, pid: stage.system.pid('tokens') }, ...peers]) {
      contenders.push(await httpContender(each, { stage, load }));
    }
    return {
      contenders,
      comparisons: peers.length > 0 ? comparisons : [],
      missing,
      end: async () => {
        await load.stop();
        await Promise.all(peers.map((peer) => peer.stop()));
      },
    };
  },
};

const name = `rate: ${OURS} / ${PEER}`;
const figure: Comparison['figure'] = (of) => of(OURS).value / of(PEER).value;
const comparisons: Comparison[] = [
  { name, level: 1, figure },
  { name, level: 64, figure, goal: { atLeast: 3 } },
];
