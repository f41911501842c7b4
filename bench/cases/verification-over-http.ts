import type { Case, Comparison, Contender } from '../case.js';
import { httpContender } from '../http-contender.js';
import { HttpLoad } from '../http-load.js';
import { type PeerName, startPeers } from '../peer.js';
import { textOf } from '../seed-tokens.js';

const OURS = 'GET /auth/verify';
const GOALS: Partial<Record<PeerName, number>> = { 'better-auth': 10, unleash: 20 };

export const verificationOverHttp: Case = {
  name: 'verification-over-http',
  title: 'Verification over HTTP',
  explanation: `
How many credentials a second a server verifies, asked over HTTP by 1 and 64 clients, each on a connection of its own, that
wait for the response before they ask again. Each request presents another credential, all of them in turn.

- **GET /auth/verify**: the token service as a proxy asks it (forward authentication), \`Authorization: Bearer\`, for a scope.
  Each one is a use that is **committed to the log, on the disk, before its response**.
- **better-auth** with its API-key plugin, its rate limits off, in \`x-api-key\`. The plugin verifies for its own process only,
  so a bare \`node:http\` server calls it, which costs less than any framework would. It reads the key and writes the time of its
  last request, in two updates, each committed before the response; that is the comparable durability, without a history.
- **unleash** with personal access tokens of the form that it finds by an indexed selector, its rate limit raised out of reach.
  Asked is \`/api/admin/telemetry/settings\`, which takes nothing else from the database: all of Unleash's middleware is in
  the figure, but no other query. It keeps the time of the last use in memory and writes it now and then, so **it commits nothing
  for a request**: an advantage over the other two.

Each peer runs in production mode without a log, with up to 20 connections, in a database of its own on the same PostgreSQL, with as many
users and keys as the token service: one made by its own function, the others copies of that row. A success
is checked by its status.

The clients, the server, nats-server and PostgreSQL are processes of their own, on the one machine. Client and HTTP alone
bound what the ratio can be: they cost each contender the same.
`,
  levels: [1, 64],

  async prepare(bench) {
    const stage = await bench.stage();
    const load = await HttpLoad.start();
    const { peers, missing } = await startPeers(Object.keys(GOALS) as PeerName[], bench, stage);
    const requests = stage.tokens.map((token) => ({
      path: '/auth/verify?scopes=rest',
      headers: { authorization: `Bearer ${textOf(token)}` },
    }));
    const ours = { url: stage.system.tokens.url, requests, expect: { status: 204 } };
    const contenders: Contender[] = [];
    for (const each of [{ name: OURS, server: ours, pid: stage.system.pid('tokens') }, ...peers]) {
      contenders.push(await httpContender(each, { stage, load }));
    }
    return {
      contenders,
      comparisons: peers.flatMap(({ name }) => comparisonsWith(name)),
      missing,
      end: async () => {
        await load.stop();
        await Promise.all(peers.map((peer) => peer.stop()));
      },
    };
  },
};

function comparisonsWith(peer: PeerName): Comparison[] {
  const name = `rate: ${OURS} / ${peer}`;
  const figure: Comparison['figure'] = (of) => of(OURS).value / of(peer).value;
  const atLeast = GOALS[peer];
  return [
    { name, level: 1, figure },
    { name, level: 64, figure, ...(atLeast && { goal: { atLeast } }) },
  ];
}
