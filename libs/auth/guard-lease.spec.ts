import { jest } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import { acknowledged } from '@tokenlog/contracts/guard/acknowledged.js';
import { type Heartbeat, heartbeat, LEASE_MS } from '@tokenlog/contracts/guard/heartbeat.js';
import { type Invalidate, invalidate } from '@tokenlog/contracts/guard/invalidate.js';
import { type ActiveReply, verify } from '@tokenlog/contracts/tokens/verify.js';
import { eventually } from '../../test/support/eventually.js';
import { GuardMemory, type Ticket } from './guard-memory.js';

const example = verify.example.reply as ActiveReply;
const token = example.token as NonNullable<ActiveReply['token']>;
const session = { id: '01997c9e-7777-7777-8777-777777777777', expiresAt: '2026-06-12T09:26:53.589Z' };
const ofSession: ActiveReply = {
  ...example,
  kind: 'session',
  session: { ...session, startedWith: 'token', mustChangePassword: false },
};
const nothing: Invalidate = { ...invalidate.example, all: false, tokens: [], sessions: [], users: [] };
const another = '01997c9e-9999-7999-8999-999999999999';

describe('the memory of a caching guard', () => {
  const real = performance.now.bind(performance);
  let ahead: number;
  let beats: Heartbeat[];
  let published: { subject: string; body: unknown }[];
  let grant: () => Promise<unknown>;
  let hear: (message: Invalidate) => void;
  let memory: GuardMemory;

  beforeEach(async () => {
    ahead = 0;
    beats = [];
    published = [];
    grant = async () => ({ granted: true });
    jest.spyOn(performance, 'now').mockImplementation(() => real() + ahead);
    const connection = {
      subscribe: (_: string, { callback }: { callback: (error: null, message: unknown) => void }) => {
        hear = (message) =>
          callback(null, { subject: invalidate.subject, data: encoded(message), json: () => message });
        return { unsubscribe: () => undefined };
      },
      flush: async () => undefined,
      publish: (subject: string, body: string) => published.push({ subject, body: JSON.parse(body) }),
      request: async (subject: string, body: string) => {
        if (subject !== heartbeat.subject) return { json: () => ({}) };
        beats.push(JSON.parse(body));
        const reply = await grant();
        return { json: () => reply };
      },
    } as unknown as NatsConnection;
    memory = new GuardMemory({ service: 'reports', name: null }, 10, () => connection);
    memory.start();
    await eventually(() => expect(memory.isLive).toBe(true));
  });
  afterEach(async () => {
    grant = async () => ({ granted: true });
    await memory.stop();
    jest.restoreAllMocks();
  });

  const encoded = (message: unknown) => new TextEncoder().encode(JSON.stringify(message));
  const install = (ticket: Ticket, reply = example) => memory.install(ticket, 'a text', ['rest'], lasting(reply));
  const lasting = (reply: ActiveReply) => ({ ...reply, validUntil: null });
  const isHeld = () => memory.answer('a text', undefined, undefined, undefined) !== undefined;
  /** Held back until it is let go; the lease is not renewed meanwhile. */
  const holdBack = async () => {
    let letGo: (reply: unknown) => void = () => undefined;
    const held = new Promise((resolve) => {
      letGo = resolve;
    });
    const before = beats.length;
    grant = () => held;
    await eventually(() => expect(beats.length).toBeGreaterThan(before));
    grant = async () => ({ granted: true });
    return letGo;
  };

  it('keeps what it holds over renewals of a lease that goes on', async () => {
    install(memory.ticket());
    const before = beats.length;
    await eventually(() => expect(beats.length).toBeGreaterThan(before + 1));
    expect(isHeld()).toBe(true);
  });

  it('answers nothing once its lease has run out', async () => {
    install(memory.ticket());
    expect(isHeld()).toBe(true);
    const letGo = await holdBack();
    ahead += LEASE_MS;
    expect(memory.isLive).toBe(false);
    expect(isHeld()).toBe(false);
    letGo({ granted: true });
  });

  it('has forgotten everything when a lease that was interrupted is renewed', async () => {
    install(memory.ticket());
    const letGo = await holdBack();
    ahead += LEASE_MS;
    letGo({ granted: true });
    await eventually(() => expect(memory.isLive).toBe(true));
    expect(isHeld()).toBe(false);
    expect(memory.figures.entries).toBe(0);
  });

  it('does not install an answer that was under way while its lease was interrupted', async () => {
    const ticket = memory.ticket();
    const letGo = await holdBack();
    ahead += LEASE_MS;
    letGo({ granted: true });
    await eventually(() => expect(memory.isLive).toBe(true));
    install(ticket);
    expect(isHeld()).toBe(false);
  });

  it('measures its lease from when the heartbeat was sent, not from when it was answered', async () => {
    const letGo = await holdBack();
    ahead += LEASE_MS + 1;
    const next = holdBack();
    letGo({ granted: true });
    const letGoOfNext = await next;
    expect(memory.isLive).toBe(false);
    letGoOfNext({ granted: true });
  });

  it('forgets everything and begins again under another id when no lease is granted', async () => {
    install(memory.ticket());
    const ticket = memory.ticket();
    const letGo = await holdBack();
    letGo({ granted: false, refused: 'fenced' });
    const refused = beats.at(-1)?.guard;
    await eventually(() => expect(beats.at(-1)?.guard).not.toBe(refused));
    await eventually(() => expect(memory.isLive).toBe(true));
    install(ticket);
    expect(isHeld()).toBe(false);
  });

  it.each([
    ['everything', { all: true }, example],
    ['its token', { tokens: [token.id] }, example],
    ['its user', { users: [example.user.id] }, example],
    ['its session', { sessions: [session.id] }, ofSession],
    ['the token of its session', { tokens: [token.id] }, ofSession],
  ])('neither keeps nor installs an answer when an invalidation names %s', (_, named, reply) => {
    install(memory.ticket(), reply);
    expect(isHeld()).toBe(true);
    const ticket = memory.ticket();
    hear({ ...nothing, ...named });
    expect(isHeld()).toBe(false);
    install(ticket, reply);
    expect(isHeld()).toBe(false);
    install(memory.ticket(), reply);
    expect(isHeld()).toBe(true);
  });

  it.each([0, 1, 998, 999])('remembers an invalidation for an answer under way, with %i others behind it', (others) => {
    const ticket = memory.ticket();
    hear({ ...nothing, tokens: [token.id] });
    for (let n = 0; n < others; n++) hear({ ...nothing, tokens: [another] });
    install(ticket);
    expect(isHeld()).toBe(false);
  });

  it('installs an answer by which up to a thousand invalidations of others went, and none by which more went', () => {
    hear({ ...nothing, tokens: [token.id] });
    const [some, tooMany] = [memory.ticket(), memory.ticket()];
    for (let n = 0; n < 1000; n++) hear({ ...nothing, tokens: [another] });
    install(some);
    expect(isHeld()).toBe(true);
    hear({ ...nothing, tokens: [token.id] });
    for (let n = 0; n < 1000; n++) hear({ ...nothing, tokens: [another] });
    install(tooMany);
    expect(isHeld()).toBe(false);
  });

  it('acknowledges an invalidation, by its id and under its own, when it holds nothing of it any more', () => {
    install(memory.ticket());
    hear({ ...nothing, tokens: [token.id] });
    const guard = beats.at(-1)?.guard;
    expect(published).toEqual([{ subject: acknowledged.subject, body: { invalidation: nothing.id, guard } }]);
  });

  it('asks again after a minute, whatever the answer said, less what clocks may differ by', () => {
    const isUsedAfter = (ms: number) => {
      install({ ...memory.ticket(), sentAt: performance.now() - ms });
      return isHeld();
    };
    expect(isUsedAfter(59_000)).toBe(true);
    expect(isUsedAfter(59_500)).toBe(false);
  });

  it('answers only for a scope, a name and a role that the answer covers', () => {
    install(memory.ticket());
    const answers = (scopes?: string[], username?: string, roles?: string[]) =>
      memory.answer('a text', scopes, username, undefined, roles) !== undefined;
    expect(answers(['rest'])).toBe(true);
    expect(answers(['graphql', 'rest'])).toBe(true);
    expect(answers(['graphql'])).toBe(false);
    expect(answers([])).toBe(false);
    expect(answers(undefined, 'ada')).toBe(true);
    expect(answers(undefined, 'mallory')).toBe(false);
    expect(answers(undefined, undefined, ['admin', 'operator'])).toBe(true);
    expect(answers(undefined, undefined, ['admin'])).toBe(false);
    expect(answers(undefined, undefined, [])).toBe(false);
  });

  it('gives its lease back when it stops, and holds nothing any more', async () => {
    install(memory.ticket());
    await memory.stop();
    expect(beats.at(-1)?.leaving).toBe(true);
    expect(memory.isLive).toBe(false);
    expect(memory.figures.entries).toBe(0);
  });
});
