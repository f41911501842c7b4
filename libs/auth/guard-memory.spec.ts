import { jest } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import { heartbeat } from '@tokenlog/contracts/guard/heartbeat.js';
import { type GuardUses, guardUses } from '@tokenlog/contracts/guard/uses.js';
import { type ActiveReply, verify } from '@tokenlog/contracts/tokens/verify.js';
import { eventually } from '../../test/support/eventually.js';
import { GuardMemory } from './guard-memory.js';

const HOUR_MS = 3_600_000;

describe.each([HOUR_MS, -HOUR_MS])('a caching guard whose clock is %i ms ahead of the token service', (shift) => {
  const real = Date.now;
  let reports: GuardUses[];
  let memory: GuardMemory;

  beforeEach(async () => {
    reports = [];
    jest.spyOn(Date, 'now').mockImplementation(() => real() + shift);
    const connection = {
      subscribe: () => ({ unsubscribe: () => undefined }),
      flush: async () => undefined,
      request: async (subject: string, body: string) => {
        if (subject === guardUses.subject) reports.push(JSON.parse(body));
        return { json: () => (subject === heartbeat.subject ? { granted: true } : {}) };
      },
    } as unknown as NatsConnection;
    memory = new GuardMemory({ service: 'reports', name: null }, 10, () => connection);
    memory.start();
    await eventually(() => memory.isLive);
  });
  afterEach(async () => {
    await memory.stop();
    jest.restoreAllMocks();
  });

  const install = (lifetimeMs: number) => {
    const at = (ms: number) => new Date(real() + ms).toISOString();
    const reply = { ...(verify.example.reply as ActiveReply), checkedAt: at(0), validUntil: at(lifetimeMs) };
    memory.install(memory.ticket(), 'a token', ['rest'], reply);
  };

  it('reports uses at the times that the service would say', async () => {
    install(HOUR_MS);
    expect(memory.answer('a token', undefined, undefined, '192.0.2.7')).toBeDefined();
    await eventually(() => expect(reports).toHaveLength(1));
    const use = reports[0]?.uses[0];
    for (const time of [use?.firstAt, use?.lastAt]) {
      expect(Math.abs(Date.parse(time ?? '') - real())).toBeLessThan(HOUR_MS / 2);
    }
  });

  it('answers for a token no longer than the token lives', async () => {
    install(300);
    await eventually(() => expect(memory.answer('a token', undefined, undefined, undefined)).toBeUndefined());
    install(HOUR_MS);
    expect(memory.answer('a token', undefined, undefined, undefined)).toBeDefined();
  });
});
