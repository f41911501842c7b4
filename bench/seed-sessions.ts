import { generateSecret, proofOf } from '@tokenlog/contracts/credential.js';
import { append } from '@tokenlog/event-store/append.js';
import type pg from 'pg';
import { v7 } from 'uuid';
import type { Pepper } from '../apps/tokens/config/config.js';
import { entityOfSession, Session, type SessionEvent } from '../apps/tokens/session/session.js';
import { sessionTable } from '../apps/tokens/table/session-table.js';
import { asService, inBatches, keepSecrets, type SeededToken } from './seed-tokens.js';
import type { Provable } from './verify-request.js';

/** A session of each token, as if each had been presented once to start one; a day long. */
export async function seedSessions(
  databaseUrl: string,
  pepper: Pepper,
  tokens: readonly SeededToken[],
): Promise<Provable[]> {
  const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
  return asService(databaseUrl, (client) =>
    inBatches(client, tokens, async (batch) => {
      const sessions = batch.map((token) => ({ id: v7(), proof: proofOf(generateSecret()), token }));
      await startSessions(client, sessions, expiresAt);
      await keepSecrets(client, pepper, sessions);
      return sessions.map(({ id, proof }) => ({ id, proof }));
    }),
  );
}

async function startSessions(
  client: pg.Client,
  sessions: readonly { id: string; token: SeededToken }[],
  expiresAt: string,
): Promise<void> {
  const recorded = await append(
    client,
    sessions.map(({ id: sessionId, token: { id: tokenId, owner } }) => {
      const data = { sessionId, userId: owner.id, tokenId, expiresAt, secretGeneration: 1 };
      const started: SessionEvent = { type: 'session-started', data };
      const metadata = { by: { kind: 'user' as const, ...owner } };
      const entity = entityOfSession(sessionId, tokenId);
      return { stream: Session.stream(sessionId), entity, expectedVersion: 0, events: [started], metadata };
    }),
  );
  await sessionTable.project(client, recorded);
}
