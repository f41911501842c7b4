import { LOG_START, type Place } from '@tokenlog/event-store/place.js';
import { readLog } from '@tokenlog/event-store/read.js';
import { REBUILD_BATCH } from '@tokenlog/event-store/rebuild.js';
import pg from 'pg';
import { TOKENS_DATABASE } from '../../apps/tokens/config/database-part.js';
import { rebuildProjection } from '../../apps/tokens/rebuild.js';
import { Token, type TokenEvent, type TokenState } from '../../apps/tokens/token/token.js';
import type { RebuildTask } from '../cases/rebuild.js';
import { givenArguments, serveParent } from '../child.js';

/** Reads a whole log, into the token table or into memory. */
const { databaseUrl } = givenArguments<{ databaseUrl: string }>();
const { role, schema } = TOKENS_DATABASE;
const client = new pg.Client({
  connectionString: databaseUrl,
  options: `-c role=${role} -c search_path=${schema}`,
});
await client.connect();
// What the live tables lack of the log, the first rebuild adds: from then on nothing may differ.
await rebuildProjection(databaseUrl, 'token-table');

serveParent(async ({ contender, events }: RebuildTask) => {
  const begun = performance.now();
  const read = contender === 'rebuild' ? await rebuildTable() : await readIntoMap();
  const spent = performance.now() - begun;
  if (read !== events) throw new Error(`${contender} read ${read} events of ${events}`);
  return (events / spent) * 1_000;
});

async function rebuildTable(): Promise<number> {
  const { events, differences } = await rebuildProjection(databaseUrl, 'token-table');
  if (Object.values(differences).some((count) => count > 0)) throw new Error('a table is not what the log says');
  return events;
}

interface Entry {
  state: TokenState;
  uses: number;
  lastUsedAt: string;
}

async function readIntoMap(): Promise<number> {
  const tokens = new Map<string, Entry>();
  let place: Place = LOG_START;
  let events = 0;
  for (;;) {
    const page = await readLog(client, place, REBUILD_BATCH);
    for (const { entity, type, data } of page.events) {
      const entry = tokens.get(entity) ?? { state: Token.initial, uses: 0, lastUsedAt: '' };
      tokens.set(entity, entry);
      if (type === 'token-used') {
        const { count, lastAt } = data as { count: number; lastAt: string };
        entry.uses += count;
        if (lastAt > entry.lastUsedAt) entry.lastUsedAt = lastAt;
      } else {
        entry.state = Token.evolve(entry.state, { type, data } as TokenEvent);
      }
    }
    events += page.events.length;
    if (page.events.length < REBUILD_BATCH) return events;
    place = page.place;
  }
}
