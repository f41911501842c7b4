import type { Projection } from '@tokenlog/event-store/event-store.js';
import { batchesByType } from '@tokenlog/event-store/projection.js';
import type { SessionEvent } from '../session/session.js';

const STATEMENTS: Record<SessionEvent['type'], string> = {
  'session-started': `
    INSERT INTO sessions (id, user_id, token_id, started_at, expires_at, ip, secret_generation, user_epoch, user_version)
    SELECT "sessionId", "userId", "tokenId", at, "expiresAt", ip, "secretGeneration", "userEpoch", "userVersion"
    FROM jsonb_to_recordset($1) AS e("sessionId" uuid, "userId" uuid, "tokenId" uuid, at timestamptz,
      "expiresAt" timestamptz, ip text, "secretGeneration" int, "userEpoch" bigint, "userVersion" int)`,
  'session-ended': `
    UPDATE sessions SET ended_at = e.at FROM jsonb_to_recordset($1) AS e("sessionId" uuid, at timestamptz)
    WHERE sessions.id = e."sessionId"`,
};

/** Sessions, those of tokens and those of passwords (S28, S29). */
export const sessionTable: Projection = {
  name: 'session-table',
  tables: ['sessions'],
  async project(sql, events) {
    for (const batch of batchesByType(events, STATEMENTS, (event) => event.stream)) {
      const rows = batch.events.map((event) => ({
        ...event.data,
        at: event.recordedAt.toISOString(),
        ip: event.metadata.ip ?? null,
      }));
      await sql.query(STATEMENTS[batch.type], [JSON.stringify(rows)]);
    }
  },
};
